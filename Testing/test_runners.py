"""Units on one process and on clusters: the same results, lost workers, memory, cancel, and every refusal."""

import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from bids_cohort import QUICK, outcomes_of
from cohort_work import memory, plan, unit, work
from distributed import LocalCluster

import QSMLogic
from QSMLogic.cli import main
from QSMLogic.cohort import runners, schedulers, workers
from QSMLogic.cohort.runners import outcomes
from QSMLogic.cohort.schedulers import Slurm, Where, job_script, local_shares
from QSMLogic.cohort.unit import Status
from QSMLogic.errors import Cancelled, InputError

GIB = 1 << 30


def run(units, out, where=Where(), progress=lambda fraction, message="": None):  # noqa: B008
    return list(outcomes(units, plan(out), where, progress, work=work, memory=memory))


def test_here_units_come_in_their_order_and_progress_spans_all(tmp_path):
    told = []
    ended = run([unit("a", seconds=0.1), unit("b", seconds=0.1)], tmp_path, progress=lambda *said: told.append(said))
    assert [(outcome.name, outcome.status) for outcome in ended] == [("a", Status.DONE), ("b", Status.DONE)]
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert told[1] == (0.25, "a (1 of 2): Working")
    assert not list(tmp_path.glob("*.cancelled"))


@pytest.fixture(scope="module")
def rough(tmp_path_factory):
    """Return what became of units on a cluster where workers die and memory lacks, what was told, and the folder."""
    out, told = tmp_path_factory.mktemp("rough"), []
    half = int(0.6 * local_shares(2, [1] * 9)[2])
    units = [
        unit("large", memory=1 << 60),
        unit("dies-once", dies=1, seconds=0.2),
        unit("dies-always", dies=99),
        unit("raises", raises=1),
        *(unit(f"good-{i}", seconds=0.3, memory=half) for i in range(4)),
        unit("slow", seconds=2.5),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runners, "ALLOWED_LOSSES", 1)  # a new worker takes seconds
        ended = run(units, out, Where(local=2), lambda *said: told.append(said))
    return {outcome.name: outcome for outcome in ended}, told, out


def test_every_unit_ends_once(rough):
    ended, _, _ = rough
    assert len(ended) == 9
    good = [name for name, outcome in ended.items() if outcome.status is Status.DONE]
    assert sorted(good) == ["dies-once", "good-0", "good-1", "good-2", "good-3", "slow"]


def test_a_lost_worker_is_no_loss(rough):
    _, _, out = rough
    first, second = (out / "dies-once.tries").read_text().splitlines()
    assert first.split()[0] != second.split()[0]


def test_a_unit_that_loses_every_worker_is_given_up(rough):
    ended, _, out = rough
    assert ended["dies-always"].status is Status.FAILED
    assert ended["dies-always"].reason.startswith("Its worker was lost 2 times while computing it")
    assert 1 <= len((out / "dies-always.tries").read_text().splitlines()) <= 2


def test_what_only_waited_is_not_computed_twice(rough):
    _, _, out = rough
    once = [path.name for path in out.glob("*.tries") if len(path.read_text().splitlines()) == 1]
    assert {"good-0.tries", "raises.tries"} <= set(once)


def test_a_unit_that_fits_on_no_worker_is_told_so(rough):
    ended, _, out = rough
    said = r"It needs about 1073741824.0 GiB of memory and the largest worker has [\d.]+ GiB: give the workers more.*"
    assert re.fullmatch(said, ended["large"].reason)
    assert not (out / "large.tries").exists()


def test_a_fault_in_one_unit_is_its_reason(rough):
    ended, _, _ = rough
    assert ended["raises"].reason == "Unexpected error (ZeroDivisionError: by nought)."


def test_a_worker_has_one_unit_at_a_time_and_its_share_of_the_threads(rough):
    _, _, out = rough
    spans: dict[str, list] = {}
    for path in out.glob("*.times"):
        process, threads = (out / f"{path.stem}.tries").read_text().splitlines()[-1].split()
        spans.setdefault(process, []).append(tuple(map(float, path.read_text().split())))
        assert int(threads) == max(1, len(os.sched_getaffinity(0)) // 2)
    for times in spans.values():
        times.sort()
        assert all(end <= begun for (_, end), (begun, _) in pairwise(times))


def test_progress_of_a_cluster_rises_between_units_too(rough):
    _, told, _ = rough
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert any(abs(fraction * 9 - round(fraction * 9)) > 0.05 for fraction in fractions)
    assert told[-1][1] == "9 of 9 over, 3 failed: 0 computing"


@pytest.fixture(scope="module")
def given():
    """Return a Dask cluster that somebody else started: one worker of two threads, with nothing said of its memory."""
    with LocalCluster(n_workers=1, threads_per_worker=2, memory_limit=2 * GIB, dashboard_address=None) as cluster:
        yield cluster


def test_a_given_scheduler_gets_as_many_units_as_its_memory_holds(given, tmp_path):
    units = [unit(f"u{i}", memory=int(1.2 * GIB), seconds=0.2) for i in range(3)]
    assert [o.status for o in run(units, tmp_path, Where(scheduler=given.scheduler_address))] == [Status.DONE] * 3
    spans = sorted(tuple(map(float, path.read_text().split())) for path in tmp_path.glob("*.times"))
    assert all(end <= begun for (_, end), (begun, _) in pairwise(spans))
    too_large = run([unit("v", memory=3 * GIB)], tmp_path, Where(scheduler=given.scheduler_address))
    assert "the largest worker has 2.0 GiB" in too_large[0].reason


def test_a_cancelled_cohort_leaves_a_given_cluster_idle_and_alive(given, tmp_path):
    def stop(fraction, message=""):
        if 0 < fraction < 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        run([unit("long", seconds=60), unit("longer", seconds=60)], tmp_path, Where(given.scheduler_address), stop)
    end = time.monotonic() + 10
    while not (tmp_path / "long.cancelled").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert (tmp_path / "long.cancelled").exists()
    assert run([unit("next")], tmp_path, Where(given.scheduler_address))[0].status is Status.DONE


def test_a_worker_of_another_version_is_refused(given, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "__version__", "9.9")
    with pytest.raises(InputError, match=rf"has slicerqsm {QSMLogic.__version__} and this command 9.9: install"):
        run([unit("a")], tmp_path, Where(given.scheduler_address))


def test_a_worker_that_does_not_share_the_disk_is_refused(given, tmp_path, monkeypatch):
    @contextmanager
    def elsewhere(folder):
        yield folder / "not" / "there"

    monkeypatch.setattr(runners, "token", elsewhere)
    with pytest.raises(InputError, match=r"does not see .*: data and results have to lie on a disk that all machines"):
        run([unit("a")], tmp_path, Where(given.scheduler_address))


def test_a_scheduler_that_does_not_answer_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(schedulers, "ANSWERS_WITHIN", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(InputError, match=f"No Dask scheduler answers at {address}"):
            run([unit("a")], tmp_path, Where(address))


def test_without_dask_a_cluster_is_refused_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"need distributed: pip install 'slicerqsm\[cluster\]'"):
        run([unit("a")], tmp_path, Where(local=2))
    assert run([unit("a")], tmp_path)[0].status is Status.DONE


def test_workers_of_this_machine_are_as_many_as_memory_holds(monkeypatch):
    monkeypatch.setattr(schedulers, "available_memory", lambda: 16 * GIB)
    monkeypatch.setattr(schedulers, "threads", lambda: 8)
    assert local_shares(4, [GIB] * 9) == (4, 2, 4 * GIB)
    assert local_shares(8, [3 * GIB] * 9) == (5, 1, 16 * GIB // 5)
    assert local_shares(8, [GIB] * 3) == (3, 2, 16 * GIB // 3)
    assert local_shares(4, [GIB, 99 * GIB, 8 * GIB]) == (2, 4, 8 * GIB)


def test_the_script_of_a_job_asks_for_what_was_said(tmp_path):
    slurm = Slurm(20, "long", "brain lab", "04:00:00", cores=6, extra=("--qos=low", "--exclude=n1"))
    script = job_script(slurm, tmp_path / "my out", int(5.8 * GIB)).splitlines()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # dask_jobqueue takes it
    assert script[0] == "#!/usr/bin/env bash"
    for line in (
        "-p long", "-A brain lab", "-t 04:00:00", "-n 1", "--cpus-per-task=6", "--mem=7G", "--qos=low", "--exclude=n1",
        f"--output='{tmp_path.resolve()}/my out/logs/jobs/worker-%j.txt'",
    ):  # fmt: skip
        assert f"#SBATCH {line}" in script
    assert "export QSM_THREADS=6" in script
    assert "export DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE=False" in script
    assert script[-1].startswith(f"{sys.executable} -m distributed.cli.dask_worker tcp://")
    assert "--nthreads 1 " in script[-1]
    assert f"--resources memory={7 * GIB}" in script[-1]


def test_slurm_is_asked_before_jobs_are_queued(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="There is no sbatch on this machine"):
        run([unit("a")], tmp_path, Where(slurm=Slurm(2)))
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(
        "#!/bin/sh\necho $1 >> " + f"{tmp_path}/asked; echo 'sbatch: error: invalid partition' >&2; exit 1\n"
    )
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(
        InputError,
        match=r"not take jobs of .*--mem=1G -t 08:00:00.*: sbatch: error: invalid partition",
    ):
        run([unit("a")], tmp_path, Where(slurm=Slurm(2)))
    assert (tmp_path / "asked").read_text() == "--test-only\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--local-cluster", "0"], "--local-cluster 0: at least 1 is needed"),
        (["--slurm", "-3"], "--slurm -3: at least 1 is needed"),
        (["--slurm-partition", "long"], "--slurm-partition speaks of jobs: say how many with --slurm N"),
        (["--slurm", "2", "--slurm-memory", "0"], "--slurm-memory 0.0: a number above zero is needed"),
        (["--slurm", "2", "--slurm-time", "4h"], "--slurm-time 4h: HH:MM:SS is needed"),
        (["--local-cluster", "2", "--slurm", "2"], "not allowed with argument"),
    ],
)
def test_flags_that_make_no_sense_are_refused(words, said, capsys, tmp_path):
    assert main(["bids", str(tmp_path), str(tmp_path / "out"), "participant", *words]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_cohort_on_a_cluster_whose_worker_is_killed_is_that_of_one_process(tiny_cohort, finished_cohort, tmp_path):
    """The real command, and a real kill while a unit is being computed."""
    out = tmp_path / "qsm"
    words = ["bids", tiny_cohort, out, "participant", *QUICK, "--keep", "all", "--local-cluster", "2"]
    words += ["--participant-label", "01", "05"]
    command = subprocess.Popen(
        [sys.executable, "-m", "QSMLogic", *map(str, words)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    _kill_who_computes(out, command)
    said = command.communicate(timeout=120)[1]
    assert command.returncode == finished_cohort[1] == 1
    assert "Traceback" not in said
    chosen = ("sub-01", "sub-05")
    expected = {name: said for name, said in outcomes_of(finished_cohort[0]).items() if name.startswith(chosen)}
    assert len(expected) == 4
    assert outcomes_of(out) == expected
    assert _images(out) == {k: v for k, v in _images(finished_cohort[0]).items() if k.startswith(chosen)}
    assert not list(out.glob(".qsm-*"))


def _kill_who_computes(out: Path, command: subprocess.Popen) -> None:
    """Kill the first worker that holds a unit."""
    while command.poll() is None:
        for owner in out.glob(".qsm-unfinished-*/owner"):
            try:
                process = int(owner.read_text().split()[1])
                os.kill(process, signal.SIGKILL)
            except (OSError, IndexError):
                continue
            return
        time.sleep(0.01)
    pytest.fail("no worker was seen at its work")


def _images(out: Path) -> dict[str, str]:
    """Return the digests of all images and tables of regions."""
    files = [*out.glob("sub-*/**/*.nii.gz"), *out.glob("sub-*/**/*_regions.tsv")]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

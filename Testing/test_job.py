"""The child process that computes: it reports, fails in a sentence, ends at once, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from QSMLogic.commands import terminal
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io.nifti import read_volume
from QSMLogic.methods import STAGES

sys.path.append(str(Path(__file__).parents[1] / "QSM"))

from QSMLib.job import Job

STARTED = 20.0
"""s; by then a child has begun to report, even on a busy machine."""


@pytest.fixture
def words(inputs):
    """Return the words of a run that takes a few seconds."""
    named = {name: str(inputs / f"{name}.nii.gz") for name in ("phase", "magnitude", "mask")}
    flags = [word for name, path in named.items() for word in (f"--{name}", path)]
    return ["run", *flags, "--params", str(inputs / "params.json"), "--preset", "fast", "--uncompressed"]


@pytest.fixture
def long_words(words):
    """Return the words of a run that would take minutes."""
    return [*words, "--inversion", "tv", "--set", "inversion.tolerance=1e-6", "--set", "inversion.iterations=2000"]


@pytest.fixture
def folder(tmp_path):
    """Return the job's folder, with an input in it."""
    made = tmp_path / "a job of its own"
    made.mkdir()
    (made / "phase.nii").write_bytes(b"0" * 100)
    return made


def begun(job):
    """Wait until the child reports."""
    deadline = time.monotonic() + STARTED
    while job.poll() and not job.fraction and time.monotonic() < deadline:
        time.sleep(0.01)
    assert job.fraction > 0
    return job


def test_a_run_reports_and_leaves_its_results(words, folder):
    job = Job(words, folder)
    told = []
    job.wait(lambda fraction, message: told.append((fraction, message)))
    assert job.succeeded
    assert not job.poll()
    assert (job.fraction, job.message) == (1.0, "Done")
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert any(stage.label in message for stage in STAGES.values() for _, message in told)
    assert read_volume(job.output / "chimap.nii")[0].any()
    job.close()
    assert not folder.exists()
    job.close()


def test_what_the_child_refuses_is_told_in_its_sentence(words, folder):
    job = Job([*words, "--set", "inversion.magic=1"], folder)
    with pytest.raises(InputError, match=r"has no 'magic'"):
        job.wait()
    assert not job.succeeded
    assert not folder.exists()


def test_warnings_are_kept(words, folder, inputs):
    other = inputs / "other_b0.json"
    other.write_text('{"TE": [0.005, 0.011, 0.017], "B0": 3, "B0_dir": [1, 0, 0]}')
    words[words.index("--params") + 1] = str(other)
    job = Job(words, folder)
    job.wait()
    assert any("B0 direction" in warning for warning in job.warnings)
    assert any("B0 direction" in line for line in job.log)
    job.close()


def test_cancel_ends_the_child_at_once(words, folder):
    job = begun(Job(words, folder))
    start = time.monotonic()
    job.cancel()
    assert time.monotonic() - start < 1
    assert not job.poll()
    assert not job.succeeded
    assert not folder.exists()
    with pytest.raises(Cancelled):
        job.wait()


def test_progress_may_cancel(words, folder):
    def stop(fraction, message):
        if fraction > 0:
            raise Cancelled

    job = Job(words, folder)
    with pytest.raises(Cancelled):
        job.wait(stop)
    assert job.cancelled
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_child_that_dies_is_told(words, folder):
    job = begun(Job(words, folder))
    os.kill(job._process.pid, signal.SIGKILL)
    with pytest.raises(InputError, match=r"stopped unexpectedly \(status -9\), perhaps for want of memory"):
        job.wait()
    assert not folder.exists()


def test_the_child_ends_when_its_parent_has_gone(long_words, folder):
    """The parent is killed, so that it can tell the child nothing."""
    parent = (
        "import sys, time; from pathlib import Path; from QSMLib.job import Job\n"
        f"job = Job({long_words!r}, Path({str(folder)!r}))\n"
        "while job.poll() and not job.fraction: time.sleep(0.01)\n"
        "print(job._process.pid, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=environment) as process:
        child = int(process.stdout.readline())
        process.kill()
    _wait_for_the_end_of(child)
    assert not (folder / "out").exists()


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    """Put a `PythonSlicer` on the path that, like Slicer's, starts the interpreter and waits for it."""
    if os.name == "nt":
        pytest.skip("the launcher of this test is a shell script")
    script = tmp_path / "bin" / "PythonSlicer"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return script


def test_cancel_ends_what_the_launcher_has_started(long_words, folder, launcher):
    job = begun(Job(long_words, folder))
    interpreter = _started_by(job._process.pid)
    start = time.monotonic()
    job.cancel()
    assert time.monotonic() - start < 1
    _wait_for_the_end_of(interpreter)


def test_without_its_launcher_the_interpreter_ends(long_words, folder, launcher):
    job = begun(Job(long_words, folder))
    interpreter = _started_by(job._process.pid)
    os.kill(job._process.pid, signal.SIGKILL)
    with pytest.raises(InputError, match="Stopped by the system"):  # as the interpreter puts it
        job.wait()
    _wait_for_the_end_of(interpreter)


def test_the_launcher_passes_on_what_the_child_says(words, folder, launcher):
    job = Job(words, folder)
    job.wait()
    assert job.succeeded
    assert read_volume(job.output / "chimap.nii")[0].any()
    job.close()


def test_no_file_of_the_current_folder_stands_in_for_a_library(words, folder, tmp_path, monkeypatch):
    (tmp_path / "scipy.py").write_text("raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    job = Job(words, folder)
    job.wait()
    assert job.succeeded


def test_on_windows_nobody_reads_from_the_parent(monkeypatch):
    """A read that waits would hold up every other thread that loads numpy's libraries."""
    looks = []

    def look(handle):
        looks.append(handle)
        if len(looks) == 3:
            raise BrokenPipeError

    monkeypatch.setitem(sys.modules, "_winapi", SimpleNamespace(PeekNamedPipe=look))
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda number: number + 100))
    monkeypatch.setattr(terminal, "LOOKED_AT", 0.001)
    monkeypatch.setattr(terminal, "_wait", lambda number: pytest.fail("it was read"))
    terminal._wait_on_windows(0)
    assert looks == [100, 100, 100]


def _started_by(pid):
    """Return the process that another one has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        pytest.skip("no /proc to look for the process in")
    return int(children.read_text().split()[0])


def _wait_for_the_end_of(pid):
    deadline = time.monotonic() + STARTED
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid):
    """Whether a process is there and no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc").is_dir():
        pytest.skip("no /proc to look for the process in")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"

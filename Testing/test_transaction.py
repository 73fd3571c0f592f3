"""The transaction that the files of a unit are: all of them are replaced, in every folder, or none."""

import os
import signal
import subprocess
import sys
import time

import pytest
from bids_cohort import QUICK, SECONDS, bids, put_echoes

from QSMLogic.cohort.transaction import UnitFiles
from QSMLogic.errors import InputError
from QSMLogic.io.outputs import UNFINISHED

RECORD = "logs/u/record"
OLD = {"sub/anat/a": "old a", "sub/fmap/b": "old b", "sub/anat/gone": "old", RECORD: "old record"}
NEW = {"sub/anat/a": "new a", "sub/fmap/b": "new b", "sub/perf/c": "new c", RECORD: "new record"}


def put(folder, content):
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def write(folder, **options):
    with UnitFiles(folder, "u", record=RECORD, ours=OLD, **options) as out:
        for name, text in NEW.items():
            out.path(name).write_text(text)


def test_all_files_of_a_unit_are_replaced_together(tmp_path):
    put(tmp_path, OLD | {"sub/anat/mine": "mine"})
    write(tmp_path)
    assert content(tmp_path) == NEW | {"sub/anat/mine": "mine"}


@pytest.mark.parametrize("failing", ["sub/anat/a", "sub/perf/c", RECORD])
def test_a_move_that_fails_is_undone_in_every_folder(tmp_path, monkeypatch, failing):
    put(tmp_path, OLD)
    real = os.replace

    def refusing(source, target):
        if str(target) == str(tmp_path / failing) and "replaced" not in str(source):
            raise OSError(5, "Input/output error", str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(InputError, match="Input/output error"):
        write(tmp_path)
    assert content(tmp_path) == OLD
    assert not (tmp_path / "sub" / "perf").exists()


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
import test_transaction
from pathlib import Path
real = os.replace
for moves in range(test_transaction.MOVES + 1):
    if os.fork() == 0:
        left = moves
        def killing(source, target):
            global left
            if left == 0:
                os._exit(9)
            left -= 1
            real(source, target)
        os.replace = killing
        test_transaction.write(Path(sys.argv[1], str(moves)))
        os._exit(0)
    os.wait()
"""
MOVES = len(OLD) + len(NEW)


def test_a_process_killed_at_any_move_is_undone_by_the_next(tmp_path):
    for moves in range(MOVES + 1):
        put(tmp_path / str(moves), OLD)
    script = [sys.executable, "-c", KILLED, tmp_path, os.path.dirname(__file__)]
    subprocess.run(script, check=True, timeout=SECONDS)
    for moves in range(MOVES + 1):
        folder = tmp_path / str(moves)
        expected = NEW if moves == MOVES else OLD
        unfinished = {0: "old record", MOVES: "new record"}.get(moves)
        assert content(folder).get(RECORD) == unfinished  # half moved, it does not count as finished
        again = UnitFiles(folder, "u", record=RECORD, ours=OLD)
        again.__enter__()
        assert {name: text for name, text in content(folder).items() if not name.startswith(".")} == expected
        again.staging.leave()
        assert content(folder) == expected


def test_two_runs_do_not_write_one_unit(tmp_path):
    with UnitFiles(tmp_path, "u", record=RECORD, run="one") as out:
        for run in ("one", "two", ""):
            with pytest.raises(InputError, match="Another run is writing u"):
                UnitFiles(tmp_path, "u", record=RECORD, run=run).__enter__()
        with UnitFiles(tmp_path, "v", record="logs/v/record") as other:
            other.path("logs/v/record").write_text("other")
        out.path(RECORD).write_text("mine")
    assert content(tmp_path) == {RECORD: "mine", "logs/v/record": "other"}


def test_a_lost_worker_of_the_same_run_gives_its_unit_up(tmp_path):
    staging = tmp_path / f"{UNFINISHED}-u"
    staging.mkdir()
    (staging / "owner").write_text("another-machine 12 mark folder run-1")
    with pytest.raises(InputError, match="Another run is writing u"):
        UnitFiles(tmp_path, "u", record=RECORD, run="run-2").__enter__()
    write(tmp_path, run="run-1")
    assert content(tmp_path) == NEW


def test_a_cohort_killed_in_a_unit_leaves_no_half_of_it(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    out = root.parent / "out"
    words = [sys.executable, "-m", "QSMLogic", "bids", root, out, "participant", *QUICK]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        end = time.monotonic() + SECONDS
        while not (out / f"{UNFINISHED}-sub-a" / "owner").exists() and time.monotonic() < end:
            time.sleep(0.002)
        run.send_signal(signal.SIGKILL)
        run.wait(SECONDS)
    assert (out / f"{UNFINISHED}-sub-a").exists()
    assert not (out / "sub-a").exists()
    assert bids(root, out) == 0
    assert not (out / f"{UNFINISHED}-sub-a").exists()
    assert (out / "sub-a" / "anat" / "sub-a_Chimap.nii.gz").exists()

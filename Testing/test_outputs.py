"""The output folder: everything at the end and together, or nothing."""

# ruff: noqa: PT012 (how a with block ends is what is tested here)

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io.outputs import UNFINISHED, OutputFolder, in_words, whole_file
from QSMLogic.io.staging import OWNER

NAMES = ("a.txt", "b.txt")


def fill(out, text="new"):
    for name in NAMES:
        out.path(name).write_text(text)


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_all_files_appear_at_the_end(tmp_path):
    folder = tmp_path / "deep" / "out"
    with OutputFolder(folder, NAMES) as out:
        fill(out)
        assert [path.name for path in folder.iterdir()] == [UNFINISHED]
    assert content(folder) == {"a.txt": "new", "b.txt": "new"}


@pytest.mark.parametrize("error", [ValueError, Cancelled, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existed", [True, False])
def test_nothing_is_left_after_an_error(tmp_path, error, existed):
    folder = tmp_path / "deep" / "out"
    if existed:
        folder.mkdir(parents=True)
        (folder / "other.txt").write_text("mine")
    with pytest.raises(error), OutputFolder(folder, NAMES) as out:
        fill(out)
        raise error
    assert content(folder) == {"other.txt": "mine"} if existed else not (tmp_path / "deep").exists()


def test_existing_files_are_refused_before_the_work(tmp_path):
    (tmp_path / "b.txt").write_text("old")
    (tmp_path / "other.txt").write_text("mine")
    folder = OutputFolder(tmp_path, NAMES)
    with pytest.raises(InputError, match=r"holds b\.txt already: choose another folder, or overwrite with --force"):
        folder.__enter__()
    assert content(tmp_path) == {"b.txt": "old", "other.txt": "mine"}
    with OutputFolder(tmp_path, NAMES, force=True) as out:
        fill(out)
    assert content(tmp_path) == {"a.txt": "new", "b.txt": "new", "other.txt": "mine"}


def test_with_force_no_map_of_the_earlier_run_stays(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "kept.txt").write_text("old")
    (tmp_path / "other.txt").write_text("mine")
    with OutputFolder(tmp_path, NAMES, stale=["kept.txt"], force=True) as out:
        fill(out)
    assert content(tmp_path) == {"a.txt": "new", "b.txt": "new", "other.txt": "mine"}


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    with pytest.raises(InputError, match=r"holds a\.txt already"), OutputFolder(tmp_path, NAMES) as out:
        fill(out)
        (tmp_path / "a.txt").write_text("someone else's")
    assert content(tmp_path) == {"a.txt": "someone else's"}


def test_a_move_that_fails_is_undone(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    real = os.replace

    def failing(source, target):
        if str(target) == str(tmp_path / "b.txt"):
            raise OSError(errno.EIO, "Input/output error", str(target))
        real(source, target)

    with pytest.raises(InputError, match="Input/output error"), OutputFolder(tmp_path, NAMES, force=True) as out:
        fill(out)
        monkeypatch.setattr(os, "replace", failing)
    assert content(tmp_path) == {"a.txt": "old"}


def test_two_runs_do_not_mix(tmp_path):
    with OutputFolder(tmp_path, NAMES) as first:
        fill(first, "first")
        with pytest.raises(InputError, match="Another run is writing to"):
            OutputFolder(tmp_path, NAMES, force=True).__enter__()
        assert first.path("a.txt").exists()
    assert content(tmp_path) == {"a.txt": "first", "b.txt": "first"}


def test_the_remnant_of_a_killed_run_is_taken_over(tmp_path):
    script = (
        "import sys, os, signal; from QSMLogic.io.outputs import OutputFolder\n"
        "with OutputFolder(sys.argv[1], ['a.txt']) as out:\n"
        "    out.path('a.txt').write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path], check=False).returncode == -signal.SIGKILL
    assert (tmp_path / UNFINISHED / OWNER).exists()
    with OutputFolder(tmp_path, NAMES) as out:
        fill(out)
    assert content(tmp_path) == {"a.txt": "new", "b.txt": "new"}


def test_another_machines_run_is_left_alone(tmp_path):
    (tmp_path / UNFINISHED).mkdir()
    for text in ("elsewhere 1", "", "nonsense"):
        (tmp_path / UNFINISHED / OWNER).write_text(text)
        with pytest.raises(InputError, match="Another run"):
            OutputFolder(tmp_path, NAMES).__enter__()
        assert (tmp_path / UNFINISHED / OWNER).exists()


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file: --out names a folder"):
        OutputFolder(tmp_path / "file", NAMES).__enter__()
    with pytest.raises(InputError, match=r"Nothing can be written to .*: Not a directory"):
        OutputFolder(tmp_path / "file" / "out", NAMES).__enter__()
    assert content(tmp_path) == {"file": "mine"}


def test_a_full_disk_is_said_in_a_sentence(tmp_path):
    folder = tmp_path / "out"
    with pytest.raises(InputError) as error, OutputFolder(folder, NAMES) as out:
        out.path("a.txt").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(out.path("b.txt")))
    assert str(error.value).startswith(f"The disk of {folder} is full; nothing was written.")
    assert not folder.exists()
    assert "may not be written or read" in in_words(PermissionError(errno.EACCES, "Permission denied", "x"))
    assert in_words(OSError("odd")) == "odd."


def test_a_really_full_disk(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    folder = tmp_path / "out"
    with pytest.raises(InputError, match="is full; nothing was written"), OutputFolder(folder, NAMES) as out:
        out.path("a.txt").symlink_to("/dev/full")
        out.path("a.txt").write_text("x" * 100)
    assert not folder.exists()


def test_a_terminated_run_cleans_up(tmp_path):
    script = (
        "import sys, time, signal; from QSMLogic.io.outputs import OutputFolder; from QSMLogic.cli import _terminate\n"
        "signal.signal(signal.SIGTERM, _terminate)\n"
        "with OutputFolder(sys.argv[1], ['a.txt']) as out:\n"
        "    out.path('a.txt').write_text('half'); print('ready', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "out"
    command = [sys.executable, "-c", script, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout.readline() == b"ready\n"
        time.sleep(0.05)
        run.terminate()
        run.wait(20)
    assert not folder.exists()


def test_a_single_file_is_whole_or_absent(tmp_path):
    with whole_file(tmp_path / "a.csv") as part:
        part.write_text("half")
        assert not (tmp_path / "a.csv").exists()
        assert part.suffix == ".csv"
    assert content(tmp_path) == {"a.csv": "half"}
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.csv") as part:
        part.write_text("other")
        raise KeyboardInterrupt
    assert content(tmp_path) == {"a.csv": "half"}


def test_a_disk_too_full_to_begin_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(InputError, match=r"Nothing can be written to .*: No space left on device"):
            OutputFolder(tmp_path / "a" / "out", NAMES).__enter__()
    assert content(tmp_path) == {}
    with OutputFolder(tmp_path / "a" / "out", NAMES) as out:
        fill(out)


def test_a_folder_in_a_folder_of_results_is_put_back_when_a_move_fails(tmp_path, monkeypatch):
    real = os.replace

    def failing(source, target):
        if str(target) == str(tmp_path / "z"):
            raise OSError(28, "No space left on device")
        real(source, target)

    def write():
        with OutputFolder(tmp_path, ["series", "z"], force=True) as out:
            out.path("series").mkdir()
            (out.path("series") / "new").write_text("new")
            out.path("z").write_text("z")
            monkeypatch.setattr(os, "replace", failing)

    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "old").write_text("old")
    with pytest.raises(InputError, match="full"):
        write()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["series", "series/old"]

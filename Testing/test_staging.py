"""Processes killed, ended or silent while they write a folder: it is as before or as after, and one of them writes."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from QSMLogic.errors import InputError
from QSMLogic.io.outputs import UNFINISHED, OutputFolder
from QSMLogic.io.staging import OWNER, SILENT

WRITING = """
import os, signal, sys
from QSMLogic.io.outputs import OutputFolder
{before}
with OutputFolder(sys.argv[1], ["a.txt", "b.txt"], stale=["c.txt"], force=True) as out:
    for name in ("a.txt", "b.txt"):
        out.path(name).write_text("new")
{after}
"""

KILL = "os.kill(os.getpid(), signal.SIGKILL)"

AT_STEP = """
step, calls = int(sys.argv[2]), []
def counted(work):
    def do(*args, **more):
        calls.append(args)
        if len(calls) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **more)
    return do
for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "open"):
    setattr(os, name, counted(getattr(os, name)))
import pathlib, io
io.open = counted(io.open)
"""
"""Kills the process right before the given one of its calls that change files."""

MOST_STEPS = 60


def content(folder):
    """Return the text of every file in a folder, by name; hidden ones too."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def run(script, *words, **options):
    return subprocess.run([sys.executable, "-c", script, *map(str, words)], check=False, **options)


def taken_over(folder):
    """Let the next run take the folder and fail, which leaves what was there before the killed one."""
    with contextlib.suppress(RuntimeError), OutputFolder(folder, ["a.txt"], force=True):
        raise RuntimeError
    return content(folder)


def test_a_run_killed_at_any_step_is_undone_by_the_next_one(tmp_path):
    script = WRITING.format(before=AT_STEP, after="")
    before = {"a.txt": "old", "c.txt": "old", "mine.txt": "mine"}
    after = {"a.txt": "new", "b.txt": "new", "mine.txt": "mine"}
    outcomes, step = [], 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        folder.mkdir()
        for name, text in before.items():
            (folder / name).write_text(text)
        done = run(script, folder, step)
        if (folder / UNFINISHED).is_dir() and not (folder / UNFINISHED / OWNER).exists():  # seconds old: nobody knows
            long_ago = time.time() - 2 * SILENT
            os.utime(folder / UNFINISHED, (long_ago, long_ago))
        found = taken_over(folder)
        assert found in (before, after), f"step {step}: {found}"
        outcomes.append(found)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        assert step < MOST_STEPS
    assert outcomes[0] == before
    assert outcomes == sorted(outcomes, key=lambda found: found == after)  # one moment from which on it is done
    assert outcomes.count(before) > 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_while_it_writes_leaves_the_folder_as_before(number, tmp_path):
    raising = "def ended(*_):\n    raise SystemExit(9)\nsignal.signal(signal.SIGTERM, ended)"
    script = WRITING.format(before=AT_STEP.replace("SIGKILL", number.name) + raising, after="")
    for step in (3, 6, 9, 12, 16):
        folder = tmp_path / str(step)
        folder.mkdir()
        (folder / "a.txt").write_text("old")
        assert run(script, folder, step, stderr=subprocess.DEVNULL).returncode != 0
        whole = {"a.txt": "new", "b.txt": "new"} if step == 16 else {"a.txt": "old"}  # after the last file, or before
        assert content(folder) == whole, step


def test_of_several_runs_that_take_over_from_a_killed_one_one_writes(tmp_path):
    script = WRITING.format(before="", after="    " + KILL)
    assert run(script, tmp_path).returncode == -signal.SIGKILL
    waiting = "import time; time.sleep(max(0, float(sys.argv[2]) - time.time()))"
    script = WRITING.replace('"new"', "sys.argv[3]").format(before=waiting, after="    time.sleep(0.5)")
    start = time.time() + 1
    command = [sys.executable, "-c", script, str(tmp_path), str(start)]
    runs = [subprocess.Popen([*command, str(i)], stderr=subprocess.PIPE, text=True) for i in range(4)]
    said = [run.communicate(timeout=30)[1] for run in runs]
    won = [str(i) for i, run in enumerate(runs) if run.returncode == 0]
    assert len(won) == 1
    assert content(tmp_path) == {"a.txt": won[0], "b.txt": won[0]}
    for text in said:
        assert not text or "Another run" in text or "No such file" in text


def test_a_silent_run_of_another_machine_counts_as_dead_and_finds_out(tmp_path):
    first = OutputFolder(tmp_path, ["a.txt"])
    first.__enter__()
    first.path("a.txt").write_text("first")
    place = tmp_path / UNFINISHED / OWNER
    place.write_text(place.read_text().replace(place.read_text().split()[0], "elsewhere"))
    with pytest.raises(InputError, match=r"Another run is writing .* counts as ended after 10 minutes"):
        OutputFolder(tmp_path, ["a.txt"]).__enter__()
    long_ago = time.time() - SILENT - 60
    os.utime(place, (long_ago, long_ago))
    with OutputFolder(tmp_path, ["a.txt"]) as second:
        second.path("a.txt").write_text("second")
    with pytest.raises(InputError, match=r"Another run took .* over, as this one gave no sign of life for 10 minutes"):
        first.__exit__(None, None, None)
    assert content(tmp_path) == {"a.txt": "second"}


def test_a_process_of_the_same_number_in_another_container_has_ended(tmp_path):
    (tmp_path / UNFINISHED).mkdir()
    (tmp_path / UNFINISHED / OWNER).write_text(f"{os.uname().nodename} {os.getpid()} another")
    assert taken_over(tmp_path) == {}

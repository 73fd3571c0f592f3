"""Faults of disks, processes and people: what a user sees, and that nothing half done stays behind."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from types import SimpleNamespace

import pytest
from command_line import given, refused

from QSMLogic import pipeline
from QSMLogic.cli import main
from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
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


@pytest.fixture
def disk(tmp_path):
    """Return a function that mounts a small disk; without the right to, the test is skipped."""
    mounted = []

    def mount(name, size, *options):
        folder = tmp_path / name
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "none", str(folder)]
        if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(words, check=False).returncode:
            pytest.skip("only the superuser may mount a disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def command(inputs, out):
    return ["inversion", "tkd", *given(inputs, "mask", "local-field"), "--out", str(out)]


def test_a_disk_that_becomes_full_at_any_file(inputs, disk, capsys):
    folder = disk("small", "1m")
    needed = 0
    for free in (1, 3, 20, 60, 100, 1000):  # KiB: not even the owner, ..., within the map, within the texts, enough
        subprocess.run(["mount", "-o", f"remount,size={free + 4}k", str(folder)], check=True)
        status = main(command(inputs, folder / "out"))
        errors = capsys.readouterr().err.splitlines()
        if status == 0:
            needed = sum(path.stat().st_size for path in (folder / "out").iterdir())
            shutil.rmtree(folder / "out")
            continue
        assert status == 1
        assert errors[-1].startswith("qsm: ")
        assert "No space left on device" in errors[-1] or "is full; nothing was written" in errors[-1]
        assert list(folder.iterdir()) == []
    assert needed > 60 * 1024


def test_a_disk_that_may_only_be_read(inputs, disk, capsys):
    folder = disk("fixed", "1m", "ro")
    refused(
        capsys, command(inputs, folder / "out"), f"Nothing can be written to {folder / 'out'}: Read-only file system."
    )


def without_the_superusers_rights():
    """Take the right to write anywhere from a child process of the superuser."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; of no use to others


@pytest.mark.skipif(sys.platform != "linux", reason="rights are dropped by a call of Linux")
def test_folders_that_may_not_be_written_or_read(inputs, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    hidden = shutil.copytree(inputs, tmp_path / "hidden")
    (hidden / "mask.nii.gz").chmod(0)
    for words, said in (
        (command(inputs, closed / "out"), "Nothing can be written to .*closed/out: Permission denied."),
        (command(inputs, closed), "Nothing can be written to .*closed: Permission denied."),
        (command(hidden, tmp_path / "out"), ".*mask.nii.gz cannot be read: Permission denied."),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "QSMLogic", *words],
            preexec_fn=without_the_superusers_rights, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert re.fullmatch(f"qsm: {said}", done.stderr.strip().splitlines()[-1])
    closed.chmod(0o700)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["closed", "hidden"]
    assert list(closed.iterdir()) == []


def test_an_output_folder_that_vanishes_while_the_run_computes(inputs, tmp_path, capsys, monkeypatch):
    real = pipeline.run_stage

    def vanishing(*args, **options):
        shutil.rmtree(tmp_path / "out")
        return real(*args, **options)

    monkeypatch.setattr(pipeline, "run_stage", vanishing)
    refused(capsys, command(inputs, tmp_path / "out"), "chimap.nii.gz cannot be written: No such file or directory.")


@pytest.mark.parametrize("home", ["/proc/none", ""])
def test_a_home_that_may_not_be_written(home, inputs, tmp_path):
    environment = os.environ | {"HOME": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home}
    words = [sys.executable, "-m", "QSMLogic", *command(inputs, tmp_path / "out")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "arning" not in done.stderr


ODD = ["with spaces", "Übung ß 日本", "new\nline", "-o", 'it\'s "quoted" $HOME `x` \\ *', "\x1b[31mred"]


@pytest.mark.parametrize("name", ODD)
def test_folders_of_any_name(name, inputs, tmp_path, capsys):
    folder = tmp_path / name
    folder.mkdir()
    for file in ("phase", "magnitude"):
        shutil.copy(inputs / f"{file}.nii.gz", folder)
    shutil.copy(inputs / "params.json", folder)
    words = ["unwrapping", "laplacian", "--folder", str(folder), "--mask", str(inputs / "mask.nii.gz")]
    assert main([*words, "--out", str(folder / "out")]) == 0
    capsys.readouterr()
    (folder / "phase.nii.gz").write_bytes(b"")
    refused(capsys, [*words, "--out", str(folder / "again")], "phase.nii.gz is empty (zero bytes)")
    assert "\x1b" not in capsys.readouterr().err


def test_links_to_files_and_folders_are_followed_circles_are_not(inputs, tmp_path):
    data = tmp_path / "data"
    (data / "head").mkdir(parents=True)
    for file in ("phase.nii.gz", "magnitude.nii.gz", "params.json"):
        (data / "head" / file).symlink_to(inputs / file)
    (data / "head" / "round").symlink_to(data)
    (data / "again").symlink_to(data / "head")
    (data / "lost").symlink_to(data / "lost")
    (tmp_path / "link").symlink_to(data)
    (candidate,) = find_acquisitions(tmp_path / "link")
    assert candidate.problem == ""
    assert read_acquisition(candidate).scan.echo_times == (0.005, 0.011, 0.017)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "head").symlink_to(data / "head")
    (candidate,) = find_acquisitions(elsewhere)
    assert candidate.name == "head"


def test_a_link_in_the_place_of_a_map_is_not_replaced_nor_what_it_leads_to(inputs, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "chimap.nii.gz").symlink_to(tmp_path / "nowhere")
    refused(capsys, command(inputs, out), "holds chimap.nii.gz already")
    (tmp_path / "precious").write_text("mine")
    (out / "chimap.nii.gz").unlink()
    (out / "chimap.nii.gz").symlink_to(tmp_path / "precious")
    assert main([*command(inputs, out), "--force"]) == 0
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (out / "chimap.nii.gz").is_symlink()


def test_a_temporary_disk_that_is_full_or_becomes_so(inputs, disk, tmp_path, capsys, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in ("phase.nii.gz", "magnitude.nii.gz", "params.json"):
            archive.write(inputs / file, file)
    folder = disk("small", "500k")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    words = ["unwrapping", "laplacian", "--folder", str(tmp_path / "a.zip"), "--out", str(tmp_path / "out")]
    refused(capsys, words, "a.zip needs 0.00")
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))  # others take it meanwhile
    refused(capsys, words, "a.zip cannot be unpacked: The disk of ")
    assert list(folder.iterdir()) == []

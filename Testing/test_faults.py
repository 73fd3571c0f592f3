"""Disks that are full or closed, and folders of any name: what a user sees, and that nothing half done stays behind."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from types import SimpleNamespace

import pytest
from command_line import given, refused

from QSMLogic import pipeline
from QSMLogic.cli import main
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition


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

"""Zip and tar files as folders: what is read from them, and that nothing stays on disk when a run ends."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from archives import packed, zipped
from command_line import refused
from dicom_files import SIEMENS, noise, write_volume

from QSMLogic.cli import main
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.archive import archives_of, is_archive, origin_of, remove_unpacked, unpacked
from QSMLogic.io.nifti import write_image


@pytest.mark.parametrize("name", ["Bilder 1.zip", "scan.ZIP", "a.tar", "a.tar.gz", "a.b.tgz", "ohne Endung"])
def test_an_archive_is_read_as_the_folder_it_holds(dicom_images, temporary, tmp_path, name):
    path = packed(tmp_path / (name if name.startswith("a") else "x.zip"), dicom_images)
    path = path.rename(tmp_path / name)
    (expected,), (found,) = find_acquisitions(dicom_images), find_acquisitions(path)
    assert (found.title, found.problem, found.warnings) == (expected.title, "", ())
    assert np.array_equal(read_acquisition(found).scan.phase, read_acquisition(expected).scan.phase)
    assert all(file.is_relative_to(temporary) for file in found.files())
    assert stat.S_IMODE(next(temporary.iterdir()).stat().st_mode) == 0o700  # patients' data
    entries = {origin_of(file).entry for file in found.files()}
    assert entries == {f"Äö ü/{file.relative_to(dicom_images)}" for file in expected.files()}
    assert archives_of((*found.files(), *expected.files())) == [path]
    assert origin_of(dicom_images) is None
    remove_unpacked(path)
    assert list(temporary.iterdir()) == []


def test_an_archive_is_unpacked_once_until_it_changes(dicom_images, temporary, tmp_path):
    path = packed(tmp_path / "a.zip", dicom_images)
    first = unpacked(path)
    assert unpacked(str(path)) == first
    os.utime(path, ns=(0, 0))
    assert unpacked(path) != first
    assert not first.exists()
    assert len(list(temporary.iterdir())) == 1


def test_names_that_are_odd_become_harmless(temporary, tmp_path):
    names = ["a\x1b[2J\n.txt", "b:c?.txt", "sous-dossier\\été.txt", "日本/語.txt"]
    folder = unpacked(zipped(tmp_path / "a.zip", [(name, "x") for name in names]))
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert found == {"a_[2J_.txt", "b_c_.txt", "sous-dossier/été.txt", "日本/語.txt"}


def test_an_archive_in_an_archive_is_named_and_left_alone(dicom_images, temporary, tmp_path):
    packed(dicom_images / "inner.zip", dicom_images / "phase")
    (found,) = find_acquisitions(packed(tmp_path / "a.zip", dicom_images))
    assert "holds the archive inner.zip, which was not looked into: give that file itself" in found.warnings[0]
    with pytest.raises(InputError, match=r"holds 1 other files, .* holds the archive inner\.zip, which was not looked"):
        find_acquisitions(zipped(tmp_path / "b.zip", [("inner.zip", "x")]))
    only = tmp_path / "only"
    only.mkdir()
    packed(only / "a.zip", dicom_images)
    with pytest.raises(InputError, match=r"only holds the archive a\.zip, which was not looked into: give that file"):
        find_acquisitions(only)


def test_what_is_an_archive(dicom_images, tmp_path):
    assert is_archive(packed(tmp_path / "a.zip", dicom_images))
    assert not is_archive(tmp_path)
    assert not is_archive(tmp_path / "none.zip")
    assert not is_archive(next(dicom_images.rglob("*.dcm")))


def test_a_cancel_leaves_nothing(dicom_images, temporary, tmp_path):
    def progress(fraction, message):
        if message.startswith("Unpacking") and fraction > 0.1:
            raise Cancelled

    for name in ("a.zip", "a.tgz"):
        with pytest.raises(Cancelled):
            find_acquisitions(packed(tmp_path / name, dicom_images), progress)
        assert list(temporary.iterdir()) == []


def test_a_temporary_folder_that_is_gone_or_full_is_told(dicom_images, temporary, tmp_path, monkeypatch):
    path = packed(tmp_path / "a.zip", dicom_images)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"a\.zip cannot be unpacked: .*gone.*No such file or directory"):
        find_acquisitions(path)


WAITING = (
    "import sys, time; from QSMLogic import pipeline; from QSMLogic.cli import main\n"
    "def slow(*a, **k):\n    print('ready', flush=True)\n    time.sleep(60)\n"
    "pipeline.run = slow; sys.exit(main())"
)


def test_a_run_that_is_ended_leaves_nothing_and_the_next_one_clears_up_after_a_killed_one(
    dicom_images, temporary, tmp_path
):
    path = packed(tmp_path / "a.zip", dicom_images)
    command = [sys.executable, "-c", WAITING, "run", "--folder", str(path), "--out", str(tmp_path / "out")]
    for number, left in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, 1)):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(temporary)}, **options) as run:
            assert run.stdout.readline() == "ready\n"
            time.sleep(0.05)
            run.send_signal(number)
            run.wait(20)
        assert len(list(temporary.iterdir())) == left
    unpacked(path)
    assert len(list(temporary.iterdir())) == 1


def test_a_run_from_an_archive_says_so_and_leaves_nothing(dicom_images, temporary, tmp_path, capsys):
    write_volume(dicom_images / "b", noise(seed=5), SIEMENS, "phase", StudyInstanceUID="1.7", SeriesInstanceUID="1.7.1")
    path = packed(tmp_path / "a.zip", dicom_images)
    words = ["--folder", str(path), "--out", str(tmp_path / "out")]
    refused(capsys, ["run", *words], "2 acquisitions: name one with --acquisition (1 = gre_qsm")
    assert list(temporary.iterdir()) == []
    mask = str(mask_like(path, tmp_path))
    assert main(["unwrapping", "laplacian", *words, "--acquisition", "1", "--mask", mask]) == 0
    assert list(temporary.iterdir()) == []
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    archive, *entries = record["inputs"][:9]
    assert archive == {
        "file": str(path), "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }  # fmt: skip
    for entry in entries:
        assert entry["file"] == str(path)
        file = dicom_images / Path(entry["entry"]).relative_to("Äö ü")
        assert entry["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def mask_like(path, folder):
    """Write a mask of everything, on the voxels of an archive's acquisition."""
    geometry = read_acquisition(find_acquisitions(path)[0]).geometry
    write_image(folder / "mask.nii.gz", np.ones(geometry.shape, bool), geometry)
    remove_unpacked()
    return folder / "mask.nii.gz"

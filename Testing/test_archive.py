"""Zip and tar files as folders: hostile and damaged ones are refused in a sentence, and nothing stays on disk."""

import gzip
import hashlib
import io
import json
import os
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import refused
from dicom_files import SIEMENS, noise, siemens, write_volume

from QSMLogic.cli import main
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io import archive_entries
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.archive import archives_of, is_archive, origin_of, remove_unpacked, unpacked

LINK = stat.S_IFLNK | 0o777


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder where archives are unpacked, and check at the end that nothing stayed in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    remove_unpacked()
    assert list(folder.iterdir()) == []


@pytest.fixture
def images(tmp_path):
    """Return a folder with an acquisition in DICOM files."""
    siemens(tmp_path / "images", echoes=2)
    return tmp_path / "images"


def packed(path, folder, kind=zipfile.ZIP_DEFLATED):
    """Pack a folder by the ending of the name."""
    files = [(file, f"Äö ü/{file.relative_to(folder)}") for file in sorted(folder.rglob("*")) if file.is_file()]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", kind) as content:
            for file, name in files:
                content.write(file, name)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as content:
        for file, name in files:
            content.add(file, f"./{name}")
    return path


def zipped(path, entries, mode=0):
    """Write a zip file of these names and contents."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, text in entries:
            entry = zipfile.ZipInfo(name)
            entry.filename = name  # as it is, whatever the library thinks of it
            entry.external_attr, entry.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            content.writestr(entry, text)
    return path


def tarred(path, **entry):
    """Write a tar file of one entry with these attributes."""
    with tarfile.open(path, "w") as content:
        made = tarfile.TarInfo(entry.pop("name", "a"))
        for name, value in entry.items():
            setattr(made, name, value)
        content.addfile(made, io.BytesIO(bytes(made.size)))
    return path


@pytest.mark.parametrize("name", ["Bilder 1.zip", "scan.ZIP", "a.tar", "a.tar.gz", "a.b.tgz", "ohne Endung"])
def test_an_archive_is_read_as_the_folder_it_holds(images, temporary, tmp_path, name):
    path = packed(tmp_path / (name if name.startswith("a") else "x.zip"), images)
    path = path.rename(tmp_path / name)
    (expected,), (found,) = find_acquisitions(images), find_acquisitions(path)
    assert (found.title, found.problem, found.warnings) == (expected.title, "", ())
    assert np.array_equal(read_acquisition(found).scan.phase, read_acquisition(expected).scan.phase)
    assert all(file.is_relative_to(temporary) for file in found.files())
    assert stat.S_IMODE(next(temporary.iterdir()).stat().st_mode) == 0o700  # patients' data
    entries = {origin_of(file).entry for file in found.files()}
    assert entries == {f"Äö ü/{file.relative_to(images)}" for file in expected.files()}
    assert archives_of((*found.files(), *expected.files())) == [path]
    assert origin_of(images) is None
    remove_unpacked(path)
    assert list(temporary.iterdir()) == []


def test_an_archive_is_unpacked_once_until_it_changes(images, temporary, tmp_path):
    path = packed(tmp_path / "a.zip", images)
    first = unpacked(path)
    assert unpacked(str(path)) == first
    os.utime(path, ns=(0, 0))
    assert unpacked(path) != first
    assert not first.exists()
    assert len(list(temporary.iterdir())) == 1


CLIMBING = ["../a", "a/../../b", "/etc/a", "C:\\a", "C:/a", "a\\..\\..\\b", "..", "\\\\host\\share\\a"]


@pytest.mark.parametrize("name", CLIMBING)
def test_entries_that_climb_out_are_refused(temporary, tmp_path, name):
    for path in (zipped(tmp_path / "a.zip", [("good", "x"), (name, "x")]), tarred(tmp_path / "a.tar", name=name)):
        with pytest.raises(InputError, match=r"a\.(zip|tar) holds .* which would be written outside of its folder"):
            find_acquisitions(path)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["a.tar", "a.zip", "temporary"]


def test_links_and_devices_are_refused(temporary, tmp_path):
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    for path in (
        zipped(tmp_path / "a.zip", [("link", "/etc/passwd")], LINK),
        zipped(tmp_path / "b.zip", [("pipe", "")], stat.S_IFIFO),
        *(tarred(tmp_path / f"{kind[0]}.tar", type=kind, linkname="/etc/passwd") for kind in kinds),
    ):
        with pytest.raises(InputError, match="a link or something else that is no file: pack the files themselves"):
            find_acquisitions(path)


def test_encrypted_and_strangely_packed_archives_are_refused(images, temporary, tmp_path):
    path = packed(tmp_path / "a.zip", images)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as whole:
        start = whole.start_dir
    content[start + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip is encrypted: unpack it with its password, and give the folder"):
        find_acquisitions(path)
    for kind in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):  # a few bytes of which unfold to any number at once
        with pytest.raises(InputError, match="is compressed in a way that is not read"):
            find_acquisitions(packed(tmp_path / "b.zip", images, kind))
        (tmp_path / "b.zip").unlink()


def test_what_the_disk_cannot_hold_is_refused_before_anything_is_written(temporary, tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", [("a", bytes(50_000)), ("b", bytes(50_000))])
    tar = tmp_path / "a.tgz"
    tar.write_bytes(gzip.compress(tarred(tmp_path / "a.tar", size=100_000).read_bytes()))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=90_000))
    monkeypatch.setattr(archive_entries, "_write", None)
    for each in (path, tar):
        with pytest.raises(InputError, match=r"needs 0\.0001\d? GB of disk .* has 9e-05 GB free: free some space"):
            find_acquisitions(each)


def test_bombs_are_refused(temporary, tmp_path, monkeypatch):
    monkeypatch.setattr(archive_entries, "HARMLESS", 100_000)
    path = zipped(tmp_path / "a.zip", [("a", bytes(1_000_000))])
    tar = tmp_path / "a.tgz"
    tar.write_bytes(gzip.compress(tarred(tmp_path / "a.tar", size=1_000_000).read_bytes()))
    for each in (path, tar):
        with pytest.raises(InputError, match="times its size, which images do not: it is made to fill the disk"):
            find_acquisitions(each)
    twice = bytearray(zipped(tmp_path / "b.zip", [("a", os.urandom(5000)), ("b", os.urandom(50))]).read_bytes())
    second = twice.rfind(b"PK\x01\x02")
    for offset in (20, 24):
        twice[second + offset : second + offset + 4] = (5000).to_bytes(4, "little")
    twice[second + 42 : second + 46] = bytes(4)  # the second entry begins where the first one does
    path.write_bytes(twice)
    with pytest.raises(InputError, match="claims more than it holds: its entries overlap"):
        find_acquisitions(path)


def test_headers_that_lie_about_sizes_fill_neither_memory_nor_disk(temporary, tmp_path):
    content = bytearray(zipped(tmp_path / "a.zip", [("a", bytes(200_000))]).read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    long_name = tarred(tmp_path / "a.tar", type=tarfile.GNUTYPE_LONGNAME, size=50_000_000)
    tracemalloc.start()
    for path in (tmp_path / "a.zip", long_name):
        with pytest.raises(InputError, match=r"is damaged or no (zip|tar) file: it cannot be unpacked"):
            find_acquisitions(path)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_damaged_archives_are_refused_whole(images, temporary, tmp_path, name):
    whole = packed(tmp_path / name, images).read_bytes()
    for content in (b"", b"PK", whole.rstrip(bytes(1))[:-30], whole[: len(whole) // 2], b"no such" * 100):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} is damaged or no (zip|tar) file: it cannot be unpacked"):
            find_acquisitions(tmp_path / name)
        assert list(temporary.iterdir()) == []
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 0xFF
    (tmp_path / name).write_bytes(spoilt)
    if name == "a.tar":  # whose headers alone have a checksum
        with tarfile.open(fileobj=io.BytesIO(whole)) as content:
            spoilt[content.getmembers()[3].offset + 5] ^= 0xFF
    (tmp_path / name).write_bytes(spoilt)
    with pytest.raises(InputError, match="is damaged or no"):
        find_acquisitions(tmp_path / name)


def test_one_name_twice_and_too_many_names_are_refused(temporary, tmp_path, monkeypatch):
    for entries in ([("a", "x"), ("a", "y")], [("a", "x"), ("a/b", "y")], [("a/b", "x"), ("a", "y")]):
        with pytest.warns(UserWarning, match="Duplicate") if entries[0][0] == entries[1][0] else _nothing():
            path = zipped(tmp_path / "a.zip", entries)
        with pytest.raises(InputError, match="twice: unpack it, and give the folder"):
            find_acquisitions(path)
    with pytest.raises(InputError, match=r"cannot be unpacked: .*File name too long"):
        find_acquisitions(zipped(tmp_path / "a.zip", [("a" * 300, "x")]))
    monkeypatch.setattr(archive_entries, "MOST_ENTRIES", 3)
    with pytest.raises(InputError, match=r"a\.zip holds more than 3 files"):
        find_acquisitions(zipped(tmp_path / "a.zip", [(str(i), "x") for i in range(4)]))


class _nothing:  # noqa: N801 (stands beside pytest.warns)
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def test_names_that_are_odd_become_harmless(temporary, tmp_path):
    names = ["a\x1b[2J\n.txt", "b:c?.txt", "sous-dossier\\été.txt", "日本/語.txt"]
    folder = unpacked(zipped(tmp_path / "a.zip", [(name, "x") for name in names]))
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert found == {"a_[2J_.txt", "b_c_.txt", "sous-dossier/été.txt", "日本/語.txt"}


def test_an_archive_in_an_archive_is_named_and_left_alone(images, temporary, tmp_path):
    packed(images / "inner.zip", images / "phase")
    (found,) = find_acquisitions(packed(tmp_path / "a.zip", images))
    assert "holds the archive inner.zip, which was not looked into: give that file itself" in found.warnings[0]
    with pytest.raises(InputError, match=r"holds 1 other files, .* holds the archive inner\.zip, which was not looked"):
        find_acquisitions(zipped(tmp_path / "b.zip", [("inner.zip", "x")]))
    only = tmp_path / "only"
    only.mkdir()
    packed(only / "a.zip", images)
    with pytest.raises(InputError, match=r"only holds the archive a\.zip, which was not looked into: give that file"):
        find_acquisitions(only)


def test_what_is_an_archive(images, tmp_path):
    assert is_archive(packed(tmp_path / "a.zip", images))
    assert not is_archive(tmp_path)
    assert not is_archive(tmp_path / "none.zip")
    assert not is_archive(next(images.rglob("*.dcm")))


def test_a_cancel_leaves_nothing(images, temporary, tmp_path):
    def progress(fraction, message):
        if message.startswith("Unpacking") and fraction > 0.1:
            raise Cancelled

    for name in ("a.zip", "a.tgz"):
        with pytest.raises(Cancelled):
            find_acquisitions(packed(tmp_path / name, images), progress)
        assert list(temporary.iterdir()) == []


def test_a_temporary_folder_that_is_gone_or_full_is_told(images, temporary, tmp_path, monkeypatch):
    path = packed(tmp_path / "a.zip", images)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"a\.zip cannot be unpacked: .*gone.*No such file or directory"):
        find_acquisitions(path)


WAITING = (
    "import sys, time; from QSMLogic import pipeline; from QSMLogic.cli import main\n"
    "def slow(*a, **k):\n    print('ready', flush=True)\n    time.sleep(60)\n"
    "pipeline.run = slow; sys.exit(main())"
)


def test_a_run_that_is_ended_leaves_nothing_and_the_next_one_clears_up_after_a_killed_one(images, temporary, tmp_path):
    path = packed(tmp_path / "a.zip", images)
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


def test_a_run_from_an_archive_says_so_and_leaves_nothing(images, temporary, tmp_path, capsys):
    write_volume(images / "b", noise(seed=5), SIEMENS, "phase", StudyInstanceUID="1.7", SeriesInstanceUID="1.7.1")
    path = packed(tmp_path / "a.zip", images)
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
        file = images / Path(entry["entry"]).relative_to("Äö ü")
        assert entry["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def mask_like(path, folder):
    """Write a mask of everything, on the voxels of an archive's acquisition."""
    from QSMLogic.io.nifti import write_image  # noqa: PLC0415

    geometry = read_acquisition(find_acquisitions(path)[0]).geometry
    write_image(folder / "mask.nii.gz", np.ones(geometry.shape, bool), geometry)
    remove_unpacked()
    return folder / "mask.nii.gz"

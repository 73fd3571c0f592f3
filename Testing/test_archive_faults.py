"""Zip and tar files that are hostile or damaged: refused in a sentence, and nothing stays on disk."""

import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from archives import packed, zipped

from QSMLogic.errors import InputError
from QSMLogic.io import archive_entries
from QSMLogic.io.acquisitions import find_acquisitions

LINK = stat.S_IFLNK | 0o777


def tarred(path, **entry):
    """Write a tar file of one entry with these attributes."""
    with tarfile.open(path, "w") as content:
        made = tarfile.TarInfo(entry.pop("name", "a"))
        for name, value in entry.items():
            setattr(made, name, value)
        content.addfile(made, io.BytesIO(bytes(made.size)))
    return path


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


def test_encrypted_and_strangely_packed_archives_are_refused(dicom_images, temporary, tmp_path):
    path = packed(tmp_path / "a.zip", dicom_images)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as whole:
        start = whole.start_dir
    content[start + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip is encrypted: unpack it with its password, and give the folder"):
        find_acquisitions(path)
    for kind in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):  # a few bytes of which unfold to any number at once
        with pytest.raises(InputError, match="is compressed in a way that is not read"):
            find_acquisitions(packed(tmp_path / "b.zip", dicom_images, kind))
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
def test_damaged_archives_are_refused_whole(dicom_images, temporary, tmp_path, name):
    whole = packed(tmp_path / name, dicom_images).read_bytes()
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
        with pytest.warns(UserWarning, match="Duplicate") if entries[0][0] == entries[1][0] else nullcontext():
            path = zipped(tmp_path / "a.zip", entries)
        with pytest.raises(InputError, match="twice: unpack it, and give the folder"):
            find_acquisitions(path)
    with pytest.raises(InputError, match=r"cannot be unpacked: .*File name too long"):
        find_acquisitions(zipped(tmp_path / "a.zip", [("a" * 300, "x")]))
    monkeypatch.setattr(archive_entries, "MOST_ENTRIES", 3)
    with pytest.raises(InputError, match=r"a\.zip holds more than 3 files"):
        find_acquisitions(zipped(tmp_path / "a.zip", [(str(i), "x") for i in range(4)]))

"""Zip and tar files of an acquisition, and the folder where they are unpacked."""

import tarfile
import tempfile
import zipfile

import pytest
from dicom_files import siemens

from QSMLogic.io.archive import remove_unpacked


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
def dicom_images(tmp_path):
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

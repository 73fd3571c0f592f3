"""Zip and tar files as folders: unpacked to the system's temporary folder for as long as this process needs them.

    folder = unpacked("scan.zip")           # once per process; find_acquisitions does it
    origin_of(folder / "a" / "1.dcm")       # Origin(archive=Path("scan.zip"), entry="a/1.dcm")
    remove_unpacked("scan.zip")             # at the latest when the process ends

Who finds acquisitions in an archive reads them before remove_unpacked: the paths of their files lead to the temporary
folder. It goes when the process ends, by SIGTERM too where that becomes an exception, as in `qsm`. After SIGKILL it
stays, and the next process of the same user that unpacks something on the same machine removes it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..progress import Progress, no_progress
from .archive_entries import ARCHIVE_ENDINGS, extract
from .outputs import in_words
from .staging import OWNER, ended, owner

PREFIX = "qsm-unpacked-"
"""Begins the names of the temporary folders."""

ZIP_MARK = b"PK\x03\x04"
"""How a zip file begins, whatever its name."""


@dataclass(frozen=True)
class Origin:
    """Where a file of a temporary folder comes from: the archive, and the path of the entry in it."""

    archive: Path
    entry: str


@dataclass(frozen=True)
class _Held:
    """A temporary folder, the one in it that holds the entries, the process that made it, and the archive's state."""

    folder: Path
    content: Path
    process: int
    state: tuple[int, int]


_held: dict[Path, _Held] = {}


def is_archive(path: Path) -> bool:
    """Tell whether a file is a zip or tar file, by its name, or by its beginning."""
    if not path.is_file():
        return False
    if path.name.lower().endswith(ARCHIVE_ENDINGS):
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP_MARK)) == ZIP_MARK
    except OSError:
        return False


def unpacked(archive: str | Path, progress: Progress = no_progress) -> Path:
    """Return a folder with what an archive holds; it is there until remove_unpacked, or the end of the process.

    An archive that has not changed since is not unpacked again. After an error or a cancel nothing is left on disk.
    Raises InputError where the archive is damaged, encrypted, larger than the disk can hold, or has an entry that
    would lie outside the folder.
    """
    archive = Path(archive).absolute()
    try:
        state = archive.stat().st_size, archive.stat().st_mtime_ns
        known = _held.get(archive)
        if known is not None and known.state == state and known.content.is_dir():
            return known.content
        remove_unpacked(archive)
        _remove_abandoned()
        return _unpack(archive, state, progress)
    except OSError as error:
        raise InputError(f"{archive.name} cannot be unpacked: {in_words(error, tempfile.gettempdir())}") from None


def remove_unpacked(archive: str | Path | None = None) -> None:
    """Remove what was unpacked of an archive, or of all: the files of acquisitions found in it are gone then."""
    gone = list(_held) if archive is None else [Path(archive).absolute()]
    for path in gone:
        held = _held.pop(path, None)
        if held is not None and held.process == os.getpid():  # not a copy of this process, which has the same list
            shutil.rmtree(held.folder, ignore_errors=True)


def origin_of(path: Path) -> Origin | None:
    """Return the archive and the entry of a file that was unpacked, None for any other file."""
    for archive, held in _held.items():
        if path.is_relative_to(held.content):
            return Origin(archive, path.relative_to(held.content).as_posix())
    return None


def archives_of(files: Iterable[Path]) -> list[Path]:
    """Return the archives that files were unpacked from, each once."""
    return list(dict.fromkeys(origin.archive for origin in map(origin_of, files) if origin is not None))


def _unpack(archive: Path, state: tuple[int, int], progress: Progress) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        (folder / OWNER).write_text(owner(), "utf-8")
        content = folder / (archive.name.split(".")[0] or "archive")
        content = content if content.name != OWNER else folder / "archive"
        content.mkdir()
        extract(archive, content, shutil.disk_usage(folder).free, progress)
        _held[archive] = _Held(folder, content, os.getpid(), state)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return content


def _remove_abandoned() -> None:
    """Remove the folders of this user's processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            own = os.name == "nt" or folder.lstat().st_uid == os.geteuid()
        except OSError:
            continue
        if own and ended(folder):
            shutil.rmtree(folder, ignore_errors=True)


atexit.register(remove_unpacked)

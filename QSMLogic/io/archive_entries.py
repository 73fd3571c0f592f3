"""The entries of zip and tar files, checked one by one before anything is written."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

from ..errors import InputError
from ..progress import Progress

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz")
ARCHIVE_ENDINGS = (".zip", *TAR_ENDINGS)

MOST_ENTRIES = 200_000
"""An archive with more is no examination, but somebody's disk."""

LARGEST_RATIO = 200
"""Times its size that an archive of images unfolds to at most; a mask or an empty volume shrinks further, but alone."""

HARMLESS = 1 << 30
"""Bytes below which no ratio is suspicious."""

BLOCK = 4096
"""Bytes; what a file takes on disk is a multiple of it."""

LONGEST_TAR_NAME = 1 << 20
"""Bytes of a tar file's header for long names; what claims more is damaged, or made to fill the memory."""

ENCRYPTED = 1
"""Bit of a zip entry's flags."""

PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Kinds of compression that are read: the others unfold in pieces of any size, and hardly anybody uses them."""

FORBIDDEN = frozenset('<>:"|?*')
"""Characters that not every system has in names."""

DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError, struct.error)
"""What the libraries raise on bytes that are not what they claim to be, beside ValueError and the like."""


def extract(archive: Path, folder: Path, room: int, progress: Progress) -> None:
    """Write the files of an archive into a folder, which has room for so many bytes.

    Folders, and what else is no file, are left out. Raises InputError, naming the entry, before it is written; the
    files before it are there then. Raises OSError where the disk fails.
    """
    tar = archive.name.lower().endswith(TAR_ENDINGS)
    try:
        (_extract_tar if tar else _extract_zip)(archive, folder, room, progress)
    except (*DAMAGED, NotImplementedError, UnicodeError, IndexError, RuntimeError):
        kind = "tar" if tar else "zip"
        raise InputError(
            f"{archive.name} is damaged or no {kind} file: it cannot be unpacked. Copy it again, or give the folder."
        ) from None


def _extract_zip(archive: Path, folder: Path, room: int, progress: Progress) -> None:
    with zipfile.ZipFile(archive) as content:
        entries = [entry for entry in content.infolist() if not entry.filename.endswith(("/", "\\"))]
        _refuse_zip(archive, entries, room)
        total = sum(entry.file_size for entry in entries)
        done = 0
        for entry in entries:
            progress(done / max(total, 1), f"Unpacking {archive.name}")
            with content.open(entry) as source:
                _write(archive, entry.filename, source, folder)
            done += entry.file_size


def _refuse_zip(archive: Path, entries: list[zipfile.ZipInfo], room: int) -> None:
    """Refuse a zip file by what it says of its entries, before any is read."""
    _refuse_many(archive, len(entries))
    for entry in entries:
        path_of(archive, entry.filename)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind and kind != stat.S_IFREG:
            raise InputError(_no_file(archive, entry.filename))
        if entry.flag_bits & ENCRYPTED:
            raise InputError(f"{archive.name} is encrypted: unpack it with its password, and give the folder.")
        if entry.compress_type not in PLAIN:
            raise InputError(
                f"{archive.name} is compressed in a way that is not read ({entry.filename!a}): unpack it, and give "
                "the folder."
            )
    held = archive.stat().st_size
    if sum(entry.compress_size for entry in entries) > held:
        raise InputError(f"{archive.name} claims more than it holds: its entries overlap. Do not unpack it.")
    _refuse_large(archive, sum(_on_disk(entry.file_size) for entry in entries), room, held)


def _extract_tar(archive: Path, folder: Path, room: int, progress: Progress) -> None:
    packed = not archive.name.lower().endswith(".tar")
    held, total = archive.stat().st_size, 0
    with archive.open("rb") as file, gzip.open(file) if packed else file as stream:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as content:
            for count, entry in enumerate(content, 1):
                progress(min(file.tell() / held, 1.0), f"Unpacking {archive.name}")
                _refuse_many(archive, count)
                if entry.isdir():
                    continue
                if not entry.isreg() or entry.issparse():
                    raise InputError(_no_file(archive, entry.name))
                total += _on_disk(entry.size)
                _refuse_large(archive, total, room, held)
                source = content.extractfile(entry)
                assert source is not None
                _write(archive, entry.name, source, folder, entry.size)
        for _ in _rest(stream, room):  # to the checksum
            pass


def _rest(stream: Any, room: int) -> Iterator[bytes]:
    """Return what follows the end of a tar file: some zeros."""
    while room > 0 and (piece := stream.read(1 << 20)):
        room -= len(piece)
        yield piece


class _Member(tarfile.TarInfo):
    """An entry of a tar file in which nothing may be missing: the library takes a damaged header for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return the entry of a header. Raises tarfile.ReadError where it is damaged, or names are absurdly long."""
        try:
            made = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if buf and not any(buf):
                raise  # zeros are the end
            raise tarfile.ReadError("a damaged header, or none") from None
        if made.type not in (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE) and made.size > LONGEST_TAR_NAME:
            raise tarfile.ReadError("a header of absurd size")
        return made


def path_of(archive: Path, name: str) -> PurePosixPath:
    """Return the path of an entry below the folder it is written to; raise InputError where it would lie outside.

    Characters that not every system has in names become underscores.
    """
    words = name.replace("\\", "/").split("/")
    drive = len(words[0]) == 2 and words[0][1] == ":"
    if not words[0] or drive or ".." in words or not words[-1]:
        raise InputError(
            f"{archive.name} holds {name!a}, which would be written outside of its folder: it is damaged or hostile. "
            "Ask for another one."
        )
    return PurePosixPath(*("".join(map(_plain, word)) for word in words))


def _plain(character: str) -> str:
    return character if character.isprintable() and character not in FORBIDDEN else "_"


def _write(archive: Path, name: str, source: IO[bytes], folder: Path, size: int | None = None) -> None:
    """Write an entry to its place. Raises InputError where another one lies there, or it holds less than it says."""
    target = folder / path_of(archive, name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            shutil.copyfileobj(source, file)
            if size is not None and file.tell() != size:
                raise EOFError
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise InputError(f"{archive.name} holds {name!a} twice: unpack it, and give the folder.") from None


def _refuse_many(archive: Path, count: int) -> None:
    if count > MOST_ENTRIES:
        raise InputError(f"{archive.name} holds more than {MOST_ENTRIES} files: pack those of one examination.")


def _refuse_large(archive: Path, total: int, room: int, held: int) -> None:
    if total > HARMLESS and total > LARGEST_RATIO * held:
        raise InputError(
            f"{archive.name} unfolds to {total / held:.0f} times its size, which images do not: it is made to fill the "
            "disk. Do not unpack it."
        )
    if total > room:
        raise InputError(
            f"{archive.name} needs {total / 1e9:.2g} GB of disk to be unpacked, and the temporary folder has "
            f"{room / 1e9:.2g} GB free: free some space, set TMPDIR to a folder on another disk, or unpack it yourself."
        )


def _on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _no_file(archive: Path, name: str) -> str:
    return f"{archive.name} holds {name!a}, a link or something else that is no file: pack the files themselves."

"""The output folder of a run: everything appears in it at the end and together, or nothing does."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import InputError
from .staging import SILENT, Staging, refuse_lost

UNFINISHED = ".qsm-unfinished"
"""Folder inside the output folder in which a run keeps its files until all are complete; its maker owns the folder."""

ALL_MAY_READ = 0o666
"""Rights of a new file before the process's mask; temporary files begin with fewer."""


class OutputFolder:
    """A transaction on a folder: files are written into `staging` and moved into place when the block ends well.

    names: the files the run will write, refused at once (before any work) where they exist, unless force. stale: files
    that an earlier run of the same kind may have written beside them; with force they go, so that no folder holds maps
    of two runs. While the block runs no other run can write into the folder. After an error, a cancel or a signal the
    folder is as before; what a killed run left is undone by the next one.
    Raises InputError in one sentence for every refusal.
    """

    def __init__(
        self, folder: str | Path, names: Iterable[str], *, stale: Iterable[str] = (), force: bool = False
    ) -> None:
        """Note what will be written; nothing happens before the block is entered."""
        self.folder = Path(folder)
        self.names = tuple(names)
        self.stale = tuple(stale)
        self.force = force
        self.staging = Staging(self.folder, UNFINISHED)
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        """Make the folder, take it, and refuse what exists."""
        try:
            self._make_folder()
            self._take()
            self._refuse_existing(self.names)
        except BaseException as error:
            self._clean()
            if isinstance(error, OSError):
                raise InputError(f"Nothing can be written to {self.folder}: {error.strerror}.") from None
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Move the files into place after success; remove them after anything else."""
        try:
            if kind is None:
                self._move()
        except OSError as failure:
            raise InputError(in_words(failure, self.folder)) from None
        finally:
            self._clean()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise InputError(in_words(error, self.folder)) from None

    def path(self, name: str) -> Path:
        """Return where to write a file of this name."""
        return self.staging.new / name

    def _make_folder(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file: --out names a folder.")
        missing = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)

    def _take(self) -> None:
        if not self.staging.take():
            raise InputError(
                f"Another run is writing to {self.folder}: wait for it, or choose another folder. (One that was killed "
                f"on another machine counts as ended after {SILENT / 60:.0f} minutes.)"
            )

    def _refuse_existing(self, names: Iterable[str]) -> None:
        there = sorted(name for name in names if os.path.lexists(self.folder / name))
        if there and not self.force:
            raise InputError(
                f"{self.folder} holds {', '.join(there)} already: choose another folder, or overwrite with --force."
            )

    def _move(self) -> None:
        refuse_lost(self.staging)
        new = sorted(path.name for path in self.staging.new.iterdir())
        self._refuse_existing(new)
        self.staging.move(new, self.stale if self.force else ())

    def _clean(self) -> None:
        try:
            self.staging.leave()
        except BaseException:  # a signal came meanwhile
            self.staging.leave()
            raise
        self._remove_made()

    def _remove_made(self) -> None:
        """Remove the folders made for this run that stayed empty."""
        for path in reversed(self._made):
            with suppress(OSError):  # it holds something, or is gone
                path.rmdir()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name to write to; the file appears under its own name when the block ends well, and never in part."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, ALL_MAY_READ & ~_umask())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):  # gone with its disk, say
            os.unlink(name)
        raise


def in_words(error: OSError, place: Path | str = "") -> str:
    """Return a sentence for an error of the file system."""
    where = str(error.filename or place)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {place or where} is full; nothing was written. Free some space, or choose another folder."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{where} may not be written or read: {error.strerror}. Choose another folder, or change its rights."
    return f"{where}: {error.strerror}." if where else f"{error}."


def _umask() -> int:
    """Return the rights that this process does not give to new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

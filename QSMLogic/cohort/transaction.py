"""The files of one unit, which lie in several folders: all come into the data set together, or none does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from ..errors import InputError
from ..io.outputs import UNFINISHED, in_words
from ..io.staging import OWNER

NEW, OLD, JOURNAL = "new", "replaced", "journal.json"
"""In the folder of an unfinished unit: what is written, what was there before, and the names that are being moved."""

BEAT, SILENT = 30.0, 600.0
"""s; a run tells as often that it is alive, and counts as dead after so long without: killed on another machine."""


class UnitFiles:
    """A transaction on a data set: files are written under `path` and moved into place when the block ends well.

    root: the data set; unit: the name of the unit; record: the file that says the unit is finished, which is the first
    to go and the last to come; ours: files of an earlier run, which go where they are not replaced; run: units that a
    dead worker of the same run held are taken over at once. After an error, a cancel or a signal the data set is as
    before; what a killed process left is undone by the next one that takes the unit.
    Raises InputError, in one sentence, where another run holds the unit, a file that is not ours would be replaced, or
    the disk refuses.
    """

    def __init__(self, root: Path, unit: str, *, record: str, ours: Iterable[str] = (), run: str = "") -> None:
        """Note what will be written; nothing happens before the block is entered."""
        self.root, self.unit, self.record, self.ours, self.run = root, unit, record, {*ours}, run
        self.staging = root / f"{UNFINISHED}-{unit}"
        self._owner = f"{socket.gethostname()} {os.getpid()} {run or '-'} {uuid4().hex}"
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        """Take the unit."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._take()
        except OSError as error:
            raise InputError(in_words(error, self.root)) from None
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Move the files into place after success; remove them after anything else."""
        self._ended.set()
        try:
            if kind is None:
                self._move()
        except OSError as failure:
            raise InputError(in_words(failure, self.root)) from None
        finally:
            if self._held():
                shutil.rmtree(self.staging, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Return where to write a file of this name, a path relative to the data set; its folder is made."""
        path = self.staging / NEW / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def written(self) -> list[str]:
        """Return the names of the files written so far."""
        new = self.staging / NEW
        return sorted(path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file())

    def _take(self) -> None:
        owner = self.staging / OWNER
        try:
            self.staging.mkdir()
        except FileExistsError:
            if not self._abandoned():
                raise InputError(
                    f"Another run is writing {self.unit}: wait for it. (One that was killed on another machine counts "
                    f"as ended after {SILENT / 60:.0f} minutes.)"
                ) from None
            with suppress(FileNotFoundError):  # it never came to write it
                owner.rename(owner.with_name(uuid4().hex))  # of two that take over, one only succeeds
            owner.write_text(self._owner, "utf-8")
            undo(self.root, self.staging)
            return
        owner.write_text(self._owner, "utf-8")

    def _abandoned(self) -> bool:
        """Tell whether the process that holds the unit has ended, as far as can be known."""
        owner = self.staging / OWNER
        try:
            machine, process, run, _ = owner.read_text("utf-8").split()
        except (OSError, ValueError):
            return self._silent(self.staging)
        if machine == socket.gethostname() and os.name != "nt" and not _lives(int(process)):
            return True
        same_process = machine == socket.gethostname() and int(process) == os.getpid()
        return (bool(self.run) and run == self.run and not same_process) or self._silent(owner)

    def _silent(self, path: Path) -> bool:
        """Tell whether a file has not been touched for long, by the clock of its disk."""
        clock = self.root / f".{uuid4().hex}"
        try:
            clock.touch()
            return clock.stat().st_mtime - path.stat().st_mtime > SILENT
        except FileNotFoundError:
            return False
        finally:
            clock.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(OSError):
                os.utime(self.staging / OWNER)

    def _held(self) -> bool:
        """Tell whether the unit is still ours: a run that seemed dead may have lost it."""
        try:
            return (self.staging / OWNER).read_text("utf-8") == self._owner
        except OSError:
            return False

    def _move(self) -> None:
        if not self._held():
            raise InputError(f"Another run took {self.unit} over, as this one seemed dead: nothing was written.")
        new = [name for name in self.written() if name != self.record] + [self.record]
        old = [self.record, *sorted({*self.ours, *new} - {self.record})]
        foreign = [name for name in new if name not in {*self.ours, self.record} and (self.root / name).exists()]
        if foreign:
            raise InputError(
                f"{self.root} holds {', '.join(foreign)}, which no run of qsm bids wrote: move it away, or choose "
                "another folder."
            )
        there = [name for name in old if (self.root / name).exists()]
        _write(self.staging / JOURNAL, {"new": new, "old": there})
        try:
            for name in there:
                _rename(self.root / name, self.staging / OLD / name)
            for name in new:
                _rename(self.staging / NEW / name, self.root / name)
        except BaseException:
            undo(self.root, self.staging)
            raise
        (self.staging / JOURNAL).unlink()  # from here on, nothing is undone


def undo(root: Path, staging: Path) -> None:
    """Remove what a move that did not end brought, put back what it took away, and empty the folder it worked in."""
    try:
        moved = json.loads((staging / JOURNAL).read_text("utf-8"))
    except (OSError, ValueError):
        moved = {"new": [], "old": []}
    for name in moved["new"]:
        if not (staging / NEW / name).exists():
            (root / name).unlink(missing_ok=True)
    _write(staging / JOURNAL, moved | {"new": []})  # so that what is put back is not taken for new, if this is killed
    for name in moved["old"]:
        if (staging / OLD / name).exists():
            _rename(staging / OLD / name, root / name)
    for name in moved["new"]:
        _remove_empty(root, (root / name).parent)
    for part in (NEW, OLD):
        shutil.rmtree(staging / part, ignore_errors=True)
    (staging / JOURNAL).unlink()


def _write(path: Path, content: dict[str, list[str]]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content), "utf-8")
    part.replace(path)


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _remove_empty(root: Path, folder: Path) -> None:
    """Remove a folder and those above it in which nothing is left."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

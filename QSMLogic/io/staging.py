"""A folder in which one run keeps its files until all are complete, and their move into place, which can be undone.

A run says that it is alive by touching its OWNER file. What a killed run left, before or while it moved its files, is
undone by the next one that takes the folder: at once where its process is known to have ended, else after SILENT.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ..errors import InputError

OWNER = "owner"
"""File in the folder of a run that says which process on which machine it belongs to."""

NEW, OLD, JOURNAL = "new", "replaced", "journal.json"
"""In a staging folder: what is written, what was there before, and the names that are being moved."""

BEAT, SILENT = 20.0, 600.0
"""s; a run tells as often that it is alive, and counts as dead after so long without: killed on another machine."""

PROCESS = uuid4().hex
"""Tells this process from another one of the same number on a machine of the same name, as containers have them."""


class Staging:
    """The staging folder of a root: taken by one run at a time, and removed when it leaves."""

    def __init__(self, root: Path, name: str) -> None:
        """Nothing happens before take."""
        self.root, self.folder = root, root / name
        self._mark = f"{owner()} {uuid4().hex}"
        self._left = threading.Event()

    def take(self) -> bool:
        """Take the folder, and undo what a killed run left in it; return whether it is ours, or another run lives."""
        try:
            self.folder.mkdir()
        except FileExistsError:
            if not self._abandoned():
                return False
            place = self.folder / OWNER
            with suppress(FileNotFoundError):  # of a run that never came to write it
                place.rename(place.with_name(uuid4().hex))
            self._begin()
            undo(self.root, self.folder)
        else:
            try:
                self._begin()
            except BaseException:  # a full disk, say
                shutil.rmtree(self.folder, ignore_errors=True)
                raise
        (self.folder / NEW).mkdir()
        return True

    def held(self) -> bool:
        """Tell whether the folder is ours: a run that seemed dead may have lost it."""
        try:
            return (self.folder / OWNER).read_text("utf-8") == self._mark
        except OSError:
            return False

    def move(self, new: Sequence[str], old: Iterable[str]) -> None:
        """Move the new files into the root in this order; the old ones go. After an error the root is as before."""
        there = sorted({name for name in (*new, *old) if (self.root / name).exists()})
        (self.folder / OLD).mkdir()
        (self.folder / JOURNAL).write_text(json.dumps({"new": [*new], "old": there}), "utf-8")
        try:
            for name in there:
                os.replace(self.root / name, self.folder / OLD / name)
            for name in new:
                os.replace(self.folder / NEW / name, self.root / name)
        except BaseException:
            undo(self.root, self.folder)
            raise
        (self.folder / JOURNAL).unlink()  # from here on, nothing is undone

    def leave(self) -> None:
        """Remove the folder, where it is ours."""
        self._left.set()
        if self.held():
            for part in (NEW, OLD, ""):  # the owner at last
                shutil.rmtree(self.folder / part, ignore_errors=True)

    def _begin(self) -> None:
        (self.folder / OWNER).write_text(self._mark, "utf-8")
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._left.wait(BEAT):
            with suppress(OSError):
                os.utime(self.folder / OWNER)

    def _abandoned(self) -> bool:
        if ended(self.folder):
            return True
        place = self.folder / OWNER
        clock = self.root / f".{uuid4().hex}"  # tells the time of the disk, which may be another machine's
        try:
            clock.touch()
            touched = (place if place.exists() else self.folder).stat().st_mtime
            return clock.stat().st_mtime - touched > SILENT
        except FileNotFoundError:
            return False
        finally:
            clock.unlink(missing_ok=True)


def undo(root: Path, folder: Path) -> None:
    """Remove what a move that did not end brought to the root, and put back what it took away; may be done again."""
    with suppress(FileNotFoundError, ValueError):  # no move began, or nothing was moved before its journal was whole
        moved = json.loads((folder / JOURNAL).read_text("utf-8"))
        for name in moved["new"]:
            if name not in moved["old"] and not (folder / NEW / name).exists():
                (root / name).unlink(missing_ok=True)
        for name in moved["old"]:
            if (folder / OLD / name).exists():
                os.replace(folder / OLD / name, root / name)
        (folder / JOURNAL).unlink()
    for part in (NEW, OLD):
        shutil.rmtree(folder / part, ignore_errors=True)


def refuse_lost(staging: Staging) -> None:
    """Raise InputError where another run has taken the folder over."""
    if not staging.held():
        raise InputError(
            f"Another run took {staging.root} over, as this one gave no sign of life for {SILENT / 60:.0f} minutes: "
            "nothing was written. Run it again, into another folder."
        )


def owner() -> str:
    """Return what a folder's OWNER file says where it belongs to this process."""
    return f"{socket.gethostname()} {os.getpid()} {PROCESS}"


def ended(folder: Path) -> bool:
    """Tell whether the process that made a folder is known to have ended (killed before it could clean up)."""
    try:
        machine, process, mark, *_ = (folder / OWNER).read_text("utf-8").split()
        number = int(process)
    except (OSError, ValueError):
        return False
    if machine != socket.gethostname() or os.name == "nt":  # where the question would end the process
        return False
    if number == os.getpid():
        return mark != PROCESS
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False

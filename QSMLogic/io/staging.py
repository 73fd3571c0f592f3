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

OLD, JOURNAL = "replaced", "journal.json"
"""In a staging folder, beside the folder of what is written: what was there before, and the names that are moved."""

BEAT, SILENT = 20.0, 600.0
"""s; a run tells as often that it is alive, and counts as dead after so long without: killed on another machine."""

PROCESS = uuid4().hex
"""Tells this process from another one of the same number on a machine of the same name, as containers have them."""


class Staging:
    """The staging folder of a root: taken by one run at a time, and removed when it leaves.

    run: what the processes of one run share, if anything: of them another one takes the folder only after the first has
    died, and need not wait.
    """

    def __init__(self, root: Path, name: str, *, run: str = "") -> None:
        """Nothing happens before take; `new` is the folder to write to then."""
        self.root, self.folder = root, root / name
        self.new = self.folder / uuid4().hex
        self._run = run
        self._mark = f"{owner()} {self.new.name} {run}"
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
        self.new.mkdir()
        return True

    def held(self) -> bool:
        """Tell whether the folder is ours: a run that seemed dead may have lost it."""
        try:
            return (self.folder / OWNER).read_text("utf-8") == self._mark
        except OSError:
            return False

    def move(self, new: Sequence[str], old: Iterable[str]) -> None:
        """Move the old files out of the root and the new ones into it, in this order.

        Names are paths relative to the root. After an error the root is as before.
        """
        there = [name for name in dict.fromkeys((*old, *new)) if os.path.lexists(self.root / name)]
        (self.folder / OLD).mkdir()
        (self.folder / JOURNAL).write_text(json.dumps({"from": self.new.name, "new": [*new], "old": there}), "utf-8")
        try:
            for name in there:
                _rename(self.root / name, self.folder / OLD / name)
            for name in new:
                _rename(self.new / name, self.root / name)
        except BaseException:
            undo(self.root, self.folder)
            raise
        (self.folder / JOURNAL).unlink()  # from here on, nothing is undone

    def leave(self) -> None:
        """Remove the folder, where it is ours."""
        self._left.set()
        if self.held():
            _empty(self.folder)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self) -> None:
        (self.folder / OWNER).write_text(self._mark, "utf-8")
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._left.wait(BEAT):
            with suppress(OSError):
                os.utime(self.folder / OWNER)

    def _abandoned(self) -> bool:
        if ended(self.folder) or self._of_this_run():
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

    def _of_this_run(self) -> bool:
        """Tell whether another process of the same run made the folder."""
        try:
            words = (self.folder / OWNER).read_text("utf-8").split()
        except (OSError, ValueError):
            return False
        return bool(self._run) and words[-1:] == [self._run] and PROCESS not in words


def undo(root: Path, folder: Path) -> None:
    """Remove what a move that did not end brought to the root, and put back what it took away; may be done again."""
    with suppress(FileNotFoundError, ValueError):  # no move began, or nothing was moved before its journal was whole
        moved = json.loads((folder / JOURNAL).read_text("utf-8"))
        for name in moved["new"]:
            place = folder / moved["from"] / name
            ours = name not in moved["old"] or (folder / OLD / name).exists()
            if ours and not place.exists() and os.path.lexists(root / name):  # a file or a folder, which goes with ours
                os.replace(root / name, place)
        for name in moved["old"]:
            if (folder / OLD / name).exists():
                _rename(folder / OLD / name, root / name)
        for name in moved["new"]:
            _remove_empty(root, (root / name).parent)
        (folder / JOURNAL).unlink()
    _empty(folder)


def _empty(folder: Path) -> None:
    """Remove the folders in a staging folder: the owner stays to the end."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _remove_empty(root: Path, folder: Path) -> None:
    """Remove a folder below a root, and those above it in which nothing is left then."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


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

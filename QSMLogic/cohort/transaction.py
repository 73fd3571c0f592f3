"""The files of one unit, which lie in several folders: all come into the data set together, or none does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import InputError
from ..io.outputs import UNFINISHED, in_words
from ..io.staging import SILENT, Staging, refuse_lost


class UnitFiles:
    """A transaction on a data set: files are written under `path` and moved into place when the block ends well.

    root: the data set; unit: the name of the unit; record: the file that says the unit is finished, which is the first
    to go and the last to come; ours: files of an earlier run, which go where they are not replaced; force: replace
    files of unknown origin too; run: a unit that a dead worker of the same run held is taken over at once. After an
    error, a cancel or a signal the data set is as before; what a killed process left is undone by the next one that
    takes the unit.
    Raises InputError, in one sentence, where another run holds the unit, a file that is not ours would be replaced, or
    the disk refuses.
    """

    def __init__(
        self, root: Path, unit: str, *, record: str, ours: Iterable[str] = (), force: bool = False, run: str = ""
    ) -> None:
        """Note what will be written; nothing happens before the block is entered."""
        self.root, self.unit, self.record, self.ours, self.force = root, unit, record, {*ours} - {record}, force
        self.staging = Staging(root, f"{UNFINISHED}-{unit}", run=run)

    def __enter__(self) -> Self:
        """Take the unit."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            taken = self.staging.take()
        except OSError as error:
            raise InputError(in_words(error, self.root)) from None
        if not taken:
            raise InputError(
                f"Another run is writing {self.unit}: wait for it. (One that was killed on another machine counts as "
                f"ended after {SILENT / 60:.0f} minutes.)"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Move the files into place after success; remove them after anything else."""
        try:
            if kind is None:
                self._move()
        except OSError as failure:
            raise InputError(in_words(failure, self.root)) from None
        finally:
            self.staging.leave()

    def path(self, name: str) -> Path:
        """Return where to write a file of this name, a path relative to the data set; its folder is made."""
        path = self.staging.new / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def written(self) -> list[str]:
        """Return the names of the files written so far."""
        new = self.staging.new
        return sorted(path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file())

    def _move(self) -> None:
        refuse_lost(self.staging)
        new = [name for name in self.written() if name != self.record]
        foreign = [name for name in new if name not in self.ours and (self.root / name).exists()]
        if foreign and not self.force:
            raise InputError(
                f"{self.root} holds {foreign[0]}, and nothing says that qsm bids wrote it: move it away, or replace it "
                "with --force."
            )
        self.staging.move([*new, self.record], [self.record, *sorted(self.ours)])

"""What a cohort is made of: units, each computed by itself; the plan they share; what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..io.candidate import Candidate
from ..settings import Settings


@dataclass(frozen=True)
class Unit:
    """One acquisition of one subject. name: its BIDS entities without part and echo, such as sub-01_ses-1_run-2."""

    name: str
    entities: Mapping[str, str]
    candidate: Candidate


@dataclass(frozen=True)
class Plan:
    """What all units share: data set, folder of the derivatives, settings, words of the command, what is kept."""

    dataset: Path
    out: Path
    settings: Settings
    command: tuple[str, ...]
    keep: tuple[str, ...] = ()
    force: bool = False


class Status(StrEnum):
    """What became of a unit."""

    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a unit; reason: a sentence where it failed; seconds: that it took."""

    name: str
    status: Status
    reason: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

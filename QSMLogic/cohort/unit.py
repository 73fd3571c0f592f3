"""What a cohort is made of: units, each computed by itself; the plan they share; what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from ..io.candidate import Candidate
from ..io.sources import Sources
from ..settings import Settings


@dataclass(frozen=True)
class Unit:
    """One acquisition of one subject.

    name: its BIDS entities without part and echo, such as sub-01_ses-1_run-2, which no other unit has; candidate: its
    images, or the reason why there are none; nothing: the reason is no fault, as nobody meant to make a map of it;
    within: all of its entities are among those of another acquisition of the session, such as sub-01 and
    sub-01_acq-fast.
    """

    name: str
    entities: Mapping[str, str]
    candidate: Candidate
    nothing: bool = False
    within: bool = False


@dataclass(frozen=True)
class Plan:
    """What all units share.

    dataset: the BIDS data set; out: folder of the derivatives; command: the words of the command; keep: names of maps
    to write beside those always written; force: compute what has not changed too, and replace files that were changed
    by others; sources: what holds for every unit, such as the scale of the phase, and in `known` facts for those of
    which nobody says them; masks: a data set of derivatives whose brain masks are taken, labels: one whose
    segmentations are; run: tells the runs of the program apart, on all machines.
    """

    dataset: Path
    out: Path
    settings: Settings
    command: tuple[str, ...] = ("qsm", "bids")
    keep: tuple[str, ...] = ()
    force: bool = False
    sources: Sources = field(default_factory=Sources)
    masks: Path | None = None
    labels: Path | None = None
    run: str = field(default_factory=lambda: uuid4().hex)


class Status(StrEnum):
    """What became of a unit. NOTHING: it has no images of which a map can be made, and nobody meant it to."""

    DONE = "done"
    UNCHANGED = "unchanged"
    NOTHING = "nothing"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a unit; reason: a sentence where no map was made; seconds: that it took."""

    name: str
    status: Status
    reason: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

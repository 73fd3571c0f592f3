"""From slices to acquisitions: series of one scan put together, coils that were not combined left out.

Magnitude and phase lie in one series or in several, echoes too. Series of one study are put together in the order of
their numbers as long as protocol, timing, plane and processing are the same and none holds an echo twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .coils import Volumes, is_single, told_apart
from .headers import Slice
from .kinds import FIELD_MAP

UNCOMBINED = (
    "The images of {count} coils ({coils}) are not combined, and each alone holds that coil's own phase: export the "
    "coil-combined images."
)
COILS_LEFT_OUT = "Images of {count} single coils were left out: the combined ones are used."
UNCERTAIN = (
    "Series {number} could belong to {count} acquisitions of the same protocol, and its header does not say which: "
    "put the series of one into a folder of their own."
)
OTHER_CORRECTION = (
    "Of magnitude and phase only one was corrected for distortion: their edges may differ by millimetres. Export both "
    "uncorrected (ND)."
)


@dataclass
class Found:
    """The volumes of one acquisition. key: what its series have in common; state: how their phase was processed.

    coil: of one element, empty for combined ones; repetition: from 0; several: whether there are others; problem and
    said: see Candidate.
    """

    volumes: Volumes
    key: tuple[Any, ...]
    state: tuple[Any, ...]
    coil: str
    repetition: int
    several: bool
    problem: str = ""
    said: list[str] = field(default_factory=list)

    @property
    def parts(self) -> set[str]:
        """The parts there are."""
        return {part for part, _ in self.volumes} - {FIELD_MAP}

    @property
    def moments(self) -> set[str]:
        """When the images were acquired, as far as they say it."""
        return moments(self.volumes)


def moments(volumes: Volumes) -> set[str]:
    """Return when images were acquired, as far as they say it: the parts of one scan share that."""
    return {s.series.moment for several in volumes.values() for s in several} - {""}


def sort_slices(slices: Iterable[Slice]) -> list[Found]:
    """Return the acquisitions that slices make, in the order of their series."""
    series: dict[tuple[Any, ...], list[Slice]] = defaultdict(list)
    for s in slices:
        plane = (s.size, tuple(np.round((*s.spacing, *s.axes), 2).tolist()))
        state = (s.processing.corrected, bool(s.processing.problem))
        series[
            s.series.number, s.series.uid, (s.series.study, s.series.patient, s.series.protocol, plane), state
        ].append(s)
    found: list[Found] = []
    for (_, _, key, state), several in sorted(series.items(), key=lambda item: item[0][:2]):
        _add(found, key, state, several)
    for key in dict.fromkeys(each.key for each in found):
        _leave_coils_out(found, key)
        _join_other_states(found, key)
    return found


def _add(found: list[Found], key: tuple[Any, ...], state: tuple[Any, ...], slices: list[Slice]) -> None:
    """Add a series to the acquisition it can be part of, or as one of its own.

    Of several that lack it, the one that was acquired at the same time is taken, or else the latest.
    """
    runs = told_apart(slices)
    repeated = len({run.repetition for run in runs}) > 1
    for run in runs:
        said = [run.doubt] if run.doubt else []
        coil = run.coil if is_single(run.coil) else ""
        mark = (key, state, coil, run.repetition)
        alike = [each for each in found if (each.key, each.state, each.coil, each.repetition) == mark]
        lacking = [each for each in alike if not set(run.volumes) & set(each.volumes)]
        same_time = [each for each in lacking if each.moments & moments(run.volumes)]
        if len(lacking) > 1 and not same_time:
            for each in lacking:
                each.said.append(UNCERTAIN.format(number=slices[0].series.number, count=len(lacking)))
        if lacking:
            own = (same_time or lacking)[-1]
            own.volumes.update(run.volumes)
            own.said += said
            own.several |= repeated
        else:
            found.append(Found(dict(run.volumes), key, state, coil, run.repetition, repeated, said=said))


def _leave_coils_out(found: list[Found], key: tuple[Any, ...]) -> None:
    """Leave single coils out where there are combined images; without those, keep one acquisition that says so."""
    of_key = [each for each in found if each.key == key]
    alone = [each for each in of_key if is_single(each.coil)]
    coils = list(dict.fromkeys(each.coil for each in alone))
    if len(coils) < 2:
        return
    combined = [each for each in of_key if each not in alone]
    for each in alone[bool(not combined) :]:
        found.remove(each)
    if combined:
        for each in combined:
            each.said.append(COILS_LEFT_OUT.format(count=len(coils)))
        return
    alone[0].problem = UNCOMBINED.format(count=len(coils), coils=f"{coils[0]} to {coils[-1]}")


def _join_other_states(found: list[Found], key: tuple[Any, ...]) -> None:
    """Join phase without magnitude to magnitude without phase that was processed in another way."""
    of_key = [each for each in found if each.key == key]
    for phase in (each for each in of_key if each.parts == {"phase"}):
        for other in (each for each in of_key if each.parts == {"magnitude"} and each in found):
            if other.repetition == phase.repetition and other.state != phase.state:
                found.remove(other)
                phase.volumes = other.volumes | phase.volumes
                if other.state[0] != phase.state[0]:
                    phase.said.append(OTHER_CORRECTION)
                break

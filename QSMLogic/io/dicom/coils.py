"""Images of the same slice in one series told apart: echoes, repetitions, and coils that were not combined."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .values import number_of, text_of, value_of, words_of

if TYPE_CHECKING:
    from .headers import Slice

Volumes: TypeAlias = "dict[tuple[str, float], list[Slice]]"
"""Slices by part and echo."""

ICE_DIMENSIONS, REPETITION_IN_ICE = ((0x0021, 0x1106), (0x0021, 0x118E)), 4
COIL_TEXTS = ((0x0051, 0x100F), (0x0021, 0x114F), (0x0065, 0x1003))
UIH_REPETITION, PHILIPS_PHASE = (0x0065, 0x102C), (0x2001, 0x1008)
"""Private elements: Siemens' numbers of coil, echo and so on; Siemens' and United Imaging's coils; repetitions."""

ORDERS = ("TemporalPositionIndex", "TemporalPositionIdentifier", "FrameAcquisitionNumber", "AcquisitionNumber",
          "TriggerTime", "NominalCardiacTriggerDelayTime", UIH_REPETITION, PHILIPS_PHASE)  # fmt: skip
"""Elements that tell repetitions apart, the plainest first."""

SINGLE = re.compile(r"(?:coil |[a-z]{1,3}:?[a-z]{0,2} ?)\d+", re.IGNORECASE)
"""The name of one element of a coil: H12, HE3, C:A7; several are HEA;HEP or HC1-7."""

SAME_POSITION = 1e-3
"""mm; slices nearer than this are the same slice twice."""

SAME_TIMES = (
    "All echoes carry the same echo time ({time:g} ms), and were told apart by their numbers: give the echo times."
)


@dataclass(frozen=True)
class Run:
    """What one repetition, of one coil or of all combined, left in a series. doubt: what was odd, empty if nothing."""

    volumes: Volumes
    coil: str
    repetition: int
    doubt: str


@dataclass(frozen=True)
class Way:
    """What images of one slice are told apart by, beside part and echo time."""

    by_number: bool = False
    by_coil: bool = False
    order: int | None = None

    def key(self, s: Slice) -> tuple[str, float, str, float]:
        """Return what images of one volume have in common: part, echo, coil and repetition."""
        echo = -s.number if self.by_number else s.echo
        order = 0.0 if self.order is None else s.orders[self.order]
        return s.part, echo, s.coil if self.by_coil else "", order


ONE = Way()
WAYS = (ONE, Way(by_number=True), Way(by_coil=True),
        *(Way(by_coil=coil, order=i) for coil in (False, True) for i in range(len(ORDERS) + 1)))  # fmt: skip
"""In the order in which they are tried; a way will do where it leaves no slice twice in a volume."""


def coil_of(chain: list[Any]) -> str:
    """Return the name of the coil or coils of an image, empty where nothing says it or they were combined."""
    elements = value_of(chain, "MultiCoilDefinitionSequence") or ()
    used = [e for e in elements if text_of([e], "MultiCoilElementUsed").upper() == "YES"]
    if used:
        return ";".join(text_of([e], "MultiCoilElementName") for e in used)
    first = _ice(chain)[0]
    if first:
        return f"coil {first}" if first.isdecimal() else ""
    texts = (" ".join(words_of(chain, name)) for name in (*COIL_TEXTS, "ReceiveCoilName"))
    return next(filter(None, texts), "")


def orders_of(chain: list[Any]) -> tuple[float, ...]:
    """Return the numbers that may tell repetitions apart, 0 for what the header leaves out."""
    ice = _ice(chain)
    counted = ice[REPETITION_IN_ICE] if len(ice) > REPETITION_IN_ICE else ""
    return (*(number_of(chain, name) or 0.0 for name in ORDERS), float(counted) if counted.isdecimal() else 0.0)


def is_single(coil: str) -> bool:
    """Whether a coil's name is that of one element of many."""
    return SINGLE.fullmatch(coil) is not None


def told_apart(slices: Sequence[Slice]) -> list[Run]:
    """Return the volumes of every repetition and coil of a series; those that nothing tells apart stay together."""
    way = next((way for way in WAYS if _tells(slices, way)), ONE)
    coils = {s.coil for s in slices}
    common = coils.pop() if len(coils) == 1 else ""
    doubt = SAME_TIMES.format(time=slices[0].echo * 1000) if way.by_number else ""
    runs: dict[tuple[str, int], Volumes] = defaultdict(lambda: defaultdict(list))
    for (part, echo, coil), by_order in _by_order(slices, way).items():
        for repetition, order in enumerate(sorted(by_order)):
            runs[coil if way.by_coil else common, repetition][part, echo] = by_order[order]
    return [Run(dict(volumes), coil, repetition, doubt) for (coil, repetition), volumes in runs.items()]


def _tells(slices: Sequence[Slice], way: Way) -> bool:
    """Whether a way leaves no slice twice in a volume, and every part and echo a volume with all its places."""
    for by_order in _by_order(slices, way).values():
        places = _places([s for several in by_order.values() for s in several])
        if any(_places(several) < len(several) for several in by_order.values()):
            return False
        if max(map(len, by_order.values())) < places:
            return False
    return True


def _by_order(slices: Sequence[Slice], way: Way) -> dict[tuple[str, float, str], dict[float, list[Slice]]]:
    grouped: dict[tuple[str, float, str], dict[float, list[Slice]]] = defaultdict(lambda: defaultdict(list))
    for s in slices:
        part, echo, coil, order = way.key(s)
        grouped[part, echo, coil][order].append(s)
    return grouped


def _places(slices: Sequence[Slice]) -> int:
    """Return in how many different places slices lie along their normal."""
    normal = np.cross(slices[0].axes[:3], slices[0].axes[3:])
    along = np.sort(np.array([s.frame.position for s in slices]) @ normal)
    return 1 + int((np.diff(along) > SAME_POSITION).sum())


def _ice(chain: list[Any]) -> list[str]:
    """Return Siemens' numbers of an image's dimensions, X for coils that were combined; one empty text without any."""
    said = next((text_of(chain, tag) for tag in ICE_DIMENSIONS if value_of(chain, tag)), "")
    return said.split("_")

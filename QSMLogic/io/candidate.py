"""An acquisition found in a folder: what a person chooses by, where its images are, and why it cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from ..errors import InputError
from .nifti import Geometry

PARTS = ("phase", "magnitude", "real", "imaginary")

LONGEST_TEXT = 60
"""Characters of what a header says that are shown; nobody writes longer names, but a damaged file holds some."""


@dataclass(frozen=True)
class Frame:
    """A slice in a DICOM file and how its values are stored: stored x slope + intercept, in units (empty: not said).

    position: of its first voxel, mm, LPS; private_scale: what the values of magnitude, real and imaginary images are
    divided by to be comparable between slices and echoes (Philips), 1 where nothing is said.
    """

    path: Path
    index: int
    position: tuple[float, float, float]
    slope: float = 1.0
    intercept: float = 0.0
    units: str = ""
    private_scale: float = 1.0


@dataclass(frozen=True)
class Stack:
    """The slices of one volume in order, and where it lies."""

    frames: tuple[Frame, ...]
    geometry: Geometry


Volume: TypeAlias = Path | Stack
"""A NIfTI file, or slices in DICOM files."""


@dataclass(frozen=True)
class Candidate:
    """An acquisition that a folder holds.

    name: short, begins the names of what is made of it; kind: "BIDS", "NIfTI" or "DICOM"; description: of the series;
    volumes: for every part (one of PARTS) one volume per echo, or one 4-D file; echo_times: s, None where nothing says
    them; field_strength: T; shape: voxels; params: a parameter file beside the images; problem: why it cannot be used
    and what to do, empty where it can; warnings: what is odd; facts: what else the headers say.
    """

    name: str
    kind: str
    description: str
    volumes: Mapping[str, tuple[Volume, ...]]
    echo_times: tuple[float, ...] | None = None
    field_strength: float | None = None
    shape: tuple[int, ...] | None = None
    params: Path | None = None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def title(self) -> str:
        """What a person sees in a list: name, series, echoes, matrix, field strength, and what is wrong."""
        said = [_echoes(max(map(len, self.volumes.values())), self.echo_times)]
        if self.shape is not None:
            said.append(" x ".join(map(str, self.shape)))
        if self.field_strength is not None:
            said.append(f"{self.field_strength:g} T")
        lacking = " (cannot be used)" if self.problem else ""
        return f"{' '.join(filter(None, (self.name, self.description)))}: {', '.join(said)}{lacking}"

    def files(self) -> tuple[Path, ...]:
        """Return every image file once."""
        found: dict[Path, None] = {}
        for volume in (v for volumes in self.volumes.values() for v in volumes):
            found |= dict.fromkeys([volume] if isinstance(volume, Path) else [f.path for f in volume.frames])
        return tuple(found)


def wanted(parts: Iterable[str]) -> tuple[str, ...]:
    """Return the parts a map is made of, of those there are: phase comes before real and imaginary."""
    there = set(parts)
    return ("phase", "magnitude") if "phase" in there or not there & {"real", "imaginary"} else ("real", "imaginary")


def lacking(parts: Mapping[str, Iterable[Any]], said: Mapping[Any, str]) -> str:
    """Return in a sentence what the echoes found of every part lack to make a map, empty where they lack nothing.

    parts: the echoes found of every part, by any key; said: what a person calls an echo.
    """
    there = {part: set(keys) for part, keys in parts.items() if keys}
    if "phase" not in there and "magnitude" in there:
        return "There is magnitude but no phase: export the phase images (or real and imaginary ones) of the scan too."
    for part, other in (("real", "imaginary"), ("imaginary", "real")):
        if part in there and other not in there:
            return f"There are {part} images but no {other} ones: export both, or the phase."
    every: set[Any] = set().union(*there.values())
    for part, keys in there.items():
        missing = [name for key, name in said.items() if key in every - keys]
        if missing:
            return (
                f"The {part} of {', '.join(missing)} is missing: export every echo, as a difference is no substitute."
            )
    return ""


def other_geometry(named: Mapping[str, Geometry]) -> str:
    """Return in a sentence how the first volume that does not lie on the voxels of the first one differs."""
    (first, geometry), *others = named.items()
    for name, other in others:
        difference = geometry.difference(other)
        if difference:
            return (
                f"{first} and {name} do not lie on the same voxels: {difference}. "
                "Keep the images of one acquisition only, or resample them."
            )
    return ""


def clean(text: Any) -> str:
    """Return text of a header as it can be shown, or stand in a name: printable, of one line and of some length."""
    printable = "".join(c if c.isprintable() and c not in "/\\" else " " for c in str(text or ""))
    return " ".join(printable.split())[:LONGEST_TEXT].strip()


def refuse_unusable(candidate: Candidate) -> None:
    """Raise InputError where a candidate cannot be used."""
    if candidate.problem:
        raise InputError(f"{candidate.name}: {candidate.problem}")


def _echoes(count: int, times: tuple[float, ...] | None) -> str:
    count = count if times is None else len(times)
    said = "1 echo" if count == 1 else f"{count} echoes"
    return said if times is None else f"{said} ({', '.join(f'{t * 1000:g}' for t in np.round(times, 6))} ms)"

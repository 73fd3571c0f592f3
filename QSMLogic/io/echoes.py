"""The images of the echoes: phase in radians and magnitude, whatever they are stored as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .candidate import PARTS
from .nifti import NIFTI_ENDINGS, Geometry, read_echoes, refuse_other_geometry
from .nifti_file import holds_integers, read_header, scaling
from .parameters import read_sidecar
from .phase_scale import PhaseScale, detect_scale, magnitude_phase, to_radians, turned
from .sources import Sources

LEAST_TURN = 6.0
"""rad; phase that was wrapped or holds noise spans more, so what spans less is told from radians by its size alone."""

LARGEST_TURN = 2.2 * np.pi
"""rad; wrapped phase spans 2 pi, a little more where it was interpolated."""

SAME_SLOPE = 0.1
"""Largest relative difference between the slopes of echoes; programs fit them to the range, which is that of a turn."""

LARGEST_DECAY, LARGEST_RISE = 100.0, 3.0
"""Times that the mean magnitude falls from one echo to the next at most, with air in it; and rises, by noise alone."""

LEAST_SPAN = 0.1
"""rad; noise alone makes the phase of an image span more."""


@dataclass(frozen=True)
class Images:
    """Phase (rad) and magnitude (x, y, z, echo), None for what is not given, and where they lie.

    named: the first image; its geometry, None without images; scale: how the phase was stored, None where it was made
    of real and imaginary parts.
    """

    phase: np.ndarray | None
    magnitude: np.ndarray | None
    named: str = ""
    geometry: Geometry | None = None
    scale: PhaseScale | None = None


@dataclass(frozen=True)
class Stored:
    """Values (x, y, z, echo) as the files have them, and what these say of the phase's scale, by detect_scale."""

    values: dict[str, np.ndarray]
    named: str
    geometry: Geometry | None
    units: frozenset[str]
    scale: Mapping[str, Any]


def read_images(sources: Sources, warnings: list[str]) -> Images:
    """Read the images of the echoes; what looks odd is added to the warnings. Raises InputError."""
    return images_of(read_stored(sources, warnings), sources, warnings)


def images_of(stored: Stored, sources: Sources, warnings: list[str]) -> Images:
    """Return phase in radians and magnitude of stored values. Raises InputError where the scale is not certain."""
    read, scale = dict(stored.values), None
    if "real" in read:
        _refuse_other_count(read, "real", "imaginary")
        _refuse_offset(read["real"], read["imaginary"])
        read["magnitude"], read["phase"] = magnitude_phase(read["real"], read["imaginary"])
    elif "phase" in read:
        scale = _scale(stored, sources, warnings)
        read["phase"] = to_radians(read["phase"], scale)
        if sources.phase_scale != "auto":
            _doubt(read["phase"], sources.phase_scale, warnings)
        _doubt_echoes(read["phase"], warnings)
    if "magnitude" in read:
        _doubt_magnitude(read["magnitude"], warnings)
    if "phase" in read and sources.phase_sign < 0:
        read["phase"] = turned(read["phase"])
    return Images(read.get("phase"), read.get("magnitude"), stored.named, stored.geometry, scale)


def read_stored(sources: Sources, warnings: list[str]) -> Stored:
    """Read the images as they are stored. Raises InputError where they do not belong together."""
    if bool(sources.real) != bool(sources.imaginary):
        raise InputError("Real and imaginary images are needed together: give both --real and --imaginary.")
    if sources.real and (sources.phase or sources.magnitude):
        raise InputError("Give phase and magnitude, or real and imaginary images, not both.")
    if sources.acquisition is not None:
        return _from_dicom(sources, warnings)
    read: dict[str, np.ndarray] = {}
    named, first, header = "", None, None
    for part in PARTS:
        paths = getattr(sources, part)
        if not paths:
            continue
        read[part], geometry = read_echoes(paths, part)
        header = geometry.stored if part == "phase" else header
        if first is None:
            named, first = f"{part} {paths[0]}", geometry
        refuse_other_geometry(named, first, f"{part} {paths[0]}", geometry)
        warnings += _other_storage(part, paths)
    units = frozenset(str(read_sidecar(path).get("Units", "")) for path in sources.phase) - {""}
    return Stored(read, named, first, units, {} if header is None else _as_stored(holds_integers(header), header))


def _as_stored(integer: bool, header: np.ndarray) -> dict[str, Any]:
    slope, intercept = scaling(header)
    return {"integer": integer, "slope": slope, "intercept": intercept}


def _from_dicom(sources: Sources, warnings: list[str]) -> Stored:
    from .dicom.voxels import read_volumes  # noqa: PLC0415 (pydicom is an extra, and slow to load)

    assert sources.acquisition is not None
    if sources.phase or sources.magnitude or sources.real:
        raise InputError("Give a folder, or the images themselves, not both.")
    read = read_volumes(sources.acquisition, warnings)
    scale: dict[str, Any] = {}
    if len(read.scalings) == 1:
        slope, intercept = next(iter(read.scalings))
        scale = {"integer": True, "slope": slope, "intercept": intercept}
    return Stored(read.values, sources.acquisition.name, read.geometry, read.units, scale)


def _scale(stored: Stored, sources: Sources, warnings: list[str]) -> PhaseScale:
    """Return the scale the user named, or the one the headers leave no doubt about."""
    if sources.phase_scale != "auto":
        return PhaseScale.named(sources.phase_scale)
    phase, units = stored.values["phase"], stored.units or {""}
    finite = np.isfinite(phase)
    low, high = (
        float(edge(phase, where=finite, initial=start)) for edge, start in ((np.min, np.inf), (np.max, -np.inf))
    )
    if low >= high:
        return PhaseScale.named("radians")
    if len(units) > 1:
        raise InputError(f"The headers of the phase name different units ({', '.join(sorted(units))}): correct them.")
    unit = next(iter(units))
    scale = detect_scale(low, high, units=unit, **stored.scale)
    if not unit and high - low < LEAST_TURN:
        warnings.append(
            f"The phase runs from {low:g} to {high:g} and its header names no unit: it was taken as {scale.name}. "
            "Name its scale with --phase-scale if that is wrong."
        )
    return scale


def _refuse_offset(real: np.ndarray, imaginary: np.ndarray) -> None:
    """Refuse parts without a negative value: noise alone has both signs, so zero is stored as another number."""
    if min(float(np.min(part, where=np.isfinite(part), initial=np.inf)) for part in (real, imaginary)) >= 0:
        raise InputError(
            "The real and imaginary images hold no negative value: they are stored with an offset that the header does "
            "not name. Export them with their rescale, or export the phase."
        )


def _doubt(phase: np.ndarray, named: str, warnings: list[str]) -> None:
    """Tell where the scale that the user named leaves almost nothing."""
    values = phase[np.isfinite(phase)]
    span = float(np.ptp(values)) if values.size else 0.0
    if 0 < span < LEAST_SPAN:
        warnings.append(f"By the phase scale {named} the phase spans {span:.2g} rad only: is it in another unit?")


def _other_storage(part: str, paths: Sequence[Path]) -> list[str]:
    """Return a sentence where the echoes of a part are stored in other ways: one of the headers may be damaged."""
    headers = [(path, read_header(path)) for path in paths if path.name.lower().endswith(NIFTI_ENDINGS)]
    for path, header in headers:
        if not holds_integers(header) and scaling(header) != (1, 0):
            return [f"{path.name} holds fractions and scales them, which is not usual: its header may be damaged."]
    for path, header in headers[1:]:
        first, other = headers[0][1], header
        slopes = scaling(first)[0], scaling(other)[0]
        same_scale = part == "magnitude" or abs(slopes[1] - slopes[0]) <= SAME_SLOPE * abs(slopes[0])
        if first["datatype"] != other["datatype"] or not same_scale:
            return [
                f"{headers[0][0].name} and {path.name} are stored in different ways (type {int(first['datatype'])} and "
                f"{int(other['datatype'])}, slope {slopes[0]:g} and {slopes[1]:g}): check that they are of one scan."
            ]
    return []


def _doubt_echoes(phase: np.ndarray, warnings: list[str]) -> None:
    """Tell where phase (rad) goes beyond a turn, or that of one echo hardly varies."""
    echoes = [echo[np.isfinite(echo)] for echo in np.moveaxis(phase, 3, 0)]
    spans = [float(np.ptp(echo)) if echo.size else 0.0 for echo in echoes]
    for echo, span in enumerate(spans):
        if span > LARGEST_TURN:
            warnings.append(
                f"The phase of echo {echo + 1} spans {span:.3g} rad, more than one turn: it is unwrapped already, its "
                "unit is another one than the header says, or it is damaged."
            )
        elif span < LEAST_SPAN and max(spans) > LEAST_TURN:
            warnings.append(f"The phase of echo {echo + 1} spans {span:.2g} rad only: is it in another unit?")


def _doubt_magnitude(magnitude: np.ndarray, warnings: list[str]) -> None:
    """Tell where the echoes differ in strength by more than any decay or rise does."""
    means = [float(np.mean(echo, where=np.isfinite(echo), dtype=float)) for echo in np.moveaxis(magnitude, 3, 0)]
    for echo, (one, other) in enumerate(pairwise(means), 2):
        if one > 0 and not 1 / LARGEST_DECAY < other / one < LARGEST_RISE:
            warnings.append(
                f"The magnitude of echo {echo} is {other / one:.3g} times that of echo {echo - 1}: its scale is "
                "another one, or it is damaged."
            )


def _refuse_other_count(read: Mapping[str, np.ndarray], one: str, other: str) -> None:
    echoes, others = read[one].shape[3], read[other].shape[3]
    if echoes != others:
        raise InputError(f"{echoes} echoes of {one} but {others} of {other} images are given: they must be as many.")

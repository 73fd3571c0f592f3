"""From stored phase to radians, by what the header says; where it does not say, the user is asked, nothing is guessed.

Also complex data as real and imaginary part, and the sign convention.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

TWELVE_BITS = 4096
"""Scanners store phase in so many steps per turn."""

EDGE = 16
"""Steps by which a 12-bit image may fail to reach the end of its range; noise in air reaches both."""

NEARLY = 0.02
"""Relative room for rounding of slope and intercept in headers, and of a range of radians that noise hardly fills."""


BEYOND_UNIT = 1.05
"""Phase stored as -1..1 per half turn stays below, rounding and interpolation included."""


@dataclass(frozen=True)
class PhaseScale:
    """How phase is stored: the step that is a whole turn, and the value that is phase 0."""

    name: str
    turn: float
    zero: float = 0.0

    @classmethod
    def named(cls, name: str) -> PhaseScale:
        """Return the scale of a name of SCALES, or, of a number, the scale with that many units per turn.

        Raises InputError for anything else.
        """
        if name in SCALES:
            return SCALES[name]
        try:
            turn = float(name)
        except ValueError:
            turn = 0.0
        if not np.isfinite(turn) or turn <= 0:
            raise InputError(
                f"Phase scale = {name!r}, allowed {', '.join(SCALES)}, or a positive number: the units of one turn."
            )
        return cls(f"{turn:g} units per turn", turn)


SCALES = {
    scale.name: scale
    for scale in (
        PhaseScale("radians", 2 * np.pi),
        PhaseScale("milliradians", 2000 * np.pi),
        PhaseScale("degrees", 360),
        PhaseScale("siemens", TWELVE_BITS, TWELVE_BITS / 2),
        PhaseScale("siemens_signed", 2 * TWELVE_BITS),
    )
}
"""Scales by name: siemens is 0..4095, siemens_signed -4096..4094 (slope 2, intercept -4096 applied)."""

UNITS = {
    "rad": "radians",
    "radian": "radians",
    "radians": "radians",
    "mrad": "milliradians",
    "milliradian": "milliradians",
    "milliradians": "milliradians",
    "deg": "degrees",
    "degree": "degrees",
    "degrees": "degrees",
}
"""Scale by the word that BIDS or DICOM has for the unit."""

NO_UNITS = ("", "arbitrary", "normalized", "us", "unspecified", "a.u.", "au")
"""Words of headers that say nothing."""


def to_radians(stored: np.ndarray, scale: PhaseScale | str) -> np.ndarray:
    """Return phase in radians, float32, of stored values (slope and intercept applied) and their scale or its name."""
    known = PhaseScale.named(scale) if isinstance(scale, str) else scale
    factor = 2 * np.pi / known.turn
    return np.asarray(stored, np.float32) * np.float32(factor) - np.float32(known.zero * factor)


def detect_scale(
    low: float, high: float, *, units: str = "", integer: bool = False, slope: float = 1.0, intercept: float = 0.0
) -> PhaseScale:
    """Return the scale that the header's facts leave no doubt about.

    low, high: smallest and largest value, slope and intercept applied; units: BIDS Units or DICOM rescale type;
    integer: whether the file stores integers; slope, intercept: as the file has them.
    Raises: InputError where the scale is not certain, or the unit is none of an angle.
    """
    word = units.strip().lower()
    if word in UNITS:
        return SCALES[UNITS[word]]
    if word not in NO_UNITS:
        raise InputError(
            f"The phase is in units of {units!r}, which is no angle: give a phase image, or name the phase scale."
        )
    if _fills(low, high, -np.pi, np.pi) or _fills(low, high, 0, 2 * np.pi) or _fits_radians_only(low, high):
        return SCALES["radians"]
    if integer and intercept and abs(intercept + slope * TWELVE_BITS / 2) <= NEARLY * abs(intercept):
        turn = slope * TWELVE_BITS
        return PhaseScale(f"{turn:g} units per turn", turn, intercept + turn / 2)
    if integer and slope == 1 and intercept == 0:
        if 0 <= low <= EDGE and TWELVE_BITS - EDGE <= high < TWELVE_BITS:
            return SCALES["siemens"]
        if abs(low + TWELVE_BITS) <= EDGE and abs(high - TWELVE_BITS) <= EDGE:
            return SCALES["siemens_signed"]
    raise InputError(
        f"The phase runs from {low:g} to {high:g} (slope {slope:g}, intercept {intercept:g}) and its header names no "
        f"unit: name the phase scale ({', '.join(SCALES)}, or the units of one turn)."
    )


def _fits_radians_only(low: float, high: float) -> bool:
    """Whether values of both signs stay within half a turn of radians and go beyond -1..1, which is another scale.

    A masked phase without noise is like that. It is taken as radians, and the user is told.
    """
    return low < 0 < high and BEYOND_UNIT < max(-low, high) <= np.pi * (1 + NEARLY)


def magnitude_phase(real: np.ndarray, imaginary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return magnitude and phase (rad), float32, of a complex image; InputError where the shapes differ."""
    if np.shape(real) != np.shape(imaginary):
        raise InputError(
            f"The real part has shape {np.shape(real)} but the imaginary part {np.shape(imaginary)}: "
            "they must be equal."
        )
    first, second = np.asarray(real, np.float32), np.asarray(imaginary, np.float32)
    return np.hypot(first, second), np.arctan2(second, first)


def turned(phase: np.ndarray) -> np.ndarray:
    """Return phase of the other sign convention: what fell with positive field rises with it."""
    return -np.asarray(phase, np.float32)


def _fills(low: float, high: float, start: float, stop: float) -> bool:
    """Whether values reach from start to stop and not beyond, but for rounding."""
    room = NEARLY * (stop - start)
    return abs(low - start) <= room and abs(high - stop) <= room

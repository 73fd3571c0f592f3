"""What a scanner did to its images that a susceptibility map does not bear, or that a person should know of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .facts import DISTORTION, acquired
from .kinds import image_type
from .values import number_of, text_of

FILTERED = (
    "The phase was high-pass filtered by the scanner for susceptibility weighting ({said}), which takes a part of the "
    "field away: export the unfiltered phase, which most scanners have to be told to keep."
)
MAYBE_FILTERED = (
    "The phase is of a protocol for susceptibility weighting ({said}), whose phase many scanners store high-pass "
    "filtered: if it looks flat, without wraps, the map will be wrong."
)
CORRECTED = (
    "The phase was corrected for distortion ({said}), which interpolates across its wraps: export the uncorrected "
    "images (ND), of the magnitude too."
)
LOSSY = "The images were compressed with a loss, which disturbs phase most where it wraps: export them without a loss."
SMOOTHED = "The phase was filtered by the scanner ({said}): export unfiltered images."
INTERPOLATED = (
    "The images were interpolated from {columns} x {rows} to {others} x {more} voxels: the map is not sharper for it, "
    "and noise is shared by neighbours; switch interpolation off for the next scan."
)
INTERPOLATED_SOMEHOW = (
    "The header says that the images were interpolated ({said}): the map is not sharper for it, and noise is shared by "
    "neighbours; switch interpolation off for the next scan."
)
GE_SIGN = (
    "Scanners of GE often store phase that falls where the field is higher: if veins and iron-rich nuclei come out "
    "dark, give the phase the other sign (--phase-sign -1)."
)

UNKNOWN_SIGN = (
    "Nobody has compared the sign of this scanner's phase ({manufacturer}) with anatomy yet: if veins and iron-rich "
    "nuclei come out dark, give the phase the other sign (--phase-sign -1)."
)
KNOWN_SIGN = ("SIEMENS", "PHILIPS")
"""Makers whose phase grows with the field."""

WEIGHTED = {"SWI", "SWIP", "HPF"}
SMOOTHING = {"FIL", "FM", "FM1", "FM2", "FM3"}
"""Words of image types for filters."""

SAYS_FILTERED = re.compile(r"filt\w*[ _.:-]*pha|pha\w*[ _.:-]*filt|high[ _-]?pass|homodyne", re.IGNORECASE)
SAYS_WEIGHTED = re.compile(r"(?<![a-z])(?:swi|swan|swip|fsbb|venbold)|pha_images", re.IGNORECASE)
"""Names of series and sequences: GE's FILT_PHA and SWAN; Siemens' swi3d and Pha_Images, Philips' SWIp, Canon's FSBB."""

MATRIX_TEXTS, ENDS_ON_I = (
    ((0x0051, 0x100B), (0x0021, 0x1158), (0x0065, 0x1004)),
    re.compile(r"^(?:.*\d\S*\s*)?i$", re.IGNORECASE),
)
"""Private texts of the matrix, Siemens' and United Imaging's, which end on an i where it was interpolated."""

ENLARGED = 1.5
"""Voxels per acquired one above which images count as interpolated; partial sampling and rounding give less."""


@dataclass(frozen=True)
class Processing:
    """What was done to an image: problem is why it cannot be used, doubts what a person should know."""

    problem: str = ""
    doubts: tuple[str, ...] = ()
    corrected: bool = False


def processing_of(chain: list[Any], part: str, manufacturer: str) -> Processing:
    """Return what the header of an image of a part says was done to it."""
    words = image_type(chain)
    corrected = [word for word in words if word in DISTORTION]
    if part not in ("phase", "real", "imaginary"):
        return Processing(corrected=bool(corrected))
    problem, doubts = "", [_interpolated(chain), LOSSY if text_of(chain, "LossyImageCompression") == "01" else ""]
    if part == "phase":
        problem = _filtered(chain, words)
        hint = _match(chain, SAYS_WEIGHTED)
        doubts.append(MAYBE_FILTERED.format(said=hint) if hint and not problem else "")
    smoothing = [word for word in words if word in SMOOTHING]
    doubts.append(SMOOTHED.format(said=", ".join(smoothing)) if smoothing else "")
    doubts.append(CORRECTED.format(said=corrected[0]) if corrected else "")
    doubts.append(_sign(manufacturer))
    return Processing(problem, tuple(filter(None, doubts)), bool(corrected))


def _sign(manufacturer: str) -> str:
    """Return in a sentence that the sign of the phase may be the other one, empty where it is known."""
    if manufacturer.startswith("GE"):
        return GE_SIGN
    known = manufacturer.startswith(KNOWN_SIGN)
    return "" if known else UNKNOWN_SIGN.format(manufacturer=manufacturer or "whose maker is not named")


def _filtered(chain: list[Any], words: list[str]) -> str:
    said = [f"image type {word}" for word in words if word in WEIGHTED] or [_match(chain, SAYS_FILTERED)]
    return FILTERED.format(said=said[0]) if said[0] else ""


def _match(chain: list[Any], pattern: re.Pattern[str]) -> str:
    """Return the first name of series, protocol or sequence that a pattern is found in, empty without one."""
    names = (
        text_of(chain, name) for name in ("SeriesDescription", "SequenceName", "PulseSequenceName", "ProtocolName")
    )
    return next((name for name in names if pattern.search(name)), "")


def _interpolated(chain: list[Any]) -> str:
    """Return in a sentence that the images were interpolated within the plane, empty where they were not."""
    size, matrix = (number_of(chain, "Columns"), number_of(chain, "Rows")), acquired(chain)
    if matrix and None not in size and all(voxels > ENLARGED * n for voxels, n in zip(size, matrix, strict=True)):  # type: ignore[operator]
        columns, rows = matrix
        return INTERPOLATED.format(columns=columns, rows=rows, others=int(size[0] or 0), more=int(size[1] or 0))
    said = [text for text in (text_of(chain, tag) for tag in MATRIX_TEXTS) if ENDS_ON_I.search(text)]
    return INTERPOLATED_SOMEHOW.format(said=said[0]) if said else ""

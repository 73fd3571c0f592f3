"""What a DICOM image shows: magnitude, phase, real or imaginary part, a field map, or something computed from these."""

from __future__ import annotations

import re
from typing import Any

from .values import number_of, text_of, words_of

FIELD_MAP = "field map"
"""What stands for a part where an image holds a field, in Hz, that the scanner made of the phase of two echoes."""

GE_PART, GE_PARTS = (0x0043, 0x102F), ("magnitude", "phase", "real", "imaginary")
GE_SEQUENCES = ((0x0019, 0x109C), (0x0019, 0x109E))
PHILIPS_PART, SIEMENS_TYPE = (0x2005, 0x1011), (0x0021, 0x1175)
"""Private elements: GE's and Philips' word for the part, GE's for the sequence; Siemens' image type since XA."""

WORDS = {
    "M": "magnitude", "MAG": "magnitude", "MAGNITUDE": "magnitude", "M_FFE": "magnitude",
    "P": "phase", "PHASE": "phase", "PHASE MAP": "phase", "P_FFE": "phase",
    "R": "real", "REAL": "real", "R_FFE": "real",
    "I": "imaginary", "IMAGINARY": "imaginary", "I_FFE": "imaginary",
}  # fmt: skip
"""Parts by what image types call them; the first two words of an image type say other things."""

FIELD_WORDS = {"B0", "B0 MAP", "FIELD_MAP", "FIELDMAP", "FIELD MAP"}

MADE = {"QSM", "SWI", "SWIP", "MNIP", "MINIP", "MIP", "MIN IP", "MPR", "PROJECTION IMAGE", "T2 MAP", "T2_STAR MAP",
        "R2 MAP", "R2_STAR MAP", "T1 MAP", "ADC", "FA", "TRACEW", "SUBTRACTION"}  # fmt: skip
"""Image types of what was computed from the images of the echoes."""

WEIGHTED = {"SWI", "SWIP"}
"""Of these what the phase may be called that was filtered for susceptibility weighting, which is refused by name."""

TILED = {"MOSAIC", "VFRAME"}
"""Image types of whole volumes in tiles, by Siemens and United Imaging, as only echo-planar scans have them."""

FLOW = {"VELOCITY MAP", "VELOCITY", "PHASE CONTRAST M", "M_PCA", "P_PCA", "PCA", "FLOW"}
"""Image types of phase-contrast scans, whose phase is a velocity."""

HERTZ = {"HZ", "HERTZ", "1/S", "HZ/PIXEL"}


def kind_of(chain: list[Any], manufacturer: str) -> str:
    """Return the part an image shows (one of PARTS), FIELD_MAP, or nothing for what was computed from the echoes.

    manufacturer: in capitals.
    """
    words = image_type(chain)
    if set(words) & FIELD_WORDS or _in_hertz(chain) or _ge_field_map(chain, manufacturer):
        return FIELD_MAP
    own = _ge_part(chain) if manufacturer.startswith("GE") else ""
    component = WORDS.get(text_of(chain, "ComplexImageComponent").upper(), "") or own
    known = [WORDS[word] for word in (*words, text_of(chain, PHILIPS_PART).upper()) if word in WORDS]
    part = component or (known[0] if known else "magnitude")
    other = FLOW | TILED | (MADE - WEIGHTED if part == "phase" else MADE)
    return "" if set(words) & other else part


def image_type(chain: list[Any]) -> list[str]:
    """Return the words of the image type after the first two, in capitals; Siemens' own ones since XA among them."""
    named = words_of(chain, "FrameType") or words_of(chain, "ImageType")
    return [word.upper() for word in (*named[2:], *words_of(chain, SIEMENS_TYPE)[2:])]


def _in_hertz(chain: list[Any]) -> bool:
    """Whether the header says that the values are frequencies."""
    units = [item["MeasurementUnitsCodeSequence"].value for item in chain if "MeasurementUnitsCodeSequence" in item]
    said = [text_of([codes[0]], "CodeValue") for codes in units if codes]
    return bool({word.upper() for word in (*said, text_of(chain, "RescaleType"))} & HERTZ)


def _ge_field_map(chain: list[Any], manufacturer: str) -> bool:
    named = " ".join(text_of(chain, tag) for tag in GE_SEQUENCES)
    return manufacturer.startswith("GE") and re.search("b0map", named, re.IGNORECASE) is not None


def _ge_part(chain: list[Any]) -> str:
    own = number_of(chain, GE_PART)
    return GE_PARTS[int(own)] if own is not None and own in range(len(GE_PARTS)) else ""

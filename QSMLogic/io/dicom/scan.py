"""What the headers of a scan say of the sequence, in the elements of a classic MR image (PS3.3 C.8.3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .headers import unreadable
from .values import number_of, value_of

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "RepetitionTime": ("RepetitionTime",),
    "EchoTrainLength": ("EchoTrainLength", "GradientEchoTrainLength"),
    "FlipAngle": ("FlipAngle",),
    "MagneticFieldStrength": ("MagneticFieldStrength",),
    "ImagingFrequency": ("ImagingFrequency", "TransmitterFrequency"),
    "PixelBandwidth": ("PixelBandwidth",),
}
"""Elements of a classic image, and the names their values have in classic and enhanced ones."""

WHOLE = ("EchoTrainLength",)

WORDS: Mapping[str, tuple[str, ...]] = {
    "ScanningSequence": ("SE", "IR", "GR", "EP", "RM"),
    "SequenceVariant": ("SK", "MTC", "SS", "TRSS", "SP", "MP", "OSP", "NONE"),
    "ScanOptions": (),
    "MRAcquisitionType": ("2D", "3D"),
}
"""Elements with defined words; none where any is allowed."""

SPOILED, UNSPOILED = "SP", "NONE"


def scan_elements(header: Any) -> dict[str, Any]:
    """Return elements of the MR Image module by keyword; those an image must have are there, empty at worst.

    The echo time is left empty: a map is of all echoes.
    """
    chain = [header, *_shared(header)]
    made: dict[str, Any] = {}
    for word, allowed in WORDS.items():
        made[word] = _words(said(chain, word), allowed)
    enhanced = str(said(chain, "EchoPulseSequence") or "")
    made["ScanningSequence"] = made["ScanningSequence"] or (["SE"] if enhanced == "SPIN" else ["GR"])
    spoiled = str(said(chain, "Spoiling") or "NONE") != "NONE"
    made["SequenceVariant"] = made["SequenceVariant"] or [SPOILED if spoiled else UNSPOILED]
    made["EchoTime"] = made["EchoTrainLength"] = made["RepetitionTime"] = None
    for word, names in NUMBERS.items():
        found = [number for name in names if (number := said(chain, name, number_of)) is not None]
        if found:
            made[word] = round(found[0]) if word in WHOLE else _text(found[0])
    return made


def _shared(header: Any) -> list[Any]:
    """Return the items of the functional groups of all frames, and of the first one."""
    groups = [*(header.get("SharedFunctionalGroupsSequence") or ())]
    groups += [*(header.get("PerFrameFunctionalGroupsSequence") or ())][:1]
    sequences = [element for group in groups for element in group if element.VR == "SQ" and not element.tag.is_private]
    return [item for sequence in sequences for item in sequence.value]


def said(chain: list[Any], name: str, read: Callable[[list[Any], str], Any] = value_of) -> Any:
    """Return what a header says, None where it says what cannot be read."""
    try:
        return read(chain, name)
    except unreadable():
        return None


def _words(value: Any, allowed: tuple[str, ...]) -> list[str]:
    """Return the words of a code string, those that are none left out."""
    several = [value] if isinstance(value, str) else list(value or ())
    words = [str(word).strip().upper() for word in several]
    return [word for word in words if _is_code(word) and (not allowed or word in allowed)]


def _is_code(word: str) -> bool:
    return 0 < len(word) <= 16 and all(c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _" for c in word)


def _text(number: float) -> str:
    from pydicom.valuerep import format_number_as_ds  # noqa: PLC0415 (an extra, and slow to load)

    return format_number_as_ds(number)

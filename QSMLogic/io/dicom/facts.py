"""What the header of an image says of the scan, by the words BIDS has for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..bounded import BoundedFile
from .kinds import image_type
from .values import number_of, numbers_of, text_of, words_of

GE_ASSET, GE_ECHOES = (0x0043, 0x1083), (0x0019, 0x107E)
SIEMENS_PARALLEL = ((0x0051, 0x1011), (0x0021, 0x1009))
UIH_PARALLEL, UIH_FILTER = (0x0065, 0x100D), (0x0065, 0x1032)
"""Private elements: GE's factors of parallel imaging, below one, and count of echoes; texts on parallel imaging."""

SIEMENS_PROTOCOLS = ((0x0029, 0x1020), (0x0021, 0x1019))
SHARED: tuple[Any, ...] = ("SharedFunctionalGroupsSequence", (0x0029, 0x0010), (0x0021, 0x0010))
READOUT_MODES = {1: "monopolar", 2: "bipolar"}
"""Where Siemens keeps the protocol as text, what that lies in or is named by, and what ucReadOutMode says there."""

TEXTS = {
    "Manufacturer": "Manufacturer", "ManufacturersModelName": "ManufacturerModelName",
    "SoftwareVersions": "SoftwareVersions", "SeriesDescription": "SeriesDescription", "ProtocolName": "ProtocolName",
    "MRAcquisitionType": "MRAcquisitionType", "ReceiveCoilName": "ReceiveCoilName",
}  # fmt: skip
LISTS = {"ScanningSequence": "ScanningSequence", "SequenceVariant": "SequenceVariant", "ScanOptions": "ScanOptions"}
NUMBERS = {
    "MagneticFieldStrength": "MagneticFieldStrength", "FlipAngle": "FlipAngle", "PixelBandwidth": "PixelBandwidth",
    "SliceThickness": "SliceThickness",
    "SpacingBetweenSlices": "SpacingBetweenSlices", "NumberOfAverages": "NumberOfAverages",
}  # fmt: skip
"""Facts by name: the keyword of the element that holds them."""

HERTZ = 1e6
"""A frequency above is in Hz, as United Imaging writes it, where the standard has MHz."""

NORMALISED, DISTORTION = {"NORM", "NORMALIZED"}, {"DIS2D", "DIS3D"}
FILTERS = {"FIL", "FM", "FM1", "FM2", "FM3", *NORMALISED, *DISTORTION}
"""Words of Siemens' image types for what was done to the images: filters, normalising, correction of distortion."""


def facts_of(chain: list[Any], manufacturer: str) -> dict[str, Any]:
    """Return what a header says of the scan; nothing stands for what it leaves out, and nothing of the patient."""
    timing, train = number_of(chain, "RepetitionTime"), number_of(chain, "EchoTrainLength")
    facts: dict[str, Any] = {name: text_of(chain, keyword) for name, keyword in TEXTS.items()}
    facts |= {name: words_of(chain, keyword) for name, keyword in LISTS.items()}
    facts |= {name: number_of(chain, keyword) for name, keyword in NUMBERS.items()}
    facts["SequenceName"] = text_of(chain, "SequenceName") or text_of(chain, "PulseSequenceName")
    frequency = number_of(chain, "ImagingFrequency") or number_of(chain, "TransmitterFrequency") or 0.0
    facts["ImagingFrequency"] = frequency / HERTZ if frequency > HERTZ else frequency
    facts["RepetitionTime"] = timing and timing / 1000
    facts["EchoTrainLength"] = int(train or number_of(chain, "GradientEchoTrainLength") or 0)
    facts["SeriesNumber"] = int(number_of(chain, "SeriesNumber") or 0)
    facts["NumberOfEchoes"] = int(number_of(chain, GE_ECHOES) or 0) if manufacturer.startswith("GE") else 0
    facts["ImageType"] = words_of(chain, "FrameType") or words_of(chain, "ImageType")
    facts["AcquisitionMatrix"] = acquired(chain)
    facts["ParallelReductionFactorInPlane"] = _parallel(chain, manufacturer)
    facts["Filters"] = _filters(chain)
    facts["NonlinearGradientCorrection"] = bool(set(image_type(chain)) & DISTORTION)
    return {name: value for name, value in facts.items() if value not in (None, "", [], 0, False)}


def acquired(chain: list[Any]) -> list[int]:
    """Return the acquired matrix along columns and rows of the image, empty where nothing says it.

    The element has a place for every combination of kind of encoding and axis, of which two hold a number.
    """
    said = numbers_of(chain, "AcquisitionMatrix", 4) or (0.0,) * 4
    columns, rows = max(said[1], said[3]), max(said[0], said[2])
    if min(columns, rows) > 0:
        return [int(columns), int(rows)]
    steps = number_of(chain, "MRAcquisitionFrequencyEncodingSteps") or max(said[:2])  # United Imaging: both as columns
    lines = number_of(chain, "MRAcquisitionPhaseEncodingStepsInPlane") or max(said[2:])
    by_row = text_of(chain, "InPlanePhaseEncodingDirection").upper().startswith("ROW")
    columns, rows = (lines, steps) if by_row else (steps, lines)
    return [int(columns), int(rows)] if min(columns, rows) > 0 else []


def siemens_protocol(path: Path) -> dict[str, Any]:
    """Return the readout's polarity and the number of echoes that Siemens' protocol in a file names.

    Nothing where it names none, or where the file is another vendor's.
    """
    from pydicom import dcmread  # noqa: PLC0415 (an extra, and slow to load)

    with BoundedFile(path) as file:
        header = dcmread(file, stop_before_pixels=True, specific_tags=[*SIEMENS_PROTOCOLS, *SHARED])
    values = [element.value for element in header.iterall() if element.tag in SIEMENS_PROTOCOLS]
    text = "\n".join(value.decode("latin-1") for value in values if isinstance(value, bytes))
    found: dict[str, Any] = {}
    mode, echoes = (_of_protocol(text, word) for word in ("ucReadOutMode", "lContrasts"))
    if mode in READOUT_MODES and (echoes or 0) > 1:
        found["ReadoutPolarity"] = READOUT_MODES[mode]
    if echoes:
        found["NumberOfEchoes"] = echoes
    return found


def _of_protocol(text: str, word: str) -> int | None:
    said = re.search(rf"{word}\s*=\s*(0x[0-9a-fA-F]+|\d+)", text)
    return None if said is None else int(said.group(1), 0)


def _parallel(chain: list[Any], manufacturer: str) -> float | None:
    """Return the factor of parallel imaging within the plane."""
    factor = number_of(chain, "ParallelReductionFactorInPlane")
    if factor is None and manufacturer.startswith("GE"):
        asset = number_of(chain, GE_ASSET)
        factor = round(1 / asset, 3) if asset and asset > 0 else None
    for tag, pattern in [(tag, r"p(\d+)") for tag in SIEMENS_PARALLEL] + [(UIH_PARALLEL, r":(\d+\.?\d*)")]:
        said = re.search(pattern, text_of(chain, tag))
        factor = float(said.group(1)) if factor is None and said else factor
    return factor


def _filters(chain: list[Any]) -> list[str]:
    """Return what was done to the images, by the vendor's words."""
    words = [word for word in image_type(chain) if word in FILTERS]
    k_space = [text_of(chain, name).upper() for name in ("KSpaceFiltering", UIH_FILTER)]
    return list(dict.fromkeys([*words, *(word for word in k_space if word not in ("", "NONE"))]))

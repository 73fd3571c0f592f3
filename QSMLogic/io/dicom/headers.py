"""The headers of DICOM files: for every slice, what it shows, where it lies and how its values are stored.

Nothing is taken from a header on trust: a number that is none, or makes no sense, counts as not said.
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..bounded import BoundedFile
from ..candidate import Frame, clean
from ..phase_scale import UNITS
from .coils import coil_of, orders_of
from .facts import facts_of
from .kinds import kind_of
from .processing import Processing, processing_of
from .values import number_of, numbers_of, text_of, uid_of, value_of

MARK, PREAMBLE = b"DICM", 128
"""What a DICOM file says, and after how many bytes."""

TAGS = [
    "SOPClassUID", "SOPInstanceUID", "Modality", "Manufacturer", "ManufacturerModelName", "ImageType",
    "ComplexImageComponent", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
    "ProtocolName", "ScanningSequence", "SequenceVariant", "ScanOptions", "SequenceName", "PulseSequenceName",
    "EchoPulseSequence", "MRAcquisitionType", "MagneticFieldStrength", "ImagingFrequency", "TransmitterFrequency",
    "SoftwareVersions", "RepetitionTime", "FlipAngle", "PixelBandwidth", "EchoTrainLength", "NumberOfAverages",
    "AcquisitionMatrix", "InPlanePhaseEncodingDirection", "ParallelReductionFactorInPlane", "KSpaceFiltering",
    "ReceiveCoilName", "TemporalPositionIdentifier", "AcquisitionNumber", "TriggerTime", "AcquisitionDateTime",
    "AcquisitionDate", "AcquisitionTime", "LossyImageCompression",
    "EchoTime", "EchoNumbers", "SliceThickness", "SpacingBetweenSlices",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames",
    "SamplesPerPixel", "BitsAllocated", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "RealWorldValueMappingSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
"""What is read of a header; Siemens' private part is much larger."""

PHILIPS_SLOPE, PRIVATE_FRAMES = (0x2005, 0x100E), ((0x2005, 0x140F), (0x0021, 0x11FE))
"""Private elements: Philips' scale; Philips' and Siemens' own header of a frame."""

PRIVATE = [
    (0x0019, 0x107E), (0x0019, 0x109C), (0x0019, 0x109E), (0x0021, 0x1009), (0x0021, 0x1106), (0x0021, 0x118E),
    (0x0021, 0x114F), (0x0021, 0x1158), (0x0021, 0x1175), (0x0043, 0x102F), (0x0043, 0x1083), (0x0051, 0x100B),
    (0x0051, 0x100F), (0x0051, 0x1011), (0x0065, 0x1003), (0x0065, 0x1004), (0x0065, 0x100D), (0x0065, 0x102C),
    (0x0065, 0x1032), (0x2001, 0x1008), (0x2005, 0x100E), (0x2005, 0x1011),
]  # fmt: skip
"""The private elements that other files name, which have to be read with the header."""

CREATORS = [
    (group, 0x0010 + i) for group in (0x0019, 0x0021, 0x0043, 0x0051, 0x0065, 0x2001, 0x2005) for i in (0, 1, 4)
]
"""Who defined the private elements, without which their kind is not known."""

IMAGES = ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4")
"""Classes of images of magnetic resonance: classic, enhanced, and classic ones turned into enhanced ones."""

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""A file compressed as a whole: its header alone may unfold to any size, and no scanner writes it."""

GE_UNIT = "The header of the phase names no unit: it was taken as milliradians, as GE stores it."

FIELD_STRENGTHS, LONGEST_ECHO, MOST_ECHOES = (0.01, 30.0), 500.0, 256
"""T, ms, and a count; numbers beyond are in another unit, or damaged."""


@dataclass(frozen=True)
class Series:
    """What the slices of a file share. moment: when they were acquired; facts: by the words BIDS has for them."""

    study: str
    uid: str
    number: int
    name: str
    patient: str
    moment: str
    manufacturer: str
    field_strength: float | None
    gradient_echo: bool
    protocol: tuple[Any, ...]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Slice:
    """A slice: the part (one of PARTS) and echo (s, or its number below 0) it shows, and its plane (mm, LPS).

    part: FIELD_MAP beside PARTS; number: of the echo, 0 where it is not said; axes: of a row and of a column; spacing:
    along them; size: voxels along them; thickness: where it is said; coil and orders: what images of the same slice are
    told apart by; doubt: a sentence on what the header leaves open, empty where it does not.
    """

    frame: Frame
    series: Series
    uid: tuple[str, int]
    part: str
    echo: float
    number: int
    axes: tuple[float, ...]
    spacing: tuple[float, float]
    size: tuple[int, int]
    thickness: float | None
    coil: str
    orders: tuple[float, ...]
    processing: Processing
    doubt: str


def read_slices(path: Path) -> list[Slice]:
    """Return the slices of a DICOM file, none where it holds no images of magnetic resonance.

    Raises InputError, naming the file, where it is damaged.
    """
    from pydicom import dcmread  # noqa: PLC0415 (an extra, and slow to load)

    try:
        with warnings.catch_warnings(), BoundedFile(path) as file:
            warnings.simplefilter("ignore")
            if DEFLATED in file.read(1024):
                raise InputError(f"{path.name} is compressed as a whole (deflated): export it without.")
            file.seek(0)
            tags: Any = [*TAGS, *PRIVATE, *CREATORS]
            header = dcmread(file, stop_before_pixels=True, specific_tags=tags)
            kind = header.file_meta.get("MediaStorageSOPClassUID") or header.SOPClassUID
            if kind not in IMAGES or header.get("Modality", "MR") != "MR":
                return []
            _refuse_cut_short(path, header, path.stat().st_size - file.tell())
            return _slices(path, header)
    except InputError:
        raise
    except unreadable() as error:
        raise InputError(f"{path.name} is a damaged DICOM file ({clean(error) or type(error).__name__}).") from None


def unreadable() -> tuple[type[Exception], ...]:
    """Return what pydicom raises on bytes that are not what they claim to be."""
    from pydicom.errors import BytesLengthException, InvalidDicomError  # noqa: PLC0415 (see above)

    known = (ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError, RecursionError)
    return (*known, TypeError, ValueError, struct.error, BytesLengthException, InvalidDicomError)


def is_dicom(path: Path) -> bool:
    """Tell whether a file says that it is DICOM. Raises InputError where it cannot be read, or holds nothing."""
    try:
        with path.open("rb") as file:
            beginning = file.read(PREAMBLE + len(MARK))
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.") from None
    if not beginning:
        raise InputError(f"{path.name} is empty (zero bytes).")
    return beginning[PREAMBLE:] == MARK


def _refuse_cut_short(path: Path, header: Any, there: int) -> None:
    """Refuse a file that cannot hold the voxels its header claims, before anything is made for them."""
    frames = int(header.get("NumberOfFrames") or 1)
    described = len(header.get("PerFrameFunctionalGroupsSequence") or ()) or 1
    if frames != described:
        raise InputError(f"{path.name} is damaged: it claims {frames} frames and describes {described}.")
    if header.get("SamplesPerPixel", 1) != 1:
        raise InputError(f"{path.name} is a picture in colours, no image of the scanner.")
    syntax = header.file_meta.TransferSyntaxUID
    needed = int(header.Rows) * int(header.Columns) * frames * max(1, int(header.BitsAllocated) // 8)
    there -= 8 if syntax.is_implicit_VR else 12  # the beginning of the element that holds the voxels
    if needed <= 0 or (not syntax.is_compressed and there < needed):
        raise InputError(f"{path.name} is cut short: {max(0, there)} of {needed} bytes are there. Export it again.")


def _slices(path: Path, header: Any) -> list[Slice]:
    """Return the slices of a file; the public part of a header, of the frame or of all, comes before a vendor's own."""
    shared = [item for group in header.get("SharedFunctionalGroupsSequence") or () for _, item in _items(group)]
    mapping = list(header.get("RealWorldValueMappingSequence") or ())
    found = []
    for index, frame in enumerate(header.get("PerFrameFunctionalGroupsSequence") or (None,)):
        own = _items(frame)
        public = [item for tag, item in own if not tag.is_private]
        private = [item for tag, item in own if tag in PRIVATE_FRAMES]
        found.append(_slice(path, index, [*public, *shared, *mapping, header, *private]))
    return found


def _items(group: Any) -> list[tuple[Any, Any]]:
    """Return the items of every sequence of a functional group, with the sequence's tag."""
    sequences = [] if group is None else [element for element in group if element.VR == "SQ"]
    return [(element.tag, item) for element in sequences for item in element.value]


def _slice(path: Path, index: int, chain: list[Any]) -> Slice:
    position, axes = numbers_of(chain, "ImagePositionPatient", 3), numbers_of(chain, "ImageOrientationPatient", 6)
    spacing = numbers_of(chain, "PixelSpacing", 2)
    if position is None or axes is None or spacing is None or min(spacing) <= 0:
        raise InputError(f"{path.name} does not say where its slices lie (position, orientation, pixel spacing).")
    series = _series(chain)
    part = kind_of(chain, series.manufacturer)
    slope, intercept, units = _scaling(chain, part)
    doubt = ""
    if part == "phase" and units.lower() not in UNITS and series.manufacturer.startswith("GE") and slope == 1:
        units, doubt = "mrad", GE_UNIT
    own = series.manufacturer.startswith("PHILIPS") and part != "phase"
    return Slice(
        frame=Frame(path, index, position, slope, intercept, units, _philips_scale(chain, slope) if own else 1.0),  # type: ignore[arg-type]
        series=series,
        uid=(uid_of(chain, "SOPInstanceUID") or str(path), index),
        part=part,
        echo=_echo(chain),
        number=_echo_number(chain),
        axes=axes,
        spacing=(spacing[1], spacing[0]),
        size=(int(value_of(chain, "Columns")), int(value_of(chain, "Rows"))),
        thickness=number_of(chain, "SpacingBetweenSlices") or number_of(chain, "SliceThickness"),
        coil=coil_of(chain),
        orders=orders_of(chain),
        processing=processing_of(chain, part, series.manufacturer),
        doubt=doubt,
    )


def _series(chain: list[Any]) -> Series:
    strength = number_of(chain, "MagneticFieldStrength")
    strength = strength if strength is not None and FIELD_STRENGTHS[0] <= strength <= FIELD_STRENGTHS[1] else None
    timing = number_of(chain, "RepetitionTime"), number_of(chain, "FlipAngle")
    sequence = f"{text_of(chain, 'ScanningSequence')} {text_of(chain, 'EchoPulseSequence')}"
    manufacturer = text_of(chain, "Manufacturer").upper()
    day, time = uid_of(chain, "AcquisitionDate"), uid_of(chain, "AcquisitionTime")
    return Series(
        study=uid_of(chain, "StudyInstanceUID"),
        uid=uid_of(chain, "SeriesInstanceUID"),
        number=int(number_of(chain, "SeriesNumber") or 0),
        name=text_of(chain, "SeriesDescription") or text_of(chain, "ProtocolName"),
        patient=text_of(chain, "PatientID"),
        moment=uid_of(chain, "AcquisitionDateTime") or (time and day + time),
        manufacturer=manufacturer,
        field_strength=strength,
        gradient_echo="GR" in sequence.upper(),
        protocol=(uid_of(chain, "ProtocolName"), *timing),
        facts=facts_of(chain, manufacturer),
    )


def _echo(chain: list[Any]) -> float:
    """Return the echo time (s), or, where nothing says it, the number of the echo below zero."""
    time = number_of(chain, "EffectiveEchoTime") or number_of(chain, "EchoTime")
    if time is not None and 0 < time <= LONGEST_ECHO:
        return round(time / 1000, 6)
    return float(-(_echo_number(chain) or 1))


def _echo_number(chain: list[Any]) -> int:
    """Return the number of the echo, 0 where the header says none that makes sense."""
    number = number_of(chain, "EchoNumbers") or 0.0
    return int(number) if 0 < number <= MOST_ECHOES else 0


def _scaling(chain: list[Any], part: str) -> tuple[float, float, str]:
    """Return slope, intercept and the unit of what they give: where it is an angle, as real-world values are mapped."""
    for item in chain:
        units = item.get("MeasurementUnitsCodeSequence")
        unit = text_of([units[0]], "CodeValue") if units else ""
        slope, intercept = number_of([item], "RealWorldValueSlope"), number_of([item], "RealWorldValueIntercept")
        if part == "phase" and unit.lower() in UNITS and slope and intercept is not None:
            return slope, intercept, unit
    slope, intercept = number_of(chain, "RescaleSlope") or 1.0, number_of(chain, "RescaleIntercept") or 0.0
    return slope, intercept, text_of(chain, "RescaleType") if part == "phase" else ""


def _philips_scale(chain: list[Any], slope: float) -> float:
    """Return what displayed values are divided by to be those that were measured: private slope times slope."""
    own = number_of(chain, PHILIPS_SLOPE)
    return own * slope if own is not None and own > 0 and slope > 0 else 1.0

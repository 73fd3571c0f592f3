"""A map as a series of DICOM images (MR Image Storage, one file per slice) in the study that it was computed from.

Classic images are what every archive accepts. Patient and study are copied byte for byte, in the character set of the
source, and nothing that is private to a vendor is. PS3.3 A.4 lists the modules of such an image.
"""

from __future__ import annotations

import hashlib
import uuid
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...errors import InputError
from ...report.windows import window
from ...settings import Settings
from ..nifti import Geometry
from ..outputs import OutputFolder
from .derivation import derivation
from .elements import as_decimal, coded, copy_elements, encoded, keep_bytes, save
from .quantity import QUANTITIES, Stored, stored
from .scan import said, scan_elements
from .source import Reference, Source, onto, source_of
from .values import number_of

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"

MAKER = "SlicerQSM"

ORIGINAL_UIDS = "2.25."
"""Root of UIDs that are made of a UUID (PS3.5 B.2): nobody has to be asked for one."""

REQUIRED = ["PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
            "ReferringPhysicianName", "AccessionNumber", "PatientPosition", "PositionReferenceIndicator"]  # fmt: skip
"""Elements of patient, study and frame of reference that are copied; empty where the source has none."""

COPIED = ["SpecificCharacterSet", "StudyInstanceUID", "FrameOfReferenceUID", "StudyDescription", "IssuerOfPatientID",
          "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod",
          "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "ProtocolName", "BodyPartExamined",
          "Laterality", "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "AcquisitionNumber",
          "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"]  # fmt: skip
"""Elements that are copied where the source has them."""

SCANNER = ["Manufacturer", "InstitutionName", "StationName", "ManufacturerModelName", "DeviceSerialNumber",
           "SoftwareVersions"]  # fmt: skip
"""Elements of the equipment that acquired the images."""

SERIES_STEP, LARGEST_NUMBER = 1000, 2**31 - 1
"""Series 5 becomes 5001 for chi; the largest number of a series that the standard has."""


def write_series(
    folder: Path,
    image: np.ndarray,
    geometry: Geometry,
    sources: Sequence[Path],
    *,
    name: str = "chi",
    unit: str | None = None,
    settings: Settings | None = None,
    force: bool = False,
) -> list[Path]:
    """Write a map (x, y, z) as a DICOM series in the study of its sources; all files appear together, or none.

    geometry: of the map; sources: DICOM files it was made of, whose voxels it has to lie on (in any order and direction
    of the axes). name: one of QUANTITIES; unit: of the image, one of UNITS, by default what the pipeline makes;
    settings: that it was made with, None where nobody knows them. Returns the files in the order of the slices.
    Raises InputError where the sources are others, a value does not fit 16 bits, a file exists (unless force) or cannot
    be written.
    """
    source = source_of(sources, geometry)
    return write_series_of(folder, image, geometry, source, name=name, unit=unit, settings=settings, force=force)


def write_series_of(
    folder: Path,
    image: np.ndarray,
    geometry: Geometry,
    source: Source,
    *,
    name: str = "chi",
    unit: str | None = None,
    settings: Settings | None = None,
    force: bool = False,
) -> list[Path]:
    """Write a map as `write_series` does, of sources that were read and checked before."""
    if image.shape != geometry.shape:
        raise InputError(f"The map has shape {image.shape} but its geometry {geometry.shape}: they must be equal.")
    turned, difference = onto(image, geometry, source.geometry)
    if difference:
        raise InputError(f"The map does not lie on the voxels of the DICOM images: {difference}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is odd in the source, which is copied as it is
        made = _series(stored(turned, name, unit), source, name, derivation(settings))
    files = [f"{name}-{k + 1:04}.dcm" for k in range(len(made))]
    old = [path.name for path in Path(folder).glob(f"{name}-[0-9][0-9][0-9][0-9].dcm")]
    with OutputFolder(folder, files, stale=old, force=force) as out:
        for file, dataset in zip(files, made, strict=True):
            save(dataset, out.path(file))
    return [Path(folder) / file for file in files]


def _series(content: Stored, source: Source, name: str, description: str) -> list[Any]:
    """Return the datasets of all slices, complete."""
    from pydicom.dataset import Dataset  # noqa: PLC0415 (an extra, and slow to load)

    shared = _shared(source, content, name, description)
    made = []
    for k, references in enumerate(source.slices):
        dataset = Dataset()
        dataset.update(shared)
        keep_bytes(dataset)
        _place(dataset, source.geometry, k)
        _refer(dataset, references)
        _put_voxels(dataset, content.values[:, :, k].T)
        made.append(dataset)
    digest = hashlib.sha256()
    for dataset in made:
        digest.update(encoded(dataset))
    now = datetime.now()
    for dataset in made:
        _identify(dataset, digest.digest(), now)
    return made


def _shared(source: Source, content: Stored, name: str, description: str) -> Any:
    """Return a dataset with what all slices share."""
    from pydicom.dataset import Dataset  # noqa: PLC0415 (see above)

    made = Dataset()
    for word in REQUIRED:
        setattr(made, word, None)
    copy_elements(source.header, made, [*REQUIRED, *COPIED])
    for word, value in scan_elements(source.header).items():
        setattr(made, word, value)
    if "FrameOfReferenceUID" not in made:
        made.FrameOfReferenceUID = _uid(source.slices[0][0].series.encode(), "frame of reference")
    quantity = QUANTITIES[name]
    number = SERIES_STEP * int(said([source.header], "SeriesNumber", number_of) or 0) + quantity.number
    made.SOPClassUID, made.Modality = MR_IMAGE, "MR"
    made.ImageType = ["DERIVED", "PRIMARY", "OTHER", "QSM"]
    made.SeriesNumber = number if 0 < number <= LARGEST_NUMBER else quantity.number
    made.SeriesDescription = f"{quantity.title} [{content.unit.said}]"
    made.Manufacturer = made.ManufacturerModelName = MAKER
    made.SoftwareVersions = __version__
    made.DerivationDescription = description
    made.BurnedInAnnotation = "NO"
    if "LossyImageCompression" not in made:
        made.LossyImageCompression = "00"
    if "BodyPartExamined" not in made and "Laterality" not in made:
        made.Laterality = None  # which may be asked for where nobody says that the part is none of a pair
    made.ContributingEquipmentSequence = [_scanner(source.header)]
    _scale(made, content, name)
    return made


def _scanner(header: Any) -> Any:
    """Return the item of the equipment that acquired the images: our own maker is that of the map."""
    item = coded("109101", "DCM", "Acquisition Equipment", "PurposeOfReferenceCodeSequence")
    item.Manufacturer = "unknown"
    copy_elements(header, item, SCANNER)
    return item


def _scale(made: Any, content: Stored, name: str) -> None:
    """Say what stored values mean, once as viewers and once as measuring programs look for it, and how to show them."""
    made.RescaleIntercept, made.RescaleSlope = "0", as_decimal(content.step)
    made.RescaleType = content.unit.said
    mapping = coded(content.unit.code, "UCUM", content.unit.meaning, "MeasurementUnitsCodeSequence")
    mapping.LUTExplanation, mapping.LUTLabel = made.SeriesDescription, name[:16]
    mapping.add_new("RealWorldValueFirstValueMapped", "SS", -32768)
    mapping.add_new("RealWorldValueLastValueMapped", "SS", 32767)
    mapping.RealWorldValueIntercept, mapping.RealWorldValueSlope = 0.0, content.step
    concept = QUANTITIES[name].concept
    if concept is not None:
        quantity = coded("246205007", "SCT", "Quantity", "ConceptNameCodeSequence")
        quantity.ValueType = "CODE"
        quantity.ConceptCodeSequence = coded(concept[0], "DCM", concept[1], "ConceptCodeSequence").ConceptCodeSequence
        mapping.QuantityDefinitionSequence = [quantity]
    made.RealWorldValueMappingSequence = [mapping]
    shown = content.values * content.step / content.unit.factor
    low, high = (limit * content.unit.factor for limit in window(name).limits(shown))
    made.WindowCenter, made.WindowWidth = as_decimal((low + high) / 2), as_decimal(high - low)
    if high - low < 1:  # narrower than the usual function allows
        made.VOILUTFunction = "LINEAR_EXACT"
    made.PresentationLUTShape = "IDENTITY"


def _place(made: Any, geometry: Geometry, k: int) -> None:
    """Say where a slice lies."""
    axes = np.array(geometry.direction).reshape(3, 3)
    corner = np.array(geometry.origin) + k * geometry.spacing[2] * axes[:, 2]
    made.ImagePositionPatient = [as_decimal(value) for value in corner]
    made.ImageOrientationPatient = [as_decimal(value) for value in axes[:, :2].T.ravel()]
    made.PixelSpacing = [as_decimal(geometry.spacing[1]), as_decimal(geometry.spacing[0])]
    made.SliceThickness = made.SpacingBetweenSlices = as_decimal(geometry.spacing[2])
    made.SliceLocation = as_decimal(float(corner @ axes[:, 2]))
    made.InstanceNumber = k + 1


def _refer(made: Any, references: Sequence[Reference]) -> None:
    """Name the images that show the slice: as what it was made of, and by their series."""
    from pydicom.dataset import Dataset  # noqa: PLC0415 (see above)

    frames: dict[tuple[str, str, str], list[int]] = {}
    for one in references:
        frames.setdefault((one.series, one.sop_class, one.instance), []).append(one.frame)
    made.SourceImageSequence = []
    series: dict[str, Any] = {}
    for (uid, sop_class, instance), numbers in frames.items():
        image = coded("121322", "DCM", "Source image for image processing operation", "PurposeOfReferenceCodeSequence")
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = sop_class, instance
        image.SpatialLocationsPreserved = "YES"
        if numbers[0]:
            image.ReferencedFrameNumber = sorted(numbers)
        made.SourceImageSequence.append(image)
        if uid not in series:
            series[uid] = Dataset()
            series[uid].SeriesInstanceUID, series[uid].ReferencedInstanceSequence = uid, []
        plain = Dataset()
        plain.ReferencedSOPClassUID, plain.ReferencedSOPInstanceUID = sop_class, instance
        series[uid].ReferencedInstanceSequence.append(plain)
    made.ReferencedSeriesSequence = list(series.values())


def _put_voxels(made: Any, rows: np.ndarray) -> None:
    """Store voxels (row, column) int16."""
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = rows.shape
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.add_new("SmallestImagePixelValue", "SS", int(rows.min()))
    made.add_new("LargestImagePixelValue", "SS", int(rows.max()))
    voxels = rows.astype("<i2").tobytes()
    made.add_new("PixelData", "OW", voxels)


def _identify(made: Any, content: bytes, now: datetime) -> None:
    """Give a slice its identity, which follows from all that the series holds but the time.

    So the same map exported twice is the same series, of which an archive keeps one copy, and any other map another.
    """
    made.SeriesInstanceUID = _uid(content, "series")
    made.SOPInstanceUID = _uid(content, f"slice {made.InstanceNumber}")
    date, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.InstanceCreationDate = made.SeriesDate = made.ContentDate = date
    made.InstanceCreationTime = made.SeriesTime = made.ContentTime = time


def _uid(content: bytes, part: str) -> str:
    digest = hashlib.sha256(content + part.encode()).digest()
    return ORIGINAL_UIDS + str(uuid.UUID(bytes=digest[:16], version=5).int)

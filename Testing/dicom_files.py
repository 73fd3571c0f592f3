"""DICOM files as scanners write them, by the conventions of the vendors (docs/dicom.md names the sources)."""

from itertools import count, product

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.nifti import Geometry

SHAPE = (6, 5, 4)
TIMES = (0.004, 0.009, 0.014)
TILT = 0.25
"""rad; about the patient's x axis."""

ROW, COLUMN = np.array([1.0, 0, 0]), np.array([0, np.cos(TILT), np.sin(TILT)])
SPACING, ORIGIN = (0.7, 0.9, 2.0), np.array([-30.0, 40.0, -50.0])
AXES = np.column_stack([ROW, COLUMN, np.cross(ROW, COLUMN)])
GEOMETRY = Geometry(SHAPE, SPACING, tuple(ORIGIN.tolist()), tuple(AXES.ravel().tolist()))

SIEMENS = {"Manufacturer": "SIEMENS", "SoftwareVersions": "syngo MR E11"}
PHILIPS = {"Manufacturer": "Philips Medical Systems"}
GE = {"Manufacturer": "GE MEDICAL SYSTEMS"}
CANON = {"Manufacturer": "CANON_MEC"}
TOSHIBA = {"Manufacturer": "TOSHIBA_MEC"}
UIH = {"Manufacturer": "UIH"}
PARTS = {"magnitude": "M", "phase": "P", "real": "R", "imaginary": "I"}

_numbers = count(1)


def noise(low=0, high=4095, seed=0, shape=SHAPE):
    """Return whole numbers that reach both ends."""
    values = np.random.default_rng(seed).integers(low, high + 1, shape)
    values.flat[:2] = low, high
    return values


def slice_header(vendor, part, **more):
    """Return a slice's header without its plane and voxels."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = f"1.2.3.{next(_numbers)}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    header.SOPClassUID, header.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    facts = {
        "Modality": "MR",
        "PatientID": "A1",
        "StudyInstanceUID": "1.2.9",
        "SeriesInstanceUID": "1.2.9.5",
        "SeriesNumber": 5,
        "SeriesDescription": "gre_qsm",
        "ProtocolName": "gre_qsm",
        "ScanningSequence": "GR",
        "MagneticFieldStrength": 3,
        "RepetitionTime": 30,
        "FlipAngle": 12,
        "EchoTime": TIMES[0] * 1000,
        "EchoNumbers": 1,
        "ImageType": ["ORIGINAL", "PRIMARY", PARTS[part], "ND"],
    }
    for name, value in (facts | vendor | more).items():
        put(header, name, value)
    return header


def put(header, name, value):
    """Set an element by its keyword, or a private one as (group, creator, element, VR, and place of the creator)."""
    if isinstance(name, str):
        setattr(header, name, value)
        return
    group, creator, element, kind, place = (*name, 0)[:5]
    header.add_new((group, 0x10 + place), "LO", creator)
    header.add_new((group, (0x10 + place << 8) + element), kind, value)


def write_volume(folder, values, vendor, part, **more):
    """Write a volume (x, y, z), one file per slice, in an order of names that is not that of the slices.

    more: elements by keyword, or private ones as (group, creator, element, VR). Returns the files in the slices' order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    extra = {tuple(key): value for key, value in (vendor.get("private", {}) | more.pop("private", {})).items()}
    vendor = {name: value for name, value in vendor.items() if name != "private"}
    written = []
    for k in range(values.shape[2]):
        header = slice_header(vendor | extra, part, **more)
        header.ImagePositionPatient = (ORIGIN + k * SPACING[2] * AXES[:, 2]).round(9).tolist()
        header.ImageOrientationPatient = [*ROW.round(9), *COLUMN.round(9)]
        header.PixelSpacing = [SPACING[1], SPACING[0]]
        header.SliceThickness = SPACING[2]
        put_voxels(header, values[:, :, k])
        path = folder / f"{(7 * k) % 31:02}_{header.SOPInstanceUID}.dcm"
        save(header, path)
        written.append(path)
    return written


def put_voxels(header, image):
    """Store whole numbers (x, y) in 16 bits."""
    signed = image.min() < 0
    header.Rows, header.Columns = image.shape[1], image.shape[0]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 16, 15
    header.PixelRepresentation = int(signed)
    header.PixelData = image.T.astype("<i2" if signed else "<u2").tobytes()


def save(header, path):
    """Write a file in the standard's format."""
    if pydicom.__version__ < "3":
        header.is_little_endian, header.is_implicit_VR = True, False
        header.save_as(path, write_like_original=False)
    else:
        header.save_as(path, enforce_file_format=True)


def frame_of(part):
    """Return what a frame of a part says of itself as the standard has it."""
    kind = item(FrameType=["ORIGINAL", "PRIMARY", PARTS[part], "NONE"])
    return {"MRImageFrameTypeSequence": [kind]}


def write_enhanced(folder, volumes, vendor, frame=lambda part, echo, repetition: frame_of(part), repetitions=1, **more):
    """Write one multi-frame file as the standard has it: what all frames share is said once. Returns its path.

    volumes: stored whole numbers (x, y, z, echo) by part, the frames of which are mixed; frame: what a frame of part,
    echo and repetition says beside place, time and scale; more: elements of the header.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header = slice_header(vendor, "magnitude", **more)
    del header.EchoTime, header.ImageType
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    plane = item(ImageOrientationPatient=[*ROW.round(9), *COLUMN.round(9)])
    size = item(PixelSpacing=[SPACING[1], SPACING[0]], SliceThickness=SPACING[2])
    header.SharedFunctionalGroupsSequence = [item(PlaneOrientationSequence=[plane], PixelMeasuresSequence=[size])]
    frames, images = [], []
    for k, part, repetition in product(reversed(range(SHAPE[2])), volumes, range(repetitions)):
        place = (ORIGIN + k * SPACING[2] * AXES[:, 2]).round(9).tolist()
        slope, intercept = (2, -4096) if part == "phase" else (1, 0)
        for echo, time in enumerate(TIMES[: volumes[part].shape[3]]):
            said = {
                "PlanePositionSequence": [item(ImagePositionPatient=place)],
                "MREchoSequence": [item(EffectiveEchoTime=time * 1000)],
                "PixelValueTransformationSequence": [item(RescaleSlope=slope, RescaleIntercept=intercept)],
            }
            frames.append(item(said | frame(part, echo, repetition)))
            images.append(volumes[part][:, :, k, echo].T + repetition)
    header.PerFrameFunctionalGroupsSequence, header.NumberOfFrames = frames, len(frames)
    put_voxels(header, images[0].T)
    header.PixelData = np.stack(images).astype("<u2").tobytes()
    path = folder / f"enhanced_{header.SOPInstanceUID}.dcm"
    save(header, path)
    return path


def item(elements=None, **more):
    """Return an item of a sequence."""
    made = Dataset()
    for name, value in ((elements or {}) | more).items():
        put(made, name, value)
    return made


def change(path, **elements):
    """Change elements of a file."""
    header = pydicom.dcmread(path)
    for name, value in elements.items():
        setattr(header, name, value)
    save(header, path)


def siemens(folder, echoes=3, first=5, **more):
    """Write magnitude and phase as Siemens does: two series, all echoes in both. Returns the stored values by part."""
    stored = {}
    for offset, part in enumerate(("magnitude", "phase")):
        facts = {"SeriesNumber": first + offset, "SeriesInstanceUID": f"1.2.9.{first + offset}"}
        scale = {"RescaleSlope": 2, "RescaleIntercept": -4096, "RescaleType": "US"} if part == "phase" else {}
        for echo in range(echoes):
            values = noise(seed=10 * offset + echo)
            timing = {"EchoTime": TIMES[echo] * 1000, "EchoNumbers": echo + 1}
            write_volume(folder / part / str(echo), values, SIEMENS, part, **(facts | scale | timing | more))
            stored.setdefault(part, []).append(values)
    return {part: np.stack(volumes, axis=3) for part, volumes in stored.items()}


def only(folder):
    """Return the one acquisition in a folder."""
    (candidate,) = find_acquisitions(folder)
    return candidate


def refused(folder):
    """Return why the acquisition in a folder cannot be used."""
    candidate = only(folder)
    assert "(cannot be used)" in candidate.title
    with pytest.raises(InputError, match=r"^gre_qsm: ") as caught:
        read_acquisition(candidate)
    assert candidate.problem in str(caught.value)
    return candidate.problem

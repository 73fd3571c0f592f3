"""What DICOM's standard asks of a classic MR image, written down from PS3.3 (A.4 and the modules it lists)."""

import re

import pydicom
from pydicom.datadict import dictionary_VM, dictionary_VR
from pydicom.valuerep import validate_value

FILLED = [
    # General Study, General Series, Frame of Reference
    "StudyInstanceUID", "Modality", "SeriesInstanceUID", "FrameOfReferenceUID",
    # Image Plane, Image Pixel
    "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SamplesPerPixel", "PhotometricInterpretation",
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    # MR Image, SOP Common
    "ImageType", "ScanningSequence", "SequenceVariant", "SOPClassUID", "SOPInstanceUID",
    # General Image: required of images that are derived, and of those that are dated
    "DerivationDescription", "SourceImageSequence", "ContentDate", "ContentTime", "InstanceNumber",
    # the window, once there is a centre
    "WindowCenter", "WindowWidth",
]  # fmt: skip
"""Type 1 (and 1C or 2C whose condition is met): there, with a value."""

THERE = [
    # Patient, General Study
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber",
    # General Series, Frame of Reference, General Equipment, Image Plane
    "SeriesNumber", "PatientPosition", "PositionReferenceIndicator", "Manufacturer", "SliceThickness",
    # MR Image
    "ScanOptions", "MRAcquisitionType", "EchoTime", "EchoTrainLength", "RepetitionTime",
]  # fmt: skip
"""Type 2: there, with a value or without."""

ITEMS = {
    "SourceImageSequence": ["ReferencedSOPClassUID", "ReferencedSOPInstanceUID"],
    "ReferencedSeriesSequence": ["SeriesInstanceUID", "ReferencedInstanceSequence"],
    "ReferencedInstanceSequence": ["ReferencedSOPClassUID", "ReferencedSOPInstanceUID"],
    "PurposeOfReferenceCodeSequence": ["CodeValue", "CodingSchemeDesignator", "CodeMeaning"],
    "ContributingEquipmentSequence": ["PurposeOfReferenceCodeSequence", "Manufacturer"],
    "RealWorldValueMappingSequence": [
        "RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped", "RealWorldValueIntercept",
        "RealWorldValueSlope", "LUTExplanation", "LUTLabel", "MeasurementUnitsCodeSequence",
    ],
    "MeasurementUnitsCodeSequence": ["CodeValue", "CodingSchemeDesignator", "CodeMeaning"],
    "QuantityDefinitionSequence": ["ValueType", "ConceptNameCodeSequence", "ConceptCodeSequence"],
}  # fmt: skip
"""Type 1 in the items of sequences."""

WORDS = {
    "Modality": {"MR"},
    "SamplesPerPixel": {1},
    "PhotometricInterpretation": {"MONOCHROME1", "MONOCHROME2"},
    "BitsAllocated": {16},
    "PixelRepresentation": {0, 1},
    "BurnedInAnnotation": {"YES", "NO"},
    "LossyImageCompression": {"00", "01"},
    "PresentationLUTShape": {"IDENTITY", "INVERSE"},
}
"""Enumerated values."""


def check_mr_image(path):
    """Check that a file is a classic MR image as the standard wants it; return its dataset."""
    header = pydicom.dcmread(path)
    assert header.file_meta.MediaStorageSOPClassUID == header.SOPClassUID == pydicom.uid.MRImageStorage
    assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID
    assert [word for word in FILLED if header.get(word) in (None, "", b"", [])] == []
    assert [word for word in THERE if word not in header] == []
    assert [word for word, allowed in WORDS.items() if header[word].value not in allowed] == []
    assert header.ImageType[0] in ("ORIGINAL", "DERIVED")
    assert header.ImageType[1] in ("PRIMARY", "SECONDARY")
    assert set(header.ScanningSequence if header["ScanningSequence"].VM > 1 else [header.ScanningSequence]) <= {
        "SE", "IR", "GR", "EP", "RM"
    }  # fmt: skip
    assert header.HighBit == header.BitsStored - 1
    assert len(header.PixelData) == 2 * header.Rows * header.Columns
    assert len(header.DerivationDescription) <= 1024
    for element in header.iterall():
        _check(element)
    return header


def _check(element):
    assert not element.tag.is_private
    if element.keyword in ITEMS:
        assert len(element.value) > 0
        for item in element.value:
            assert [word for word in ITEMS[element.keyword] if item.get(word) in (None, "", [])] == []
    assert element.VR in re.split(" or ", dictionary_VR(element.tag)), element
    if element.VR == "SQ" or element.VM == 0:
        return
    most = dictionary_VM(element.tag).split("-")[-1]
    assert most == "n" or "n" in most or int(most) >= element.VM, element
    values = element.value if element.VM > 1 else [element.value]
    for value in values:
        kind = element.VR
        text = str(getattr(value, "original_string", value)) if kind in ("DS", "IS") else value
        validate_value(kind, text, pydicom.config.RAISE)

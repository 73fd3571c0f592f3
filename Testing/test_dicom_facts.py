"""What the headers of DICOM files say of the scan, by the words of BIDS, and nothing of the patient."""

import pydicom
import pytest
from dicom_files import (
    CANON,
    GE,
    PHILIPS,
    SIEMENS,
    UIH,
    frame_of,
    item,
    noise,
    only,
    siemens,
    write_enhanced,
    write_volume,
)


@pytest.mark.parametrize(("mode", "polarity"), [("0x1", "monopolar"), ("2", "bipolar"), ("0x4", None)])
def test_the_polarity_of_the_readout_comes_from_the_protocol_of_siemens(tmp_path, mode, polarity):
    text = b"\x00\x01### ASCCONV BEGIN ###\nlContrasts\t = \t3\nucReadOutMode\t = \t" + mode.encode() + b"\n"
    siemens(tmp_path, private={(0x0029, "SIEMENS CSA HEADER", 0x20, "OB"): text})
    candidate = only(tmp_path)
    assert (candidate.facts.get("ReadoutPolarity"), candidate.facts["NumberOfEchoes"]) == (polarity, 3)
    told = [said for said in candidate.warnings if "set the readout of the conditioning to bipolar" in said]
    assert len(told) == (polarity == "bipolar")


FACTS = {
    "ManufacturerModelName": "Prisma", "MagneticFieldStrength": 3, "ImagingFrequency": 123.25, "PixelBandwidth": 260,
    "EchoTrainLength": 3, "SequenceName": "*fl3d3", "MRAcquisitionType": "3D", "SequenceVariant": ["SP", "OSP"],
    "AcquisitionMatrix": [0, 6, 5, 0], "PatientName": "Doe^Jane", "PatientBirthDate": "19700101",
    "DeviceSerialNumber": "12345", "InstitutionName": "Hospital", "PatientSex": "F",
}  # fmt: skip


def test_facts_are_kept_by_their_bids_names_and_nothing_of_the_patient(tmp_path):
    siemens(tmp_path, **FACTS, private={(0x0051, "SIEMENS MR HEADER", 0x11, "LO"): "p2"})
    facts = dict(only(tmp_path).facts)
    assert facts == {
        "Manufacturer": "SIEMENS",
        "ManufacturersModelName": "Prisma",
        "SoftwareVersions": "syngo MR E11",
        "MagneticFieldStrength": 3,
        "ImagingFrequency": 123.25,
        "RepetitionTime": 0.03,
        "FlipAngle": 12,
        "PixelBandwidth": 260,
        "EchoTrainLength": 3,
        "SeriesDescription": "gre_qsm",
        "ProtocolName": "gre_qsm",
        "SeriesNumber": 6,
        "ScanningSequence": ["GR"],
        "SequenceVariant": ["SP", "OSP"],
        "SequenceName": "*fl3d3",
        "MRAcquisitionType": "3D",
        "AcquisitionMatrix": [6, 5],
        "SliceThickness": 2,
        "ParallelReductionFactorInPlane": 2,
        "ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"],
    }


@pytest.mark.parametrize(
    ("vendor", "private", "factor"),
    [
        (GE, {(0x0043, "GEMS_PARM_01", 0x83, "DS"): [0.5, 1]}, 2),
        (UIH, {(0x0065, "Image Private Header", 0x0D, "SH"): "F:2.5S"}, 2.5),
        (SIEMENS, {(0x0051, "SIEMENS MR HEADER", 0x11, "LO"): "p3"}, 3),
        (CANON, {}, None),
    ],
)
def test_the_factor_of_parallel_imaging(tmp_path, vendor, private, factor):
    write_volume(tmp_path, noise(), vendor, "phase", private=private)
    assert only(tmp_path).facts.get("ParallelReductionFactorInPlane") == factor


@pytest.mark.parametrize(("written", "megahertz"), [(123.25, 123.25), (128175847, 128.175847)])
def test_a_frequency_in_hertz_becomes_megahertz(tmp_path, written, megahertz):
    """Seen in real files of United Imaging."""
    write_volume(tmp_path, noise(), UIH, "phase", ImagingFrequency=written)
    assert only(tmp_path).facts["ImagingFrequency"] == pytest.approx(megahertz)


def test_facts_of_enhanced_frames(tmp_path):
    def frame(part, echo, repetition):
        timing = item(RepetitionTime=35, FlipAngle=15, GradientEchoTrainLength=3)
        view = item(MRAcquisitionFrequencyEncodingSteps=6, MRAcquisitionPhaseEncodingStepsInPlane=5,
                    InPlanePhaseEncodingDirection="COLUMN")  # fmt: skip
        other = {"MRTimingAndRelatedParametersSequence": [timing], "MRFOVGeometrySequence": [view]}
        other["MRImagingModifierSequence"] = [item(PixelBandwidth=300, TransmitterFrequency=127.7)]
        other["MRModifierSequence"] = [item(ParallelReductionFactorInPlane=2.5)]
        return frame_of(part) | other

    facts = {"RepetitionTime": None, "FlipAngle": None, "KSpaceFiltering": "HANNING"}
    write_enhanced(tmp_path, {"phase": noise()[..., None]}, PHILIPS, frame, **facts)
    found = only(tmp_path).facts
    said = {"RepetitionTime": 0.035, "FlipAngle": 15, "PixelBandwidth": 300, "ImagingFrequency": 127.7,
            "ParallelReductionFactorInPlane": 2.5, "AcquisitionMatrix": [6, 5], "EchoTrainLength": 3,
            "Filters": ["HANNING"]}  # fmt: skip
    assert {name: found[name] for name in said} == said


def test_a_damaged_header_makes_no_facts_of_nonsense(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "phase", SeriesDescription="<b>a\r\nb</b>")
    for path in tmp_path.iterdir():
        header = pydicom.dcmread(path)
        for name, value in (("RepetitionTime", "NaN"), ("FlipAngle", "twelve"), ("EchoNumbers", "1e99")):
            header[name]._value = value
        header.save_as(path)
    candidate = only(tmp_path)
    assert (candidate.problem, candidate.warnings) == ("", ())
    facts = candidate.facts
    assert not {"RepetitionTime", "FlipAngle"} & set(facts)
    assert facts["SeriesDescription"] == "<b>a b< b>"

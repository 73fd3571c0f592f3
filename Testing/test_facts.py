"""What headers and side-cars say of a scan: kept by name, cleaned, and held against echo times and field strength."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from QSMLogic.constants import GAMMA_BAR
from QSMLogic.io.acquisitions import choose, find_acquisitions, read_acquisition
from QSMLogic.io.dicom.facts import LISTS, NUMBERS, TEXTS
from QSMLogic.io.facts import MOST_VALUES, NAMES, acquisition_facts, clean_facts, contradictions
from QSMLogic.io.load import load
from QSMLogic.io.nifti import Geometry, write_image
from QSMLogic.io.parameters import Acquisition
from QSMLogic.io.sources import Sources

SHAPE = (6, 7, 8)
SIDECAR = {
    "EchoTime": 0.01,
    "MagneticFieldStrength": 3,
    "ImagingFrequency": 127.74,
    "RepetitionTime": 0.04,
    "FlipAngle": 15,
    "PixelBandwidth": 280.5,
    "Manufacturer": "Maker",
    "ManufacturersModelName": "Model 7",
    "SoftwareVersions": "syngo MR E11",
    "ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"],
    "NonlinearGradientCorrection": False,
}


def scan_files(folder: Path, sidecar: dict, count: int = 1) -> Sources:
    """Write phase images with side-cars."""
    rng = np.random.default_rng(0)
    geometry = Geometry(SHAPE, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))
    paths = []
    for echo in range(count):
        path = folder / f"sub-1_echo-{echo + 1}_part-phase_MEGRE.nii.gz"
        write_image(path, rng.uniform(-np.pi, np.pi, SHAPE).astype(np.float32), geometry)
        said = sidecar | {"EchoTime": 0.01 * (echo + 1)}
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(said), "utf-8")
        paths.append(path)
    return Sources(phase=tuple(paths))


def known(**said) -> Acquisition:
    facts = {"echo_times": (0.005, 0.025), "field_strength": 3.0, "b0_direction": None, "voxel_size": None} | said
    return Acquisition(**facts, sources={"field_strength": "the side-car JSON"})


def test_facts_of_sidecars_are_loaded(tmp_path):
    loaded = load(scan_files(tmp_path, SIDECAR, 2))
    expected = {name: value for name, value in SIDECAR.items() if name != "EchoTime"}
    assert loaded.facts["acquisition"] == expected
    assert loaded.warnings == []
    assert json.loads(json.dumps(loaded.facts["acquisition"])) == expected


def test_without_sidecar_there_are_no_facts(tmp_path):
    sources = scan_files(tmp_path, SIDECAR)
    for path in tmp_path.glob("*.json"):
        path.unlink()
    known_by_hand = {"echo_times": (0.01,), "field_strength": 3.0}
    assert load(replace(sources, known=known_by_hand)).facts["acquisition"] == {}
    assert acquisition_facts(Sources()) == {}


def test_nothing_of_the_patient_is_kept():
    private = {
        "PatientName": "Doe^J", "PatientID": "1", "PatientBirthDate": "19700101", "PatientSex": "F", "PatientAge": "50",
        "PatientWeight": 70, "AccessionNumber": "A1", "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4",
        "AcquisitionDateTime": "2020-01-01T10:00:00", "AcquisitionTime": "10:00", "InstitutionName": "Hospital",
        "InstitutionAddress": "Street", "StationName": "MR1", "DeviceSerialNumber": "42", "ReferringPhysicianName": "X",
        "OperatorsName": "Y", "StudyDescription": "Doe", "ImageComments": "Doe",
    }  # fmt: skip
    assert clean_facts(private | {"FlipAngle": 15}) == {"FlipAngle": 15}
    assert not set(private) & set(NAMES)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("FlipAngle", 15, 15),
        ("FlipAngle", "15", None),
        ("FlipAngle", -15, None),
        ("FlipAngle", 0, None),
        ("FlipAngle", True, None),
        ("FlipAngle", float("nan"), None),
        ("FlipAngle", float("inf"), None),
        ("FlipAngle", 10**400, None),
        ("FlipAngle", {"a": 1}, None),
        ("ImagingFrequency", [123.2, "x", None, 123.3], [123.2, 123.3]),
        ("ImagingFrequency", [], None),
        ("Manufacturer", 7, None),
        ("Manufacturer", "  \x00 \n", None),
        ("Manufacturer", "Ma\x1b[31mker\n\u202ename", "Ma [31mker name"),
        ("ImageType", ["A", ["B"], 3, "C\n"], ["A", "C"]),
        ("NonlinearGradientCorrection", "yes", None),
        ("NonlinearGradientCorrection", False, False),
        ("Unheard", "of", None),
    ],
)
def test_values_are_cleaned(name, value, kept):
    assert clean_facts({name: value}) == ({} if kept is None else {name: kept})


def test_texts_and_lists_are_short():
    found = clean_facts({"SeriesDescription": "x" * 10_000, "ImageType": ["y"] * 10_000})
    assert len(found["SeriesDescription"]) <= 100
    assert len(found["ImageType"]) == MOST_VALUES


@pytest.mark.parametrize(
    ("frequency", "strength", "off"),
    [(127.74, 3.0, ""), (123.2, 2.9, ""), (123.2, 3.0, "3.7 %"), (297.2, 7.0, ""), (63.9, 3.0, "1e+02 %")],
)
def test_field_strength_is_held_against_the_imaging_frequency(frequency, strength, off):
    said = contradictions({"ImagingFrequency": frequency}, known(field_strength=strength))
    assert len(said) == bool(off)
    for sentence in said:
        assert f"{frequency:g} MHz" in sentence
        assert f"{strength:g} T (the side-car JSON)" in sentence
        assert off in sentence
        assert f"--field-strength {frequency / GAMMA_BAR:.4g}" in sentence


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ({"RepetitionTime": 0.03}, False),
        ({"RepetitionTime": 0.025}, True),
        ({"RepetitionTime": 3.0, "RepetitionTimeExcitation": 0.02}, True),
        ({"RepetitionTime": 0.02, "RepetitionTimeExcitation": 0.03}, False),
        ({}, False),
    ],
)
def test_echoes_lie_within_the_repetition(facts, wrong):
    said = contradictions(facts, known())
    assert len(said) == wrong
    assert all("last echo at 25 ms" in sentence for sentence in said)


def test_nothing_known_contradicts_nothing():
    facts = {"ImagingFrequency": 100.0, "RepetitionTime": 0.001}
    assert contradictions(facts, known(echo_times=None, field_strength=None)) == []


def test_contradictions_are_warned_of(tmp_path):
    loaded = load(scan_files(tmp_path, SIDECAR | {"ImagingFrequency": 123.2, "RepetitionTime": 0.008}))
    assert len(loaded.warnings) == 2
    assert "123.2 MHz" in loaded.warnings[0]
    assert "repetition time, 8 ms" in loaded.warnings[1]


def test_what_is_read_of_dicom_headers_is_kept():
    assert {*LISTS, *NUMBERS, *TEXTS} <= set(NAMES)


@pytest.mark.parametrize("folder", ["bids-invivo/sub-head", "dicom/philips-enhanced"])
def test_facts_of_a_real_scan_are_the_same_from_dicom_and_sidecars(shared_data, folder):
    found = read_acquisition(choose(find_acquisitions(shared_data / folder))).facts["acquisition"]
    assert found["Manufacturer"] == "Philips"
    assert found["ManufacturersModelName"] == "Ingenia Elition X"
    assert found["MagneticFieldStrength"] == 3
    assert found["ImagingFrequency"] == pytest.approx(127.7485, abs=1e-4)
    assert found["RepetitionTime"] == pytest.approx(0.02)
    assert found["FlipAngle"] == 10
    assert found["PixelBandwidth"] == pytest.approx(1008.06, abs=0.01)
    assert found["MRAcquisitionType"] == "3D"

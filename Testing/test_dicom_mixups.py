"""Headers that lead to a wrong map without a word unless somebody looks: what is told, and what is refused."""

import numpy as np
import pydicom
import pytest
from dicom_files import CANON, PHILIPS, SIEMENS, TIMES, UIH, change, noise, only, refused, save, siemens, write_volume

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.phase_scale import to_radians

SCALE = {"RescaleSlope": 2, "RescaleIntercept": -4096, "RescaleType": "US"}


def series(folder, number, part, **more):
    """Write a series of one volume whose voxels depend on its number; return them."""
    values = noise(seed=number)
    scale = SCALE if part == "phase" else {}
    facts = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.9.{ord(more.get('PatientID', 'A'))}.{number}"}
    write_volume(folder / f"{more.get('PatientID', '')}{number}", values, SIEMENS, part, **(facts | scale | more))
    return values


def held(candidate):
    """Return the seeds of the phase and magnitude of an acquisition."""
    scan = read_acquisition(candidate).scan
    phases = {n: to_radians(noise(seed=n), "siemens") for n in (6, 8, 501, 601)}
    phase = next(n for n, values in phases.items() if np.allclose(scan.phase[..., 0], values, atol=1e-5))
    return phase, next(n for n in (5, 6, 7) if np.array_equal(scan.magnitude[..., 0], noise(seed=n)))


@pytest.mark.parametrize("kind", ["AcquisitionTime", "AcquisitionDateTime"])
def test_two_scans_whose_phase_comes_last_are_told_apart_by_their_time(tmp_path, kind):
    for number, part in ((5, "magnitude"), (6, "magnitude"), (501, "phase"), (601, "phase")):
        scan = 1 if number in (5, 501) else 2
        series(tmp_path, number, part, **{kind: f"1{scan}0000"})
    one, other = find_acquisitions(tmp_path)
    assert [held(one), held(other)] == [(501, 5), (601, 6)]
    assert not [said for found in (one, other) for said in found.warnings if "could belong" in said]


def test_both_scans_warn_where_nothing_tells_which_phase_is_whose(tmp_path):
    for number, part in ((5, "magnitude"), (6, "magnitude"), (501, "phase"), (601, "phase")):
        series(tmp_path, number, part)
    for found in find_acquisitions(tmp_path):
        assert "Series 501 could belong to 2 acquisitions" in found.warnings[0]


def test_patients_are_told_apart_where_a_study_has_no_uid(tmp_path):
    for patient in "AB":
        for number, part in ((5, "magnitude"), (6, "phase")):
            series(tmp_path, number, part, PatientID=patient, StudyInstanceUID="")
    found = find_acquisitions(tmp_path)
    assert [candidate.title.partition(":")[0] for candidate in found] == [f"gre_qsm (series 5, {p})" for p in "AB"]
    for candidate, patient in zip(found, "AB", strict=True):
        assert {path.parent.name[0] for path in candidate.files()} == {patient}
        assert set(candidate.volumes) == {"phase", "magnitude"}


def test_images_that_share_one_uid_are_no_copies(tmp_path):
    stored = siemens(tmp_path, echoes=2)
    for path in tmp_path.rglob("*.dcm"):
        header = pydicom.dcmread(path)
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        save(header, path)
    assert np.array_equal(read_acquisition(only(tmp_path)).scan.magnitude, stored["magnitude"])


def test_parts_whose_zero_is_stored_as_another_number_are_refused(tmp_path):
    for number, part in enumerate(("real", "imaginary")):
        write_volume(tmp_path, noise(seed=number), SIEMENS, part)
    with pytest.raises(InputError, match="hold no negative value"):
        read_acquisition(only(tmp_path))


def test_echo_times_of_some_images_alone_leave_their_order_open(tmp_path):
    siemens(tmp_path, echoes=2)
    for path in tmp_path.rglob("*.dcm"):
        if pydicom.dcmread(path).EchoNumbers == 1:
            change(path, EchoTime=None)
    assert "their order is not certain" in refused(tmp_path)


def test_echo_times_in_seconds_where_the_standard_has_milliseconds_are_refused(tmp_path):
    siemens(tmp_path)
    for path in tmp_path.rglob("*.dcm"):
        change(path, EchoTime=float(pydicom.dcmread(path).EchoTime) / 1000)
    with pytest.raises(InputError, match="a thousandth of what is usual"):
        read_acquisition(only(tmp_path))


def test_reformatted_phase_is_no_phase(tmp_path):
    series(tmp_path, 5, "magnitude")
    series(tmp_path, 6, "phase", ImageType=["DERIVED", "SECONDARY", "P", "MPR"])
    assert "magnitude but no phase" in refused(tmp_path)


def test_phase_compressed_with_a_loss_is_told(tmp_path):
    siemens(tmp_path)
    for path in tmp_path.rglob("*.dcm"):
        change(path, LossyImageCompression="01")
    assert ["with a loss" in said for said in only(tmp_path).warnings] == [True]


@pytest.mark.parametrize("separate", [True, False])
def test_echoes_of_separate_scans_are_told(tmp_path, separate):
    for echo, time in enumerate(TIMES):
        for number, part in enumerate(("magnitude", "phase")):
            timing = {"EchoTime": time * 1000, "EchoNumbers": 1 if separate else echo + 1}
            series(tmp_path, 5 + 2 * echo + number, part, **timing)
    assert ["separate scans" in said for said in only(tmp_path).warnings] == [True] * separate


@pytest.mark.parametrize(
    ("vendor", "known"), [(SIEMENS, True), (PHILIPS, True), (CANON, False), (UIH, False), ({}, False)]
)
def test_a_sign_of_the_phase_that_nobody_has_compared_is_told(tmp_path, vendor, known):
    write_volume(tmp_path, noise(), vendor, "phase", **SCALE)
    assert ["--phase-sign -1" in said for said in only(tmp_path).warnings] == [True] * (not known)

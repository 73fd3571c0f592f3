"""What scanners do to images, and echoes that are missing: said, or refused, with what to do."""

import pydicom
import pytest
from dicom_files import (
    CANON,
    GE,
    PHILIPS,
    SIEMENS,
    SPACING,
    TIMES,
    UIH,
    change,
    noise,
    only,
    siemens,
    write_volume,
)

from QSMLogic.io.acquisitions import find_acquisitions

GE_PART = (0x0043, "GEMS_PARM_01", 0x2F, "SS")
PHASE_TYPE = ["ORIGINAL", "PRIMARY", "P", "ND"]


@pytest.mark.parametrize(
    ("vendor", "said", "shown"),
    [
        (SIEMENS, {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND", "SWI"]}, "image type SWI"),
        (PHILIPS, {"ImageType": ["DERIVED", "PRIMARY", "PHASE MAP", "P", "SWIP"]}, "image type SWIP"),
        (GE, {"SeriesDescription": "FILT_PHA: Ax SWAN", "private": {GE_PART: 1}}, "FILT_PHA: Ax SWAN"),
        (UIH, {"SeriesDescription": "gre phase filtered"}, "gre phase filtered"),
        (CANON, {"SeriesDescription": "FSBB high-pass"}, "FSBB high-pass"),
    ],
)
@pytest.mark.parametrize("beside", [True, False], ids=["with magnitude", "alone"])
def test_filtered_phase_is_refused(tmp_path, vendor, said, shown, beside):
    write_volume(tmp_path, noise(), vendor, "phase", **({"RescaleType": "mrad"} | said))
    if beside:
        write_volume(tmp_path, noise(seed=1), vendor, "magnitude", SeriesNumber=4, SeriesInstanceUID="1.2.9.4")
    (candidate,) = find_acquisitions(tmp_path)
    assert candidate.problem.startswith("The phase was high-pass filtered by the scanner for susceptibility weighting")
    assert shown in candidate.problem
    assert "export the unfiltered phase" in candidate.problem


def test_unfiltered_phase_beside_the_filtered_one_is_used_with_the_magnitude(tmp_path):
    series = ((4, "magnitude", "swan"), (5, "phase", "FILT_PHA: swan"), (6, "phase", "swan"))
    for number, part, name in series:
        own = {GE_PART: int(part == "phase")}
        facts = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.9.{number}", "SeriesDescription": name}
        write_volume(tmp_path, noise(-3000, 3000, seed=number), GE, part, private=own, **facts)
    usable, filtered = find_acquisitions(tmp_path)
    assert set(usable.volumes) == {"magnitude", "phase"}
    assert (usable.problem, usable.description) == ("", "(series 4, A1)")
    assert "high-pass filtered" in filtered.problem


@pytest.mark.parametrize(
    ("vendor", "said"),
    [
        (SIEMENS, {"SeriesDescription": "Pha_Images"}),
        (SIEMENS, {"SequenceName": "*swi3d1r"}),
        (GE, {"SeriesDescription": "Ax SWAN", "private": {GE_PART: 1}}),
        (PHILIPS, {"ProtocolName": "SWIp SENSE"}),
        (CANON, {"ProtocolName": "AX FSBB"}),
        (UIH, {"SeriesDescription": "gre_swi_tra"}),
    ],
)
def test_phase_of_a_protocol_that_may_filter_it_is_doubted(tmp_path, vendor, said):
    write_volume(tmp_path, noise(), vendor, "phase", **({"RescaleType": "mrad"} | said))
    candidate = only(tmp_path)
    assert candidate.problem == ""
    assert any("many scanners store high-pass filtered: if it looks flat" in word for word in candidate.warnings)


@pytest.mark.parametrize("name", ["gre_qsm", "phase_gre", "answer", "Switched_gre", "highres"])
def test_names_that_only_look_alike_are_not_doubted(tmp_path, name):
    write_volume(tmp_path, noise(), SIEMENS, "phase", SeriesDescription=name)
    assert only(tmp_path).warnings == () or name == "Switched_gre"


def test_maps_a_scanner_makes_beside_the_phase_are_left_out(tmp_path):
    siemens(tmp_path)
    made = (
        ["DERIVED", "PRIMARY", "M", "SWI", "ND"],
        ["DERIVED", "PRIMARY", "MNIP", "ND"],
        ["DERIVED", "PRIMARY", "MINIP"],
    )
    for number, words in enumerate(made, 8):
        facts = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.{number}", "ComplexImageComponent": "MAGNITUDE"}
        write_volume(tmp_path, noise(), SIEMENS, "magnitude", ImageType=words, **facts)
    assert only(tmp_path).warnings == ()


@pytest.mark.parametrize("word", ["DIS2D", "DIS3D"])
def test_phase_corrected_for_distortion_is_doubted(tmp_path, word):
    for part in ("magnitude", "phase"):
        write_volume(tmp_path, noise(), SIEMENS, part, ImageType=["ORIGINAL", "PRIMARY", part[0].upper(), word])
    candidate = only(tmp_path)
    assert candidate.problem == ""
    (said,) = candidate.warnings
    assert said.startswith(f"The phase was corrected for distortion ({word}), which interpolates across its wraps")
    assert candidate.facts["NonlinearGradientCorrection"] is True


def write_series(folder, number, part, word):
    facts = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.9.{number}"}
    words = ["ORIGINAL", "PRIMARY", part[0].upper(), word]
    write_volume(folder, noise(seed=number), SIEMENS, part, ImageType=words, **facts)


def test_uncorrected_magnitude_goes_with_uncorrected_phase_whatever_the_order(tmp_path):
    for number, (part, word) in enumerate((("magnitude", "ND"), ("magnitude", "DIS2D"), ("phase", "ND")), 3):
        write_series(tmp_path, number, part, word)
    usable, other = find_acquisitions(tmp_path)
    assert (usable.description, usable.warnings, usable.problem) == ("(series 3, A1)", (), "")
    assert set(usable.volumes) == {"phase", "magnitude"}
    assert "magnitude but no phase" in other.problem


def test_magnitude_and_phase_of_which_one_is_corrected_go_together_with_a_warning(tmp_path):
    write_series(tmp_path, 3, "magnitude", "DIS2D")
    write_series(tmp_path, 4, "phase", "ND")
    candidate = only(tmp_path)
    assert set(candidate.volumes) == {"phase", "magnitude"}
    assert candidate.warnings[0].startswith("Of magnitude and phase only one was corrected for distortion")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"AcquisitionMatrix": [0, 3, 2, 0]}, "interpolated from 3 x 2 to 6 x 5 voxels"),
        ({"AcquisitionMatrix": [2, 0, 0, 3]}, "interpolated from 3 x 2 to 6 x 5 voxels"),
        ({"private": {(0x0051, "SIEMENS MR HEADER", 0x0B, "LO"): "384p*448s I"}}, "interpolated (384p\\*448s I)"),
        ({"private": {(0x0051, "SIEMENS MR HEADER", 0x0B, "LO"): "384*448i"}}, "interpolated (384\\*448i)"),
        ({"private": {(0x0065, "Image Private Header", 4, "SH"): "I"}}, "interpolated (I)"),
        ({"private": {(0x0065, "Image Private Header", 4, "SH"): "460*512 I"}}, "interpolated (460\\*512 I)"),
        ({"AcquisitionMatrix": [0, 2, 0, 3], "InPlanePhaseEncodingDirection": "ROW"}, "from 3 x 2 to 6 x 5"),
        ({"SliceThickness": 2 * SPACING[2]}, "4 mm thick but 2 mm apart: they were interpolated"),
    ],
)  # fmt: skip
def test_interpolated_images_are_told(tmp_path, said, shown):
    files = write_volume(
        tmp_path, noise(), SIEMENS, "phase", **{k: v for k, v in said.items() if k != "SliceThickness"}
    )
    for path in files if "SliceThickness" in said else ():
        change(path, SliceThickness=said["SliceThickness"])
    candidate = only(tmp_path)
    assert candidate.problem == ""
    (warning,) = candidate.warnings
    assert shown.replace("\\", "") in warning


@pytest.mark.parametrize(
    "said",
    [
        {"AcquisitionMatrix": [0, 6, 5, 0]},
        {"AcquisitionMatrix": [0, 6, 3, 0]},
        {"AcquisitionMatrix": [0, 0, 0, 0]},
        {"private": {(0x0051, "SIEMENS MR HEADER", 0x0B, "LO"): "384p*448s"}},
    ],
)
def test_images_with_fewer_lines_alone_are_not_interpolated(tmp_path, said):
    write_volume(tmp_path, noise(), SIEMENS, "phase", **said)
    assert only(tmp_path).warnings == ()


def test_a_filter_of_the_scanner_is_told_and_kept(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "phase", ImageType=[*PHASE_TYPE, "NORM", "FIL"])
    candidate = only(tmp_path)
    assert candidate.warnings == ("The phase was filtered by the scanner (FIL): export unfiltered images.",)
    assert candidate.facts["Filters"] == ["NORM", "FIL"]


def test_a_gap_among_the_echoes_is_named_and_the_others_used(tmp_path):
    siemens(tmp_path)
    for path in tmp_path.rglob("*.dcm"):
        header = pydicom.dcmread(path)
        if header.EchoNumbers == 3:
            change(path, EchoNumbers=4)
    candidate = only(tmp_path)
    assert candidate.warnings == (
        "Echo 3 is missing (there are 1, 2, 4): export it too; the map is made of the others.",
    )
    assert candidate.echo_times == TIMES


@pytest.mark.parametrize(
    ("vendor", "said"),
    [
        (SIEMENS, {"EchoTrainLength": 5}),
        (SIEMENS, {"private": {(0x0029, "SIEMENS CSA HEADER", 0x20, "OB"): b"### lContrasts\t = \t5\n"}}),
        (GE, {"private": {(0x0019, "GEMS_ACQU_01", 0x7E, "SS"): 5}}),
    ],
)  # fmt: skip
def test_fewer_echoes_than_the_header_names_are_told(tmp_path, vendor, said):
    for echo in range(2):
        timing = {"EchoTime": TIMES[echo] * 1000, "EchoNumbers": echo + 1, "RescaleType": "mrad"}
        write_volume(tmp_path, noise(seed=echo), vendor, "phase", **said, **timing)
    assert (
        "The header names 5 echoes but 2 are here: export all of them; the map is made of these."
        in only(tmp_path).warnings
    )


def test_a_train_of_an_echo_planar_scan_is_not_its_number_of_echoes(tmp_path):
    siemens(tmp_path, EchoTrainLength=64, ScanningSequence=["EP", "GR"])
    assert only(tmp_path).warnings == ()

"""Acquisitions in DICOM files: one real scanner file, and files made from the vendors' conventions."""

import numpy as np
import pytest
from dicom_files import (
    CANON,
    COLUMN,
    GE,
    GEOMETRY,
    PHILIPS,
    ROW,
    SHAPE,
    SIEMENS,
    SPACING,
    TIMES,
    UIH,
    noise,
    only,
    refused,
    siemens,
    write_enhanced,
    write_volume,
)

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import choose, find_acquisitions, read_acquisition
from QSMLogic.io.candidate import PARTS
from QSMLogic.io.dicom.finding import find_in_files


def read(folder):
    candidate = only(folder)
    assert candidate.problem == ""
    return read_acquisition(candidate)


def test_a_real_enhanced_file_of_philips_equals_its_nifti(shared_data):
    loaded = read(shared_data / "dicom")
    nifti = read_acquisition(choose(find_acquisitions(shared_data / "bids-invivo" / "sub-head")))
    assert loaded.warnings == []
    assert loaded.scan.echo_times == nifti.scan.echo_times == (0.0023, 0.0046)
    assert loaded.scan.field_strength == 3
    assert loaded.facts["phase_scale"] == "milliradians"
    # the NIfTI file runs from right to left and from front to back, DICOM the other way in both
    assert np.abs(loaded.scan.phase - nifti.scan.phase[::-1, ::-1]).max() < 5e-4
    assert np.allclose(loaded.scan.magnitude, nifti.scan.magnitude[::-1, ::-1], rtol=1e-6)
    own, other = loaded.geometry, nifti.geometry
    axes = np.array(own.direction).reshape(3, 3), np.array(other.direction).reshape(3, 3)
    assert np.allclose(axes[0] * (-1, -1, 1), axes[1], atol=1e-6)
    assert np.allclose(own.spacing, other.spacing, atol=1e-5)
    corner = other.origin + axes[1][:, :2] @ ((np.array(other.shape[:2]) - 1) * other.spacing[:2])
    assert np.allclose(own.origin, corner, atol=1e-3)
    assert np.allclose(loaded.scan.grid.b0_direction, np.multiply(nifti.scan.grid.b0_direction, (-1, -1, 1)), atol=1e-6)


def test_siemens_two_series_of_all_echoes(tmp_path):
    stored = siemens(tmp_path)
    candidate = only(tmp_path)
    assert candidate.title == "gre_qsm (series 5, A1): 3 echoes (4, 9, 14 ms), 6 x 5 x 4, 3 T"
    assert candidate.facts["SoftwareVersions"] == "syngo MR E11"
    loaded = read_acquisition(candidate)
    assert np.allclose(loaded.scan.phase, (stored["phase"] - 2048) * np.pi / 2048, atol=1e-6)
    assert np.array_equal(loaded.scan.magnitude, stored["magnitude"])
    assert loaded.geometry.difference(GEOMETRY) == ""
    assert np.allclose(loaded.geometry.direction, GEOMETRY.direction, atol=1e-9)
    assert np.allclose(loaded.scan.grid.b0_direction, (0, np.sin(0.25), np.cos(0.25)), atol=1e-9)
    assert loaded.scan.grid.voxel_size == pytest.approx(SPACING)
    assert loaded.scan.echo_times == TIMES
    assert loaded.facts["said_by"]["echo_times"] == "the DICOM header"


def test_a_list_of_files_is_a_source_like_a_folder(tmp_path):
    siemens(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    files = [str(path) for path in tmp_path.rglob("*") if path.is_file()]
    seen = []
    (candidate,) = find_in_files(files, lambda fraction, message: seen.append(fraction))
    assert candidate == only(tmp_path)
    assert seen == sorted(seen)
    assert find_in_files([tmp_path / "notes.txt"]) == []
    (magnitude,) = find_in_files([path for path in files if "phase" not in path])
    assert "magnitude but no phase" in magnitude.problem


@pytest.mark.parametrize("vendor", [SIEMENS, PHILIPS, GE, CANON, UIH], ids=lambda vendor: vendor["Manufacturer"])
def test_enhanced_frames_in_any_order(tmp_path, vendor):
    stored = {part: np.stack([noise(seed=10 * n + e) for e in range(3)], 3) for n, part in enumerate(PARTS[:2])}
    write_enhanced(tmp_path, stored, vendor)
    loaded = read(tmp_path)
    assert np.allclose(loaded.scan.phase, (stored["phase"] - 2048) * np.pi / 2048, atol=1e-6)
    assert np.array_equal(loaded.scan.magnitude, stored["magnitude"])
    assert loaded.geometry.difference(GEOMETRY) == ""
    assert loaded.scan.echo_times == TIMES


def test_siemens_without_a_rescale(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "phase")
    write_volume(tmp_path, noise(seed=1), SIEMENS, "magnitude")
    loaded = read(tmp_path)
    assert loaded.facts["phase_scale"] == "siemens"
    assert np.allclose(loaded.scan.phase[..., 0], (noise() - 2048) * np.pi / 2048, atol=1e-6)


def test_a_scale_that_nothing_says_is_not_guessed(tmp_path):
    write_volume(tmp_path, noise(high=900), SIEMENS, "phase")
    with pytest.raises(InputError, match="names no unit: name"):
        read_acquisition(only(tmp_path))


def test_philips_one_series_with_the_scale_of_every_slice(tmp_path):
    private = ("2005", "Philips MR Imaging DD 001")
    phase, magnitude = [], []
    for echo in range(2):
        timing = {"EchoTime": TIMES[echo] * 1000, "EchoNumbers": echo + 1}
        stored = noise(seed=echo)
        slope = 2 * 3142 / 4095
        said = {"ImageType": ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"], "RescaleType": "mrad"}
        write_volume(tmp_path, stored, PHILIPS, "phase", RescaleSlope=slope, RescaleIntercept=-3142, **said, **timing)
        phase.append(stored * slope / 1000 - 3.142)
        stored, own = noise(seed=9 + echo), 0.25 / (echo + 1)
        said = {"ImageType": ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"], "RescaleSlope": 1.5, "RescaleIntercept": 0}
        scale = {(int(private[0], 16), private[1], 0x0E, "FL"): own}
        write_volume(tmp_path, stored, PHILIPS, "magnitude", private=scale, **said, **timing)
        magnitude.append(stored / own)
    loaded = read(tmp_path)
    assert np.allclose(loaded.scan.phase, np.stack(phase, 3), atol=1e-6)
    assert np.allclose(loaded.scan.magnitude, np.stack(magnitude, 3), rtol=1e-6)


def test_philips_real_and_imaginary(tmp_path):
    facts = {"RescaleSlope": 2, "RescaleIntercept": -4095, "SeriesDescription": "complex"}
    real, imaginary = (2.0 * noise(seed=seed) - 4095 for seed in (1, 2))
    for part, seed in (("real", 1), ("imaginary", 2)):
        words = ["ORIGINAL", "PRIMARY", f"{part[0].upper()}_FFE", part[0].upper(), "FFE"]
        write_volume(tmp_path, noise(seed=seed), PHILIPS, part, ImageType=words, **facts)
    loaded = read(tmp_path)
    assert np.allclose(loaded.scan.phase[..., 0], np.arctan2(imaginary, real), atol=1e-6)
    assert np.allclose(loaded.scan.magnitude[..., 0], np.hypot(real, imaginary), rtol=1e-6)


def ge_part(number):
    return {(0x0043, "GEMS_PARM_01", 0x2F, "SS"): number}


@pytest.mark.parametrize("alternating", [True, False])
def test_ge_real_and_imaginary_with_alternating_signs(tmp_path, alternating):
    smooth = np.add.outer(np.arange(6), np.add.outer(np.arange(5), np.zeros(4))) * 0.3
    signs = (-1.0) ** np.arange(4) if alternating else np.ones(4)
    for number, part, image in ((2, "real", np.cos(smooth)), (3, "imaginary", np.sin(smooth))):
        stored = np.rint(1000 * image * signs).astype(int)
        words = ["ORIGINAL", "PRIMARY", "OTHER"]
        write_volume(tmp_path, stored, GE, part, private=ge_part(number), ImageType=words)
    loaded = read(tmp_path)
    assert np.allclose(loaded.scan.phase[..., 0], smooth, atol=2e-3)
    assert any("alternate in sign" in said for said in loaded.warnings) == alternating


def test_ge_phase_is_in_milliradians(tmp_path):
    words = ["ORIGINAL", "PRIMARY", "OTHER"]
    write_volume(tmp_path, noise(-3100, 3000), GE, "phase", private=ge_part(1), ImageType=words)
    write_volume(tmp_path, noise(seed=1), GE, "magnitude", private=ge_part(0), ImageType=words)
    loaded = read(tmp_path)
    assert np.allclose(loaded.scan.phase[..., 0], noise(-3100, 3000) / 1000, atol=1e-6)
    sign, unit = loaded.warnings
    assert unit == "The header of the phase names no unit: it was taken as milliradians, as GE stores it."
    assert "--phase-sign -1" in sign


def test_canon_names_the_component(tmp_path):
    canon = {"Manufacturer": "CANON_MEC", "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"]}
    for part in ("magnitude", "phase"):
        facts = {"ComplexImageComponent": part.upper(), "RescaleType": "rad", "RescaleSlope": 1e-3}
        write_volume(tmp_path, noise(-3000 if part == "phase" else 0, 3000), canon, part, **facts)
    assert np.allclose(read(tmp_path).scan.phase[..., 0], noise(-3000, 3000) / 1000, atol=1e-6)


def test_echoes_in_series_of_their_own_and_runs_of_one_protocol(tmp_path):
    for run in range(2):
        for echo, time in enumerate(TIMES):
            for offset, part in enumerate(("magnitude", "phase")):
                number = 10 + 20 * run + 2 * echo + offset
                facts = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.{number}", "EchoTime": time * 1000}
                write_volume(tmp_path, noise(seed=number), SIEMENS, part, **facts)
    first, second = find_acquisitions(tmp_path)
    assert (first.description, second.description) == ("(series 10, A1)", "(series 30, A1)")
    assert first.echo_times == second.echo_times == TIMES
    with pytest.raises(InputError, match=r"2 acquisitions: name one with --acquisition \(1 = gre_qsm \(series 10"):
        choose([first, second])
    assert choose([first, second], "2") is second
    assert choose([first, second], first.title) is first
    with pytest.raises(InputError, match="'gre_qsm' is none of them, or several"):
        choose([first, second], "gre_qsm")
    assert np.array_equal(read_acquisition(second).scan.magnitude[..., 1], noise(seed=32))


def test_other_series_of_an_examination_are_left_out(tmp_path):
    siemens(tmp_path)
    others = {"SeriesDescription": "t1_mprage", "ScanningSequence": "IR", "ProtocolName": "t1", "SeriesNumber": 2}
    write_volume(tmp_path, noise(), SIEMENS, "magnitude", SeriesInstanceUID="1.2.2", **others)
    made = {"ImageType": ["DERIVED", "PRIMARY", "M", "SWI"], "SeriesNumber": 8, "SeriesInstanceUID": "1.2.8"}
    write_volume(tmp_path, noise(), SIEMENS, "magnitude", **made)
    assert only(tmp_path).echo_times == TIMES


def test_phase_alone_will_do(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "phase")
    loaded = read(tmp_path)
    assert loaded.scan.magnitude is None
    assert loaded.warnings == []


def test_magnitude_without_phase(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "magnitude")
    assert "magnitude but no phase: export the phase" in refused(tmp_path)


def test_real_without_imaginary(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "real")
    assert refused(tmp_path) == "There are real images but no imaginary ones: export both, or the phase."


def test_a_phase_difference_is_no_phase(tmp_path):
    for echo in range(2):
        write_volume(tmp_path, noise(seed=echo), SIEMENS, "magnitude", EchoTime=TIMES[echo] * 1000)
    write_volume(tmp_path, noise(), SIEMENS, "phase", EchoTime=TIMES[1] * 1000)
    assert refused(tmp_path).startswith(
        "There is one phase image for 2 echoes of magnitude: it is the phase difference"
    )


def test_echo_times_that_nobody_stated_are_asked_for(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "phase", EchoTime=0)
    candidate = only(tmp_path)
    assert (candidate.echo_times, candidate.problem) == (None, "")
    with pytest.raises(InputError, match="The echo times are missing"):
        read_acquisition(candidate)


def test_a_single_slice_takes_its_thickness(tmp_path):
    write_volume(tmp_path, noise(shape=(6, 5, 1)), SIEMENS, "phase")
    assert read(tmp_path).geometry.spacing == pytest.approx(SPACING)


def test_a_plane_of_the_grid_is_where_the_header_says(tmp_path):
    """The place of a voxel by the standard: position + column number x spacing x axis of rows + row number x ..."""
    stored = np.zeros(SHAPE, int)
    stored[4, 1, 2] = 1000
    stored[0, 0, 0] = 1
    write_volume(tmp_path, stored, SIEMENS, "magnitude")
    write_volume(tmp_path, noise(), SIEMENS, "phase")
    loaded = read(tmp_path)
    bright = np.unravel_index(np.argmax(loaded.scan.magnitude), SHAPE)
    place = loaded.geometry.origin + np.array(loaded.geometry.direction).reshape(3, 3) @ (bright * np.array(SPACING))
    normal = np.cross(ROW, COLUMN)
    assert np.allclose(place, np.array(GEOMETRY.origin) + 4 * 0.7 * ROW + 1 * 0.9 * COLUMN + 2 * 2.0 * normal)

"""Images as each vendor stores them: which part they show, and how their values become radians."""

import numpy as np
import pytest
from dicom_files import (
    CANON,
    GE,
    GEOMETRY,
    PHILIPS,
    SIEMENS,
    TIMES,
    TOSHIBA,
    UIH,
    item,
    noise,
    only,
    refused,
    siemens,
    write_enhanced,
    write_volume,
)

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.candidate import PARTS

GE_PART = (0x0043, "GEMS_PARM_01", 0x2F, "SS")
PHILIPS_PART = (0x2005, "Philips MR Imaging DD 001", 0x11, "CS")
PHILIPS_SLOPE = (0x2005, "Philips MR Imaging DD 001", 0x0E, "FL")
SIEMENS_XA = {"Manufacturer": "Siemens Healthineers", "SoftwareVersions": "syngo MR XA30"}
SDI = "SIEMENS MR SDI 02"

WORDS = {
    "Siemens": (SIEMENS, [["ORIGINAL", "PRIMARY", word, "ND"] for word in "PMRI"], {}),
    "Siemens, normalised": (SIEMENS, [["ORIGINAL", "PRIMARY", word, "ND", "NORM"] for word in "PMRI"], {}),
    "Philips": (
        PHILIPS,
        [["ORIGINAL", "PRIMARY", long, short, "FFE"] for long, short in (
            ("PHASE MAP", "P"), ("M_FFE", "M"), ("R_FFE", "R"), ("I_FFE", "I"))],
        {},
    ),
    "Philips, private word": (PHILIPS, [["ORIGINAL", "PRIMARY", "OTHER"]] * 4, {PHILIPS_PART: ["P", "M", "R", "I"]}),
    "GE": (GE, [["ORIGINAL", "PRIMARY", "OTHER"]] * 4, {GE_PART: [1, 0, 2, 3]}),
    "Canon": (CANON, [["ORIGINAL", "PRIMARY", word] for word in ("PHASE", "MAGNITUDE", "REAL", "IMAGINARY")], {}),
    "Toshiba": (TOSHIBA, [["ORIGINAL", "PRIMARY"]] * 4, {"ComplexImageComponent": [part.upper() for part in PARTS]}),
    "UIH": (UIH, [["ORIGINAL", "PRIMARY", word, "NONE"] for word in ("PHASE", "M", "REAL", "IMAGINARY")], {}),
}  # fmt: skip
"""Image types, and other elements, of phase, magnitude, real and imaginary part."""


@pytest.mark.parametrize("words", WORDS)
def test_phase_and_magnitude_are_known_by_each_vendors_words_and_mixed_in_one_series(tmp_path, words):
    vendor, types, elements = WORDS[words]
    stored = {part: [noise(seed=10 * n + echo) for echo in range(2)] for n, part in enumerate(PARTS)}
    for (n, part), echo in [(n, echo) for n in enumerate(PARTS) for echo in range(2)]:
        own = {key: values[n] for key, values in elements.items() if isinstance(key, tuple)}
        more = {key: values[n] for key, values in elements.items() if isinstance(key, str)}
        more |= {"ImageType": types[n], "EchoTime": TIMES[echo] * 1000, "EchoNumbers": echo + 1, "private": own}
        more |= {"RescaleType": "deg", "RescaleSlope": 0.05, "RescaleIntercept": -100} if part == "phase" else {}
        write_volume(tmp_path, stored[part][echo], vendor, part, **more)
    loaded = read_acquisition(only(tmp_path))
    assert np.allclose(loaded.scan.phase, np.radians(np.stack(stored["phase"], 3) * 0.05 - 100), atol=1e-5)
    assert np.array_equal(loaded.scan.magnitude, np.stack(stored["magnitude"], 3))
    assert loaded.scan.echo_times == TIMES[:2]


@pytest.mark.parametrize("words", WORDS)
def test_real_and_imaginary_parts_are_known_by_each_vendors_words(tmp_path, words):
    vendor, types, elements = WORDS[words]
    for n, part in enumerate(PARTS):
        if part in ("real", "imaginary"):
            own = {key: values[n] for key, values in elements.items() if isinstance(key, tuple)}
            more = {key: values[n] for key, values in elements.items() if isinstance(key, str)}
            write_volume(tmp_path, noise(-900, 900, seed=n), vendor, part, ImageType=types[n], private=own, **more)
    loaded = read_acquisition(only(tmp_path))
    assert np.allclose(loaded.scan.phase[..., 0], np.arctan2(noise(-900, 900, 3), noise(-900, 900, 2)), atol=1e-6)


@pytest.mark.parametrize("vendor", [CANON, TOSHIBA, UIH, PHILIPS])
def test_a_scale_that_the_header_leaves_out_is_asked_for(tmp_path, vendor):
    write_volume(tmp_path, noise(high=900), vendor, "phase")
    with pytest.raises(InputError, match="names no unit: name the phase scale"):
        read_acquisition(only(tmp_path))


def xa_frame(part, component, text):
    """Return what a frame of Siemens' XA says: its old image type in a private part."""
    own = item({(0x0021, SDI, 0x75, "CS", 1): ["ORIGINAL", "PRIMARY", *text]})
    kind = item(FrameType=["ORIGINAL", "PRIMARY", "OTHER", "NONE"])
    if component:
        kind.ComplexImageComponent = part.upper()
    return {"MRImageFrameTypeSequence": [kind], (0x0021, SDI, 0xFE, "SQ", 1): [own]}


@pytest.mark.parametrize("component", [True, False], ids=["public word", "private word"])
@pytest.mark.parametrize("mixed", [True, False], ids=["one file", "two files"])
def test_siemens_xa_enhanced(tmp_path, component, mixed):
    stored = {part: np.stack([noise(seed=10 * n + e) for e in range(3)], 3) for n, part in enumerate(PARTS[:2])}
    words = {"phase": ("P", "ND"), "magnitude": ("M", "ND", "NORM")}
    files = [stored] if mixed else [{part: values} for part, values in stored.items()]
    for number, volumes in enumerate(files):
        facts = {"SeriesNumber": 5 + number, "SeriesInstanceUID": f"1.2.9.{number}", "ComplexImageComponent": "MIXED"}
        write_enhanced(tmp_path, volumes, SIEMENS_XA, lambda p, e, r: xa_frame(p, component, words[p]), **facts)
    candidate = only(tmp_path)
    loaded = read_acquisition(candidate)
    assert loaded.warnings == []
    assert np.allclose(loaded.scan.phase, (stored["phase"] - 2048) * np.pi / 2048, atol=1e-6)
    assert np.array_equal(loaded.scan.magnitude, stored["magnitude"])
    assert loaded.geometry.difference(GEOMETRY) == ""


def test_siemens_xa_says_its_correction_in_the_private_part(tmp_path):
    stored = {"phase": noise()[..., None]}
    write_enhanced(tmp_path, stored, SIEMENS_XA, lambda p, e, r: xa_frame(p, True, ("P", "DIS3D")))
    assert "corrected for distortion (DIS3D)" in only(tmp_path).warnings[0]


def philips_frame(slopes):
    def frame(part, echo, repetition):
        kind = item(FrameType=["ORIGINAL", "PRIMARY", f"{part[0].upper()}_FFE", part[0].upper()])
        slope, intercept, private, unit = slopes[part, echo]
        own = item({PHILIPS_SLOPE: private})
        return {
            "MRImageFrameTypeSequence": [kind],
            "PixelValueTransformationSequence": [
                item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType=unit)
            ],
            (0x2005, "Philips MR Imaging DD 005", 0x0F, "SQ", 4): [own],
        }

    return frame


def test_philips_enhanced_with_all_parts_in_one_file_and_a_scale_in_every_frame(tmp_path):
    stored = {part: np.stack([noise(seed=10 * n + e) for e in range(2)], 3) for n, part in enumerate(PARTS)}
    ends = {part: (-3142.0, "mrad") if part == "phase" else (-100.0, "US") for part in PARTS}
    slopes = {(part, e): (1.5 - e / 2, ends[part][0], 0.5 + e, ends[part][1]) for part in PARTS for e in range(2)}
    write_enhanced(tmp_path, stored, PHILIPS, philips_frame(slopes))
    loaded = read_acquisition(only(tmp_path))
    steps, own = np.array([1.5, 1.0]), np.array([0.5, 1.5])
    assert np.allclose(loaded.scan.phase, (stored["phase"] * steps - 3142) / 1000, atol=1e-5)
    assert np.allclose(loaded.scan.magnitude, (stored["magnitude"] * steps - 100) / (steps * own), rtol=1e-5)


def test_philips_real_world_values_in_radians_come_before_the_scale_of_display(tmp_path):
    unit = item(CodeValue="rad", CodingSchemeDesignator="UCUM", CodeMeaning="radian")
    mapping = item(RealWorldValueSlope=2 * np.pi / 4095, RealWorldValueIntercept=-np.pi)
    mapping.MeasurementUnitsCodeSequence = [unit]
    words = ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"]
    scale = {"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "US", "RealWorldValueMappingSequence": [mapping]}
    write_volume(tmp_path, noise(), PHILIPS, "phase", ImageType=words, **scale)
    loaded = read_acquisition(only(tmp_path))
    assert np.allclose(loaded.scan.phase[..., 0], noise() * 2 * np.pi / 4095 - np.pi, atol=1e-6)


def ge_head(alternating, echoes=2, head=1000.0, seed=0):
    """Return stored magnitude and phase (mrad) of a ball in noise, as GE stores them, and the true phase (rad)."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 24, 10)), indexing="ij")
    size = np.where(x**2 + y**2 + z**2 < 0.8, head, 0.0)[..., None]
    true = (2 * x + y - z)[..., None] * np.arange(1, echoes + 1)
    image = size * np.exp(1j * true) + rng.normal(0, 20, true.shape) + 1j * rng.normal(0, 20, true.shape)
    if alternating:
        image[:, :, 1::2] *= -1
    return np.rint(np.abs(image)).astype(int), np.rint(1000 * np.angle(image)).astype(int), true, size[..., 0] > 0


def write_ge(folder, magnitude, phase):
    for echo in range(phase.shape[3]):
        timing = {
            "EchoTime": TIMES[echo] * 1000,
            "EchoNumbers": echo + 1,
            "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        }
        write_volume(folder, phase[..., echo], GE, "phase", private={GE_PART: 1}, **timing)
        if magnitude is not None:
            write_volume(folder, magnitude[..., echo], GE, "magnitude", private={GE_PART: 0}, **timing)


@pytest.mark.parametrize("with_magnitude", [True, False])
@pytest.mark.parametrize("alternating", [True, False])
def test_ge_phase_that_alternates_by_half_a_turn_is_mended_and_no_other(tmp_path, alternating, with_magnitude):
    magnitude, phase, true, head = ge_head(alternating)
    write_ge(tmp_path, magnitude if with_magnitude else None, phase)
    loaded = read_acquisition(only(tmp_path))
    away = np.angle(np.exp(1j * (loaded.scan.phase - true)))[head]
    assert np.abs(away).max() < 0.2
    assert np.abs(loaded.scan.phase).max() < np.pi + 1e-3
    assert any("alternates by half a turn" in said for said in loaded.warnings) == alternating


def test_ge_phase_that_alternates_in_one_echo_only_is_left(tmp_path):
    magnitude, phase, _, _ = ge_head(alternating=False)
    phase[:, :, 1::2, 1] = ge_head(alternating=True)[1][:, :, 1::2, 1]
    write_ge(tmp_path, magnitude, phase)
    loaded = read_acquisition(only(tmp_path))
    assert np.allclose(loaded.scan.phase, phase / 1000, atol=1e-5)
    assert not any("alternates" in said for said in loaded.warnings)


def test_a_steep_field_of_the_scan_is_not_taken_for_an_alternating_sign(tmp_path):
    """A quarter of a turn from slice to slice, of a coil or a poor shim, stays as it is."""
    magnitude, phase, _, _ = ge_head(alternating=False)
    steep = np.exp(1j * (phase / 1000 + np.pi / 2 * np.arange(10)[:, None]))
    write_ge(tmp_path, magnitude, np.rint(1000 * np.angle(steep)).astype(int))
    assert not any("alternates" in said for said in read_acquisition(only(tmp_path)).warnings)


def test_the_phase_of_other_vendors_is_never_mended(tmp_path):
    _, phase, _, _ = ge_head(alternating=True, echoes=1)
    write_volume(tmp_path, phase[..., 0], UIH, "phase", RescaleType="mrad")
    assert np.allclose(read_acquisition(only(tmp_path)).scan.phase, phase / 1000, atol=1e-5)


def test_the_sign_of_ge_is_doubted_and_that_of_others_not(tmp_path):
    write_ge(tmp_path / "ge", *ge_head(alternating=False)[:2])
    siemens(tmp_path / "siemens")
    assert any("--phase-sign -1" in said for said in only(tmp_path / "ge").warnings)
    assert only(tmp_path / "siemens").warnings == ()


HERTZ = item(CodeValue="Hz", CodingSchemeDesignator="UCUM", CodeMeaning="hertz")


@pytest.mark.parametrize(
    ("vendor", "said"),
    [
        (PHILIPS, {"ImageType": ["ORIGINAL", "PRIMARY", "B0 MAP", "B0", "FFE"], "RescaleType": "Hz"}),
        (PHILIPS, {"ImageType": ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"], "RescaleType": "Hz"}),
        (CANON, {"ImageType": ["DERIVED", "PRIMARY", "PHASE"], "RealWorldValueMappingSequence": [
            item(RealWorldValueSlope=1.0, RealWorldValueIntercept=0.0, MeasurementUnitsCodeSequence=[HERTZ])]}),
        (GE, {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER"], "private": {
            (0x0019, "GEMS_ACQU_01", 0x9C, "LO"): "research/b0map", GE_PART: 1}}),
        (GE, {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER"], "private": {
            (0x0019, "GEMS_ACQU_01", 0x9E, "LO"): "B0map"}}),
    ],
    ids=["Philips B0", "Philips Hz", "real-world Hz", "GE b0map", "GE internal name"],
)  # fmt: skip
@pytest.mark.parametrize("beside", [True, False], ids=["with magnitude", "alone"])
def test_a_field_map_in_hertz_is_not_taken_for_phase(tmp_path, vendor, said, beside):
    write_volume(tmp_path, noise(-300, 300), vendor, "phase", **said)
    if beside:
        write_volume(tmp_path, noise(), vendor, "magnitude")
    assert refused(tmp_path).startswith("There is a field map (Hz), which the scanner made of two echoes, but no phase")


def test_a_field_map_beside_the_phase_is_left_out(tmp_path):
    stored = siemens(tmp_path, echoes=2)
    words = ["DERIVED", "PRIMARY", "B0 MAP", "B0"]
    write_volume(tmp_path, noise(-300, 300), SIEMENS, "phase", ImageType=words, SeriesNumber=9, RescaleType="Hz")
    assert np.array_equal(read_acquisition(only(tmp_path)).scan.magnitude, stored["magnitude"])


def test_siemens_field_mapping_is_a_difference_even_without_its_magnitude(tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "phase", SequenceName="*fm2d2r", EchoTime=7.38, EchoNumbers=2)
    assert "field-mapping protocol (*fm2d2r), whose scanner stores the difference of two echoes" in refused(tmp_path)


def test_mosaics_grids_and_velocities_are_no_volumes_of_phase(tmp_path):
    write_volume(tmp_path, noise(), PHILIPS, "phase", ImageType=["ORIGINAL", "PRIMARY", "VELOCITY MAP", "P", "PCA"])
    write_volume(tmp_path, noise(), SIEMENS, "phase", ImageType=["ORIGINAL", "PRIMARY", "P", "ND", "MOSAIC"])
    write_volume(tmp_path, noise(), UIH, "phase", ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"])
    with pytest.raises(InputError, match="no gradient-echo phase"):
        find_acquisitions(tmp_path)

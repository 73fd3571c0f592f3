"""Images of one slice told apart: coils that were not combined, repetitions, and echoes whose times are wrong."""

import numpy as np
import pydicom
import pytest
from dicom_files import (
    CANON,
    GE,
    PHILIPS,
    SIEMENS,
    TIMES,
    UIH,
    frame_of,
    item,
    noise,
    only,
    refused,
    siemens,
    write_enhanced,
    write_volume,
)

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import choose, find_acquisitions, read_acquisition
from QSMLogic.io.dicom.coils import is_single

COIL = (0x0051, "SIEMENS MR HEADER", 0x0F, "LO")
ICE = (0x0021, "SIEMENS MR SDI 02", 0x06, "LO", 1)
UIH_COIL, UIH_REPETITION = (
    (0x0065, "Image Private Header", element, kind) for element, kind in ((3, "LO"), (0x2C, "IS"))
)
PAIR = (("magnitude", 0), ("phase", 100))


@pytest.mark.parametrize(
    ("name", "single"),
    [
        ("H1", True), ("H12", True), ("HE3", True), ("C:A7", True), ("coil 7", True), ("A32", True),
        ("HEA;HEP", False), ("H1;H2", False), ("HC1-7", False), ("HE1-4", False), ("HeadNeck_64", False),
        ("32Ch Head", False), ("MULTI COIL", False), ("HEP", False), ("", False),
    ],
)  # fmt: skip
def test_one_element_of_a_coil_is_known_by_its_name(name, single):
    assert is_single(name) == single


def write_coils(folder, vendor, element, names, echoes=1, **more):
    """Write magnitude and phase of every coil, in one series for each part or as more says."""
    for echo in range(echoes):
        for part, seed in PAIR:
            for n, name in enumerate(names):
                own = {element: name} if isinstance(element, tuple) else {}
                said = {element: name} if isinstance(element, str) else {}
                said |= {"SeriesInstanceUID": f"1.2.{seed}", "EchoTime": TIMES[echo] * 1000, "EchoNumbers": echo + 1}
                scale = {"RescaleType": "mrad", "RescaleSlope": 1.5, "RescaleIntercept": -3071} if seed else {}
                stored = noise(seed=seed + 10 * echo + n)
                write_volume(folder, stored, vendor, part, private=own, **(said | scale | more))


@pytest.mark.parametrize(
    ("vendor", "element", "names"),
    [
        (SIEMENS, COIL, ["H1", "H2"]),
        (SIEMENS, ICE, [f"{n}_1_1_1_1_1_1_1_1_1_1_1_7" for n in (1, 2)]),
        (UIH, UIH_COIL, ["H1", "H2"]),
        (PHILIPS, "ReceiveCoilName", ["C1", "C2"]),
        (CANON, "ReceiveCoilName", ["HE1", "HE2"]),
    ],
    ids=["Siemens", "Siemens ICE", "UIH", "Philips", "Canon"],
)
def test_uncombined_coils_are_named_and_not_taken_for_echoes(tmp_path, vendor, element, names):
    write_coils(tmp_path, vendor, element, names, echoes=2)
    said = refused(tmp_path)
    assert said.startswith("The images of 2 coils (")
    assert "are not combined" in said
    assert "export the coil-combined images" in said
    assert only(tmp_path).echo_times == TIMES[:2]


@pytest.mark.parametrize("apart", [True, False], ids=["series of their own", "one series"])
def test_combined_images_beside_their_coils_are_used(tmp_path, apart):
    names = ["H1", "HEA;HEP", "H2"]
    for n, name in enumerate(names):
        for part, seed in PAIR:
            series = {"SeriesNumber": 5 + n, "SeriesInstanceUID": f"1.2.{n}.{seed}"} if apart else {}
            write_volume(tmp_path, noise(seed=seed + n), SIEMENS, part, private={COIL: name}, **series)
    candidate = only(tmp_path)
    assert candidate.warnings == ("Images of 2 single coils were left out: the combined ones are used.",)
    loaded = read_acquisition(candidate)
    assert np.array_equal(loaded.scan.magnitude[..., 0], noise(seed=1))
    assert np.allclose(loaded.scan.phase[..., 0], (noise(seed=101) - 2048) * np.pi / 2048, atol=1e-6)


def test_coils_in_series_of_their_own_are_one_acquisition_that_says_so(tmp_path):
    for n in range(3):
        for part, seed in PAIR:
            series = {"SeriesNumber": 5 + n, "SeriesInstanceUID": f"1.2.{n}.{seed}"}
            write_volume(tmp_path, noise(seed=seed + n), SIEMENS, part, private={COIL: f"H{n + 1}"}, **series)
    assert refused(tmp_path).startswith("The images of 3 coils (H1 to H3) are not combined")


def test_a_coil_of_one_element_is_combined(tmp_path):
    write_coils(tmp_path, SIEMENS, COIL, ["H1"])
    assert only(tmp_path).problem == ""


def test_coils_that_differ_between_slices_do_not_disturb(tmp_path):
    """Siemens chooses elements slice by slice where it is told to."""
    siemens(tmp_path, echoes=2)
    for n, path in enumerate(sorted(tmp_path.rglob("*.dcm"))):
        header = pydicom.dcmread(path)
        header.private_block(0x0051, "SIEMENS MR HEADER", create=True).add_new(0x0F, "LO", f"H{n % 3}")
        header.save_as(path)
    assert only(tmp_path).problem == ""


@pytest.mark.parametrize("elements", [["A", "B"], ["A"]], ids=["combined", "one"])
def test_enhanced_frames_name_the_elements_of_their_coil(tmp_path, elements):
    def frame(part, echo, repetition):
        names = elements if len(elements) > 1 else [f"H{repetition + 1}"]
        used = [item(MultiCoilElementName=name, MultiCoilElementUsed="YES") for name in names]
        unused = item(MultiCoilElementName="H9", MultiCoilElementUsed="NO")
        coil = item(ReceiveCoilName="head", MultiCoilDefinitionSequence=[*used, unused])
        return frame_of(part) | {"MRReceiveCoilSequence": [coil]}

    stored = {part: np.stack([noise(seed=seed + e) for e in range(2)], 3) for part, seed in PAIR}
    write_enhanced(tmp_path, stored, SIEMENS, frame, repetitions=1 if len(elements) > 1 else 3)
    (candidate,) = find_acquisitions(tmp_path)
    assert candidate.problem.startswith("The images of 3 coils (H1 to H3)") == (len(elements) == 1)


REPETITIONS = [
    (SIEMENS, {"AcquisitionNumber": (1, 2)}),
    (SIEMENS, {ICE: tuple(f"X_1_1_1_{n}_1_1_1_1_1_1_1_7" for n in (1, 2))}),
    (PHILIPS, {"TemporalPositionIdentifier": (1, 2)}),
    (PHILIPS, {(0x2001, "Philips Imaging DD 001", 8, "IS"): (1, 2)}),
    (GE, {"TriggerTime": (0.0, 420.5)}),
    (UIH, {UIH_REPETITION: (1, 2)}),
]


@pytest.mark.parametrize(("vendor", "told"), REPETITIONS)
def test_repetitions_are_acquisitions_of_their_own(tmp_path, vendor, told):
    ((element, values),) = told.items()
    for n in (1, 0):
        for part, seed in PAIR:
            own = {element: values[n]} if isinstance(element, tuple) else {}
            more = {element: values[n]} if isinstance(element, str) else {}
            more |= {"RescaleType": "mrad", "RescaleSlope": 1.5, "RescaleIntercept": -3071} if seed else {}
            for echo in range(2):
                timing = {"EchoTime": TIMES[echo] * 1000, "EchoNumbers": echo + 1}
                stored = noise(seed=seed + 10 * echo + n)
                write_volume(tmp_path, stored, vendor, part, private=own, **more, **timing)
    candidates = find_acquisitions(tmp_path)
    assert [c.description for c in candidates] == [f"(series 5, repetition {n}, A1)" for n in (1, 2)]
    assert not any(c.problem for c in candidates)
    for n, candidate in enumerate(candidates):
        loaded = read_acquisition(candidate)
        assert np.array_equal(loaded.scan.magnitude, np.stack([noise(seed=n), noise(seed=10 + n)], 3))
        assert np.allclose(loaded.scan.phase[..., 1], (noise(seed=110 + n) * 1.5 - 3071) / 1000, atol=1e-5)
    with pytest.raises(InputError, match="2 acquisitions: name one"):
        choose(candidates)


def test_repetitions_in_enhanced_frames(tmp_path):
    def frame(part, echo, repetition):
        return frame_of(part) | {"FrameContentSequence": [item(TemporalPositionIndex=repetition + 1)]}

    stored = {part: noise(seed=seed, high=4000)[..., None] for part, seed in PAIR}
    write_enhanced(tmp_path, stored, PHILIPS, frame, repetitions=2)
    first, second = find_acquisitions(tmp_path)
    assert np.array_equal(read_acquisition(first).scan.magnitude, stored["magnitude"])
    assert np.array_equal(read_acquisition(second).scan.magnitude, stored["magnitude"] + 1)


def test_a_repetition_that_was_broken_off_does_not_spoil_the_others(tmp_path):
    for n in range(2):
        for part, seed in PAIR:
            files = write_volume(tmp_path, noise(seed=seed + n), SIEMENS, part, AcquisitionNumber=n + 1)
    files[-1].unlink()
    first, second = find_acquisitions(tmp_path)
    assert (first.problem, first.description) == ("", "(series 5, repetition 1, A1)")
    assert "6 x 5 x 3 voxels" in second.problem


def test_a_number_of_every_image_tells_no_repetitions_apart(tmp_path):
    """Twice the same slices, and a number that rises with every image: nothing says which belong together."""
    for seed in range(2):
        write_volume(tmp_path, noise(seed=seed), SIEMENS, "phase")
    for n, path in enumerate(sorted(tmp_path.iterdir())):
        header = pydicom.dcmread(path)
        header.AcquisitionNumber = n
        header.save_as(path)
    assert "are there more than once" in refused(tmp_path)


def test_echoes_that_carry_one_time_are_told_apart_by_their_numbers_and_the_times_asked_for(tmp_path):
    """Research sequences of GE write the first echo time into all images."""
    for echo in range(3):
        for part, seed in PAIR:
            own = {(0x0043, "GEMS_PARM_01", 0x2F, "SS"): int(seed > 0)}
            write_volume(tmp_path, noise(0, 3000, seed=seed + echo), GE, part, EchoNumbers=echo + 1, private=own)
    candidate = only(tmp_path)
    assert candidate.echo_times is None
    assert "All echoes carry the same echo time (4 ms)" in candidate.warnings[0]
    assert [len(v) for v in candidate.volumes.values()] == [3, 3]
    with pytest.raises(InputError, match="The echo times are missing"):
        read_acquisition(candidate)

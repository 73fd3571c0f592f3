"""Numbers in headers and side-cars that make no sense, or contradict each other: refused, or told."""

import gzip
import json
import tracemalloc

import numpy as np
import pytest
from dicom_files import change, siemens
from nifti_files import make, patched
from scan_files import GEOMETRY, SHAPE, TIMES, wrapped

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.bounded import BoundedFile
from QSMLogic.io.load import load
from QSMLogic.io.nifti import read_image, write_image
from QSMLogic.io.sources import Sources

HUGE = 50_000_000


@pytest.fixture
def echoes(tmp_path):
    """Write phase and magnitude of two echoes, with side-cars; return what names them."""
    for part, values in (("phase", wrapped()), ("magnitude", np.full((*SHAPE, 2), (2.0, 1.0), np.float32))):
        for echo, time in enumerate(TIMES):
            write_image(tmp_path / f"{part}{echo}.nii", values[..., echo], GEOMETRY)
            said = {"EchoTime": time, "MagneticFieldStrength": 3} | ({"Units": "rad"} if part == "phase" else {})
            (tmp_path / f"{part}{echo}.json").write_text(json.dumps(said))
    files = {part: tuple(tmp_path / f"{part}{echo}.nii" for echo in range(2)) for part in ("phase", "magnitude")}
    return Sources(**files)


@pytest.mark.parametrize(
    ("part", "fields", "said"),
    [
        ("phase", {"scl_slope": 0.5}, "phase1.nii holds fractions and scales them"),
        ("magnitude", {"scl_inter": 3}, "magnitude1.nii holds fractions and scales them"),
        ("magnitude", {"datatype": 8}, "are stored in different ways (type 16 and 8, slope 1 and 1)"),
        ("phase", {"qform_code": 1, "quatern": [0.7, 0, 0, 0, 0, 0]}, "in two ways (qform and sform) that differ by"),
    ],
)
def test_headers_that_contradict_each_other_are_told(echoes, part, fields, said):
    assert load(echoes).warnings == []
    for path in getattr(echoes, part)[0 if "quatern" in fields else 1 :]:
        patched(path, **fields)
    assert any(said in warning for warning in load(echoes).warnings)


@pytest.mark.parametrize(
    ("part", "change_of", "said"),
    [
        ("phase", lambda v: v * 1e-3, "The phase of echo 2 spans 0.0063 rad only"),
        ("phase", lambda v: v * 1.9, "The phase of echo 2 spans 11.9 rad, more than one turn"),
        ("magnitude", lambda v: v * 1e-5, "The magnitude of echo 2 is 5e-06 times that of echo 1"),
        ("magnitude", lambda v: v * 100, "The magnitude of echo 2 is 50 times that of echo 1"),
    ],
)
def test_echoes_that_cannot_be_of_one_scan_are_told(echoes, part, change_of, said):
    path = getattr(echoes, part)[1]
    write_image(path, change_of(read_image(path)[0][..., 0]), GEOMETRY, force=True)
    assert any(said in warning for warning in load(echoes).warnings)


SIDECARS = {"EchoTime": ("s", "5 ms"), "MagneticFieldStrength": ("T", "3T")}


@pytest.mark.parametrize("key", SIDECARS)
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "0", '"text"', "[]", "{}", "true", "1e-300", "1e300"])
def test_numbers_of_side_cars_that_make_no_sense_are_refused(echoes, key, value):
    for path in (*echoes.phase, *echoes.magnitude):
        sidecar = path.with_suffix(".json")
        said = json.loads(sidecar.read_text()) | {key: "VALUE"}
        sidecar.write_text(json.dumps(said).replace('"VALUE"', value))
    with pytest.raises(InputError) as error:
        load(echoes)
    assert "\n" not in str(error.value)
    assert key in str(error.value) or "echo time" in str(error.value) or "field strength" in str(error.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scl_slope": np.inf}, "scales the values by inf and adds 0: it is damaged"),
        ({"scl_inter": -np.inf}, "scales the values by 1 and adds -inf: it is damaged"),
        ({"pixdim": [1, 0.9, 1.1, -np.inf, 1, 1, 1, 1]}, "three positive numbers are needed"),
        ({"pixdim": [1, -0.9, 1.1, 2.5, 1, 1, 1, 1]}, "the voxel size is -0.9 x 1.1 x 2.5 mm: three positive numbers"),
        ({"srow": 0}, "contradicts itself"),
        ({"srow": 1e30}, "contradicts itself"),
    ],
)
def test_numbers_of_a_nifti_header_that_make_no_sense_are_refused(tmp_path, fields, said):
    make(tmp_path / "a.nii")
    patched(tmp_path / "a.nii", **{"scl_slope": 1} | fields)
    with pytest.raises(InputError, match=said):
        read_image(tmp_path / "a.nii")


def test_a_slope_of_zero_or_nan_is_none(tmp_path):
    made = make(tmp_path / "a.nii")
    for slope in (0, np.nan):
        patched(tmp_path / "a.nii", scl_slope=slope)
        assert np.array_equal(read_image(tmp_path / "a.nii")[0][..., 0], made)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_bytes_behind_the_image_are_refused_and_bombs_not_unpacked(tmp_path, ending):
    make(tmp_path / "a.nii")
    whole = (tmp_path / "a.nii").read_bytes()
    pack = gzip.compress if ending == ".nii.gz" else bytes
    path = tmp_path / f"b{ending}"
    for more in (1, HUGE):
        path.write_bytes(pack(whole + bytes(more)))
        tracemalloc.start()
        with pytest.raises(InputError, match="it holds more than the 912 bytes its header speaks of"):
            read_image(path)
        assert tracemalloc.get_traced_memory()[1] < 3e7
        tracemalloc.stop()


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("sizes", [(32767, 32767, 32767), (2000, 2000, 10)])
def test_what_a_header_claims_is_not_made_before_the_file_can_hold_it(tmp_path, ending, sizes):
    make(tmp_path / "a.nii")
    patched(tmp_path / "a.nii", dim=[3, *sizes, 1, 1, 1, 1])
    content = (tmp_path / "a.nii").read_bytes()
    path = tmp_path / f"b{ending}"
    path.write_bytes(gzip.compress(content + bytes(200_000)) if ending == ".nii.gz" else content)
    tracemalloc.start()
    with pytest.raises(InputError, match="is cut short"):
        read_image(path)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()


def test_a_dicom_element_that_claims_gigabytes_is_not_given_them(tmp_path):
    siemens(tmp_path, echoes=1)
    path = sorted((tmp_path / "phase").rglob("*.dcm"))[1]
    content = path.read_bytes()
    place = content.index(b"\x02\x00\x00\x00UL") + 12  # the elements after the first
    path.write_bytes(content[:place] + b"\x02\x00\x01\x00OB\x00\x00\xf0\xff\xff\x7f" + content[place + 14 :])
    tracemalloc.start()
    (candidate,) = find_acquisitions(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()
    assert "missing" in candidate.problem
    with BoundedFile(path) as file:
        assert file.read(2**40) == path.read_bytes()
        assert file.read(2**40) == b""


def test_one_slice_of_another_scale_or_strength_is_refused_or_told(tmp_path):
    siemens(tmp_path, echoes=1)
    path = sorted((tmp_path / "phase").rglob("*.dcm"))[1]
    change(path, MagneticFieldStrength=7)
    (candidate,) = find_acquisitions(tmp_path)
    assert candidate.warnings or candidate.problem
    change(path, MagneticFieldStrength=3, RescaleSlope=1)
    with pytest.raises(InputError):
        read_acquisition(find_acquisitions(tmp_path)[0])


def test_slices_of_one_volume_that_are_scaled_in_different_ways_are_told(tmp_path):
    siemens(tmp_path, echoes=1)
    assert find_acquisitions(tmp_path)[0].warnings == ()
    change(sorted((tmp_path / "magnitude").rglob("*.dcm"))[1], RescaleSlope=1, RescaleIntercept="0.4")
    (candidate,) = find_acquisitions(tmp_path)
    assert candidate.warnings == (
        "Slices of the magnitude are scaled in different ways: one of their headers may be damaged.",
    )

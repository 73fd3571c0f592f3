"""Images that are damaged, contradict themselves, or cannot be written: refused in a sentence, and nothing is left."""

import contextlib
import gzip
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nifti_files import OBLIQUE, SHAPE, SPACING, make, patched

from QSMLogic.errors import InputError
from QSMLogic.io.nifti import Geometry, read_echoes, read_image, read_volume, write_image


def test_nothing_is_overwritten_without_force(tmp_path):
    make(tmp_path / "a.nii")
    values, geometry = read_volume(tmp_path / "a.nii")
    before = (tmp_path / "a.nii").read_bytes()
    with pytest.raises(InputError, match=r"a\.nii exists already: choose another name, or overwrite it with --force"):
        write_image(tmp_path / "a.nii", values + 1, geometry)
    assert (tmp_path / "a.nii").read_bytes() == before
    write_image(tmp_path / "a.nii", values + 1, geometry, force=True)
    assert np.array_equal(read_volume(tmp_path / "a.nii")[0], values + 1)


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    make(tmp_path / "a.nii")
    values, geometry = read_volume(tmp_path / "a.nii")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match=r"b\.nii\.gz cannot be written: No space left on device"):
        write_image(tmp_path / "b.nii.gz", values, geometry)
    with pytest.raises(InputError, match=r"b\.nii cannot be written"):
        write_image(tmp_path / "none" / "b.nii", values, geometry)
    with pytest.raises(InputError, match="must be equal"):
        write_image(tmp_path / "b.nii", values[1:], geometry)
    with pytest.raises(InputError, match=r"ends in \.nii"):
        write_image(tmp_path / "b.png", values, geometry)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]


DAMAGE = {
    "nothing": (lambda b: b"", "is empty (zero bytes)"),
    "half": (lambda b: b[: len(b) // 2], "is cut short: "),
    "header only": (lambda b: b[:348], "is cut short: 348 of 912 bytes are there"),
    "half packed": (lambda b: gzip.compress(b)[:200], "is cut short: its compressed data end early"),
    "flipped bits": (lambda b: gzip.compress(b)[:-8] + bytes(8), "it cannot be decompressed"),
    "text": (lambda b: b"hello world" * 100, "is not a NIfTI image, whatever its name says"),
    "two bytes": (lambda b: b"ab", "is not a NIfTI image, whatever its name says"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files_are_refused_in_one_sentence(tmp_path, capfd, name):
    make(tmp_path / "whole.nii")
    change, said = DAMAGE[name]
    for ending in ("nii", "nii.gz"):
        path = tmp_path / f"a.{ending}"
        path.write_bytes(change((tmp_path / "whole.nii").read_bytes()))
        with pytest.raises(InputError) as error:
            read_image(path)
        assert said in str(error.value)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pixdim": [1, np.nan, 1, 1, 1, 1, 1, 1]}, "the voxel size is nan x 1 x 1 mm: three positive numbers"),
        ({"pixdim": [1, 0, 1, 1, 1, 1, 1, 1]}, "the voxel size is 0 x 1 x 1 mm"),
        ({"srow": np.nan}, "NaN or infinity where the orientation should be"),
        ({"quatern": np.inf}, "NaN or infinity where the orientation should be"),
        ({"srow": np.diag([3, 3, 3, 1])[:3]}, "contradicts itself: voxels of 0.9 x 1.1 x 2.5 mm by pixdim, 3 x 3 x 3"),
        ({"dim": [3, -5, 7, 4, 1, 1, 1, 1]}, "says the image is -5 x 7 x 4: it is damaged"),
        ({"dim": [0, 5, 7, 4, 1, 1, 1, 1]}, "says the image is without size: it is damaged"),
        ({"dim": [9, 5, 7, 4, 1, 1, 1, 1]}, "says the image has 9 dimensions: it is damaged"),
        ({"dim": [3, 30000, 7, 4, 1, 1, 1, 1]}, "is cut short: 912 of 3360352 bytes are there"),
        ({"dim": [2, 5, 28, 1, 1, 1, 1, 1]}, "has 5 x 28 values: three dimensions, or four, are needed"),
        ({"dim": [5, 5, 7, 1, 1, 4, 1, 1]}, "has 5 x 7 x 1 x 1 x 4 values"),
        ({"datatype": 32}, "holds no real numbers"),
        ({"vox_offset": 10}, "data begin at byte 10: it is damaged"),
        ({"vox_offset": np.nan}, "data begin at byte nan: it is damaged"),
        ({"magic": b"no"}, "is not a NIfTI image"),
    ],
)
def test_header_claims_are_checked(tmp_path, capfd, fields, said):
    make(tmp_path / "a.nii")
    patched(tmp_path / "a.nii", **fields)
    with pytest.raises(InputError) as error:
        read_image(tmp_path / "a.nii")
    assert said in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_sheared_axes(tmp_path, capfd):
    make(tmp_path / "a.nii", direction=np.eye(3))
    sheared = np.array([[0.9, 1.1 * 0.5, 0, 0], [0, 1.1 * np.sqrt(0.75), 0, 0], [0, 0, 2.5, 0]])
    patched(tmp_path / "a.nii", srow=sheared, qform_code=0)
    with pytest.raises(InputError, match="axes are not perpendicular"):
        read_image(tmp_path / "a.nii")
    assert capfd.readouterr() == ("", "")


def test_files_that_are_no_images(tmp_path, capfd):
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "a.nrrd").write_text("hello")
    make(tmp_path / "c.nii")
    for path, said in [
        (tmp_path / "none.nii", "There is no file"),
        (tmp_path, "is a folder"),
        (tmp_path / "a.txt", "is not an image that can be read"),
        (tmp_path / "a.nrrd", "is not an image that can be read"),
    ]:
        with pytest.raises(InputError, match=said):
            read_image(path)
    assert capfd.readouterr() == ("", "")


@given(content=st.binary(max_size=600), start=st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_random_bytes_never_end_in_a_traceback(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("random") / "a.nii"
    make(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + content + whole[start + len(content) :])
    with contextlib.suppress(InputError):
        assert read_image(path)[0].ndim == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"array": np.ones((5, 7, 5), np.float32)}, "5 x 7 x 4 voxels against 5 x 7 x 5"),
        ({"spacing": (0.9, 1.1, 2.51)}, "voxels of 0.9 x 1.1 x 2.5 mm against 0.9 x 1.1 x 2.51 mm (0.1 % is allowed)"),
        ({"direction": np.eye(3)}, "axes turned against each other by more than 0.001"),
        ({"origin": (3.5, -20.25, 12)}, "origins 0.875 mm apart (0.1 mm is allowed)"),
    ],
)
def test_echoes_of_another_geometry(tmp_path, change, said):
    make(tmp_path / "a.nii")
    make(tmp_path / "b.nii", **change)
    with pytest.raises(InputError) as error:
        read_echoes([tmp_path / "a.nii", tmp_path / "b.nii"], "magnitude")
    assert f"magnitude {tmp_path / 'a.nii'} and {tmp_path / 'b.nii'} do not lie on the same voxels: " in str(
        error.value
    )
    assert said in str(error.value)


def test_a_name_outside_utf8_is_refused_before_simpleitk_ends_the_process(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/s\xe4ure")
    os.mkdir(folder)
    make(tmp_path / "a.nii")
    os.replace(tmp_path / "a.nii", os.path.join(folder, "a.nii"))
    with pytest.raises(InputError, match="is a name outside UTF-8: rename the file or its folder") as error:
        read_image(os.path.join(folder, "a.nii"))
    assert str(error.value).isascii()


@pytest.mark.parametrize("name", ["huge.nii", "huge.nii.gz"])
def test_an_image_that_memory_cannot_hold_is_refused_by_its_header(name, tmp_path, monkeypatch):
    path = tmp_path / name
    write_image(path, np.zeros(SHAPE, np.float32), Geometry(SHAPE, SPACING, (1.0, 2.0, 3.0), tuple(OBLIQUE.ravel())))
    monkeypatch.setattr("QSMLogic.memory.available_memory", lambda: 1000)
    with pytest.raises(InputError, match="GiB too little"):
        read_image(path)

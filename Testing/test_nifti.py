"""Images at the border: read to the last byte or refused in a sentence, written whole in the same geometry."""

import contextlib
import gzip
import os
import stat

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from QSMLogic.errors import InputError
from QSMLogic.io.nifti import Geometry, read_echoes, read_image, read_labels, read_volume, write_image
from QSMLogic.io.nifti_file import header_type

SHAPE, SPACING = (5, 7, 4), (0.9, 1.1, 2.5)
OBLIQUE = Rotation.from_euler("xyz", [12, -20, 33], degrees=True).as_matrix()


def make(path, array=None, direction=OBLIQUE, origin=(3.5, -20.25, 11.125), spacing=SPACING):
    """Write (x, y, z) or (x, y, z, volume) by SimpleITK and return the array."""
    rng = np.random.default_rng(1)
    array = rng.standard_normal(SHAPE).astype(np.float32) if array is None else array
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T), isVector=False)
    axes = np.eye(array.ndim)
    axes[:3, :3] = direction
    image.SetDirection(axes.ravel().tolist())
    image.SetSpacing([*spacing, 1.0][: array.ndim])
    image.SetOrigin([*origin, 0.0][: array.ndim])
    SimpleITK.WriteImage(image, str(path))
    return array


def patched(path, **fields):
    """Change fields of the header of an uncompressed NIfTI-1 file."""
    content = bytearray(path.read_bytes())
    header = np.frombuffer(content, header_type(348), 1).copy()
    for name, value in fields.items():
        header[name][0] = value
    content[:348] = header.tobytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("volumes", [(), (3,)])
def test_values_and_geometry_as_simpleitk_has_them(tmp_path, ending, volumes):
    made = make(tmp_path / f"a.{ending}", np.random.default_rng(0).standard_normal((*SHAPE, *volumes)))
    values, geometry = read_image(tmp_path / f"a.{ending}")
    assert values.dtype == np.float32
    assert values.shape == (*SHAPE, *(volumes or (1,)))
    assert np.array_equal(values, made.reshape(values.shape).astype(np.float32))
    assert all(values[..., i].flags.c_contiguous for i in range(values.shape[3]))
    assert geometry.shape == SHAPE
    assert np.allclose(geometry.spacing, SPACING)
    assert np.allclose(np.reshape(geometry.direction, (3, 3)), OBLIQUE, atol=1e-6)
    assert np.allclose(geometry.grid().b0_direction, OBLIQUE[2], atol=1e-6)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "float32", "float64", "int8", "uint32"])
def test_every_kind_of_number(tmp_path, kind):
    made = make(tmp_path / "a.nii", np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(kind))
    assert np.array_equal(read_volume(tmp_path / "a.nii")[0], made.astype(np.float32))


def test_slope_and_intercept_as_simpleitk_applies_them(tmp_path):
    make(tmp_path / "a.nii", np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.int16))
    patched(tmp_path / "a.nii", scl_slope=0.00153398, scl_inter=-3.5)
    reference = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.nii"))).T
    assert np.allclose(read_volume(tmp_path / "a.nii")[0], reference, atol=1e-6)
    patched(tmp_path / "a.nii", scl_slope=np.nan)
    assert read_volume(tmp_path / "a.nii")[0].max() == np.prod(SHAPE) - 1


def test_other_byte_order(tmp_path):
    made = make(tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    header = np.frombuffer(content, header_type(348), 1).astype(header_type(348, ">"))
    (tmp_path / "b.nii").write_bytes(header.tobytes() + bytes(4) + made.T.astype(">f4").tobytes())
    values, geometry = read_volume(tmp_path / "b.nii")
    assert np.array_equal(values, made)
    write_image(tmp_path / "c.nii", values, geometry)
    assert np.array_equal(read_volume(tmp_path / "c.nii")[0], made)
    assert geometry == read_volume(tmp_path / "a.nii")[1] == read_volume(tmp_path / "c.nii")[1]


@pytest.mark.parametrize("codes", [(0, 2), (1, 1), (1, 0), (0, 0), (2, 4)])
@pytest.mark.parametrize("units", [2, 10, 0])
def test_written_geometry_is_the_same_to_the_bit(tmp_path, codes, units):
    make(tmp_path / "a.nii", np.zeros((*SHAPE, 2), np.float32))
    patched(tmp_path / "a.nii", qform_code=codes[0], sform_code=codes[1], xyzt_units=units)
    values, geometry = read_image(tmp_path / "a.nii")
    for name, array in {"b.nii.gz": values[..., 0], "c.nii": values}.items():
        write_image(tmp_path / name, array, geometry)
        again = read_image(tmp_path / name)[1]
        assert again == geometry
        for field in ("qform_code", "sform_code", "quatern", "srow"):
            assert np.array_equal(again.stored[field], geometry.stored[field])
        assert np.array_equal(again.stored["pixdim"][:4], geometry.stored["pixdim"][:4])
        image = SimpleITK.ReadImage(str(tmp_path / name))
        assert np.array_equal(SimpleITK.GetArrayFromImage(image).T, array)


def test_geometry_from_other_formats_is_written_as_nifti(tmp_path):
    made = make(tmp_path / "a.nrrd")
    values, geometry = read_volume(tmp_path / "a.nrrd")
    write_image(tmp_path / "b.nii.gz", values, geometry)
    again, there = read_volume(tmp_path / "b.nii.gz")
    assert np.array_equal(again, made)
    assert geometry.difference(there) == ""
    assert np.allclose(there.direction, geometry.direction, atol=1e-6)
    assert np.allclose(there.origin, geometry.origin, atol=1e-5)


def test_masks_are_bytes_and_files_are_reproducible(tmp_path):
    make(tmp_path / "a.nii")
    geometry = read_image(tmp_path / "a.nii")[1]
    mask = np.zeros(SHAPE, bool)
    mask[2, 3, 1] = True
    write_image(tmp_path / "m.nii.gz", mask, geometry)
    write_image(tmp_path / "n.nii.gz", mask, geometry)
    assert (tmp_path / "m.nii.gz").read_bytes() == (tmp_path / "n.nii.gz").read_bytes()
    image = SimpleITK.ReadImage(str(tmp_path / "m.nii.gz"))
    assert image.GetPixelID() == SimpleITK.sitkUInt8
    assert np.argwhere(SimpleITK.GetArrayFromImage(image).T).tolist() == [[2, 3, 1]]
    assert stat.S_IMODE((tmp_path / "m.nii.gz").stat().st_mode) & stat.S_IRUSR
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii", "m.nii.gz", "n.nii.gz"]


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


def test_echoes_from_one_file_or_several(tmp_path):
    echoes = np.random.default_rng(2).standard_normal((*SHAPE, 3)).astype(np.float32)
    make(tmp_path / "all.nii.gz", echoes)
    paths = [tmp_path / f"{i}.nii.gz" for i in range(3)]
    for i, path in enumerate(paths):
        make(path, echoes[..., i])
    together, geometry = read_echoes([tmp_path / "all.nii.gz"], "phase")
    apart, other = read_echoes(paths, "phase")
    assert np.array_equal(together, apart)
    assert geometry.difference(other) == ""
    with pytest.raises(InputError, match=r"all\.nii\.gz holds 3 volumes: give one 4-D file or one 3-D file per echo"):
        read_echoes([tmp_path / "all.nii.gz", paths[0]], "phase")
    with pytest.raises(InputError, match=r"all\.nii\.gz holds 3 volumes: one is needed"):
        read_volume(tmp_path / "all.nii.gz")


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


def test_rounding_is_no_difference():
    geometry = Geometry(SHAPE, SPACING, (1.0, 2.0, 3.0), tuple(OBLIQUE.ravel()))
    rounded = Geometry(SHAPE, (0.90001, 1.1, 2.5), (1.01, 2.0, 3.0), tuple(OBLIQUE.ravel().round(5)))
    assert geometry.difference(rounded) == ""


def test_labels(tmp_path):
    labels = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.float32)
    make(tmp_path / "a.nii", labels)
    assert read_labels(tmp_path / "a.nii")[0].dtype == np.int32
    assert np.array_equal(read_labels(tmp_path / "a.nii")[0], labels)
    make(tmp_path / "b.nii", labels + 0.5)
    with pytest.raises(InputError, match="values are not whole numbers"):
        read_labels(tmp_path / "b.nii")


def test_real_files_round_trip(shared_data, tmp_path):
    for path in sorted((shared_data / "bids-invivo").rglob("*phase*.nii.gz")):
        values, geometry = read_volume(path)
        write_image(tmp_path / path.name, values, geometry)
        assert read_volume(tmp_path / path.name)[1] == geometry
        reference = SimpleITK.ReadImage(str(path))
        again = SimpleITK.ReadImage(str(tmp_path / path.name))
        assert np.array_equal(SimpleITK.GetArrayFromImage(again), SimpleITK.GetArrayFromImage(reference))
        assert again.GetDirection() == reference.GetDirection()
        assert again.GetOrigin() == reference.GetOrigin()
        assert again.GetSpacing() == reference.GetSpacing()


def test_a_name_outside_utf8_is_refused_before_simpleitk_ends_the_process(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/s\xe4ure")
    os.mkdir(folder)
    make(tmp_path / "a.nii")
    os.replace(tmp_path / "a.nii", os.path.join(folder, "a.nii"))
    with pytest.raises(InputError, match="is a name outside UTF-8: rename the file or its folder") as error:
        read_image(os.path.join(folder, "a.nii"))
    assert str(error.value).isascii()


def test_an_image_knows_whether_its_header_places_it(tmp_path):
    make(tmp_path / "a.nii")
    assert read_image(tmp_path / "a.nii")[1].placed
    patched(tmp_path / "a.nii", qform_code=0)
    assert read_image(tmp_path / "a.nii")[1].placed
    patched(tmp_path / "a.nii", qform_code=0, sform_code=0)
    assert not read_image(tmp_path / "a.nii")[1].placed


@pytest.mark.parametrize("name", ["huge.nii", "huge.nii.gz"])
def test_an_image_that_memory_cannot_hold_is_refused_by_its_header(name, tmp_path, monkeypatch):
    path = tmp_path / name
    write_image(path, np.zeros(SHAPE, np.float32), Geometry(SHAPE, SPACING, (1.0, 2.0, 3.0), tuple(OBLIQUE.ravel())))
    monkeypatch.setattr("QSMLogic.memory.available_memory", lambda: 1000)
    with pytest.raises(InputError, match="GiB too little"):
        read_image(path)

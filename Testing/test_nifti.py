"""Images at the border: read to the last byte, written whole in the same geometry."""

import stat

import numpy as np
import pytest
import SimpleITK
from nifti_files import OBLIQUE, SHAPE, SPACING, make, patched

from QSMLogic.errors import InputError
from QSMLogic.io.nifti import Geometry, read_echoes, read_image, read_labels, read_volume, write_image
from QSMLogic.io.nifti_file import header_type


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


def test_an_image_knows_whether_its_header_places_it(tmp_path):
    make(tmp_path / "a.nii")
    assert read_image(tmp_path / "a.nii")[1].placed
    patched(tmp_path / "a.nii", qform_code=0)
    assert read_image(tmp_path / "a.nii")[1].placed
    patched(tmp_path / "a.nii", qform_code=0, sform_code=0)
    assert not read_image(tmp_path / "a.nii")[1].placed

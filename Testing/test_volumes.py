"""Nodes to arrays and back, in every geometry: oblique, anisotropic, left-handed, under transforms, sequences."""

import numpy as np
import pytest
from slicer_nodes import OBLIQUE, ORIGIN, SIZE, TILT, to_ras

from QSMLogic.errors import InputError
from QSMLogic.io.nifti import Geometry, read_image, write_image

SHAPE = (5, 7, 9)
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0])
MIRRORED = OBLIQUE * (1, 1, -1)


@pytest.fixture
def volumes(slicer_scene):
    """Import the module once the scene is there."""
    from QSMLib import volumes  # noqa: PLC0415

    return volumes


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_voxels_are_x_y_z_and_a_copy(nodes, volumes):
    node = nodes.volume(noise())
    array = volumes.arrayOf(node)
    np.testing.assert_array_equal(array, noise())
    assert nodes.slicer.util.arrayFromVolume(node)[3, 2, 1] == array[1, 2, 3]
    array[:] = 0
    assert nodes.slicer.util.arrayFromVolume(node).any()


@pytest.mark.parametrize("axes", [OBLIQUE, MIRRORED, OBLIQUE[:, [1, 2, 0]]], ids=["oblique", "left-handed", "permuted"])
def test_a_node_lies_where_slicer_says(nodes, volumes, axes):
    geometry = volumes.geometryOf(nodes.volume(noise(), to_ras(axes)))
    assert geometry.shape == SHAPE
    assert geometry.spacing == pytest.approx(SIZE, rel=1e-12)
    assert np.array(geometry.direction).reshape(3, 3) == pytest.approx(RAS_FROM_LPS @ axes, abs=1e-12)
    assert geometry.origin == pytest.approx(RAS_FROM_LPS @ ORIGIN)
    grid = volumes.gridOf(nodes.volume(noise(), to_ras(axes)))
    assert grid.b0_direction == pytest.approx(tuple(axes[2]), abs=1e-9)


def test_a_file_read_by_slicer_is_the_same_image(nodes, volumes, tmp_path):
    lps = RAS_FROM_LPS @ OBLIQUE
    write_image(tmp_path / "image.nii", noise(), Geometry(SHAPE, SIZE, (1.0, 2.0, 3.0), tuple(lps.ravel())))
    node = nodes.slicer.util.loadVolume(str(tmp_path / "image.nii"))
    values, geometry = read_image(tmp_path / "image.nii")
    np.testing.assert_array_equal(volumes.arrayOf(node), values[..., 0])
    assert geometry.difference(volumes.geometryOf(node)) == ""
    assert volumes.gridOf(node) == geometry.grid()


def test_a_left_handed_file_is_turned_by_slicer_and_stays_in_place(nodes, volumes, tmp_path):
    lps = RAS_FROM_LPS @ MIRRORED
    write_image(tmp_path / "image.nii", noise(), Geometry(SHAPE, SIZE, (1.0, 2.0, 3.0), tuple(lps.ravel())))
    node = nodes.slicer.util.loadVolume(str(tmp_path / "image.nii"))
    np.testing.assert_array_equal(volumes.arrayOf(node), noise()[:, :, ::-1])
    last = np.array([1.0, 2, 3]) + lps @ (np.array(SIZE) * (0, 0, SHAPE[2] - 1))
    assert volumes.geometryOf(node).origin == pytest.approx(last, abs=1e-5)
    assert volumes.gridOf(node).b0_direction == pytest.approx(tuple(OBLIQUE[2]), abs=1e-6)


def test_b0_is_that_of_the_acquisition_whatever_transform_the_image_is_under(nodes, volumes):
    node = nodes.volume(noise())
    turned = np.eye(4)
    turned[:3, :3] = OBLIQUE.T @ OBLIQUE.T
    node.SetAndObserveTransformNodeID(nodes.transform(turned).GetID())
    assert volumes.gridOf(node).b0_direction == pytest.approx((0, np.sin(TILT), np.cos(TILT)), abs=1e-9)
    assert volumes.gridOf(node, (1, 0, 1)).b0_direction == pytest.approx((np.sqrt(0.5), 0, np.sqrt(0.5)), abs=1e-9)


def sheared():
    return OBLIQUE @ [[1, 0.1, 0], [0, 1, 0], [0, 0, 1]]


def test_axes_that_are_not_perpendicular_are_refused(nodes, volumes):
    node = nodes.volume(noise(), to_ras(sheared()))
    for direction in (None, (0, 0, 1)):
        with pytest.raises(InputError, match="not perpendicular"):
            volumes.gridOf(node, direction)
    with pytest.raises(InputError, match="not perpendicular"):
        volumes.gridOf(nodes.volume(noise(), to_ras(size=(1, 0, 1))))


def test_what_is_no_image_is_refused(nodes, volumes):
    scene = nodes.scene
    refused = {
        "A volume is missing": None,
        "skin is no scalar volume": scene.AddNewNodeByClass("vtkMRMLModelNode", "skin"),
        "empty holds no image": scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"),
        "3 numbers per voxel": vector(nodes),
    }
    for said, wrong in refused.items():
        for function in (volumes.arrayOf, volumes.geometryOf, volumes.gridOf):
            with pytest.raises(InputError, match=said):
                function(wrong)


def vector(nodes):
    return nodes.slicer.util.addVolumeFromArray(np.zeros((4, 5, 6, 3)), nodeClassName="vtkMRMLVectorVolumeNode")


@pytest.mark.parametrize(
    ("matrix", "shape", "said"),
    [
        (to_ras(), (5, 7, 8), "5 x 7 x 8 voxels against 5 x 7 x 9"),
        (to_ras(size=(1.2, 2.2, 3.3)), SHAPE, "voxels of 1.2 x 2.2 x 3.3 mm against 1.1 x 2.2 x 3.3 mm"),
        (to_ras(np.eye(3)), SHAPE, "axes turned"),
        (to_ras(origin=(-7, 11, 6)), SHAPE, "origins 1 mm apart"),
    ],
)
def test_an_image_elsewhere_is_told_by_name_and_difference(nodes, volumes, matrix, shape, said):
    phase, other = nodes.volume(noise()), nodes.volume(noise(shape=shape), matrix, name="magnitude 2")
    with pytest.raises(InputError, match=f"magnitude 2 and phase do not lie on the same voxels: {said}"):
        volumes.refuseOtherPlace(other, phase)


def test_images_under_different_transforms_are_refused(nodes, volumes):
    phase, other = nodes.volume(noise()), nodes.volume(noise(), name="magnitude")
    volumes.refuseOtherPlace(other, phase)
    moved = nodes.transform(to_ras(size=(1, 1, 1)))
    phase.SetAndObserveTransformNodeID(moved.GetID())
    with pytest.raises(InputError, match="magnitude and phase are not under the same transform"):
        volumes.refuseOtherPlace(other, phase)
    other.SetAndObserveTransformNodeID(moved.GetID())
    volumes.refuseOtherPlace(other, phase)


def test_a_sequence_gives_one_volume_per_echo(nodes, volumes):
    sequence, proxy = nodes.sequence([noise(1), noise(2), noise(3)], browser=True)
    single = nodes.volume(noise(4))
    found = volumes.echoNodes([sequence, single], nodes.scene)
    assert len(found) == 4
    assert found[3] is single
    for seed, node in enumerate(found, 1):
        np.testing.assert_array_equal(volumes.arrayOf(node), noise(seed))
        volumes.refuseOtherPlace(node, single)
    assert volumes.shownNode(found[1], nodes.scene) is proxy
    assert volumes.shownNode(single, nodes.scene) is single


def test_a_four_dimensional_file_is_a_sequence(nodes, volumes, tmp_path):
    image = np.stack([noise(1), noise(2)], axis=3)
    lps = tuple((RAS_FROM_LPS @ OBLIQUE).ravel())
    write_image(tmp_path / "phase.nii", image, Geometry(SHAPE, SIZE, (1.0, 2.0, 3.0), lps))
    sequence = nodes.slicer.modules.sequences.logic().AddSequence(str(tmp_path / "phase.nii"))
    assert sequence is not None
    first, second = volumes.echoNodes([sequence], nodes.scene)
    np.testing.assert_array_equal(volumes.arrayOf(first), noise(1))
    np.testing.assert_array_equal(volumes.arrayOf(second), noise(2))
    assert read_image(tmp_path / "phase.nii")[1].difference(volumes.geometryOf(second)) == ""
    assert volumes.echoTimesOf(sequence) is None
    assert volumes.shownNode(second, nodes.scene) is sequence


def test_sequences_that_cannot_be_used_are_refused(nodes, volumes):
    empty = nodes.scene.AddNewNodeByClass("vtkMRMLSequenceNode", "nothing")
    with pytest.raises(InputError, match="nothing is a sequence without a volume"):
        volumes.echoNodes([empty], nodes.scene)
    sequence, proxy = nodes.sequence([noise(1), noise(2)], browser=True)
    proxy.SetAndObserveTransformNodeID(nodes.transform(to_ras()).GetID())
    with pytest.raises(InputError, match="echoes is a sequence under a transform"):
        volumes.echoNodes([sequence], nodes.scene)
    with pytest.raises(InputError, match="A volume is missing: choose one"):
        volumes.echoNodes([None], nodes.scene)


@pytest.mark.parametrize(
    ("index", "values", "times"),
    [
        (("EchoTime", "ms"), ("4.92", "9.84"), (0.00492, 0.00984)),
        (("echo time", "s"), ("0.00492", "0.00984"), (0.00492, 0.00984)),
        (("TE", "msec"), ("5", "10"), (0.005, 0.01)),
        (("time", "s"), ("0", "1"), None),
        (("frame", ""), ("0", "1"), None),
        (("EchoTime", ""), ("5", "10"), None),
        (("EchoTime", "ms"), ("short", "long"), None),
    ],
)
def test_echo_times_come_from_an_index_that_names_them(nodes, volumes, index, values, times):
    sequence = nodes.sequence([noise(1), noise(2)])
    sequence.SetIndexName(index[0])
    sequence.SetIndexUnit(index[1])
    sequence.SetIndexType(sequence.TextIndex)
    for old, new in zip(("0", "1"), values, strict=True):
        sequence.UpdateIndexValue(old, new)
    found = volumes.echoTimesOf(sequence)
    assert found == (times if times is None else pytest.approx(times))


@pytest.mark.parametrize("axes", [OBLIQUE, MIRRORED])
def test_a_new_volume_lies_where_another_does(nodes, volumes, axes):
    like = nodes.volume(noise(), to_ras(axes))
    like.SetAndObserveTransformNodeID(nodes.transform(to_ras()).GetID())
    made = volumes.addVolume(nodes.scene, "head chi", noise(1), like)
    np.testing.assert_array_equal(volumes.arrayOf(made), noise(1))
    assert volumes.arrayOf(made).dtype == np.float32
    assert volumes.geometryOf(made) == volumes.geometryOf(like)
    assert made.GetParentTransformNode() is like.GetParentTransformNode()
    assert made.GetName() == "head chi"
    assert made.GetDisplayNode().GetColorNode().GetName() == "Grey"
    regions = volumes.addVolume(nodes.scene, "regions", np.ones(SHAPE, np.int64), like, labels=True)
    assert regions.GetClassName() == "vtkMRMLLabelMapVolumeNode"
    assert volumes.arrayOf(regions).dtype == np.int32


def ramp(low, high, dtype=np.float32):
    return np.linspace(low, high, np.prod(SHAPE)).reshape(SHAPE).astype(dtype)


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (ramp(-np.pi, np.pi), "radians"),
        (ramp(0, 4095, np.int16), "siemens"),
        (np.round(ramp(0, 4095)), "siemens"),
        (ramp(-4096, 4094, np.int16), "siemens_signed"),
        (np.full(SHAPE, 7.0), "radians"),
        (np.full(SHAPE, np.nan), "radians"),
    ],
    ids=["radians", "integers", "whole numbers", "signed", "constant", "nothing"],
)
def test_the_scale_of_phase_is_told_from_the_voxels(nodes, volumes, array, name):
    assert volumes.detectedScale([nodes.volume(array)]).name == name


def test_the_scale_of_phase_is_that_of_the_unit_a_node_names(nodes, volumes):
    node = nodes.volume(ramp(-100, 100))
    with pytest.raises(InputError, match=r"from -100 to 100 .* name the phase scale"):
        volumes.detectedScale([node])
    degrees = nodes.slicer.vtkCodedEntry()
    degrees.SetValueSchemeMeaning("deg", "UCUM", "degree")
    node.SetVoxelValueUnits(degrees)
    assert volumes.detectedScale([node]).name == "degrees"
    node.SetAttribute(volumes.UNITS_ATTRIBUTE, "mrad")
    assert volumes.detectedScale([node]).name == "milliradians"
    with pytest.raises(InputError, match="different units"):
        volumes.detectedScale([node, nodes.volume(ramp(-3, 3))])

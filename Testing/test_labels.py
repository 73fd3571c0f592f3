"""Segmentations and label volumes on other voxels: against the same shapes computed there, and nothing left behind."""

import numpy as np
import pytest
from slicer_nodes import to_ras

from QSMLogic.errors import InputError

SHAPE = (13, 15, 11)
ONE = np.eye(4)
CENTRE = np.array([6.0, 26.0, 22.0])
"""RAS; within the volumes below."""


@pytest.fixture
def labels(slicer_scene):
    """Import the module once the scene is there."""
    from QSMLib import labels  # noqa: PLC0415

    return labels


def turned(angle):
    """Return a rotation about the patient's z axis, and a shift."""
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = 3.0, -2.0, 1.5
    return matrix


def places(shape, matrix):
    """Return where the centres of voxels are, (x, y, z, 3), RAS."""
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return indices @ matrix[:3, :3].T + matrix[:3, 3]


def ball(at, centre=CENTRE, radius=9.0):
    return np.linalg.norm(at - centre, axis=-1) <= radius


def half_voxel_apart(at, size, centre=CENTRE, radius=9.0):
    """Return where a voxel of this size (mm) is surely in or out, whichever of its points is asked."""
    return np.abs(np.linalg.norm(at - centre, axis=-1) - radius) > np.linalg.norm(size) / 2 + 1e-3


LIKE = to_ras(origin=(-2.0, 8.0, 2.0))
FINE_SHAPE, FINE_SIZE = (40, 42, 44), (0.9, 0.9, 0.8)
FINE = to_ras(np.eye(3)[:, [1, 2, 0]] * (1, -1, 1), FINE_SIZE, (-13.0, 8.0, 43.0))
"""Finer voxels with other axes, the second one reversed; they hold the ball."""


@pytest.fixture
def like(nodes):
    return nodes.volume(np.zeros(SHAPE, np.float32), LIKE, name="phase")


def count(scene):
    return scene.GetNumberOfNodes()


def test_labels_on_the_same_voxels_stay(nodes, labels, like):
    drawn = np.random.default_rng(0).integers(0, 5, SHAPE, np.int32)
    for node in (nodes.volume(drawn, LIKE, labels=True), nodes.volume(drawn.astype(np.float32), LIKE)):
        found, names = labels.labelsOn(node, like)
        np.testing.assert_array_equal(found, drawn)
        assert found.dtype == np.int32
        assert names == {}


def test_voxels_in_another_order_and_number_are_found_exactly(nodes, labels, like):
    drawn = np.random.default_rng(0).integers(0, 5, SHAPE, np.int32)
    stored = np.zeros((SHAPE[2] + 2, SHAPE[0] + 3, SHAPE[1]), np.int32)
    stored[1:-1, 2:-1, :] = drawn[:, :, ::-1].transpose(2, 0, 1)  # z reversed and first, empty slices around
    axes = LIKE[:3, :3][:, [2, 0, 1]] * (-1, 1, 1)
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    matrix[:3, 3] = LIKE[:3, :3] @ (0, 0, SHAPE[2] - 1) + LIKE[:3, 3] - axes @ (1, 2, 0)
    found, _ = labels.labelsOn(nodes.volume(stored, matrix, labels=True), like)
    np.testing.assert_array_equal(found, drawn)


def test_a_label_volume_elsewhere_is_found_by_place(nodes, labels, like):
    node = nodes.volume(np.where(ball(places(FINE_SHAPE, FINE)), 7, 0).astype(np.int32), FINE, labels=True)
    before = count(nodes.scene)
    found, _ = labels.labelsOn(node, like)
    at = places(SHAPE, LIKE)
    sure = half_voxel_apart(at, FINE_SIZE)
    np.testing.assert_array_equal(found[sure], np.where(ball(at), 7, 0)[sure])
    assert np.count_nonzero(found) > 100
    np.testing.assert_array_equal(labels.maskOn(node, like), found == 7)
    assert count(nodes.scene) == before


@pytest.mark.parametrize(
    ("of_labels", "of_like"),
    [(turned(0.2), None), (None, turned(0.3)), (turned(0.2), turned(-0.1))],
    ids=["regions moved", "image moved", "both moved"],
)
def test_transforms_are_followed(nodes, labels, like, of_labels, of_like):
    """The ball is where its transform takes it, and so is the image."""
    source = nodes.volume(np.zeros(FINE_SHAPE, np.int32), FINE, labels=True)
    centre = np.linalg.solve(ONE if of_labels is None else of_labels, [*CENTRE, 1])[:3]
    drawn = ball(places(FINE_SHAPE, FINE), centre)
    segmentation = nodes.segmentation({"Ball": drawn}, source)
    volume = nodes.volume(drawn.astype(np.int32), FINE, labels=True)
    for node, matrix in ((segmentation, of_labels), (volume, of_labels), (like, of_like)):
        if matrix is not None:
            node.SetAndObserveTransformNodeID(nodes.transform(matrix).GetID())
    at = places(SHAPE, (ONE if of_like is None else of_like) @ LIKE)
    sure = half_voxel_apart(at, FINE_SIZE)
    before = count(nodes.scene)
    for node in (segmentation, volume):
        found = labels.maskOn(node, like)
        np.testing.assert_array_equal(found[sure], ball(at)[sure])
        assert found.any()
    assert count(nodes.scene) == before


def two_balls(nodes, like):
    at = places(SHAPE, LIKE)
    first, second = ball(at), ball(at, CENTRE + np.array([5, 0, 0]))
    return first, second, nodes.segmentation({"First": first, "Second": second, "Empty": first & ~first}, like)


def test_segments_that_overlap_are_each_whole(nodes, labels, like):
    first, second, node = two_balls(nodes, like)
    assert (first & second).any()
    assert node.GetSegmentation().GetNumberOfLayers() == 2
    regions = list(labels.regionsOn(node, like))
    assert [(region.label, region.name) for region in regions] == [(1, "First"), (2, "Second"), (3, "Empty")]
    for region, drawn in zip(regions, (first, second, first & ~first), strict=True):
        np.testing.assert_array_equal(region.mask, drawn)
    found, names = labels.labelsOn(node, like)
    np.testing.assert_array_equal(found, np.where(second, 2, np.where(first, 1, 0)))
    assert names == {1: "First", 2: "Second", 3: "Empty"}
    np.testing.assert_array_equal(labels.maskOn(node, like), first | second)


def test_segments_are_chosen_by_id_and_numbered_in_that_order(nodes, labels, like):
    first, second, node = two_balls(nodes, like)
    found, names = labels.labelsOn(node, like, ("second", "first"))
    np.testing.assert_array_equal(found, np.where(first, 2, np.where(second, 1, 0)))
    assert names == labels.labelNames(node, ("second", "first")) == {1: "Second", 2: "First"}
    np.testing.assert_array_equal(labels.maskOn(node, like, ("second",)), second)
    assert not labels.maskOn(node, like, ("empty",)).any()
    with pytest.raises(InputError, match="regions has no segment third: choose among its segments again"):
        labels.maskOn(node, like, ("first", "third"))


def test_a_surface_becomes_voxels_without_a_change_of_the_segmentation(nodes, labels, like):
    import vtk  # noqa: PLC0415

    name = nodes.slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
    node = nodes.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "surfaces")
    node.GetSegmentation().SetSourceRepresentationName(name)
    sphere = vtk.vtkSphereSource()
    sphere.SetCenter(*(np.linalg.inv(turned(0.2)) @ [*CENTRE, 1])[:3])
    sphere.SetRadius(9.0)
    sphere.SetPhiResolution(60)
    sphere.SetThetaResolution(60)
    sphere.Update()
    segment = nodes.slicer.vtkSegment()
    segment.SetName("Ball")
    segment.AddRepresentation(name, sphere.GetOutput())
    node.GetSegmentation().AddSegment(segment, "ball")
    node.SetAndObserveTransformNodeID(nodes.transform(turned(0.2)).GetID())
    found = labels.maskOn(node, like)
    at = places(SHAPE, LIKE)
    sure = half_voxel_apart(at, (1.1, 2.2, 3.3))
    np.testing.assert_array_equal(found[sure], ball(at)[sure])
    assert found.sum() == pytest.approx(ball(at).sum(), rel=0.1)
    assert not node.GetSegmentation().ContainsRepresentation(labels.labelmapName())


def test_what_holds_no_labels_is_refused(nodes, labels, like):
    empty = nodes.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "blank")
    with pytest.raises(InputError, match="blank has no segment: draw one"):
        labels.maskOn(empty, like)
    for value in (0.5, 1e20):
        with pytest.raises(InputError, match="phase is no label volume: its values are not whole numbers"):
            labels.labelsOn(nodes.volume(np.full(SHAPE, value), LIKE), like)
    model = nodes.scene.AddNewNodeByClass("vtkMRMLModelNode", "skin")
    for function in (labels.maskOn, labels.labelsOn):
        with pytest.raises(InputError, match="skin is no scalar volume"):
            function(model, like)
    with pytest.raises(InputError, match="skin cannot be the mask: choose a segmentation or a label volume"):
        labels.refuseNoLabels(model, "mask")


def test_a_mask_may_hold_any_numbers(nodes, labels, like):
    values = np.random.default_rng(0).normal(size=SHAPE)
    values[0] = np.nan
    np.testing.assert_array_equal(labels.maskOn(nodes.volume(values, LIKE), like), np.nan_to_num(values) > 0)


def test_labels_are_called_as_their_own_colour_table_says(nodes, labels, like):
    drawn = np.ones(SHAPE, np.int32)
    drawn[0] = 2
    node = nodes.volume(drawn, LIKE, labels=True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeLabels")
    assert labels.labelNames(node) == {}
    table = nodes.scene.AddNewNodeByClass("vtkMRMLColorTableNode", "atlas")
    table.SetTypeToUser()
    table.SetNumberOfColors(4)
    table.SetColor(2, "putamen", 1, 0, 0)
    table.SetColor(3, "pallidum", 0, 1, 0)
    display.SetAndObserveColorNodeID(table.GetID())
    assert labels.labelNames(node) == {2: "putamen", 3: "pallidum"}
    assert labels.labelsOn(node, like)[1] == {2: "putamen"}  # the volume holds no pallidum
    table.SetSingletonTag("FileGenericAnatomyColors.txt")
    assert labels.labelNames(node) == {}
    table.SetSingletonTag("FileFreeSurferColorLUT.txt")
    regions = [(region.label, region.name) for region in labels.regionsOn(node, like)]
    assert regions == [(1, "label 1"), (2, "putamen")]

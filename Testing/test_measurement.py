"""Region statistics on nodes, against counts and values known by hand."""

import numpy as np
import pytest
from measuring import (
    CAUDATE,
    CSF,
    PUTAMEN,
    SHAPE,
    SPACING,
    VOXEL,
    add_segmentation,
    add_volume,
    box,
    by_name,
    example,
    label_image,
    tilted,
    to_ras,
)

from QSMLogic.errors import InputError


def test_segments_have_the_numbers_of_their_voxels(side):
    chi = add_volume(side, example())
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "putamen": PUTAMEN, "CSF": CSF})
    table = side.measurement.measure(side.scene, chi, regions).tables["chi"]
    assert [(row.label, row.name) for row in table.rows] == [
        (0, "whole mask"), (1, "caudate"), (2, "putamen"), (3, "CSF"),
    ]  # fmt: skip
    rows = by_name(table)
    caudate = rows["caudate"]
    assert caudate.mean == pytest.approx(0.06)
    assert caudate.sd == pytest.approx(0.01 * np.sqrt(12 / 11))
    assert (caudate.q1, caudate.median, caudate.q3) == pytest.approx((0.05, 0.06, 0.07))
    assert (caudate.minimum, caudate.maximum) == pytest.approx((0.05, 0.07))
    assert (caudate.voxels, caudate.volume, caudate.excluded) == (12, 12 * VOXEL, 0)
    assert (rows["putamen"].voxels, rows["putamen"].sd) == (36, 0)
    assert rows["whole mask"].voxels == np.prod(SHAPE)
    assert table.reference is None


def test_relative_to_a_segment_and_to_the_mean(side):
    chi = add_volume(side, example())
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "CSF": CSF})
    for which in ("CSF", "id of CSF"):
        table = side.measurement.measure(side.scene, chi, regions, reference=which).tables["chi"]
        assert by_name(table)["caudate"].mean == pytest.approx(0.05)
        assert by_name(table)["CSF"].mean == pytest.approx(0, abs=1e-9)
        assert (table.reference.name, table.reference.voxels) == ("CSF", 24)
        assert (table.reference.mean, table.reference.sd) == pytest.approx((0.01, 0.03 * np.sqrt(24 / 23)))
    table = side.measurement.measure(side.scene, chi, regions, reference="mean").tables["chi"]
    assert table.reference.mean == pytest.approx(example().mean())
    assert by_name(table)["whole mask"].mean == pytest.approx(0, abs=1e-8)
    assert by_name(table)["caudate"].mean == pytest.approx(0.06 - example().mean())


def test_what_overlaps_is_measured_in_full(side):
    values = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) + 1
    chi = add_volume(side, values)
    wide = box((0, 6), (1, 5), (1, 4))
    regions = add_segmentation(side, chi, {"wide": wide, "other": CSF, "within": CAUDATE, "nothing": None})
    measured = side.measurement.measure(side.scene, chi, regions)
    rows = by_name(measured.tables["chi"])
    assert list(rows) == ["whole mask", "wide", "other", "within", "nothing"]
    for name, mask in {"wide": wide, "within": CAUDATE, "other": CSF}.items():
        assert rows[name].voxels == mask.sum()
        assert rows[name].mean == pytest.approx(values[mask].mean())
        assert rows[name].median == pytest.approx(np.median(values[mask]))
    assert (rows["nothing"].mean, rows["nothing"].voxels, rows["nothing"].volume) == (None, 0, 0)


def test_chosen_segments_keep_their_labels(side):
    chi = add_volume(side, example())
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "putamen": PUTAMEN, "CSF": CSF})
    measured = side.measurement.measure(
        side.scene, chi, regions, segments=("CSF", "id of putamen"), reference="caudate"
    )
    assert [(row.label, row.name) for row in measured.tables["chi"].rows] == [
        (0, "whole mask"), (2, "putamen"), (3, "CSF"),
    ]  # fmt: skip
    assert measured.tables["chi"].reference.name == "caudate"
    assert [choice.name for choice in measured.regions] == ["CSF", "putamen"]


def test_an_oblique_segmentation_of_finer_voxels(side):
    """A map voxel belongs to the region where the region's voxel nearest to its centre does: counted here by hand."""
    values = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    chi = add_volume(side, values, to_ras(tilted(0.2)))
    fine = add_volume(side, np.zeros((24, 30, 26), np.float32), to_ras(tilted(-0.3), (0.7, 0.9, 0.8), (-4.0, -6, 2)))
    mask = np.zeros((24, 30, 26), bool)
    mask[3:15, 5:25, 4:22] = True
    regions = add_segmentation(side, fine, {"box": mask})
    centres = np.einsum("ij,xyzj->xyzi", to_ras(tilted(0.2)), indices_of(SHAPE))
    nearest = np.einsum("ij,xyzj->xyzi", np.linalg.inv(to_ras(tilted(-0.3), (0.7, 0.9, 0.8), (-4.0, -6, 2))), centres)
    index = np.floor(nearest[..., :3] + 0.5).astype(int)
    inside = np.all((index >= (3, 5, 4)) & (index < (15, 25, 22)), axis=-1)
    assert 20 < inside.sum() < inside.size / 2
    row = by_name(side.measurement.measure(side.scene, chi, regions).tables["chi"])["box"]
    assert row.voxels == inside.sum()
    assert row.mean == pytest.approx(values[inside].mean(), abs=1e-7)
    assert row.volume == pytest.approx(inside.sum() * VOXEL)


def indices_of(shape):
    """Return homogeneous voxel indices, (x, y, z, 4)."""
    return np.stack([*np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), np.ones(shape)], axis=-1)


def test_a_segmentation_under_a_transform(side):
    values = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) + 1
    chi = add_volume(side, values)
    regions = add_segmentation(side, chi, {"caudate": CAUDATE})
    shift = side.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "three voxels along x")
    matrix = np.eye(4)
    matrix[0, 3] = 3 * SPACING[0]
    shift.SetMatrixTransformToParent(side.slicer.util.vtkMatrixFromArray(matrix))
    regions.SetAndObserveTransformNodeID(shift.GetID())
    row = by_name(side.measurement.measure(side.scene, chi, regions).tables["chi"])["caudate"]
    assert (row.voxels, row.mean) == (12, pytest.approx(values[np.roll(CAUDATE, 3, axis=0)].mean()))
    chi.SetAndObserveTransformNodeID(shift.GetID())
    row = by_name(side.measurement.measure(side.scene, chi, regions).tables["chi"])["caudate"]
    assert row.mean == pytest.approx(values[CAUDATE].mean())


def test_a_segment_outside_the_map_is_a_row_without_values(side):
    chi = add_volume(side, example())
    far = add_volume(side, np.zeros((4, 4, 4), np.float32), to_ras(origin=(500.0, 0, 0)), "far")
    regions = add_segmentation(side, far, {"far": np.ones((4, 4, 4), bool)})
    measured = side.measurement.measure(side.scene, chi, regions)
    row = by_name(measured.tables["chi"])["far"]
    assert (row.mean, row.sd, row.voxels, row.volume) == (None, None, 0, 0)
    table = measured.tableNode(side.scene)
    assert table.GetCellText(1, table.GetColumnIndex("mean")) == "nan"
    with pytest.raises(InputError, match="holds no voxel of the map"):
        side.measurement.measure(side.scene, chi, regions, reference="far")
    with pytest.raises(InputError, match="nothing to draw"):
        measured.chartNode(side.scene)


def test_voxels_without_a_value_are_excluded(side):
    values = example()
    values[1, 1, 1] = np.nan
    values[2, 3, 2] = np.inf
    chi = add_volume(side, values)
    regions = add_segmentation(side, chi, {"caudate": CAUDATE})
    mask = add_segmentation(side, chi, {"mask": np.ones(SHAPE, bool)}, "mask")
    for reference in ("none", "mean"):
        measured = side.measurement.measure(side.scene, chi, regions, mask=mask, reference=reference)
        row = by_name(measured.tables["chi"])["caudate"]
        assert (row.voxels, row.excluded, row.volume) == (10, 2, 12 * VOXEL)
        assert np.isfinite(row.mean)


def test_zero_outside_the_mask_is_no_part_of_the_map(side):
    values = example()
    values[:2] = 0
    chi = add_volume(side, values)
    regions = add_segmentation(side, chi, {"caudate": CAUDATE})
    rows = by_name(side.measurement.measure(side.scene, chi, regions).tables["chi"])
    assert (rows["caudate"].voxels, rows["whole mask"].voxels) == (6, 8 * 8 * 6)
    mask = add_segmentation(side, chi, {"mask": box((0, 10), (0, 8), (0, 2))}, "mask")
    rows = by_name(side.measurement.measure(side.scene, chi, regions, mask=mask).tables["chi"])
    assert (rows["caudate"].voxels, rows["whole mask"].voxels) == (6, 10 * 8 * 2)
    assert rows["caudate"].minimum == 0


def test_the_masks_of_the_run_are_the_masks_of_its_maps(side):
    chi, field = add_volume(side, example()), add_volume(side, example(), name="field")
    held = {"mask": PUTAMEN | CAUDATE, "eroded_mask": CAUDATE}
    segments = [side.volumes.Segment(name, *side.results.MASKS[name], mask) for name, mask in held.items()]
    masks = side.volumes.addSegmentation(side.scene, "masks", segments, chi, chi)
    for node, name in ((chi, "chi"), (field, "total_field")):
        node.SetAttribute(side.results.MAP_ATTRIBUTE, name)
        node.SetAttribute(side.results.UNIT_ATTRIBUTE, "ppm")
        node.SetNodeReferenceID(side.results.MASK_ROLE, masks.GetID())
    measured = side.measurement.measure(side.scene, {"chi": chi, "field": field}, masks, reference="mean")
    assert by_name(measured.tables["chi"])["whole mask"].voxels == 12
    assert by_name(measured.tables["field"])["whole mask"].voxels == 12 + 36
    assert measured.tables["chi"].reference.mean == pytest.approx(0.06)
    assert measured.tables["field"].reference is None
    side.scene.RemoveNode(masks)
    assert side.maps.maskOf(chi).all()


def test_a_label_volume_is_named_by_its_colours(side, colours):
    chi, labels = add_volume(side, example()), add_volume(side, label_image(), name="atlas", labels=True)
    labels.CreateDefaultDisplayNodes()
    labels.GetDisplayNode().SetAndObserveColorNodeID(colours.GetID())
    measured = side.measurement.measure(side.scene, chi, labels, reference="CSF")
    assert [(row.label, row.name, row.voxels) for row in measured.tables["chi"].rows[1:]] == [
        (3, "caudate", 12), (4, "label 4", 36), (7, "CSF", 24),
    ]  # fmt: skip
    assert by_name(measured.tables["chi"])["caudate"].mean == pytest.approx(0.05)
    assert measured.regions[0].colour == pytest.approx((0.3, 0.5, 0.25), abs=1 / 255)
    assert side.measurement.measure(side.scene, chi, labels, reference="4").tables["chi"].reference.name == "label 4"


def test_refusals_say_what_to_do(side):
    chi = add_volume(side, example())
    regions = add_segmentation(side, chi, {"a": CAUDATE, "b": CSF})
    regions.GetSegmentation().GetSegment("id of b").SetName("a")
    measure, scene = side.measurement.measure, side.scene
    bare = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bare")
    zero = add_volume(side, np.zeros(SHAPE, np.int16), name="zero", labels=True)
    before = scene.GetNumberOfNodes()
    with pytest.raises(InputError, match="no region called nose: choose one of those it has"):
        measure(scene, chi, regions, reference="nose")
    with pytest.raises(InputError, match="2 regions called a: give them different names"):
        measure(scene, chi, regions, segments=("a",))
    assert measure(scene, chi, regions, segments=("id of b",)).tables["chi"].rows[1].voxels == 24
    with pytest.raises(InputError, match="no map to measure"):
        measure(scene, {}, regions)
    with pytest.raises(InputError, match="No regions are chosen: choose a segmentation or"):
        measure(scene, chi, None)
    with pytest.raises(InputError, match="has no segment"):
        measure(scene, chi, bare)
    with pytest.raises(InputError, match="holds no region"):
        measure(scene, chi, zero)
    with pytest.raises(InputError, match="no scalar volume"):
        measure(scene, regions, regions)
    with pytest.raises(InputError, match="No regions are chosen: choose a segm"):
        side.measurement.rereference(scene, chi, None, "CSF")
    chi.SetAttribute(side.results.MAP_ATTRIBUTE, "local_field")
    with pytest.raises(InputError, match="its zero is fixed"):
        side.measurement.rereference(scene, chi, regions, "mean")
    assert scene.GetNumberOfNodes() == before

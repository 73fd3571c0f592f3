"""Region statistics on nodes, against counts and values known by hand, and against `qsm roi` byte for byte."""

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import GEOMETRY, TIMES

from QSMLogic.cli import main
from QSMLogic.errors import InputError
from QSMLogic.io.nifti import write_image
from QSMLogic.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "QSM"))

SHAPE, SPACING = (10, 8, 6), (1.0, 2.0, 3.0)
VOXEL = 6.0


@pytest.fixture
def side(slicer_scene):
    """Import what the tests use, once the scene is there."""
    import slicer  # noqa: PLC0415
    from QSMLib import maps, measurement, results, volumes  # noqa: PLC0415

    return SimpleNamespace(
        scene=slicer_scene, slicer=slicer, measurement=measurement, volumes=volumes, maps=maps, results=results
    )


def tilted(angle=0.4):
    """Return axes turned about x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def to_ras(axes=None, spacing=SPACING, origin=(-5.0, -8.0, 4.0)):
    """Return the matrix that places voxels."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if axes is None else axes) * spacing
    matrix[:3, 3] = origin
    return matrix


def add_volume(side, array, matrix=None, name="chi", labels=False):
    """Add a volume of an array (x, y, z)."""
    return side.slicer.util.addVolumeFromArray(
        np.ascontiguousarray(array.T),
        ijkToRAS=to_ras() if matrix is None else matrix,
        name=name,
        nodeClassName="vtkMRMLLabelMapVolumeNode" if labels else "vtkMRMLScalarVolumeNode",
    )


def add_segmentation(side, like, masks, name="regions"):
    """Add a segmentation with a segment per mask (x, y, z), on the voxels of a volume; None is an empty segment."""
    node = side.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(like)
    for segment, mask in masks.items():
        id = node.GetSegmentation().AddEmptySegment("id of " + segment, segment)
        if mask is not None:
            voxels = np.ascontiguousarray(mask.T.astype(np.uint8))
            side.slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, id, like)
    return node


def box(*slices):
    """Return a mask that is a box."""
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*s) for s in slices)] = True
    return mask


CAUDATE = box((1, 3), (1, 4), (1, 3))
PUTAMEN = box((5, 8), (2, 6), (2, 5))
CSF = box((8, 10), (0, 2), (0, 6))


def example():
    """Return a map: caudate 0.05 and 0.07 in halves, putamen 0.1, CSF -0.02 and 0.04 in halves, the rest 0.01."""
    chi = np.full(SHAPE, 0.01, np.float32)
    chi[CAUDATE] = np.resize([0.05, 0.07], CAUDATE.sum())
    chi[PUTAMEN] = 0.1
    chi[CSF] = np.resize([-0.02, 0.04], CSF.sum())
    return chi


def by_name(table):
    """Return the rows by the names of the regions."""
    return {row.name: row for row in table.rows}


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


@pytest.fixture
def colours(side):
    """Return a colour table with names, among them one of a label that no image holds."""
    table = side.scene.AddNewNodeByClass("vtkMRMLColorTableNode", "names")
    table.SetTypeToUser()
    table.SetNumberOfColors(8)
    for label, name in {3: "caudate", 5: "absent", 7: "CSF"}.items():
        table.SetColor(label, name, label / 10, 0.5, 0.25, 1)
    return table


def label_image():
    """Return three labels, of which the second has no name."""
    labels = np.zeros(SHAPE, np.int16)
    labels[CAUDATE], labels[PUTAMEN], labels[CSF] = 3, 4, 7
    return labels


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


@pytest.mark.parametrize(
    ("words", "with_mask"),
    [(("none",), True), (("mean",), True), (("CSF",), True), (("none",), False), (("CSF", "7"), False)],
)
def test_the_csv_is_that_of_the_command(side, colours, tmp_path, words, with_mask):
    """The same labels, map, names and mask: the same bytes."""
    rng = np.random.default_rng(11)
    values = (rng.normal(0.01, 0.05, SHAPE) * (rng.random(SHAPE) < 0.9)).astype(np.float32)
    matrix = to_ras(tilted())
    chi = add_volume(side, values, matrix)
    chi.SetAttribute(side.results.UNIT_ATTRIBUTE, "ppm")
    labels = add_volume(side, label_image(), matrix, "atlas", labels=True)
    labels.CreateDefaultDisplayNodes()
    labels.GetDisplayNode().SetAndObserveColorNodeID(colours.GetID())
    mask = add_segmentation(side, chi, {"mask": box((1, 9), (1, 7), (0, 6))}, "mask")
    measured = side.measurement.measure(side.scene, chi, labels, reference=words[0], mask=mask if with_mask else None)
    ours = measured.writeCsv(tmp_path / "ours.csv")

    geometry = side.volumes.geometryOf(chi)
    write_image(tmp_path / "chi.nii", values, geometry)
    write_image(tmp_path / "labels.nii", label_image().astype(np.float32), geometry)
    write_image(tmp_path / "mask.nii", box((1, 9), (1, 7), (0, 6)), geometry)
    (tmp_path / "names.json").write_text(json.dumps({"3": "caudate", "4": "label 4", "7": "CSF"}))
    reference = words[-1]
    words = ["roi", "--chi", "chi.nii", "--labels", "labels.nii", "--names", "names.json", "--out", "table.csv"]
    words += ["--mask", "mask.nii"] if with_mask else []
    words = [str(tmp_path / word) if "." in word else word for word in words]
    assert main([*words, "--reference", reference]) == 0
    assert ours.read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_the_csv_of_segments_is_that_of_the_command(side, tmp_path):
    chi = add_volume(side, example(), to_ras(tilted()))
    chi.SetAttribute(side.results.UNIT_ATTRIBUTE, "ppm")
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "putamen": PUTAMEN, "CSF": CSF})
    side.measurement.measure(side.scene, chi, regions, reference="CSF").writeCsv(tmp_path / "ours.csv")
    geometry = side.volumes.geometryOf(chi)
    write_image(tmp_path / "chi.nii", example(), geometry)
    write_image(tmp_path / "labels.nii", (CAUDATE + 2.0 * PUTAMEN + 3 * CSF).astype(np.float32), geometry)
    (tmp_path / "names.json").write_text(json.dumps({"1": "caudate", "2": "putamen", "3": "CSF"}))
    files = {"chi": "chi.nii", "labels": "labels.nii", "names": "names.json", "out": "table.csv"}
    words = [word for flag, file in files.items() for word in (f"--{flag}", str(tmp_path / file))]
    assert main(["roi", *words, "--reference", "CSF"]) == 0
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_the_numbers_of_a_run_are_those_of_the_command_on_its_files(side, head, inputs, finished, tmp_path):
    """A finished run as nodes, and its files: every map in its own mask."""
    from QSMLib.request import Request  # noqa: PLC0415

    lps = np.diag([-1.0, -1.0, 1.0])
    matrix = to_ras(lps @ np.array(GEOMETRY.direction).reshape(3, 3), GEOMETRY.spacing, lps @ GEOMETRY.origin)
    phases = tuple(add_volume(side, head.scan.phase[..., e], matrix, f"phase {e}") for e in range(len(TIMES)))
    request = Request(phases, (), TIMES, 3.0, Settings.preset(), keep=("mask", "total_field", "chi"), name="head")
    outputs = side.results.loadOutputs(side.scene, finished, request)
    atlas = add_volume(side, head.labels.astype(np.int16), matrix, "atlas", labels=True)
    for name, file, mask in (("chi", "chimap", "erodedmask"), ("total_field", "totalfield", "mask")):
        ours, theirs = tmp_path / f"{name} ours.csv", tmp_path / f"{name} theirs.csv"
        side.measurement.measure(side.scene, outputs.nodes[name], atlas).writeCsv(ours)
        words = {"chi": finished / f"{file}.nii.gz", "mask": finished / f"{mask}.nii.gz", "out": theirs}
        words["labels"] = inputs / "labels.nii.gz"
        assert main(["roi", *(word for flag, path in words.items() for word in (f"--{flag}", str(path)))]) == 0
        assert ours.read_bytes() == theirs.read_bytes()


def test_the_csv_is_written_whole_and_overwrites_nothing_unasked(side, tmp_path, monkeypatch):
    chi = add_volume(side, example())
    measured = side.measurement.measure(side.scene, chi, add_segmentation(side, chi, {"caudate": CAUDATE}))
    path = measured.writeCsv(tmp_path / "table.csv")
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        measured.writeCsv(path)
    with pytest.raises(InputError, match="a folder that exists"):
        measured.writeCsv(tmp_path / "nowhere" / "table.csv")
    with pytest.raises(InputError, match="a folder that exists"):
        measured.writeCsv(tmp_path)

    def full(part, tables):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(side.measurement, "write_tables", full)
    with pytest.raises(InputError, match="The disk of"):
        measured.writeCsv(path, overwrite=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_several_maps_are_one_table(side, tmp_path):
    chi, rate = add_volume(side, example()), add_volume(side, 100 * example(), name="r2star")
    unit = side.slicer.vtkCodedEntry()
    unit.SetValueSchemeMeaning("/s", "UCUM", "per second")
    rate.SetVoxelValueUnits(unit)
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "CSF": CSF})
    measured = side.measurement.measure(side.scene, {"chi": chi, "R2*": rate}, regions, reference="CSF")
    assert measured.tables["R2*"].reference is None
    assert by_name(measured.tables["R2*"])["caudate"].mean == pytest.approx(6)
    rows = list(csv.DictReader(measured.writeCsv(tmp_path / "t.csv").read_text().splitlines()))
    assert [(row["map"], row["name"], row["unit"], row["reference"]) for row in rows] == [
        ("chi", "whole mask", "", "CSF"), ("chi", "caudate", "", "CSF"), ("chi", "CSF", "", "CSF"),
        ("R2*", "whole mask", "/s", "none"), ("R2*", "caudate", "/s", "none"), ("R2*", "CSF", "/s", "none"),
    ]  # fmt: skip
    table = measured.tableNode(side.scene)
    assert [table.GetCellText(row, 1) for row in range(6)] == ["chi"] * 3 + ["R2*"] * 3
    assert table.GetColumnUnitLabel("mean") == ""
    assert float(table.GetCellText(4, table.GetColumnIndex("mean"))) == pytest.approx(6)


def test_the_table_has_types_titles_and_units_and_survives_saving(side, tmp_path):
    chi = add_volume(side, example())
    chi.SetAttribute(side.results.UNIT_ATTRIBUTE, "ppm")
    measured = side.measurement.measure(
        side.scene, chi, add_segmentation(side, chi, {"caudate": CAUDATE, "empty": None})
    )
    table = measured.tableNode(side.scene)
    assert table.GetName() == "chi in regions"
    assert table.GetTable().GetColumnByName("mean").IsA("vtkDoubleArray")
    assert table.GetTable().GetColumnByName("voxels").IsA("vtkIntArray")
    assert [table.GetColumnTitle(name) for name in ("name", "mean", "sd")] == ["Region", "Mean", "SD"]
    assert [table.GetColumnUnitLabel(name) for name in ("mean", "volume", "voxels")] == ["ppm", "mm3", ""]
    assert float(table.GetCellText(1, table.GetColumnIndex("mean"))) == pytest.approx(0.06)
    assert len(table.GetCellText(1, table.GetColumnIndex("mean"))) <= 12
    path = tmp_path / "table.tsv"
    assert side.slicer.util.saveNode(table, str(path))
    read = side.slicer.util.loadTable(str(path))
    assert read.GetCellText(1, 0) == "caudate"
    assert float(read.GetCellText(1, read.GetColumnIndex("volume"))) == 72


def test_table_and_chart_lie_beside_the_map(side):
    chi = add_volume(side, example())
    hierarchy = side.slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(side.scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "QSM")
    hierarchy.CreateItem(folder, chi)
    measured = side.measurement.measure(side.scene, chi, add_segmentation(side, chi, {"caudate": CAUDATE}))
    for node in (measured.tableNode(side.scene), measured.tableNode(side.scene), measured.chartNode(side.scene)):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == folder
    assert len({node.GetName() for node in side.slicer.util.getNodesByClass("vtkMRMLTableNode")}) == 3


def test_the_chart_shows_mean_and_sd_in_the_colour_of_each_region(side):
    chi = add_volume(side, example())
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "empty": None, "putamen": PUTAMEN})
    regions.GetSegmentation().GetSegment("id of putamen").SetColor(0.25, 0.5, 0.75)
    measured = side.measurement.measure(side.scene, chi, regions, reference="caudate")
    chart = measured.chartNode(side.scene)
    assert chart.GetNumberOfPlotSeriesNodes() == 2
    caudate, putamen = (chart.GetNthPlotSeriesNode(n) for n in range(2))
    assert (caudate.GetName(), putamen.GetName()) == ("caudate", "putamen")
    assert putamen.GetColor() == (0.25, 0.5, 0.75)
    table = caudate.GetTableNode()
    column = side.slicer.util.arrayFromTableColumn
    sd = 0.01 * np.sqrt(12 / 11)
    assert column(table, caudate.GetYColumnName()) == pytest.approx([-sd, 0, sd], abs=1e-8)
    assert column(table, caudate.GetXColumnName()) == pytest.approx([1, 1, 1])
    assert column(table, putamen.GetYColumnName()) == pytest.approx([0.04] * 3, abs=1e-7)
    assert column(table, putamen.GetXColumnName()) == pytest.approx([2, 2, 2])
    assert "caudate = 0" in chart.GetYAxisTitle()
    assert not chart.GetHideFromEditors()
    assert table.GetHideFromEditors()
    assert putamen.GetHideFromEditors()


def test_a_map_gets_another_reference_and_stays_as_it_was(side):
    chi = add_volume(side, example())
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "CSF": CSF})
    made = side.measurement.rereference(side.scene, chi, regions, "CSF")
    assert made.GetName() == "chi (CSF = 0)"
    np.testing.assert_array_equal(side.volumes.arrayOf(chi), example())
    np.testing.assert_allclose(side.volumes.arrayOf(made), example() - 0.01, atol=1e-7)
    held = side.maps.referenceOf(made)
    assert (held.name, held.voxels) == ("CSF", 24)
    assert (held.mean, held.sd) == pytest.approx((0.01, 0.03 * np.sqrt(24 / 23)))


def test_references_add_up_and_can_be_taken_away(side):
    values = example()
    values[:, 7] = 0
    chi = add_volume(side, values)
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "CSF": CSF})
    chi.SetAttribute(side.results.MAP_ATTRIBUTE, "chi")
    chi.SetAttribute(side.results.PROVENANCE_ATTRIBUTE, '{"version": "1"}')
    first = side.measurement.rereference(side.scene, chi, None, "mean")
    second = side.measurement.rereference(side.scene, first, regions, "CSF")
    direct = side.measurement.rereference(side.scene, chi, regions, "CSF")
    np.testing.assert_allclose(side.volumes.arrayOf(second), side.volumes.arrayOf(direct), atol=1e-7)
    assert side.maps.referenceOf(second).mean == pytest.approx(side.maps.referenceOf(direct).mean)
    assert second.GetAttribute(side.results.PROVENANCE_ATTRIBUTE) == '{"version": "1"}'
    back = side.measurement.rereference(side.scene, second, None, "none")
    np.testing.assert_allclose(side.volumes.arrayOf(back), values, atol=1e-7)
    assert side.maps.referenceOf(back) is None
    assert not side.volumes.arrayOf(back)[:, 7].any()
    with pytest.raises(InputError, match="no reference to take away"):
        side.measurement.rereference(side.scene, chi, None, "none")


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

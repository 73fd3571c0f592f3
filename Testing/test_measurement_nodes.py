"""A measurement as nodes of the scene: table, chart, and maps with another reference."""

import csv

import numpy as np
import pytest
from measuring import CAUDATE, CSF, PUTAMEN, add_segmentation, add_volume, by_name, example

from QSMLogic.errors import InputError


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


def test_a_chart_can_still_be_made_when_the_map_is_gone(side):
    chi = add_volume(side, example())
    measured = side.measurement.measure(side.scene, chi, add_segmentation(side, chi, {"caudate": CAUDATE}))
    side.scene.RemoveNode(chi)
    assert measured.chartNode(side.scene).GetNumberOfPlotSeriesNodes() == 1
    assert measured.tableNode(side.scene).GetNumberOfRows() == 2

"""The panel's section Measure, clicked as a person would, and the choices it offers in Segment Statistics."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from measuring import CAUDATE, CSF, add_segmentation, add_volume, example, label_image
from panel_user import answer, pick_in


@pytest.fixture
def section(qsm_widget):
    """Return the section."""
    return next(s for s in qsm_widget.panel.sections if type(s).__name__ == "MeasureSection")


@pytest.fixture
def chi(section, side):
    """Return a map, and a segmentation of it that is chosen with it."""
    node = add_volume(side, example())
    node.SetAttribute(side.results.UNIT_ATTRIBUTE, "ppm")
    section.mapsSelector.check(node)
    return node


@pytest.fixture
def regions(chi, section, side):
    """Return a segmentation that is chosen as the regions of that map."""
    node = add_segmentation(side, chi, {"caudate": CAUDATE, "CSF": CSF})
    pick_in(section.regionsSelector, node)
    return node


def choose_reference(section, name):
    """Choose a reference by its name in the list."""
    box = section.referenceBox
    box.setCurrentIndex(box.findText(name))


def message(section):
    """Return what the panel says."""
    return section.panel.ui.messageLabel.text


def offered(section):
    """Return the names of the references."""
    return [section.referenceBox.itemText(i) for i in range(section.referenceBox.count)]


def test_a_reload_keeps_what_is_chosen(section, chi, regions):
    """The old selectors are emptied then, and tell of it."""
    import slicer

    choose_reference(section, "CSF")
    slicer.util.reloadScriptedModule("QSM")
    panel = slicer.util.getModuleWidget("QSM").panel
    again = next(s for s in panel.sections if type(s).__name__ == "MeasureSection")
    assert again is not section
    assert again.choices.maps == [chi]
    assert again.choices.measureRegions is regions
    assert again.referenceBox.currentText == "CSF"
    section.mapsSelector.setMRMLScene(panel.scene)  # nor do they change anything later
    section.mapsSelector.check(chi)
    section.mapsSelector.uncheck(chi)
    assert again.choices.maps == [chi]


def test_nothing_can_be_measured_until_maps_and_regions_are_chosen(section, side):
    assert not section.measureButton.enabled
    assert not section.saveButton.enabled
    assert section.tableView.isHidden()
    chi = add_volume(side, example())
    section.mapsSelector.check(chi)
    assert not section.measureButton.enabled
    regions = add_segmentation(side, chi, {"caudate": CAUDATE})
    pick_in(section.regionsSelector, regions)
    assert section.measureButton.enabled
    assert offered(section) == ["None: as in the map", "Mean of the mask", "caudate"]


def test_measuring_shows_a_table_in_the_panel_and_in_the_scene(section, regions, side):
    choose_reference(section, "CSF")
    section.measureButton.click()
    table = section.tableView.mrmlTableNode()
    assert table.GetScene() is side.scene
    assert table.GetName() == "chi in regions"
    assert [table.GetCellText(row, 0) for row in range(3)] == ["whole mask", "caudate", "CSF"]
    assert float(table.GetCellText(1, table.GetColumnIndex("mean"))) == pytest.approx(0.05)
    assert not section.tableView.isHidden()
    said = section.referenceLabel.text
    assert "CSF = 0" in said
    assert "mean 0.01, SD 0.0306 ppm (24 voxels)" in said
    assert message(section) == "Measured: chi in regions."
    section.measureButton.click()
    assert table.GetScene() is side.scene
    assert section.tableView.mrmlTableNode() is not table


def test_saving_writes_the_file_that_was_chosen(section, regions, side, tmp_path, monkeypatch):
    section.measureButton.click()
    answer(monkeypatch, "getSaveFileName", tmp_path / "regions")
    section.saveButton.click()
    rows = list(csv.DictReader((tmp_path / "regions.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["whole mask", "caudate", "CSF"]
    assert float(rows[1]["mean"]) == pytest.approx(0.06)
    assert message(section) == f"Saved {tmp_path / 'regions.csv'}."
    section.saveButton.click()
    assert "exists already" in message(section)
    answer(monkeypatch, "getSaveFileName", tmp_path / "regions.csv")  # the dialogue has asked whether to overwrite it
    section.saveButton.click()
    assert message(section).startswith("Saved")
    answer(monkeypatch, "getSaveFileName", "")
    section.saveButton.click()
    assert [path.name for path in tmp_path.iterdir()] == ["regions.csv"]


def test_the_chart_is_made_once_and_shown(section, regions, side):
    section.measureButton.click()
    section.chartButton.click()
    section.chartButton.click()
    charts = side.slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    assert len(charts) == 1
    selection = side.slicer.app.applicationLogic().GetSelectionNode()
    assert selection.GetActivePlotChartID() == charts[0].GetID()


def test_a_new_map_with_the_reference(section, chi, regions, side):
    choose_reference(section, "CSF")
    section.rereferenceButton.click()
    assert message(section) == "Added chi (CSF = 0)."
    made = side.slicer.util.getNode("chi (CSF = 0)")
    np.testing.assert_allclose(side.volumes.arrayOf(made), example() - 0.01, atol=1e-7)
    section.mapsSelector.uncheck(chi)
    section.mapsSelector.check(made)
    choose_reference(section, "None: as in the map")
    section.measureButton.click()
    assert section.referenceLabel.text == "chi (CSF = 0): as it is, relative to CSF."
    assert not section.rereferenceButton.enabled


def test_a_refusal_is_a_sentence_in_the_panel(section, chi, regions, side):
    regions.GetSegmentation().RemoveSegment("id of CSF")
    section.panel.enter()
    choose_reference(section, "caudate")
    regions.GetSegmentation().RemoveSegment("id of caudate")
    section.measureButton.click()
    assert "has no segment" in message(section)
    assert section.tableView.mrmlTableNode() is None
    assert not side.slicer.app.popups


def test_a_reference_that_another_segmentation_lacks_is_none(section, chi, regions, side):
    choose_reference(section, "CSF")
    other = add_segmentation(side, chi, {"caudate": CAUDATE}, "other")
    pick_in(section.regionsSelector, other)
    assert section.choices.measureReference == "none"
    assert section.referenceBox.currentIndex == 0


def test_several_maps_and_a_label_volume(section, chi, colours, side):
    labels = add_volume(side, label_image(), name="atlas", labels=True)
    labels.CreateDefaultDisplayNodes()
    labels.GetDisplayNode().SetAndObserveColorNodeID(colours.GetID())
    twin = add_volume(side, 2 * example())
    section.mapsSelector.check(twin)
    pick_in(section.regionsSelector, labels)
    assert offered(section)[2:] == ["caudate", "label 4", "CSF"]
    choose_reference(section, "caudate")
    section.measureButton.click()
    assert list(section.measurement.tables) == [f"chi ({node.GetID()})" for node in (chi, twin)]
    assert [table.reference.mean for table in section.measurement.tables.values()] == pytest.approx([0.06, 0.12])


def test_the_choice_is_saved_and_restored(section, chi, regions, side, tmp_path):
    choose_reference(section, "CSF")
    path = tmp_path / "scene.mrb"
    assert side.slicer.util.saveScene(str(path))
    side.scene.Clear(False)
    assert section.mapsSelector.checkedNodes() == ()
    assert not section.measureButton.enabled
    side.slicer.util.loadScene(str(path))
    assert [node.GetName() for node in section.mapsSelector.checkedNodes()] == ["chi"]
    assert section.referenceBox.currentText == "CSF"
    section.measureButton.click()
    assert section.measurement.tables["chi"].reference.mean == pytest.approx(0.01)


def test_a_table_taken_out_of_the_scene_leaves_the_panel(section, regions, side):
    section.measureButton.click()
    side.scene.RemoveNode(section.tableView.mrmlTableNode())
    section.panel.enter()
    assert section.tableView.mrmlTableNode() is None
    assert not section.saveButton.enabled


def test_the_map_of_a_run_is_chosen(section, chi, side):
    new = add_volume(side, example(), name="new")
    section.panel.resultsChanged(SimpleNamespace(chi=new, nodes={"chi": new}, request=SimpleNamespace(magnitudes=())))
    assert section.mapsSelector.checkedNodes() == (new,)


def test_from_apply_to_the_table(ready, nodes, side, tmp_path, monkeypatch):
    """A run, regions drawn on its magnitude, and the same bytes from the panel and from Python."""
    ready.run()
    assert ready.message.startswith("Done in"), ready.message
    ready.unfold("measureCollapsibleButton")
    (chi,) = ready.find("measure_maps").checkedNodes()
    assert chi.GetAttribute(side.results.MAP_ATTRIBUTE) == "chi"
    shape = chi.GetImageData().GetDimensions()
    deep, back = np.zeros(shape, bool), np.zeros(shape, bool)
    deep[14:20, 18:26, 16:20], back[20:26, 12:18, 16:20] = True, True
    regions = nodes.segmentation({"deep": deep, "back": back}, chi)
    ready.pick("measure_regions", regions)
    ready.choose("measure_reference", "back")
    ready.click("measure_apply")
    values, inside = side.volumes.arrayOf(chi), side.maps.maskOf(chi)
    table = ready.find("measure_table").mrmlTableNode()
    mean = float(table.GetCellText(1, table.GetColumnIndex("mean")))
    assert mean == pytest.approx(values[deep & inside].mean() - values[back & inside].mean(), abs=1e-6)
    answer(monkeypatch, "getSaveFileName", tmp_path / "panel.csv")
    ready.click("measure_save")
    ready.panel.logic.measure(chi, regions, reference="back").writeCsv(tmp_path / "python.csv")
    assert (tmp_path / "panel.csv").read_bytes() == (tmp_path / "python.csv").read_bytes()

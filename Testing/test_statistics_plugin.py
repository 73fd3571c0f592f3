"""The plugin of Segment Statistics: registered once, with numbers that are those of the module's own table."""

import sys

import numpy as np
import pytest
from measuring import CAUDATE, CSF, PUTAMEN, add_segmentation, add_volume, by_name, example

NAME = "QSMSegmentStatisticsPlugin"


@pytest.fixture
def statistics(slicer_app, side):
    """Return the class of the logic of Segment Statistics with the plugin registered."""
    from QSMLib import statistics_plugin  # noqa: PLC0415
    from SegmentStatistics import SegmentStatisticsLogic  # noqa: PLC0415

    statistics_plugin.register()
    yield SegmentStatisticsLogic
    SegmentStatisticsLogic.registeredPlugins.clear()


@pytest.fixture
def chi(side):
    """Return a map in ppm with a unit and a quantity."""
    node = add_volume(side, example())
    for setter, code in {
        "SetVoxelValueUnits": ("[ppm]", "UCUM", "parts per million"),
        "SetVoxelValueQuantity": ("susceptibility", "99SLICERQSM", "Magnetic susceptibility"),
    }.items():
        entry = side.slicer.vtkCodedEntry()
        entry.SetValueSchemeMeaning(*code)
        getattr(node, setter)(entry)
    return node


@pytest.fixture
def regions(side, chi):
    """Return a segmentation of three segments, one of them empty."""
    return add_segmentation(side, chi, {"caudate": CAUDATE, "CSF": CSF, "empty": None})


def computed(statistics, regions, volume, **parameters):
    """Return the logic of Segment Statistics after a computation; parameters are those of the plugin."""
    logic = statistics()
    node = logic.getParameterNode()
    node.SetParameter("Segmentation", regions.GetID())
    node.SetParameter("ScalarVolume", volume.GetID())
    for key, value in parameters.items():
        node.SetParameter(f"{NAME}.{key}", value)
    logic.computeStatistics()
    return logic


def value(logic, key, segment="caudate"):
    """Return a measurement."""
    return logic.getStatistics()["id of " + segment, f"{NAME}.{key}"]


def test_it_is_registered_once_and_replaced_after_a_reload(statistics):
    from QSMLib import statistics_plugin  # noqa: PLC0415

    statistics_plugin.register()
    assert [plugin.__name__ for plugin in statistics.registeredPlugins] == [NAME]
    first = statistics.registeredPlugins[0]
    for name in [name for name in sys.modules if name.startswith("QSMLib.segment_measures")]:
        del sys.modules[name]
    statistics_plugin.register()
    assert [plugin.__name__ for plugin in statistics.registeredPlugins] == [NAME]
    assert statistics.registeredPlugins[0] is not first


def test_the_module_registers_it_when_slicer_has_started(qsm_widget):
    from SegmentStatistics import SegmentStatisticsLogic  # noqa: PLC0415

    assert [plugin.__name__ for plugin in SegmentStatisticsLogic.registeredPlugins] == [NAME]


def test_without_segment_statistics_nothing_happens(slicer_app, monkeypatch):
    from QSMLib import statistics_plugin  # noqa: PLC0415

    monkeypatch.setattr(statistics_plugin, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "SegmentStatistics", None)
    statistics_plugin.register()


def test_the_numbers_are_those_of_the_table(statistics, side, chi, regions):
    logic = computed(statistics, regions, chi, reference="id of CSF")
    table = side.measurement.measure(side.scene, chi, regions).tables["chi"]
    relative = side.measurement.measure(side.scene, chi, regions, reference="CSF").tables["chi"]
    for name in ("caudate", "CSF"):
        row, zeroed = by_name(table)[name], by_name(relative)[name]
        for key in ("mean", "sd", "median", "q1", "q3", "minimum", "maximum", "volume", "voxels", "excluded"):
            assert value(logic, key, name) == getattr(row, key)
        for key in ("mean", "median", "q1", "q3", "minimum", "maximum"):
            assert value(logic, f"relative_{key}", name) == getattr(zeroed, key)
        assert value(logic, "reference_mean", name) == relative.reference.mean
        assert value(logic, "reference_sd", name) == relative.reference.sd
    assert value(logic, "mean") == pytest.approx(0.06)
    assert value(logic, "relative_mean") == pytest.approx(0.05)
    assert value(logic, "voxels", "empty") == 0
    assert ("id of empty", f"{NAME}.mean") not in logic.getStatistics()


def test_without_a_reference_nothing_is_relative(statistics, chi, regions):
    logic = computed(statistics, regions, chi)
    assert not [key for key in logic.getNonEmptyKeys() if "relative" in key or "reference" in key]
    mean = example().mean()
    logic = computed(statistics, regions, chi, reference="mean")
    assert value(logic, "relative_mean") == pytest.approx(0.06 - mean)


def test_the_table_has_units_and_codes(statistics, side, chi, regions):
    logic = computed(statistics, regions, chi, reference="id of CSF")
    table = side.scene.AddNewNodeByClass("vtkMRMLTableNode")
    logic.exportToTable(table)
    units = {n: table.GetColumnUnitLabel(n) for n in ("QSM mean", "QSM relative mean", "QSM volume", "QSM voxels")}
    assert units == {"QSM mean": "ppm", "QSM relative mean": "ppm", "QSM volume": "mm3", "QSM voxels": "voxels"}
    assert len({table.GetColumnName(i) for i in range(table.GetNumberOfColumns())}) == 1 + 18
    plugin = logic.plugins[0]
    for key in plugin.keys:
        info = plugin.getMeasurementInfo(key)
        assert info["description"]
        assert info["DICOM.UnitsCode"]
        assert info["DICOM.QuantityCode"]
    assert "CodeValue:373098007|" in plugin.getMeasurementInfo("mean")["DICOM.DerivationCode"]
    assert "CodeMeaning:Magnetic susceptibility" in plugin.getMeasurementInfo("mean")["DICOM.QuantityCode"]
    assert plugin.getMeasurementInfo("nonsense") is None


def test_volumes_that_are_no_maps_are_left_to_slicers_own_plugin(statistics, side, regions):
    ct = add_volume(side, 1000 * example(), name="ct")
    assert computed(statistics, regions, ct).getNonEmptyKeys() == ["Segment"]
    logic = computed(statistics, regions, ct, everyVolume="True")
    assert value(logic, "mean") == pytest.approx(60)
    ct.SetAttribute(side.results.MAP_ATTRIBUTE, "chi")
    assert value(computed(statistics, regions, ct), "mean") == pytest.approx(60)


def test_only_what_is_asked_for_is_computed(statistics, chi, regions):
    chosen = {f"{key}.enabled": "False" for key in ("sd", "volume", "median")}
    keys = computed(statistics, regions, chi, **chosen).getNonEmptyKeys()
    assert f"{NAME}.mean" in keys
    assert not {f"{NAME}.sd", f"{NAME}.volume", f"{NAME}.median"} & set(keys)


def test_a_segmentation_under_a_transform(statistics, side, chi, regions):
    """Segment Statistics hands plugins a hardened copy."""
    shift = side.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "shift")
    matrix = np.eye(4)
    matrix[0, 3] = 3
    shift.SetMatrixTransformToParent(side.slicer.util.vtkMatrixFromArray(matrix))
    regions.SetAndObserveTransformNodeID(shift.GetID())
    logic = computed(statistics, regions, chi)
    assert value(logic, "mean") == pytest.approx(example()[np.roll(CAUDATE, 3, axis=0)].mean())


def test_a_reference_outside_the_map_is_no_crash(statistics, chi, regions, caplog):
    logic = computed(statistics, regions, chi, reference="id of empty")
    assert logic.getNonEmptyKeys() == ["Segment"]
    assert "holds no voxel of the map" in caplog.text


def test_the_options_offer_the_reference(statistics, side, chi, regions):
    logic = computed(statistics, regions, chi)
    options, node = logic.plugins[0].options, logic.getParameterNode()
    names = [options.referenceBox.itemText(i) for i in range(options.referenceBox.count)]
    assert names == ["None: as in the map", "Mean of the mask", "caudate", "CSF", "empty"]
    options.referenceBox.setCurrentIndex(3)
    options.referenceBox.activated.emit(3)
    assert node.GetParameter(f"{NAME}.reference") == "id of CSF"
    options.everyVolumeBox.click()
    assert node.GetParameter(f"{NAME}.everyVolume") == "True"
    other = add_segmentation(side, chi, {"putamen": PUTAMEN}, "other")
    node.SetParameter("Segmentation", other.GetID())
    assert options.referenceBox.currentText == "id of CSF"
    node.SetParameter(f"{NAME}.reference", "none")
    assert [options.referenceBox.itemText(i) for i in range(options.referenceBox.count)][2:] == ["putamen"]

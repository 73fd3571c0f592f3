"""The stand-ins for Slicer keep what they promise: a clean scene, errors that fail, nodes that survive a file."""

import numpy as np
import pytest


def test_a_scene_is_as_slicer_makes_it(slicer_scene):
    import slicer

    assert slicer_scene is slicer.mrmlScene
    names = {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")}
    assert names == {"Red", "Green", "Yellow"}
    assert slicer.modules.colors.logic().GetDefaultVolumeColorNodeID() == "vtkMRMLColorTableNodeGrey"
    assert slicer_scene.GetNodeByID("vtkMRMLColorTableNodeGrey").GetName() == "Grey"
    assert slicer.app.applicationLogic().GetSelectionNode().GetScene() is slicer_scene
    assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def test_one_test_leaves_nothing_to_the_next(slicer_scene):
    from slicer_side.scene import fresh_scene

    kinds = sorted(slicer_scene.GetNthNode(i).GetID() for i in range(slicer_scene.GetNumberOfNodes()))
    slicer_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "phase")
    slicer_scene.GetNodeByID("vtkMRMLColorTableNodeGrey").SetName("spoilt")
    fresh_scene()
    assert slicer_scene.GetNodeByID("vtkMRMLColorTableNodeGrey").GetName() == "Grey"
    assert sorted(slicer_scene.GetNthNode(i).GetID() for i in range(slicer_scene.GetNumberOfNodes())) == kinds


def test_errors_of_vtk_are_gathered(vtk_errors, capfd):
    import slicer

    with vtk_errors.expected("no-such-file"), pytest.raises(RuntimeError, match="Failed to load"):
        slicer.util.loadVolume("/no-such-file.nii")
    assert "ERROR" not in "".join(capfd.readouterr())
    with pytest.raises(AssertionError, match="no error"), vtk_errors.expected("anything"):
        pass


@pytest.fixture
def volume(slicer_scene):
    import slicer

    to_ras = np.diag([1.0, 1.5, 2.0, 1])
    to_ras[:3, 3] = -10, 5, 7
    voxels = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=to_ras, name="phase")


@pytest.mark.parametrize("ending", ["nrrd", "nii.gz"])
def test_a_volume_survives_its_file(volume, tmp_path, ending):
    import slicer

    path = tmp_path / f"phase.{ending}"
    assert slicer.util.saveNode(volume, str(path))
    read = slicer.util.loadVolume(str(path))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(read), slicer.util.arrayFromVolume(volume))
    assert read.GetOrigin() == pytest.approx(volume.GetOrigin())


@pytest.mark.parametrize("ending", ["mrb", "mrml"])
def test_a_scene_survives_its_file(slicer_scene, volume, tmp_path, ending):
    import slicer

    segmentation = slicer_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "regions")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    drawn = (slicer.util.arrayFromVolume(volume) > 0).astype(np.uint8)
    segmentation.GetSegmentation().AddEmptySegment("csf", "CSF")
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, segmentation, "csf", volume)
    voxels = slicer.util.arrayFromVolume(volume).copy()
    if ending == "mrml":
        slicer.util.saveNode(volume, str(tmp_path / "phase.nrrd"))
        slicer.util.saveNode(segmentation, str(tmp_path / "regions.seg.nrrd"))
    assert slicer.util.saveScene(str(tmp_path / f"all.{ending}"))
    slicer_scene.Clear(False)
    slicer.util.loadNodeFromFile(str(tmp_path / f"all.{ending}"), "SceneFile", {"clear": True})
    read = slicer.util.getNode("phase")
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(read), voxels)
    regions = slicer.util.getNode("regions")
    np.testing.assert_array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(regions, "csf", read), drawn)


def test_the_subject_hierarchy_follows_the_nodes(slicer_scene, volume):
    hierarchy = slicer_scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(volume)
    assert item
    assert hierarchy.GetItemParent(item) == hierarchy.GetSceneItemID()
    slicer_scene.RemoveNode(volume)
    assert hierarchy.GetNumberOfItems() == 0


MODULE = """
import ctk, qt, slicer
from slicer.ScriptedLoadableModule import *

class Sample(ScriptedLoadableModule):
    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Sample"

class SampleWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        super().setup()
        self.events = []
        self.ui = slicer.util.childWidgetVariables(self.load())
        self.ui.node.setMRMLScene(slicer.mrmlScene)
        self.ui.apply.connect("clicked()", self.apply)
        self.ui.node.connect("currentNodeChanged(vtkMRMLNode*)", self.chosen)
    def load(self):
        widget = slicer.util.loadUI(self.resourcePath("UI/Sample.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        return widget
    def chosen(self, node):
        self.events.append(node and node.GetName())
    def apply(self):
        self.events.append("apply")
    def enter(self):
        self.events.append("enter")
    def exit(self):
        self.events.append("exit")
    def cleanup(self):
        self.events.append("cleanup")
"""
UI = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Sample</class><widget class="qMRMLWidget" name="Sample"><layout class="QVBoxLayout">
<item><widget class="ctkCollapsibleButton" name="inputs"><property name="text"><string>Inputs</string></property>
<layout class="QFormLayout"><item row="0" column="0"><widget class="QLabel" name="label">
<property name="text"><string>Phase:</string></property></widget></item>
<item row="0" column="1"><widget class="qMRMLNodeComboBox" name="node">
<property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
<property name="noneEnabled"><bool>true</bool></property><property name="addEnabled"><bool>false</bool></property>
</widget></item></layout></widget></item>
<item><widget class="QPushButton" name="apply"><property name="text"><string>Apply</string></property></widget></item>
</layout></widget>
<customwidgets><customwidget><class>qMRMLWidget</class><extends>QWidget</extends><container>1</container></customwidget>
<customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends><container>1</container></customwidget>
<customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends></customwidget></customwidgets>
<connections><connection><sender>Sample</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal><receiver>node</receiver>
<slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>
"""


@pytest.fixture
def sample(slicer_app, tmp_path):
    from slicer_side.application import load_module, unload_module

    (tmp_path / "Sample" / "Resources" / "UI").mkdir(parents=True)
    (tmp_path / "Sample" / "Sample.py").write_text(MODULE)
    (tmp_path / "Sample" / "Resources" / "UI" / "Sample.ui").write_text(UI)
    yield load_module("Sample", tmp_path)
    unload_module("Sample")


def test_a_module_is_loaded_entered_left_and_reloaded(sample):
    import slicer

    assert slicer.modules.sample.widgetRepresentation().self() is sample
    assert slicer.util.getModuleWidget("Sample") is sample
    slicer.util.selectModule("SegmentEditor")
    slicer.util.selectModule("Sample")
    sample.ui.apply.click()
    assert sample.events == ["enter", "exit", "enter", "apply"]
    slicer.util.reloadScriptedModule("Sample")
    again = slicer.util.getModuleWidget("Sample")
    assert again is not sample
    assert sample.events[-1] == "cleanup"
    assert again.events == []


def test_a_node_selector_follows_the_scene(sample, slicer_scene):
    selector = sample.ui.node
    first = slicer_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "first")
    slicer_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "regions")
    assert selector.nodeCount() == 1
    assert selector.currentNode() is None
    selector.setCurrentNode(first)
    assert selector.currentNodeID == first.GetID()
    slicer_scene.Clear(False)
    assert selector.currentNode() is None
    assert sample.events == ["enter", "first", None]


def test_what_is_folded_is_hidden(sample):
    import qt

    section = sample.ui.inputs
    states = []
    section.connect("contentsCollapsed(bool)", states.append)
    section.collapsed = True
    late = qt.QLabel("late")
    section.layout().addRow(late)
    sample.parent.show()
    qt.QApplication.processEvents()
    assert not sample.ui.node.visible
    assert not late.visible
    assert not section.checked
    section.click()
    assert late.visible
    assert sample.ui.node.visible
    assert states == [True, False]


def test_a_slider_and_a_range_keep_their_limits(slicer_app):
    import ctk

    slider, both, seen = ctk.ctkSliderWidget(), ctk.ctkRangeWidget(), []
    slider.maximum, slider.decimals = 5, 3
    slider.connect("valueChanged(double)", seen.append)
    slider.value = 7.0
    slider.value = 1.125
    assert seen == [5.0, 1.125]
    both.minimum, both.maximum = -1.0, 1.0
    both.connect("valuesChanged(double,double)", lambda *values: seen.append(values))
    both.setValues(-0.25, 0.5)
    both.minimumValue = 0.75
    assert (both.minimumValue, both.maximumValue) == (0.75, 0.75)
    assert seen[-1] == (0.75, 0.75)


def test_what_pythonqt_refuses_is_refused(sample):
    import qt

    with pytest.raises(AttributeError, match="no property enabld"):
        sample.ui.apply.enabld = False
    with pytest.raises(ValueError, match="no signal"):
        sample.ui.node.connect("currentNodeChange(vtkMRMLNode*)", print)
    with pytest.raises(TypeError, match="cannot be"):
        qt.QSpinBox().value = "many"
    with pytest.raises(RuntimeError, match="waited for a person"):
        qt.QFileDialog.getOpenFileName(sample.parent, "Open")


def test_a_slot_that_raises_fails_the_test(sample):
    from slicer_side.slot_errors import SlotErrors

    sample.ui.apply.connect("clicked()", lambda: 1 / 0)
    with pytest.raises(AssertionError, match="ZeroDivisionError"), SlotErrors():
        sample.ui.apply.click()

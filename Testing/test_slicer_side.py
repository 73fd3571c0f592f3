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

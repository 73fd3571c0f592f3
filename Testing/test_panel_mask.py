"""Mask: a segmentation or label volume, the masking steps that begin with one, and the Segment Editor."""

import numpy as np
from panel_user import SHAPE, VOXEL_SIZE


def segmentation_of(nodes, small_head, images):
    left = small_head.mask.copy()
    left[SHAPE[0] // 2 :] = False
    return nodes.segmentation({"left": left, "right": small_head.mask & ~left}, images[0][0])


def test_a_segmentation_is_the_mask(ready, nodes, small_head, images, slicer_scene):
    import slicer

    ready.choose("maskSourceComboBox", "node")
    assert "mask" in ready.missing
    assert not ready.ui.maskingFrame.isVisible()
    segmentation = segmentation_of(nodes, small_head, images)
    ready.pick("maskSelector", segmentation)
    box = ready.ui.maskSegmentsList
    assert [box.item(i).text() for i in range(box.count)] == ["left", "right"]
    import qt

    box.item(0).setCheckState(qt.Qt.Checked)
    assert ready.parameters.maskSegments == ("left",)
    ready.run()
    chi = next(n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if n.GetAttribute("QSM.map") == "chi")
    made = slicer.util.arrayFromVolume(chi).T != 0
    assert made[: SHAPE[0] // 2].any()
    assert not made[SHAPE[0] // 2 :].any()


def test_another_mask_forgets_the_segments_of_the_first(ready, nodes, small_head, images):
    ready.choose("maskSourceComboBox", "node")
    ready.pick("maskSelector", segmentation_of(nodes, small_head, images))
    ready.parameters.maskSegments = ("left",)
    volume = nodes.volume(small_head.mask.astype(np.uint8), np.diag([*VOXEL_SIZE, 1.0]), name="drawn", labels=True)
    ready.pick("maskSelector", volume)
    assert ready.parameters.maskSegments == ()
    assert not ready.ui.maskSegmentsList.isVisible()
    assert ready.ui.applyButton.enabled


def test_a_given_mask_can_begin_the_masking_steps(ready, nodes, small_head, images):
    ready.choose("masking0_method", "given")
    assert "mask" in ready.missing
    ready.pick("maskSelector", segmentation_of(nodes, small_head, images))
    ready.click("addMaskingStepButton")
    ready.choose("masking1_method", "erode")
    request = ready.parameters.request()
    assert request.mask is not None
    assert [step.method for step in request.settings.masking] == ["given", "erode"]


def test_the_segment_editor_opens_on_the_mask(ready, nodes, small_head, images):
    import slicer

    ready.choose("maskSourceComboBox", "node")
    segmentation = segmentation_of(nodes, small_head, images)
    ready.pick("maskSelector", segmentation)
    ready.click("editMaskButton")
    node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    assert node.GetSegmentationNode() is segmentation
    assert node.GetSourceVolumeNode() is images[1][0]
    assert slicer.util.selectedModule() == "SegmentEditor"


def test_the_segment_editor_starts_a_new_mask(ready, images):
    import slicer

    ready.choose("maskSourceComboBox", "node")
    ready.click("editMaskButton")
    segmentation = ready.parameters.mask
    assert segmentation.IsA("vtkMRMLSegmentationNode")
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 1
    node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    assert node.GetSegmentationNode() is segmentation
    slicer.util.selectModule("QSM")
    drawn = np.ones(SHAPE[::-1], np.uint8)
    segment = segmentation.GetSegmentation().GetNthSegmentID(0)
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, segmentation, segment, images[0][0])
    ready.run()
    assert ready.message.startswith("Done in")


def test_a_label_volume_is_not_edited(ready, nodes, small_head):
    ready.choose("maskSourceComboBox", "node")
    ready.pick("maskSelector", nodes.volume(small_head.mask.astype(np.uint8), name="drawn", labels=True))
    ready.click("editMaskButton")
    assert "Only a segmentation can be edited" in ready.message

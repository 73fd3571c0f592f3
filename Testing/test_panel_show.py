"""The section Show as a person uses it: what is chosen there is seen at once, and what is seen stands there."""

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture
def shown(ready, images, nodes, slicer_scene):
    """Return a person who sees the results of a run, made up here."""
    rng = np.random.default_rng(0)
    shape = images[0][0].GetImageData().GetDimensions()
    matrix = np.diag([*images[0][0].GetSpacing(), 1.0])
    mask = slicer_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mask")
    mask.CreateDefaultDisplayNodes()
    mask.GetDisplayNode().SetVisibility(False)
    ready.maps = {}
    for name, size in (("chi", 0.1), ("local_field", 0.03)):
        node = ready.maps[name] = nodes.volume(
            rng.normal(0, size, shape).astype(np.float32), matrix, name=f"head {name}"
        )
        node.SetAttribute("QSM.map", name)
        node.SetNodeReferenceID("QSM.mask", mask.GetID())
    request = SimpleNamespace(magnitudes=tuple(images[1]))
    made = SimpleNamespace(chi=ready.maps["chi"], nodes=ready.maps | {"mask": mask}, request=request)
    ready.panel.resultsChanged(made)
    return ready


def layers(scene):
    """Return background, foreground and opacity of every slice view."""
    nodes = [scene.GetNthNodeByClass(i, "vtkMRMLSliceCompositeNode") for i in range(3)]
    return {(n.GetBackgroundVolumeID(), n.GetForegroundVolumeID(), round(n.GetForegroundOpacity(), 3)) for n in nodes}


def picture():
    from slicer_side.views import SliceView

    with SliceView("Red", (160, 160)) as view:
        return view.picture().astype(int)


def test_after_a_run_chi_lies_over_the_magnitude(ready, images, slicer_scene):
    ready.run()
    volumes = (slicer_scene.GetNthNodeByClass(i, "vtkMRMLScalarVolumeNode") for i in range(20))
    chi = next(node for node in volumes if node is not None and node.GetAttribute("QSM.map") == "chi")
    magnitude = images[1][0]
    assert layers(slicer_scene) == {(magnitude.GetID(), chi.GetID(), 1.0)}
    assert ready.find("showMapSelector").currentNode() is chi
    assert ready.find("showBehindSelector").currentNode() is magnitude
    assert ready.find("showLinkedCheckBox").checked
    assert ready.find("showMaskCheckBox").enabled
    display = chi.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((-0.1, 0.2))
    assert display.GetColorNodeID() == "vtkMRMLColorTableNodeGrey"


def test_the_opacity_is_seen_at_once(shown, slicer_scene):
    before = picture()
    shown.find("showOpacitySlider").setValue(0.4)
    assert {opacity for _, _, opacity in layers(slicer_scene)} == {0.4}
    assert np.abs(picture() - before).max() > 20


def test_another_map_is_shown_in_its_colours_and_chi_again_as_it_was(shown, images, slicer_scene):
    shown.find("showOpacitySlider").setValue(0.6)
    shown.pick("showMapSelector", shown.maps["local_field"])
    assert layers(slicer_scene) == {(images[1][0].GetID(), shown.maps["local_field"].GetID(), 0.6)}
    assert shown.chosen("showColoursComboBox") == "diverging"
    assert shown.maps["local_field"].GetDisplayNode().GetColorNode().GetAttribute("QSM.colours")
    shown.pick("showMapSelector", shown.maps["chi"])
    assert shown.chosen("showColoursComboBox") == "grey"


@pytest.mark.parametrize(("values", "step"), [(0.02, 1e-6), (4000.0, 0.1)])
def test_the_threshold_moves_in_steps_that_suit_the_map(shown, nodes, images, values, step):
    """CTK refuses a step that is larger than the range it has; with the decimals, the old range is rounded up to it."""
    shape = images[0][0].GetImageData().GetDimensions()
    ramp = np.linspace(0, 1, np.prod(shape)).reshape(shape)
    for size in (0.02, values):
        shown.pick("showMapSelector", nodes.volume((size * ramp).astype(np.float32), name=f"up to {size}"))
    threshold = shown.find("showThresholdRange")
    assert threshold.singleStep == pytest.approx(step)
    assert (threshold.minimum, threshold.maximum) == pytest.approx((0, values))


def test_the_threshold_works_only_where_it_is_on(shown):
    chi = shown.maps["chi"]
    assert not shown.find("showThresholdRange").enabled
    low, high = chi.GetImageData().GetScalarRange()
    assert shown.find("showThresholdRange").minimum <= low
    assert shown.find("showThresholdRange").maximum >= high
    shown.click("showThresholdCheckBox")
    shown.find("showThresholdRange").setValues(0.05, 0.2)
    display = chi.GetDisplayNode()
    assert display.GetApplyThreshold()
    assert (display.GetLowerThreshold(), display.GetUpperThreshold()) == pytest.approx((0.05, 0.2))
    shown.pick("showMapSelector", shown.maps["local_field"])
    assert not shown.find("showThresholdCheckBox").checked
    shown.pick("showMapSelector", chi)
    assert shown.find("showThresholdCheckBox").checked
    assert shown.find("showThresholdRange").minimumValue == pytest.approx(0.05)
    shown.click("showThresholdCheckBox")
    assert not display.GetApplyThreshold()


def test_any_colours_of_slicer_can_be_chosen(shown, slicer_scene):
    chi = shown.maps["chi"]
    shown.choose("showColoursComboBox", "diverging")
    assert chi.GetDisplayNode().GetWindowLevelMin() == pytest.approx(-0.2)
    assert len(shown.top.findChildren(type(shown.ui.maskSelector), "showOtherColoursSelector")) <= 1
    shown.choose("showColoursComboBox", "other")
    iron = slicer_scene.GetNodeByID("vtkMRMLColorTableNodeIron")
    shown.pick("showOtherColoursSelector", iron)
    assert chi.GetDisplayNode().GetColorNode() is iron
    shown.choose("showColoursComboBox", "grey")
    assert chi.GetDisplayNode().GetColorNodeID() == "vtkMRMLColorTableNodeGrey"
    assert chi.GetDisplayNode().GetWindowLevelMin() == pytest.approx(-0.1)


def test_the_window_is_reset(shown):
    display = shown.maps["chi"].GetDisplayNode()
    display.SetWindowLevelMinMax(-3, 3)
    shown.click("showResetButton")
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((-0.1, 0.2))


def test_the_mask_is_outlined_on_demand(shown):
    import slicer

    masks = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")[0].GetDisplayNode()
    assert not masks.GetVisibility()
    shown.click("showMaskCheckBox")
    assert masks.GetVisibility()
    assert masks.GetVisibility2DOutline()
    assert not masks.GetVisibility2DFill()
    shown.click("showMaskCheckBox")
    assert not masks.GetVisibility()


def test_the_views_are_unlinked_and_without_a_map(shown, images, slicer_scene):
    shown.click("showLinkedCheckBox")
    assert not any(slicer_scene.GetNthNodeByClass(i, "vtkMRMLSliceCompositeNode").GetLinkedControl() for i in range(3))
    shown.pick("showMapSelector", None)
    assert {above for _, above, _ in layers(slicer_scene)} == {None}
    assert not shown.find("showResetButton").enabled
    shown.pick("showMapSelector", shown.maps["chi"])
    assert {above for _, above, _ in layers(slicer_scene)} == {shown.maps["chi"].GetID()}


def test_any_volume_can_be_shown_before_a_run(user, images, slicer_scene):
    user.pick("showMapSelector", images[0][0])
    user.pick("showBehindSelector", images[1][0])
    assert layers(slicer_scene) == {(images[1][0].GetID(), images[0][0].GetID(), 1.0)}
    assert not user.find("showMaskCheckBox").enabled


def test_a_saved_scene_is_shown_as_it_was(shown, slicer_scene, tmp_path):
    import slicer

    shown.choose("showColoursComboBox", "diverging")
    shown.click("showThresholdCheckBox")
    shown.find("showThresholdRange").setValues(-0.1, 0.1)
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer_scene.Clear()
    assert shown.find("showMapSelector").currentNode() is None
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    assert shown.find("showMapSelector").currentNode().GetAttribute("QSM.map") == "chi"
    assert shown.chosen("showColoursComboBox") == "diverging"
    assert shown.find("showThresholdCheckBox").checked
    assert shown.find("showThresholdRange").maximumValue == pytest.approx(0.1)


def test_what_lies_behind_is_of_the_run_though_the_table_is_of_another_scan_by_now(ready, images, nodes, slicer_scene):
    first = images[1][0]
    ready.click("applyButton")
    ready.parameters.echoes = ()
    slicer_scene.RemoveNode(first)
    ready.wait(lambda: ready.panel.runSection.job is None)
    assert ready.message.startswith("Done"), ready.message
    assert {behind for behind, _, _ in layers(slicer_scene)} == {images[1][1].GetID()}

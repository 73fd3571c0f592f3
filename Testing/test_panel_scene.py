"""The panel and the scene: what is saved comes back, what a script changes is shown, and nothing is left behind."""

import sys

import numpy as np
import pytest
from panel_user import SHAPE, TIMES, VOXEL_SIZE, User

from QSMLogic.phantom import head_phantom
from QSMLogic.settings import Settings


def shown(user):
    """Return what the controls show."""
    ui = user.ui
    rows = range(ui.echoTable.rowCount)
    node = {
        name: selector.currentNode() and selector.currentNode().GetName()
        for name, selector in {
            **{f"phase {i}": user.find(f"echo{i}_phase") for i in rows},
            **{f"magnitude {i}": user.find(f"echo{i}_magnitude") for i in rows},
            "mask": ui.maskSelector,
            "labels": ui.labelsSelector,
        }.items()
    }
    menus = ("phaseScaleComboBox", "maskSourceComboBox", "presetComboBox", "inversion_method", "background_method")
    return {
        **node,
        **{name: user.chosen(name) for name in menus},
        "times": user.times(),
        "strength": ui.fieldStrengthEdit.text,
        "direction": ui.b0DirectionEdit.text,
        "turn": ui.phaseTurnEdit.text,
        "sign": ui.phaseSignCheckBox.checked,
        "segments": [ui.maskSegmentsList.item(i).checkState() for i in range(ui.maskSegmentsList.count)],
        "threshold": float(user.find("inversion_threshold").value),
        "kept": [name for name in ("mask", "phase", "weights", "chi") if user.find(f"keep_{name}").checked],
        "name": ui.nameEdit.text,
    }


def save_data(folder):
    """Write a file for every image, as Slicer's window for saving does."""
    import slicer

    for kind, file in (("vtkMRMLScalarVolumeNode", "nrrd"), ("vtkMRMLSegmentationNode", "seg.nrrd")):
        for node in slicer.util.getNodesByClass(kind):
            assert slicer.util.saveNode(node, str(folder / f"{node.GetName()}.{file}"))


@pytest.fixture
def filled(ready, nodes, small_head, images):
    """Return a person who has changed every kind of control."""
    import qt

    half = small_head.mask & (np.arange(SHAPE[0])[:, None, None] < SHAPE[0] // 2)
    regions = {"left": half, "right": small_head.mask & ~half}
    ready.click("b0FromImageCheckBox")
    ready.type("b0DirectionEdit", "0 0.28 0.96")
    ready.choose("phaseScaleComboBox", "other")
    ready.type("phaseTurnEdit", "6.283185307179586")
    ready.click("phaseSignCheckBox")
    ready.choose("maskSourceComboBox", "node")
    ready.pick("maskSelector", nodes.segmentation(regions, images[0][0], name="drawn"))
    ready.ui.maskSegmentsList.item(1).setCheckState(qt.Qt.Checked)
    ready.choose("inversion_method", "tkd")
    ready.type("inversion_threshold", "0.15")
    ready.choose("referencing_method", "region")
    ready.pick("labelsSelector", nodes.segmentation(regions, images[0][0], name="regions"))
    ready.click("keep_weights")
    ready.click("keep_mask")
    ready.type("nameEdit", "Visit 2")
    ready.parameters.request()
    return ready


@pytest.mark.parametrize("ending", ["mrb", "mrml"])
def test_every_control_is_restored_with_the_scene(filled, slicer_scene, tmp_path, ending):
    import slicer

    before, settings = shown(filled), filled.parameters.settings
    assert before["threshold"] == 0.15
    assert before["kept"] == ["weights", "chi"]
    path = str(tmp_path / f"scene.{ending}")
    if ending == "mrml":  # holds no data by itself
        save_data(tmp_path)
    assert slicer.util.saveScene(path)
    slicer_scene.Clear(False)
    assert filled.ui.echoTable.rowCount == 0
    assert "Choose the phase images" in filled.missing
    slicer.util.loadScene(path)
    assert shown(filled) == before
    assert filled.parameters.settings == settings
    assert filled.ui.applyButton.enabled
    filled.type("nameEdit", "Visit 3")  # and the panel still writes into the node it shows
    assert filled.parameters.ofScene(slicer_scene).name == "Visit 3"


def test_a_scene_added_to_another_brings_its_state(filled, slicer_scene, tmp_path):
    import slicer

    before = shown(filled)
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    filled.choose("inversion_method", "tv")
    filled.type("nameEdit", "other")
    filled.enter_time(0, "1")
    slicer.util.loadScene(path, properties={"clear": False})
    after = shown(filled)
    assert {key: value for key, value in after.items() if "hase" not in key} == {
        key: value for key, value in before.items() if "hase" not in key
    }


def test_what_a_script_changes_is_shown(ready):
    ready.parameters.settings = Settings.preset("body")
    ready.parameters.fieldStrength = 7
    assert ready.chosen("background_method") == "pdf"
    assert ready.chosen("masking0_method") == "threshold"
    assert ready.ui.fieldStrengthEdit.text == "7"
    assert "Changed" in ready.ui.presetDescriptionLabel.text


def test_showing_the_state_changes_nothing(filled):
    events = []
    tag = filled.parameters.node.AddObserver("ModifiedEvent", lambda *_: events.append(1))
    for _ in range(2):
        filled.panel.refresh()
        filled.panel.exit()
        filled.panel.enter()
    filled.parameters.node.RemoveObserver(tag)
    assert not events


def test_one_change_by_hand_is_one_change_of_the_node(ready):
    events = []
    tag = ready.parameters.node.AddObserver("ModifiedEvent", lambda *_: events.append(1))
    ready.type("background_max_radius", "10")
    ready.choose("inversion_method", "tkd")
    ready.type("fieldStrengthEdit", "7")
    ready.parameters.node.RemoveObserver(tag)
    assert len(events) == 3


def test_a_reloaded_module_shows_the_same_state(filled, slicer_scene):
    import slicer

    before, old = shown(filled), filled.panel
    slicer.util.reloadScriptedModule("QSM")
    again = User(slicer.util.getModuleWidget("QSM"))
    again.unfold("stagesGroupBox")
    assert again.panel is not old
    assert old.sections == []
    assert shown(again) == before


@pytest.fixture
def restored():
    """Give the tests that follow the modules they have imported."""
    ours = ("QSMLib", "QSMLogic")
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ours}
    yield before
    for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
        del sys.modules[name]
    sys.modules.update(before)


def test_the_reload_button_takes_every_file_anew(filled, qsm_widget, restored):
    import slicer

    before, old = shown(filled), filled.panel
    qsm_widget.onReload()
    again = User(slicer.util.getModuleWidget("QSM"))
    again.unfold("stagesGroupBox")
    assert old.sections == []
    assert shown(again) == before
    for name in ("QSMLib.panel.panel", "QSMLib.parameters", "QSMLogic.settings"):
        assert sys.modules[name] is not restored[name]
    assert type(again.panel) is sys.modules["QSMLib.panel.panel"].Panel


def test_segments_drawn_meanwhile_are_listed_on_return(filled):
    import slicer

    slicer.util.selectModule("SegmentEditor")
    filled.parameters.mask.GetSegmentation().AddEmptySegment("", "third")
    slicer.util.selectModule("QSM")
    box = filled.ui.maskSegmentsList
    assert [box.item(i).text() for i in range(box.count)] == ["left", "right", "third"]


def test_the_sample_runs_at_once(user, monkeypatch, slicer_scene):
    import slicer
    from QSMLib import samples

    small = head_phantom(SHAPE, VOXEL_SIZE, echo_times=TIMES)
    load = samples.loadSample
    monkeypatch.setattr(samples, "loadSample", lambda scene: load(scene, small))
    user.click("sampleDataButton")
    assert user.ui.applyButton.enabled, user.ui.readyLabel.text
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    assert view.GetBackgroundVolumeID() == user.parameters.echoes[0].magnitude.GetID()
    user.choose("presetComboBox", "fast")
    user.run()
    assert user.message.startswith("Done in")

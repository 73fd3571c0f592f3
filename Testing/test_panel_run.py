"""Apply as a person does it: the maps come, it can be cancelled, and what goes wrong is one sentence in the panel."""

import os
import signal

import numpy as np
import pytest

from QSMLogic.settings import Settings

NAMES = ("total_field", "local_field", "chi")


def maps_of(scene):
    import slicer

    volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return {node.GetAttribute("QSM.map"): node for node in volumes if node.GetAttribute("QSM.map")}


def start_slow(user):
    """Press Apply for a run of many seconds, and wait until it is under way."""
    user.choose("presetComboBox", "default")
    user.choose("inversion_method", "fansi_nltv")
    user.unfold("inversion_advanced")
    user.type("inversion_iterations", "2000")
    user.type("inversion_tolerance", "1e-6")
    user.click("applyButton")
    assert user.panel.runSection.job is not None, user.message
    user.wait(lambda: user.ui.progressBar.value > 0)
    return user.panel.runSection.job


def test_apply_makes_the_maps_and_says_so(ready, images, slicer_scene, small_head):
    import slicer

    ready.run()
    assert ready.message.startswith("Done in"), ready.message
    maps = maps_of(slicer_scene)
    assert set(maps) == set(NAMES)
    chi = slicer.util.arrayFromVolume(maps["chi"]).T
    brain = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert len(brain) == 1
    inside = small_head.mask & (chi != 0)
    assert np.corrcoef(chi[inside], small_head.chi[inside])[0, 1] > 0.75
    assert ready.ui.applyButton.enabled
    assert not ready.ui.cancelButton.enabled
    assert "Done in" in ready.ui.logText.plainText
    assert not slicer.app.popups


def test_further_maps_come_with_the_run(ready, slicer_scene, small_head):
    """R2* of the phantom, and an R2' from it and an R2 map, as the child computes them."""
    import slicer
    from slicer_nodes import Nodes

    r2star = np.where(small_head.mask, small_head.r2star, 0).astype(np.float32)
    r2 = Nodes(slicer_scene).volume(r2star / 2, np.diag([5.0, 5.0, 5.5, 1.0]), name="R2")
    ready.choose("addMapMenu", "r2star_arlo")
    ready.choose("addMapMenu", "r2prime")
    ready.pick("r2Selector", r2)
    ready.run()
    assert ready.message.startswith("Done in"), ready.message
    maps = maps_of(slicer_scene)
    assert set(maps) > {"chi", "r2star", "r2prime"}
    found, prime = (slicer.util.arrayFromVolume(maps[name]).T for name in ("r2star", "r2prime"))
    inside = small_head.mask & (found > 0)
    assert np.median(np.abs(found - r2star)[inside] / r2star[inside]) < 0.1
    np.testing.assert_allclose(prime[inside], np.maximum(found - r2star / 2, 0)[inside], atol=0.01)
    ready.panel.logic.measure(maps["r2star"], slicer.util.getNodesByClass("vtkMRMLSegmentationNode")[0])
    ready.unfold("showCollapsibleButton")
    ready.pick("showMapSelector", maps["r2star"])
    assert maps["r2star"].GetDisplayNode().GetWindowLevelMax() == 60
    assert not ready.find("show3DCheckBox").enabled


def test_the_panel_gives_what_the_logic_gives(ready, images, slicer_scene):
    import slicer

    ready.run()
    panel = slicer.util.arrayFromVolume(maps_of(slicer_scene)["chi"]).copy()
    phases, magnitudes = images
    outputs = ready.panel.logic.run(magnitudes, phases, (0.005, 0.011, 0.017, 0.023), 3, settings="fast")
    np.testing.assert_array_equal(panel, slicer.util.arrayFromVolume(outputs.chi))


def test_the_progress_bar_names_the_stage(ready):
    seen = {}
    ready.choose("presetComboBox", "default")
    ready.choose("inversion_method", "fansi_nltv")
    ready.click("applyButton")
    job = ready.panel.runSection.job

    def look():
        seen[ready.ui.progressBar.format] = ready.ui.progressBar.value
        return ready.panel.runSection.job is None

    assert ready.ui.progressBar.visible
    assert ready.ui.cancelButton.enabled
    assert not ready.ui.applyButton.enabled
    ready.wait(look)
    assert any("Dipole inversion" in text for text in seen)
    assert len(seen) > 3
    assert list(seen.values()) == sorted(seen.values())
    assert not ready.ui.progressBar.visible
    assert not job.folder.exists()


def test_the_window_is_awake_during_a_run(ready):
    """Between two looks of the timer, a person can change what is not yet used."""
    start_slow(ready)
    ready.type("nameEdit", "another")
    assert ready.parameters.name == "another"
    assert ready.panel.runSection.job is not None
    ready.click("cancelButton")


def test_cancel_ends_a_run_at_once(ready, slicer_scene):
    before = slicer_scene.GetNumberOfNodes()
    job = start_slow(ready)
    ready.click("cancelButton")
    assert job._process.poll() is not None
    assert not job.folder.exists()
    assert "Cancelled" in ready.message
    assert ready.ui.applyButton.enabled
    assert not ready.ui.cancelButton.enabled
    assert slicer_scene.GetNumberOfNodes() == before
    assert not ready.panel.runSection.waiting.timer.active
    ready.choose("presetComboBox", "fast")
    ready.run()
    assert ready.message.startswith("Done in")


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_a_killed_computation_leaves_a_usable_panel(ready, slicer_scene):
    before = slicer_scene.GetNumberOfNodes()
    job = start_slow(ready)
    os.kill(job._process.pid, signal.SIGKILL)
    ready.wait(lambda: ready.panel.runSection.job is None)
    assert "stopped unexpectedly" in ready.message
    assert "Traceback" not in ready.ui.logText.plainText
    assert slicer_scene.GetNumberOfNodes() == before
    assert not job.folder.exists()
    ready.choose("presetComboBox", "fast")
    ready.run()
    assert ready.message.startswith("Done in")


def test_a_refusal_of_the_computation_is_one_sentence(ready, nodes, images):
    """A mask without a voxel is found only by the child."""
    empty = nodes.segmentation({"nothing": np.zeros((40, 44, 36), bool)}, images[0][0])
    ready.choose("maskSourceComboBox", "node")
    ready.pick("maskSelector", empty)
    ready.click("applyButton")
    ready.wait(lambda: ready.panel.runSection.job is None)
    assert "empty" in ready.message.lower()
    assert "\n" not in ready.message
    assert "Traceback" not in ready.ui.logText.plainText
    assert ready.ui.applyButton.enabled


def test_closing_the_scene_ends_the_run(ready, slicer_scene):
    job = start_slow(ready)
    slicer_scene.Clear(False)
    assert job._process.poll() is not None
    assert not job.folder.exists()
    assert ready.panel.runSection.job is None
    assert not ready.panel.runSection.waiting.timer.active
    assert "Cancelled: the scene was closed" in ready.message
    assert "Choose the phase images" in ready.missing
    assert ready.ui.echoTable.rowCount == 0
    assert ready.chosen("presetComboBox") == "default"


@pytest.mark.parametrize("end", ["reload", "quit"])
def test_reload_and_exit_end_the_run(ready, slicer_scene, end):
    import slicer
    from slicer_side.application import unload_module

    job, node = start_slow(ready), ready.parameters.node
    if end == "reload":
        slicer.app.moduleManager().moduleAboutToBeUnloaded.emit("QSM")
    else:
        slicer.app.aboutToQuit.emit()
    assert job._process.poll() is not None
    assert not job.folder.exists()
    assert not ready.panel.runSection.waiting.timer.active
    label = ready.ui.readyLabel.text
    node.SetParameter("fieldStrength", "")
    slicer_scene.Clear(False)
    assert ready.ui.readyLabel.text == label, "the panel still follows the scene"
    unload_module("QSM")


def test_leaving_the_module_does_not_end_the_run(ready):
    import slicer

    ready.click("applyButton")
    slicer.util.selectModule("SegmentEditor")
    ready.wait(lambda: ready.panel.runSection.job is None)
    slicer.util.selectModule("QSM")
    assert ready.message.startswith("Done in")


def test_memory_is_estimated_before_the_run(ready):
    first = ready.panel.logic.memoryNeeded(ready.parameters.request())
    assert "GiB" in ready.ui.readyLabel.text
    assert f"{first / 2**30:.1f} GiB" in ready.ui.readyLabel.text


def test_too_little_memory_is_said_before_the_run(ready, monkeypatch):
    from QSMLib.panel import run

    monkeypatch.setattr(run, "available_memory", lambda: 1 << 20)
    ready.panel.refresh()
    assert "0.0 GiB free" in ready.ui.readyLabel.text
    assert "color" in ready.ui.readyLabel.text


def test_only_the_maps_asked_for_are_kept(ready, slicer_scene):
    for name in ("total_field", "local_field", "mask"):
        ready.click(f"keep_{name}")
    ready.click("keep_weights")
    ready.type("nameEdit", "visit 2")
    ready.run()
    maps = maps_of(slicer_scene)
    assert set(maps) == {"weights", "chi"}
    assert maps["chi"].GetName().startswith("visit 2")


def test_the_log_and_the_python_code_are_copied(ready):
    import qt

    ready.click("copyPythonButton")
    text = qt.QApplication.clipboard().text()
    compile(text, "copied", "exec")
    assert "run(" in text
    assert "copied" in ready.message
    ready.unfold("logGroupBox")
    ready.click("copyLogButton")
    assert qt.QApplication.clipboard().text() == ready.ui.logText.plainText != ""


def test_the_command_is_copied_and_its_files_are_named(ready, monkeypatch, tmp_path):
    import qt
    from QSMLib import reproduce

    monkeypatch.setattr(reproduce, "documents", lambda: tmp_path)
    ready.click("copyCommandButton")
    assert qt.QApplication.clipboard().text().startswith("qsm run")
    folders = list(tmp_path.iterdir())
    assert len(folders) == 1
    assert str(folders[0]) in ready.message
    assert Settings.read(folders[0] / "settings.toml") == ready.parameters.settings


def test_an_error_that_nobody_expected_is_said_in_the_panel(ready, monkeypatch, caplog):
    def broken(_request):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(ready.panel.logic, "start", broken)
    ready.click("applyButton")
    assert "Unexpected error" in ready.message
    assert "the disk is on fire" in ready.message
    assert "Traceback" not in ready.message
    assert "RuntimeError" in ready.ui.logText.plainText
    assert ready.ui.applyButton.enabled

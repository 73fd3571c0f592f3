"""Further maps in the panel: chosen from the register, with an R2 map where one is used, and back as volumes."""

import dataclasses
import shutil
from typing import Annotated

import numpy as np
import pytest
from command_line import GEOMETRY, TIMES
from panel_user import SHAPE, VOXEL_SIZE
from slicer_nodes import to_ras

from QSMLogic.io.nifti import read_image, write_image
from QSMLogic.io.writing import FURTHER, file_of
from QSMLogic.methods import METHODS
from QSMLogic.progress import no_progress
from QSMLogic.registry import Param, method
from QSMLogic.report.windows import WINDOWS
from QSMLogic.settings import Settings, Step

LPS = np.diag([-1.0, -1.0, 1.0])


@pytest.fixture(autouse=True)
def own_maps():
    """Let the register hold these methods alone: a decay, another one of the same map, and one that starts from both
    it and an R2 map."""
    before = dict(METHODS["maps"])
    METHODS["maps"].clear()
    options = {"stage": "maps", "cite": (), "sentence": "Made", "volumes": 1}

    @method(label="Decay", outputs=("r2star",), **options)
    def toy_decay(
        magnitude: np.ndarray,
        mask: np.ndarray,
        *,
        floor: Annotated[float, Param("Floor", "1/s", 0, 9, "lowest value")] = 0.5,
        progress=no_progress,
    ) -> np.ndarray:
        """Fit it."""
        return floor * mask

    @method(label="Other decay", outputs=("r2star",), **options)
    def toy_other(magnitude: np.ndarray, mask: np.ndarray, *, progress=no_progress) -> np.ndarray:
        """Fit it otherwise."""
        return 1.0 * mask

    @method(label="Prime", outputs=("r2prime",), **options)
    def toy_prime(r2star: np.ndarray, r2: np.ndarray, eroded_mask: np.ndarray, *, progress=no_progress) -> np.ndarray:
        """Take one from the other."""
        return (r2star - r2) * eroded_mask

    yield
    METHODS["maps"].clear()
    METHODS["maps"].update(before)


def chosen(user):
    return [step.method for step in user.parameters.settings.maps]


def test_maps_are_added_changed_moved_and_removed(user):
    assert chosen(user) == []
    menu = user.find("addMapMenu")
    assert [menu.itemText(i) for i in range(menu.count)] == ["Add a map...", "Decay", "Other decay", "Prime"]
    user.choose("addMapMenu", "toy_prime")
    assert menu.currentIndex == 0, "the menu is ready for the next map"
    user.choose("addMapMenu", "toy_decay")
    user.type("maps1_floor", "2.5")
    assert user.parameters.settings.maps == (Step("toy_prime", {}), Step("toy_decay", {"floor": 2.5}))
    user.click("maps1_up")
    assert chosen(user) == ["toy_decay", "toy_prime"]
    assert float(user.find("maps0_floor").value) == 2.5
    assert "lowest value" in user.find("maps0_floor").toolTip
    user.choose("maps0_method", "toy_other")
    assert chosen(user) == ["toy_other", "toy_prime"]
    user.click("maps0_remove")
    user.click("maps0_remove")
    assert chosen(user) == []
    assert user.parameters.settings == Settings.preset()


def test_two_methods_of_one_map_are_refused_and_nothing_changes(user):
    user.choose("addMapMenu", "toy_decay")
    user.choose("addMapMenu", "toy_other")
    assert user.message == "maps: Decay and Other decay make the same map: leave one out."
    assert chosen(user) == ["toy_decay"]
    assert user.find("addMapMenu").currentIndex == 0
    user.choose("addMapMenu", "toy_prime")
    user.choose("maps1_method", "toy_other")
    assert "make the same map" in user.message
    assert user.chosen("maps1_method") == "toy_prime"


def test_a_map_before_its_own_ground_is_refused_in_words(ready, nodes):
    ready.choose("addMapMenu", "toy_prime")
    assert ready.missing == "Prime starts from another map: add one of Decay, Other decay before it."
    ready.choose("addMapMenu", "toy_decay")
    assert "before it" in ready.missing
    ready.click("maps1_up")
    assert "R2 map" in ready.missing


def test_the_r2_map_is_asked_for_where_one_is_used(ready, nodes):
    assert not ready.ui.r2Selector.isVisible()
    ready.choose("addMapMenu", "toy_decay")
    ready.choose("addMapMenu", "toy_prime")
    matrix = np.diag([*VOXEL_SIZE, 1.0])
    r2 = nodes.volume(np.full(SHAPE, 12.0, np.float32), matrix, name="R2")
    ready.pick("r2Selector", r2)
    assert ready.ui.applyButton.enabled
    request = ready.panel.runSection.request()
    assert request.r2 is r2
    shifted = nodes.volume(np.full(SHAPE, 12.0, np.float32), np.diag([*VOXEL_SIZE[:2], 9.0, 1.0]), name="elsewhere")
    ready.pick("r2Selector", shifted)
    assert "elsewhere" in ready.missing
    ready.click("maps1_remove")
    assert not ready.ui.r2Selector.isVisible()
    assert ready.panel.runSection.request().r2 is None


def test_the_r2_map_is_saved_with_the_scene_and_goes_into_command_and_code(ready, nodes, tmp_path):
    from QSMLib.as_python import asPython
    from QSMLib.files import writeInputs

    ready.choose("addMapMenu", "toy_decay")
    ready.choose("addMapMenu", "toy_prime")
    values = np.random.default_rng(0).uniform(5, 20, SHAPE).astype(np.float32)
    r2 = nodes.volume(values, np.diag([*VOXEL_SIZE, 1.0]), name="R2")
    ready.parameters.r2 = r2
    request = ready.parameters.request()
    words = writeInputs(request, tmp_path)
    path = words[words.index("--r2") + 1]
    np.testing.assert_array_equal(read_image(tmp_path / path)[0][..., 0], values)
    assert Settings.read(tmp_path / "settings.toml").maps == ready.parameters.settings.maps
    assert "r2=slicer.util.getNode('R2')," in asPython(request)


def test_a_stage_that_a_single_step_stands_in_for_is_greyed(user):
    user.unfold("stagesGroupBox")
    assert user.find("inversion_method").enabled
    user.choose("single_step_method", "tgv")
    used = user.parameters.settings.stages
    for stage in ("unwrapping", "field", "background", "inversion"):
        menu = user.find(f"{stage}_method")
        assert menu.enabled == (stage in used)
        assert ("TGV" in menu.toolTip and "stands in" in menu.toolTip) == (stage not in used)
    assert not user.panel.sections[4].stages[4].form.parameters.widget.isVisible()
    user.choose("single_step_method", "none")
    assert user.find("inversion_method").enabled
    assert "stands in" not in user.find("inversion_method").toolTip
    assert user.panel.sections[4].stages[4].form.parameters.widget.isVisible()


def test_further_maps_come_back_as_volumes(nodes, head, finished, tmp_path):
    """With unit, window and the mask they are known in; the files are those that a run writes."""
    from QSMLib import maps, results
    from QSMLib.request import Request

    folder = shutil.copytree(finished, tmp_path / "out")
    values = np.random.default_rng(0).uniform(1, 60, GEOMETRY.shape).astype(np.float32)
    for name in ("r2star", "r2prime"):
        write_image(folder / file_of(name), values, GEOMETRY)
    place = to_ras(LPS @ np.array(GEOMETRY.direction).reshape(3, 3), GEOMETRY.spacing, LPS @ GEOMETRY.origin)
    phases = tuple(nodes.volume(head.scan.phase[..., e], place, f"head {e + 1}") for e in range(len(TIMES)))
    settings = dataclasses.replace(Settings.preset(), maps=(Step("toy_decay", {}), Step("toy_prime", {})))
    request = Request(phases, (), TIMES, 3.0, settings, keep=("mask", "chi"), name="head")
    made = results.loadOutputs(nodes.scene, folder, request).nodes
    assert set(made) == {"chi", "mask", "r2star", "r2prime"}
    node = made["r2star"]
    np.testing.assert_array_equal(nodes.slicer.util.arrayFromVolume(node).T, values)
    assert maps.unitOf(node) == "1/s"
    assert node.GetVoxelValueUnits().GetCodeValue() == "/s"
    display, shown = node.GetDisplayNode(), WINDOWS["r2star"]
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (shown.low, shown.high)
    assert not maps.isSusceptibility(node)
    inside = {name: read_image(folder / file_of(name))[0][..., 0] > 0 for name in ("mask", "eroded_mask")}
    np.testing.assert_array_equal(maps.maskOf(node), inside["mask"])
    np.testing.assert_array_equal(maps.maskOf(made["r2prime"]), inside["eroded_mask"])


def test_every_unit_of_a_map_has_a_code(slicer_scene):
    from QSMLib.results import CODES

    assert {WINDOWS[name].unit for name in WINDOWS} <= set(CODES)
    assert set(FURTHER) & set(WINDOWS), "further maps have windows"

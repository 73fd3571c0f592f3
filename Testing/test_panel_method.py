"""Method: presets, menus and parameters made from the register."""

from typing import Annotated, Literal

import numpy as np
import pytest
from panel_user import form_of

from QSMLogic.methods import METHODS, STAGES
from QSMLogic.progress import no_progress
from QSMLogic.registry import SEVERAL, Param, method
from QSMLogic.settings import OPTIONS, Settings, Step, preset_names

ONE_METHOD = [stage for stage in STAGES if stage != "maps"]
"""Stages with a menu of their own."""


def test_every_preset_is_offered_and_explained(open_user):
    for name in preset_names():
        open_user.choose("presetComboBox", name)
        assert open_user.parameters.settings == Settings.preset(name)
        assert open_user.ui.presetDescriptionLabel.text == f"{Settings.preset(name).description}."
        assert not open_user.ui.resetPresetButton.isVisible()


def test_a_change_is_shown_and_can_be_taken_back(open_user):
    open_user.choose("presetComboBox", "7T")
    open_user.type("background_max_radius", "9.5")
    assert open_user.parameters.settings.background.parameters["max_radius"] == 9.5
    assert "Changed" in open_user.ui.presetDescriptionLabel.text
    assert open_user.parameters.preset == "7T"
    open_user.click("resetPresetButton")
    assert open_user.parameters.settings == Settings.preset("7T")
    assert "Changed" not in open_user.ui.presetDescriptionLabel.text
    assert float(open_user.find("background_max_radius").value) == 12.0


def test_every_method_is_offered_by_its_label(open_user):
    for stage in ONE_METHOD:
        menu = open_user.find("masking0_method" if stage == "masking" else f"{stage}_method")
        offered = {menu.itemData(i): menu.itemText(i) for i in range(menu.count)}
        assert offered == {name: method.label for name, method in METHODS[stage].items()}


@pytest.mark.parametrize("stage", ONE_METHOD)
def test_every_parameter_has_an_editor_that_shows_its_default(open_user, stage):
    form = form_of(open_user, stage)
    for name, record in METHODS[stage].items():
        step = Step(name, {})
        open_user.panel.changeSettings(**{stage: (step,) if stage == "masking" else step})
        assert open_user.chosen("masking0_method" if stage == "masking" else f"{stage}_method") == name
        assert record.summary in form.menu.toolTip
        editors = form.parameters.editors
        assert set(editors) == {parameter.name for parameter in record.parameters}
        for parameter in record.parameters:
            assert editors[parameter.name].value() == parameter.default
            assert parameter.info.help in editors[parameter.name].widget.toolTip
            shown = editors[parameter.name].widget.isVisible()
            assert shown != parameter.info.advanced, f"{name}: {parameter.name}"


def numbers_of(stage):
    """Yield method, parameter and three values for every number with a range."""
    for name, record in METHODS[stage].items():
        for parameter in record.parameters:
            low, high = parameter.info.low, parameter.info.high
            if parameter.kind is float:
                for value in (low, low + ((low + 1 if high is None else high) - low) / 3, high):
                    if value is not None:
                        yield name, parameter.name, float(value)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if any(numbers_of(stage))])
def test_a_number_survives_the_panel_to_the_last_bit(open_user, stage):
    """Set by a file or a script: shown, read back, and never rounded by a widget."""
    for name, parameter, value in numbers_of(stage):
        step = Step(name, {parameter: value})
        open_user.panel.changeSettings(**{stage: (step,) if stage in SEVERAL else step})
        editor = form_of(open_user, stage).parameters.editors[parameter]
        assert editor.value() == value
        editor.widget.setFocus()
        editor.widget.clearFocus()
        assert open_user.parameters.settings.steps(stage)[0].parameters[parameter] == value


@pytest.mark.parametrize(
    ("stage", "parameter", "text", "value"),
    [
        ("masking", "fractional_intensity", "0.35", 0.35),
        ("conditioning", "smoothing", "7", 7.0),
        ("unwrapping", "template", "2", 2),
        ("background", "tolerance", "1e-4", 1e-4),
        ("inversion", "tolerance", "0,002", 0.002),
        ("inversion", "iterations", "77", 77),
    ],
)
def test_what_is_typed_is_set(open_user, stage, parameter, text, value):
    if stage in ("background", "inversion"):
        open_user.unfold(f"{stage}_advanced")
    open_user.type(f"{'masking0' if stage == 'masking' else stage}_{parameter}", text)
    typed = open_user.parameters.settings.steps(stage)[0].parameters[parameter]
    assert typed == value
    assert type(typed) is type(value)


def test_a_value_out_of_range_is_refused_in_words(open_user):
    before = open_user.parameters.settings
    open_user.unfold("inversion_advanced")
    open_user.type("inversion_tolerance", "3")
    assert "Tolerance" in open_user.message
    assert "0.5" in open_user.message
    open_user.type("inversion_tolerance", "much")
    assert "a number is needed" in open_user.message
    assert open_user.parameters.settings == before
    shown = form_of(open_user, "inversion").parameters.editors["tolerance"].line.text
    assert float(shown) == before.inversion.parameters["tolerance"]


def test_a_parameter_can_be_left_to_the_method(open_user):
    editor = form_of(open_user, "inversion").parameters.editors["regularization"]
    assert editor.value() is None
    assert not editor.editor.widget.enabled
    editor.automatic.click()
    chosen = open_user.parameters.settings.inversion.parameters["regularization"]
    assert 1e-8 < chosen < 1
    open_user.type("inversion_regularization", "2.5e-4")
    assert open_user.parameters.settings.inversion.parameters["regularization"] == 2.5e-4
    editor.automatic.click()
    assert open_user.parameters.settings.inversion.parameters["regularization"] is None


def test_switches_menus_and_options(open_user):
    open_user.choose("inversion_method", "medi")
    open_user.click("inversion_merit")
    open_user.choose("inversion_exterior", "zero")
    open_user.click(f"pipeline_{OPTIONS[0].name}")
    settings = open_user.parameters.settings
    assert settings.inversion.parameters["merit"] is True
    assert settings.inversion.parameters["exterior"] == "zero"
    assert getattr(settings, OPTIONS[0].name) is True


def test_the_steps_of_the_mask(open_user):
    open_user.click("addMaskingStepButton")
    open_user.choose("masking1_method", "phase_quality")
    open_user.choose("masking1_combine", "union")
    open_user.click("addMaskingStepButton")
    open_user.choose("masking2_method", "erode")
    open_user.type("masking2_radius", "3")
    masking = open_user.parameters.settings.masking
    assert [(step.method, step.combine) for step in masking[1:]] == [
        ("phase_quality", "union"),
        ("erode", "intersection"),
    ]
    assert masking[2].parameters["radius"] == 3.0
    assert not open_user.panel.sections[3].masking.rows[2].combine.isVisible()  # erosion changes what is there
    open_user.click("masking1_remove")
    assert [step.method for step in open_user.parameters.settings.masking] == ["bet", "erode"]
    open_user.click("masking0_remove")
    assert [step.method for step in open_user.parameters.settings.masking] == ["erode"]
    assert not open_user.panel.sections[3].masking.rows[0].button.isVisible()


def test_a_region_asks_for_its_image(ready, nodes, small_head, images):
    ready.choose("referencing_method", "region")
    assert "region to refer to" in ready.missing
    labels = nodes.segmentation({"csf": small_head.labels == 10, "white": small_head.labels == 1}, images[0][0])
    ready.pick("labelsSelector", labels)
    ready.run()
    assert ready.message.startswith("Done in"), ready.message


@pytest.fixture
def own_method():
    """Register an inversion, as a researcher's file does, and take it out again."""

    @method(stage="inversion", label="Mine", cite=(), sentence="Inverted with mine (strength {strength:g})", volumes=3)
    def mine(
        local_field: np.ndarray,
        mask: np.ndarray,
        *,
        strength: Annotated[float, Param("Strength", "ppm", 0, 2, "how strongly")] = 0.25,
        way: Annotated[Literal["left", "right"], Param("Way", help="where to")] = "left",
        rounds: Annotated[int | None, Param("Rounds", "", 1, 9, "none: as many as it takes")] = None,
        careful: Annotated[bool, Param("Careful", help="slow", advanced=True)] = False,
        progress=no_progress,
    ) -> np.ndarray:
        """Do it my way."""
        return strength * local_field * mask

    yield METHODS["inversion"]["mine"]
    del METHODS["inversion"]["mine"]


def test_a_new_method_needs_no_change_of_the_panel(own_method, open_user):
    open_user.choose("inversion_method", "mine")
    assert open_user.parameters.settings.inversion == Step("mine", own_method.settings())
    assert "Do it my way" in open_user.find("inversion_method").toolTip
    open_user.type("inversion_strength", "0.75")
    open_user.choose("inversion_way", "right")
    open_user.unfold("inversion_advanced")
    open_user.click("inversion_careful")
    form_of(open_user, "inversion").parameters.editors["rounds"].automatic.click()
    open_user.type("inversion_rounds", "7")
    chosen = {"strength": 0.75, "way": "right", "rounds": 7, "careful": True}
    assert open_user.parameters.settings.inversion == Step("mine", chosen)
    assert open_user.find("inversion_strength").suffix == " ppm"
    assert "how strongly" in open_user.find("inversion_strength").toolTip

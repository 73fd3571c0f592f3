"""Input: the table of echoes, facts of the acquisition, sequences."""

import numpy as np
import pytest
from panel_user import TIMES, VOXEL_SIZE
from slicer_nodes import OBLIQUE, TILT, to_ras


def test_an_empty_panel_says_what_to_do_first(user):
    assert "Choose the phase images" in user.missing
    assert user.message == ""


def test_each_step_says_the_next(user, images):
    user.click("findEchoesButton")
    assert "echo time" in user.missing
    user.enter_time(0, "5 11 17 23")
    assert "field strength" in user.missing
    user.type("fieldStrengthEdit", "3")
    assert user.ui.applyButton.enabled


def test_echoes_are_found_in_the_scene(user, images):
    phases, magnitudes = images
    user.click("findEchoesButton")
    assert [echo.phase for echo in user.parameters.echoes] == phases
    assert [echo.magnitude for echo in user.parameters.echoes] == magnitudes
    assert [user.find(f"echo{i}_phase").currentNode() for i in range(4)] == phases
    assert [user.find(f"echo{i}_magnitude").currentNode() for i in range(4)] == magnitudes
    assert "4 echoes" in user.message


def test_nothing_to_find_is_said(user):
    user.click("findEchoesButton")
    assert "phase" in user.message
    assert user.parameters.echoes == ()


def test_a_table_filled_by_hand(user, images):
    phases, magnitudes = images
    for i in (2, 0, 1):
        user.click("addEchoButton")
        row = user.ui.echoTable.rowCount - 1
        user.pick(f"echo{row}_phase", phases[i])
        user.pick(f"echo{row}_magnitude", magnitudes[i])
        user.enter_time(row, ["4.2", "12.1", "20"][i])
    assert user.times() == ["4.2", "12.1", "20"]
    assert [echo.time for echo in user.parameters.echoes] == [0.0042, 0.0121, 0.02]
    assert [echo.phase for echo in user.parameters.echoes] == phases[:3]
    assert [user.find(f"echo{i}_magnitude").currentNode() for i in range(3)] == magnitudes[:3]
    user.ui.echoTable.setCurrentCell(1, 0)
    user.click("removeEchoButton")
    assert user.times() == ["4.2", "20"]
    assert [echo.phase for echo in user.parameters.echoes] == [phases[0], phases[2]]


def test_the_images_of_an_echo_are_moved(user, images):
    phases, magnitudes = images
    user.click("findEchoesButton")
    user.click("echoDownButton")
    assert "Select the echo" in user.message
    user.enter_time(0, "5 11 17 23")
    user.ui.echoTable.setCurrentCell(1, 0)
    user.click("echoUpButton")
    assert [echo.phase for echo in user.parameters.echoes] == [phases[1], phases[0], *phases[2:]]
    assert [echo.magnitude for echo in user.parameters.echoes] == [magnitudes[1], magnitudes[0], *magnitudes[2:]]
    assert user.times() == ["5", "11", "17", "23"]
    user.click("echoUpButton")  # the first stays the first
    user.click("echoDownButton")
    assert [echo.phase for echo in user.parameters.echoes] == phases


@pytest.mark.parametrize(
    ("text", "said"), [("five", "a number"), ("5,5", "a number"), ("-3", "positive"), ("0", "positive")]
)
def test_an_echo_time_that_is_none_is_refused(ready, text, said):
    ready.enter_time(1, text)
    assert said in ready.message
    assert text in ready.message
    assert ready.times() == ["5", "11", "17", "23"]
    assert [echo.time for echo in ready.parameters.echoes] == list(TIMES)


def test_an_echo_time_can_be_taken_away(ready):
    ready.enter_time(1, "")
    assert "Echo 2 has no echo time" in ready.missing


def test_a_removed_volume_is_missed(ready, images, slicer_scene):
    slicer_scene.RemoveNode(images[0][1])
    assert "Echo 2 has no phase image" in ready.missing


@pytest.mark.parametrize("text", ["2.89362", "7", "0.55", "2,89"])
def test_a_field_strength_is_kept_to_the_last_digit(user, text):
    user.type("fieldStrengthEdit", text)
    assert user.parameters.fieldStrength == float(text.replace(",", "."))
    assert user.ui.fieldStrengthEdit.text == text.replace(",", ".")


def test_a_field_strength_that_is_none_is_refused(ready):
    ready.type("fieldStrengthEdit", "strong")
    assert "a number is needed" in ready.message
    assert ready.ui.fieldStrengthEdit.text == "3"
    ready.type("fieldStrengthEdit", "")
    assert "field strength" in ready.missing


def test_the_direction_of_the_field_is_that_of_the_image(user, nodes):
    phase = nodes.volume(np.random.default_rng(0).uniform(-3.1, 3.1, (5, 6, 7)).astype(np.float32), to_ras(OBLIQUE))
    user.click("addEchoButton")
    user.pick("echo0_phase", phase)
    shown = [float(word) for word in user.ui.b0DirectionEdit.text.split()]
    assert shown == pytest.approx((0, np.sin(TILT), np.cos(TILT)), abs=1e-4)
    assert not user.ui.b0DirectionEdit.enabled
    assert user.parameters.b0Direction is None


def test_the_direction_of_the_field_can_be_given(ready):
    ready.click("b0FromImageCheckBox")
    assert ready.parameters.b0Direction == (0, 0, 1)
    ready.type("b0DirectionEdit", "0 0.6 0.8")
    assert ready.parameters.request().b0Direction == (0, 0.6, 0.8)
    ready.type("b0DirectionEdit", "0 1")
    assert "three numbers" in ready.message
    assert ready.ui.b0DirectionEdit.text == "0 0.6 0.8"
    ready.type("b0DirectionEdit", "0 0 0")
    assert "not all zero" in ready.missing
    ready.click("b0FromImageCheckBox")
    assert ready.parameters.b0Direction is None
    assert ready.ui.b0DirectionEdit.text == "0 0 1"


def whole_numbers(nodes, images, low, high):
    """Store the phase of the head as a scanner does."""
    stored = []
    for node in images[0]:
        import slicer

        phase = slicer.util.arrayFromVolume(node).T
        steps = np.round((phase + np.pi) / (2 * np.pi) * (high - low)).clip(0, high - low) + low
        steps[0, 0, 0], steps[1, 0, 0] = low, high
        stored.append(nodes.volume(steps.astype(np.int16), np.diag([*VOXEL_SIZE, 1.0]), name=f"raw {node.GetName()}"))
    return stored


def show_phases(user, phases):
    for row, node in enumerate(phases):
        user.pick(f"echo{row}_phase", node)


def test_the_units_of_the_phase_are_detected(ready, nodes, images):
    menu = ready.ui.phaseScaleComboBox
    assert menu.currentText == "automatic: radians"
    show_phases(ready, whole_numbers(nodes, images, 0, 4095))
    assert menu.currentText == "automatic: 0..4095 per turn"
    assert ready.ui.applyButton.enabled


def test_units_that_are_not_certain_have_to_be_chosen(ready, nodes, images):
    show_phases(ready, whole_numbers(nodes, images, 0, 1000))
    assert "units" in ready.missing
    ready.choose("phaseScaleComboBox", "siemens")
    assert ready.ui.applyButton.enabled
    assert ready.parameters.phaseScale == "siemens"
    ready.choose("phaseScaleComboBox", "other")
    assert ready.parameters.phaseScale == "siemens"
    ready.type("phaseTurnEdit", "-3")
    assert "positive" in ready.message
    ready.type("phaseTurnEdit", "1000")
    assert ready.parameters.phaseScale == "1000"
    assert ready.chosen("phaseScaleComboBox") == "other"
    ready.choose("phaseScaleComboBox", "auto")
    assert "units" in ready.missing


def test_the_sign_of_the_phase(ready):
    ready.click("phaseSignCheckBox")
    assert ready.parameters.request().phaseSign == -1
    ready.click("phaseSignCheckBox")
    assert ready.parameters.request().phaseSign == 1


def test_sequences_bring_their_echo_times(user, nodes, small_head):
    scan = small_head.scan
    arrays = [np.moveaxis(a, -1, 0) for a in (scan.phase, scan.magnitude)]
    values = [1000 * time for time in TIMES]
    phase = nodes.sequence(arrays[0], values, ("TE", "ms"), name="phase", browser=True)[0]
    magnitude = nodes.sequence(arrays[1], values, ("TE", "ms"), name="magnitude")
    user.choose("inputKindComboBox", "sequences")
    assert "sequence" in user.missing
    user.pick("phaseSequenceSelector", phase)
    user.pick("magnitudeSequenceSelector", magnitude)
    user.type("fieldStrengthEdit", "3")
    assert user.times() == ["5", "11", "17", "23"]
    assert user.ui.echoTable.isColumnHidden(1)
    assert not user.ui.addEchoButton.isVisible()
    user.choose("presetComboBox", "fast")
    user.run()
    assert user.message.startswith("Done in")


def test_a_sequence_without_echo_times_asks_for_them(ready, nodes, small_head, images):
    frames = nodes.sequence(np.moveaxis(small_head.scan.phase, -1, 0)[:3])
    ready.choose("inputKindComboBox", "sequences")
    ready.pick("phaseSequenceSelector", frames)
    assert ready.times() == ["5", "11", "17"]  # as many as there are volumes
    ready.enter_time(0, "")
    assert "Echo 1 has no echo time" in ready.missing
    ready.enter_time(0, "4")
    assert ready.parameters.request().echoTimes == (0.004, 0.011, 0.017)
    ready.choose("inputKindComboBox", "volumes")
    assert [echo.phase for echo in ready.parameters.echoes] == images[0][:3]


def test_images_that_do_not_belong_together_are_named(ready, nodes):
    other = nodes.volume(np.zeros((4, 5, 6), np.float32), name="small")
    ready.pick("echo2_phase", other)
    assert "small" in ready.missing

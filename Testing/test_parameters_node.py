"""The panel's state in the parameter node survives the scene's file, and makes a request or says what is missing."""

import dataclasses

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.settings import Settings, Step, preset_names

SHAPE = (6, 5, 4)
TIMES = (0.0042, 0.0121, 0.02)


@pytest.fixture
def parameters(slicer_scene):
    from QSMLib.parameters import Parameters

    return Parameters.ofScene(slicer_scene)


@pytest.fixture
def filled(parameters, nodes):
    """Return parameters that make a request."""
    from QSMLib.parameters import Echo

    values = np.random.default_rng(1).uniform(-3, 3, (2, 3, *SHAPE)).astype(np.float32)
    phases = [nodes.volume(values[0, i], name=f"phase {i}") for i in range(3)]
    magnitudes = [nodes.volume(np.exp(values[1, i]), name=f"magnitude {i}") for i in range(3)]
    parameters.echoes = [Echo(*row) for row in zip(TIMES, phases, magnitudes, strict=True)]
    parameters.fieldStrength = 2.89362
    return parameters


def saved_and_loaded(scene, folder, ending):
    import slicer
    from QSMLib.parameters import Parameters

    path = str(folder / f"scene.{ending}")
    assert slicer.util.saveScene(path)
    scene.Clear(False)
    slicer.util.loadScene(path)
    return Parameters.ofScene(scene)


def test_a_scene_has_one_parameter_node(parameters, slicer_scene):
    from QSMLib.parameters import Parameters

    assert Parameters.ofScene(slicer_scene).node is parameters.node
    assert slicer_scene.GetNumberOfNodesByClass("vtkMRMLScriptedModuleNode") == 1
    assert parameters.node.GetAttribute("ModuleName") == "QSM"


def test_a_new_node_holds_the_defaults(parameters):
    assert parameters.settings == Settings.preset()
    assert not parameters.settingsChanged
    assert parameters.echoes == ()
    assert parameters.fieldStrength is None
    assert parameters.b0Direction is None
    assert (parameters.phaseScale, parameters.phaseSign) == ("auto", 1)
    assert parameters.keep == ("mask", "total_field", "local_field", "chi")


@pytest.mark.parametrize("ending", ["mrml", "mrb"])
def test_everything_survives_the_file_of_a_scene(filled, slicer_scene, nodes, tmp_path, ending):
    settings = dataclasses.replace(
        Settings.preset("body"), inversion=Step("tkd", {"threshold": 0.1 + 0.2}), description='a "b" <ü>&%20\n'
    )
    filled.settings, filled.preset = settings, "body"
    filled.b0Direction, filled.phaseScale, filled.phaseSign = (0.1, 1 / 3, -0.94), "4096.5", -1
    filled.maskSource, filled.maskSegments = "node", ("a b", 'c"d')
    filled.mask = nodes.segmentation({"brain": np.ones(SHAPE, bool)}, filled.echoes[0].phase)
    filled.labels = nodes.volume(np.ones(SHAPE), name="regions", labels=True)
    filled.keep, filled.name = ("chi", "weights"), "Sübject 1; a:b"
    text, echo_times = filled.node.GetParameter("settings"), [echo.time for echo in filled.echoes]

    restored = saved_and_loaded(slicer_scene, tmp_path, ending)

    assert restored.node.GetParameter("settings") == text == settings.to_toml()
    assert restored.settings == settings
    assert restored.preset == "body"
    assert restored.settingsChanged
    assert [echo.time for echo in restored.echoes] == echo_times == list(TIMES)
    assert [echo.phase.GetName() for echo in restored.echoes] == ["phase 0", "phase 1", "phase 2"]
    assert [echo.magnitude.GetName() for echo in restored.echoes] == ["magnitude 0", "magnitude 1", "magnitude 2"]
    assert restored.fieldStrength == 2.89362
    assert restored.b0Direction == (0.1, 1 / 3, -0.94)
    assert (restored.phaseScale, restored.phaseSign) == ("4096.5", -1)
    assert restored.maskSource == "node"
    assert restored.maskSegments == ("a b", 'c"d')
    assert restored.mask.IsA("vtkMRMLSegmentationNode")
    assert restored.labels.GetName() == "regions"
    assert restored.keep == ("chi", "weights")
    assert restored.name == "Sübject 1; a:b"


def test_importing_a_scene_takes_its_parameters(filled, slicer_scene, nodes, tmp_path):
    import slicer
    from QSMLib.parameters import Echo, Parameters

    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    own = nodes.volume(np.ones(SHAPE), name="own")
    filled.echoes, filled.name = [Echo(0.001, own)], "own"
    slicer_scene.SetURL("")
    slicer.util.loadScene(path, properties={"clear": False})
    imported = Parameters.ofScene(slicer_scene)
    assert slicer_scene.GetNumberOfNodesByClass("vtkMRMLScriptedModuleNode") == 1
    assert [echo.time for echo in imported.echoes] == list(TIMES)
    assert imported.name == ""
    assert [echo.phase.GetName() for echo in imported.echoes] == ["phase 0", "phase 1", "phase 2"]


def test_closing_the_scene_brings_the_defaults_back(filled, slicer_scene):
    from QSMLib.parameters import Parameters

    filled.preset = "fast"
    slicer_scene.Clear(False)
    parameters = Parameters.ofScene(slicer_scene)
    assert parameters.echoes == ()
    assert parameters.preset == "default"
    assert parameters.fieldStrength is None
    assert parameters.node.GetAttribute("ModuleName") == "QSM"


def test_a_request_holds_what_was_chosen(filled, slicer_scene):
    filled.b0Direction, filled.phaseScale, filled.phaseSign, filled.name = (0, 0.6, 0.8), "degrees", -1, "head"
    filled.choosePreset("fast")
    request = filled.request()
    assert request.echoTimes == TIMES
    assert request.fieldStrength == 2.89362
    assert [node.GetName() for node in request.phases] == ["phase 0", "phase 1", "phase 2"]
    assert [node.GetName() for node in request.magnitudes] == ["magnitude 0", "magnitude 1", "magnitude 2"]
    assert request.settings == Settings.preset("fast")
    assert (request.b0Direction, request.phaseScale, request.phaseSign) == ((0, 0.6, 0.8), "degrees", -1)
    assert request.mask is None
    assert request.labels is None
    assert request.name == "head"


def test_a_request_without_magnitude(filled):
    from QSMLib.parameters import Echo

    filled.echoes = [Echo(echo.time, echo.phase) for echo in filled.echoes]
    assert filled.request().magnitudes == ()


def test_sequences_give_their_volumes(parameters, nodes, slicer_scene):
    from QSMLib.parameters import SEQUENCES, Echo

    values = np.random.default_rng(1).uniform(-3, 3, (3, *SHAPE)).astype(np.float32)
    parameters.inputKind, parameters.fieldStrength = SEQUENCES, 3
    with pytest.raises(InputError, match="Choose the sequence of phase images"):
        parameters.request()
    parameters.phaseSequence = nodes.sequence(values)
    parameters.magnitudeSequence = nodes.sequence(np.exp(values))
    parameters.echoes = [Echo(time) for time in TIMES]
    request = parameters.request()
    assert len(request.phases) == len(request.magnitudes) == 3
    assert request.echoTimes == TIMES
    parameters.echoes = [Echo(TIMES[0])]
    with pytest.raises(InputError, match="Echo 2 has no echo time"):
        parameters.request()
    parameters.echoes = [Echo(time) for time in (*TIMES, 0.03)]
    with pytest.raises(InputError, match="4 echo times"):
        parameters.request()


def without_phase(parameters):
    parameters.echoes = [dataclasses.replace(echo, phase=None) for echo in parameters.echoes]


def without_second(parameters, **changes):
    first, second, third = parameters.echoes
    parameters.echoes = [first, dataclasses.replace(second, **changes), third]


def with_region(parameters):
    parameters.settings = dataclasses.replace(parameters.settings, referencing=Step("region", {}))


def with_given(parameters):
    parameters.settings = dataclasses.replace(parameters.settings, masking=(Step("given", {}), Step("erode", {})))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_phase, "Choose the phase images"),
        (lambda p: without_second(p, phase=None), "Echo 2 has no phase image"),
        (lambda p: without_second(p, magnitude=None), "Echo 2 has no magnitude image"),
        (lambda p: without_second(p, time=None), "Echo 2 has no echo time"),
        (lambda p: setattr(p, "fieldStrength", None), "field strength"),
        (lambda p: setattr(p, "maskSource", "node"), "mask"),
        (with_given, "mask"),
        (with_region, "region to refer to"),
        (lambda p: p.node.SetParameter("settings", "[inversion]\nmethod = 'xyz'"), "choose a preset"),
        (lambda p: p.node.SetParameter("settings", "no TOML"), "choose a preset"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(filled, spoil, said):
    filled.request()
    spoil(filled)
    with pytest.raises(InputError, match=said) as refused:
        filled.request()
    assert "\n" not in str(refused.value)


def test_a_removed_volume_leaves_a_row_to_fill(filled, slicer_scene):
    slicer_scene.RemoveNode(filled.echoes[1].phase)
    assert [echo.time for echo in filled.echoes] == list(TIMES)
    with pytest.raises(InputError, match="Echo 2 has no phase image"):
        filled.request()


def test_a_text_that_is_no_number_is_the_default(filled):
    filled.node.SetParameter("fieldStrength", "three")
    filled.node.SetParameter("phaseSign", "x")
    filled.node.SetParameter("maskSegments", "[")
    assert filled.fieldStrength is None
    assert filled.phaseSign == 1
    assert filled.maskSegments == ()
    filled.node.SetParameter("maskSegments", "5")
    assert filled.maskSegments == ()
    filled.node.SetParameter("echoTimes", "0.005 0,011 x -")
    assert [echo.time for echo in filled.echoes] == [0.005, None, None, None]


def test_a_preset_of_a_later_version_is_as_a_file(filled):
    settings = filled.settings
    filled.node.SetParameter("preset", "of a later version")
    assert filled.preset == "custom"
    assert filled.settings == settings


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_unchanged_until_something_is(parameters, name):
    parameters.choosePreset(name)
    assert parameters.settings == Settings.preset(name)
    assert not parameters.settingsChanged
    parameters.settings = dataclasses.replace(parameters.settings, inversion=Step("tkd", {}))
    assert parameters.settingsChanged


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_settings_file_is_that_of_the_command_line(parameters, tmp_path, ending):
    settings = Settings.preset("fast").changed({"inversion.method": "tkd", "inversion.threshold": "0.123456789"})
    settings.write(tmp_path / f"mine.{ending}")
    parameters.importSettings(tmp_path / f"mine.{ending}")
    assert parameters.settings == settings
    assert parameters.preset == "custom"
    assert not parameters.settingsChanged
    parameters.exportSettings(tmp_path / f"again.{ending}")
    assert (tmp_path / f"again.{ending}").read_text() == (tmp_path / f"mine.{ending}").read_text()


def test_a_file_that_is_a_preset_is_recognised(parameters, tmp_path):
    Settings.preset("fast").write(tmp_path / "mine.toml")
    parameters.importSettings(tmp_path / "mine.toml")
    assert parameters.preset == "fast"


def test_a_bad_settings_file_changes_nothing(parameters, tmp_path):
    parameters.choosePreset("fast")
    (tmp_path / "bad.toml").write_text("[inversion]\nthreshold = 3\nmethod = 'tkd'\n")
    with pytest.raises(InputError, match=r"bad\.toml.*Threshold"):
        parameters.importSettings(tmp_path / "bad.toml")
    assert parameters.settings == Settings.preset("fast")
    assert parameters.preset == "fast"
    with pytest.raises(InputError, match="cannot be written"):
        parameters.exportSettings(tmp_path / "absent" / "a.toml")


def test_changes_made_together_are_one_event(filled):
    from QSMLib.stored import Together

    seen = []
    filled.node.AddObserver("ModifiedEvent", lambda *_: seen.append(filled.request().echoTimes))
    filled.echoes = [dataclasses.replace(echo, time=2 * echo.time) for echo in filled.echoes]
    assert seen == [tuple(2 * time for time in TIMES)]
    with Together(filled.node):
        filled.name, filled.fieldStrength = "x", 7
    assert len(seen) == 2

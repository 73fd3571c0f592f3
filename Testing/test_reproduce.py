"""A run as a command and as Python: both are carried out, and give what the panel's way gives, to the last bit."""

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from QSMLogic.cli import main
from QSMLogic.commands import run
from QSMLogic.commands.arguments import Parser
from QSMLogic.errors import InputError
from QSMLogic.io.nifti import read_volume
from QSMLogic.settings import Settings, Step, preset_names

sys.path.append(str(Path(__file__).parents[1] / "QSM"))

TIMES = (0.005, 0.011, 0.017)
FAST = Settings.preset("fast").changed({"masking.method": "phase_quality", "inversion.method": "tkd"})


@pytest.fixture
def side(slicer_scene):
    """Import what the tests use, once the scene is there."""
    import slicer  # noqa: PLC0415
    from QSMLib import as_python, logic, reproduce, request, volumes  # noqa: PLC0415

    return SimpleNamespace(
        scene=slicer_scene,
        slicer=slicer,
        asCommand=reproduce.asCommand,
        asPython=as_python.asPython,
        reproduce=reproduce,
        Request=request.Request,
        arrayOf=volumes.arrayOf,
        logic=logic.Logic(slicer_scene),
    )


@pytest.fixture
def loaded(side, inputs):
    """Return the echoes of the small oblique head, loaded from NIfTI files: phases and magnitudes."""
    return tuple(
        tuple(side.slicer.util.loadVolume(str(inputs / f"echo{echo}_{kind}.nii.gz")) for echo in range(len(TIMES)))
        for kind in ("phase", "magnitude")
    )


def made(side, loaded, **others):
    phases, magnitudes = loaded
    asked = {"echoTimes": TIMES, "fieldStrength": 3.0, "settings": FAST} | others
    return side.Request(phases=phases, magnitudes=magnitudes, **asked)


def panels_result(side, request):
    """Return chi as the panel computes it, (x, y, z)."""
    job = side.logic.start(request)
    return side.arrayOf(side.logic.collect(job).chi)


def commands_result(text):
    """Carry out a command and return chi."""
    words = shlex.split(text)
    assert words[0] == "qsm"
    assert main(words[1:]) == 0
    return read_volume(Path(words[words.index("--out") + 1]) / "chimap.nii.gz")[0]


def flag(text, name):
    """Return the words that follow an option."""
    words = shlex.split(text)
    after = words[words.index(name) + 1 :]
    return after[: next((i for i, word in enumerate(after) if word.startswith("--")), len(after))]


def test_a_command_on_the_original_files_gives_the_same_map(side, loaded, inputs, tmp_path):
    request = made(side, loaded)
    text, written = side.asCommand(request, tmp_path / "made for it")
    assert written == []
    assert flag(text, "--phase") == [str(inputs / f"echo{echo}_phase.nii.gz") for echo in range(len(TIMES))]
    assert "--echo-times" not in text  # the side-cars beside the images say them
    assert "--b0-direction" not in text  # so does the header
    assert flag(text, "--preset") == ["fast"]
    np.testing.assert_array_equal(commands_result(text), panels_result(side, request))


def test_what_the_side_cars_do_not_say_stands_in_the_command(side, loaded, tmp_path):
    direction = (0.1, 0.2, 0.9)
    request = made(side, loaded, echoTimes=(0.005, 0.0112, 0.0174), fieldStrength=2.89, b0Direction=direction)
    text, _ = side.asCommand(request, tmp_path / "x")
    assert [float(word) for word in flag(text, "--echo-times")] == [0.005, 0.0112, 0.0174]
    assert flag(text, "--field-strength") == ["2.89"]
    np.testing.assert_allclose(
        [float(word) for word in flag(text, "--b0-direction")],
        np.divide(direction, np.linalg.norm(direction)),
        atol=1e-9,
    )
    np.testing.assert_array_equal(commands_result(text), panels_result(side, request))


def test_a_changed_volume_is_written_once_and_named(side, loaded, tmp_path):
    array = side.slicer.util.arrayFromVolume(loaded[0][1])
    array[5] *= 0.5
    side.slicer.util.arrayFromVolumeModified(loaded[0][1])
    request = made(side, loaded)
    folder = tmp_path / "with blanks & signs"
    text, written = side.asCommand(request, folder)
    assert {path.name for path in written} == {"phase.nii", "magnitude.nii", "params.json", "settings.toml"}
    assert {path.parent for path in written} == {folder}
    assert flag(text, "--phase") == [str(folder / "phase.nii")]
    np.testing.assert_array_equal(commands_result(text), panels_result(side, request))


def test_a_volume_whose_file_changed_is_written(side, loaded, inputs, tmp_path):
    copy = tmp_path / "phase.nii.gz"
    copy.write_bytes((inputs / "echo0_phase.nii.gz").read_bytes())
    node = side.slicer.util.loadVolume(str(copy))
    request = made(side, ((node, *loaded[0][1:]), loaded[1]))
    assert flag(side.asCommand(request, tmp_path / "a")[0], "--phase")[0] == str(copy)
    copy.write_bytes((inputs / "echo1_phase.nii.gz").read_bytes())
    assert flag(side.asCommand(request, tmp_path / "b")[0], "--phase") == [str(tmp_path / "b" / "phase.nii")]


def test_a_drawn_mask_is_written_beside_the_original_images(side, loaded, inputs, head, tmp_path):
    segmentation = side.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "drawn")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(loaded[0][0])
    segment = segmentation.GetSegmentation().AddEmptySegment("brain", "brain")
    drawn = np.ascontiguousarray(head.mask.T.astype(np.uint8))
    side.slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, segmentation, segment, loaded[0][0])
    request = made(side, loaded, mask=segmentation)
    text, written = side.asCommand(request, tmp_path / "x")
    assert [path.name for path in written] == ["mask.nii"]
    assert "--masking" not in text  # the mask stands in for it
    np.testing.assert_array_equal(read_volume(written[0])[0] > 0, head.mask)
    np.testing.assert_array_equal(commands_result(text), panels_result(side, request))


def test_masks_and_labels_from_files_are_named(side, loaded, inputs, tmp_path):
    mask, labels = (
        side.slicer.util.loadVolume(str(inputs / f"{name}.nii.gz"), {"labelmap": True}) for name in ("mask", "labels")
    )
    request = made(side, loaded, mask=mask, labels=labels)
    text, written = side.asCommand(request, tmp_path / "x")
    assert written == []
    assert flag(text, "--mask") == [str(inputs / "mask.nii.gz")]
    assert flag(text, "--labels") == [str(inputs / "labels.nii.gz")]


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_named_alone(side, name):
    assert side.reproduce.settingsWords(Settings.preset(name)) == (["--preset", name] if name != "default" else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"inversion.method": "tkd"},
        {"background.max_radius": "11.5", "pipeline.two_pass": "true"},
        {"masking.method": "bet erode", "masking.radius": "3.5"},
        {"inversion.method": "medi", "inversion.regularization": "0.0015", "inversion.exterior": "zero"},
        {"referencing.method": "region", "referencing.label": "4", "unwrapping.method": "laplacian"},
    ],
)
def test_changed_settings_are_read_back_as_they_are(side, changes):
    settings = Settings.preset("default").changed(changes)
    words = side.reproduce.settingsWords(settings)
    parser = Parser()
    run.add(parser.add_subparsers())
    arguments = parser.parse_args(["run", "--phase", "p.nii", "--out", "x", *words])
    assert run.chosen_settings(arguments) == settings
    assert len(words) <= 2 * len(changes) + 2


def test_settings_that_no_options_can_say_become_a_file(side, loaded, tmp_path):
    both = tuple(Step("threshold", {}, combine) for combine in ("intersection", "union"))
    settings = Settings(**{**vars(FAST), "masking": both})
    assert side.reproduce.settingsWords(settings) is None
    text, written = side.asCommand(made(side, loaded, settings=settings), tmp_path / "x")
    assert [path.name for path in written] == ["settings.toml"]
    assert Settings.read(flag(text, "--settings")[0]) == settings


def test_a_folder_that_exists_is_left_alone(side, loaded, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "phase.nii").write_text("mine")
    loaded[0][0].Modified()
    side.slicer.util.arrayFromVolumeModified(loaded[0][0])
    _, written = side.asCommand(made(side, loaded), tmp_path / "x")
    assert {path.parent for path in written} == {tmp_path / "x 2"}
    assert (tmp_path / "x" / "phase.nii").read_text() == "mine"


def test_where_nothing_can_be_written_nothing_is_left(side, loaded, tmp_path):
    side.slicer.util.arrayFromVolume(loaded[0][0])[:] = 7.5  # of no known scale
    side.slicer.util.arrayFromVolumeModified(loaded[0][0])
    side.slicer.util.arrayFromVolume(loaded[0][0])[0] = -7.5
    with pytest.raises(InputError, match="scale"):
        side.asCommand(made(side, loaded), tmp_path / "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        side.asCommand(made(side, loaded, phaseScale="radians"), tmp_path / "file" / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def carried_out(side, code, monkeypatch):
    monkeypatch.setattr(side.slicer.util, "getModuleLogic", {"QSM": side.logic}.get)
    names = {}
    exec(code, names)
    return names["outputs"]


def test_the_python_gives_the_same_map(side, loaded, monkeypatch):
    request = made(side, loaded, name="again", b0Direction=(0.0, 0.25, 1.0))
    outputs = carried_out(side, side.asPython(request, side.scene), monkeypatch)
    assert outputs.chi.GetName().startswith("again")
    np.testing.assert_array_equal(side.arrayOf(outputs.chi), panels_result(side, request))


def test_the_python_says_presets_by_name_and_other_settings_in_full(side, loaded):
    code = side.asPython(made(side, loaded, settings=Settings.preset("fast")), side.scene)
    assert "settings='fast'" in code
    assert "keep" not in code
    assert "keep=('chi',)" in side.asPython(made(side, loaded, keep=("chi",)), side.scene)
    code = side.asPython(made(side, loaded), side.scene)
    assert '[inversion]\nmethod = "tkd"' in code
    compile(code, "console", "exec")


@pytest.mark.parametrize("name", ["phase [1]", 'say "phase"', "phase\\n", "φ*", "echo1_phase"])
def test_the_python_finds_nodes_of_any_name(side, loaded, name):
    loaded[0][0].SetName(name)  # the last one: two nodes of one name
    phases = {"slicer": side.slicer}
    code = side.asPython(made(side, loaded), side.scene)
    exec(code[: code.index("outputs =")].replace('slicer.util.getModuleLogic("QSM")', "None"), phases)
    assert phases["phases"] == list(loaded[0])
    assert phases["magnitudes"] == list(loaded[1])


def test_the_python_names_a_sequence(side, loaded):
    sequence = side.scene.AddNewNodeByClass("vtkMRMLSequenceNode", "all echoes")
    for te, node in zip(TIMES, loaded[0], strict=True):
        sequence.SetDataNodeAtValue(node, str(te))
    held = tuple(sequence.GetNthDataNode(i) for i in range(len(TIMES)))
    code = side.asPython(made(side, (held, ())), side.scene)
    assert "phases = [slicer.util.getNode('all echoes')]" in code
    assert "magnitudes = []" in code
    with pytest.raises(InputError, match="sequence"):
        side.asPython(made(side, (held[:2], ()), echoTimes=TIMES[:2]), side.scene)


def test_facts_are_json_with_every_digit(side, loaded, tmp_path):
    side.slicer.util.arrayFromVolumeModified(loaded[0][0])
    _, written = side.asCommand(made(side, loaded, echoTimes=(0.1 / 3, 0.2 / 3, 0.1)), tmp_path / "x")
    facts = json.loads(next(path for path in written if path.name == "params.json").read_text())
    assert tuple(facts["TE"]) == (0.1 / 3, 0.2 / 3, 0.1)

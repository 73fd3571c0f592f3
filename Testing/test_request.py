"""What one run needs: each thing that cannot be used is told in one sentence, and the files say the rest exactly."""

import json

import numpy as np
import pytest
from slicer_nodes import OBLIQUE, SIZE, to_ras

from QSMLogic.errors import InputError
from QSMLogic.io.nifti import read_image, read_labels
from QSMLogic.settings import Settings

SHAPE = (6, 7, 9)
TIMES = (0.005, 0.011)
SETTINGS = Settings.preset("fast")


def noise(seed, low=-3.14, high=3.14):
    return np.random.default_rng(seed).uniform(low, high, SHAPE).astype(np.float32)


@pytest.fixture
def given(nodes):
    """Return what a good request is made of."""
    return {
        "phases": tuple(nodes.volume(noise(echo), name=f"phase {echo}") for echo in (1, 2)),
        "magnitudes": tuple(nodes.volume(noise(echo, 0, 100), name=f"magnitude {echo}") for echo in (1, 2)),
        "echoTimes": TIMES,
        "fieldStrength": 3.0,
        "settings": SETTINGS,
    }


@pytest.fixture
def request_of(given):
    """Return a function that makes a request with some things changed."""
    from QSMLib.request import Request  # noqa: PLC0415

    return lambda **changes: Request(**{**given, **changes})


def test_a_request_is_called_as_its_first_phase_or_as_the_user_says(request_of):
    assert request_of().title == "phase 1"
    assert request_of(name=" head ").title == "head"
    assert request_of(magnitudes=()).magnitudes == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (lambda g, n: {"phases": ()}, "No phase volume is chosen"),
        (lambda g, n: {"phases": (None, None)}, "A volume is missing: choose one"),
        (lambda g, n: {"magnitudes": g["magnitudes"][:1]}, "2 phase but 1 magnitude volumes are chosen"),
        (lambda g, n: {"echoTimes": TIMES[:1]}, "1 echo times were given for 2 echoes of phase"),
        (lambda g, n: {"echoTimes": ()}, "The echo times are missing"),
        (lambda g, n: {"echoTimes": (5.0, 11.0)}, "that looks like milliseconds"),
        (lambda g, n: {"echoTimes": TIMES[::-1]}, "they must rise from echo to echo"),
        (lambda g, n: {"fieldStrength": None}, "The field strength is missing"),
        (lambda g, n: {"fieldStrength": 3000}, "The field strength is 3000 T: between 0.01 and 30 T is needed"),
        (lambda g, n: {"b0Direction": (0, 0, 0)}, "The B0 direction is"),
        (lambda g, n: {"phaseScale": "turns"}, "Phase scale = 'turns', allowed radians"),
        (lambda g, n: {"phaseSign": 0}, "Phase sign = 0, allowed 1 and -1"),
        (lambda g, n: {"keep": ("chi", "t1")}, "There is no map t1; the maps: mask, "),
        (
            lambda g, n: {"magnitudes": (g["magnitudes"][0], n.volume(noise(3), to_ras(np.eye(3)), "elsewhere"))},
            "elsewhere and phase 1 do not lie on the same voxels: axes turned",
        ),
        (lambda g, n: {"phases": (g["phases"][1],) * 2}, "phase 2 is chosen twice"),
        (lambda g, n: {"magnitudes": (g["magnitudes"][1], g["phases"][0])}, "phase 1 is chosen twice"),
        (
            lambda g, n: {"phases": (n.volume(np.ones(SHAPE, np.uint8), name="labels", labels=True),) * 2},
            "labels is a label volume: choose a phase or magnitude image",
        ),
        (
            lambda g, n: {"phases": (n.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "unread"),) * 2},
            "unread holds no image: load it again",
        ),
        (
            lambda g, n: (
                {"phases": (n.volume(noise(1), to_ras(OBLIQUE @ [[1, 0.1, 0], [0, 1, 0], [0, 0, 1]])),) * 2}
                | {"magnitudes": ()}
            ),
            "The image's axes are not perpendicular",
        ),
        (
            lambda g, n: {"mask": n.scene.AddNewNodeByClass("vtkMRMLModelNode", "skin")},
            "skin cannot be the mask",
        ),
        (
            lambda g, n: {"mask": n.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "blank")},
            "blank has no segment: draw one",
        ),
        (
            lambda g, n: {
                "mask": n.segmentation({"Brain": np.ones(SHAPE, bool)}, g["phases"][0]),
                "maskSegments": ("liver",),
            },
            "regions has no segment liver",
        ),
        (
            lambda g, n: {"labels": n.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "atlas")},
            "atlas holds no image",
        ),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(nodes, given, request_of, changes, said):
    with pytest.raises(InputError) as refusal:
        request_of(**changes(given, nodes))
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_images_under_one_transform_are_accepted_and_mixed_ones_are_not(nodes, given, request_of):
    moved = nodes.transform(to_ras()).GetID()
    given["phases"][0].SetAndObserveTransformNodeID(moved)
    with pytest.raises(InputError, match="phase 2 and phase 1 are not under the same transform"):
        request_of()
    for node in (*given["phases"], *given["magnitudes"]):
        node.SetAndObserveTransformNodeID(moved)
    request_of()


def written(request, folder):
    from QSMLib.files import writeInputs  # noqa: PLC0415

    return writeInputs(request, folder)


def test_the_files_hold_the_voxels_the_facts_and_the_settings(nodes, given, request_of, tmp_path):
    words = written(request_of(keep=("chi", "weights")), tmp_path)
    for name, volumes in (("phase", given["phases"]), ("magnitude", given["magnitudes"])):
        values, geometry = read_image(tmp_path / f"{name}.nii")
        for echo, node in enumerate(volumes):
            np.testing.assert_array_equal(values[..., echo], nodes.slicer.util.arrayFromVolume(node).T)
        assert np.array(geometry.direction).reshape(3, 3)[2] == pytest.approx(OBLIQUE[2], abs=1e-7)
    facts = json.loads((tmp_path / "params.json").read_text())
    assert facts == {"TE": list(TIMES), "B0": 3.0, "B0_dir": pytest.approx(OBLIQUE[2], abs=1e-9)} | {
        "voxel_size": pytest.approx(SIZE, abs=1e-9)
    }
    assert Settings.read(tmp_path / "settings.toml") == SETTINGS
    assert words == [
        *("run", "--phase", str(tmp_path / "phase.nii"), "--magnitude", str(tmp_path / "magnitude.nii")),
        *("--params", str(tmp_path / "params.json"), "--settings", str(tmp_path / "settings.toml")),
        *("--phase-scale", "radians", "--phase-sign", "1", "--keep", "erodedmask", "weights"),
    ]


def test_mask_and_labels_lie_on_the_voxels_of_the_phase(nodes, given, request_of, tmp_path):
    left = np.zeros(SHAPE, bool)
    left[:3] = True
    regions = nodes.segmentation({"Left": left, "Right": ~left}, given["phases"][0])
    request = request_of(mask=regions, maskSegments=("right",), labels=regions, magnitudes=())
    words = written(request, tmp_path)
    np.testing.assert_array_equal(read_labels(tmp_path / "mask.nii")[0], ~left)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.nii")[0], np.where(left, 1, 2))
    assert words[words.index("--mask") + 1] == str(tmp_path / "mask.nii")
    assert words[words.index("--labels") + 1] == str(tmp_path / "labels.nii")
    assert "--magnitude" not in words
    assert not (tmp_path / "magnitude.nii").exists()


def test_stored_units_go_with_the_name_of_their_scale(nodes, given, request_of, tmp_path):
    stored = np.linspace(0, 4095, np.prod(SHAPE)).astype(np.int16).reshape(SHAPE)
    phases = tuple(nodes.volume(stored, name=f"phase {echo}") for echo in (1, 2))
    words = written(request_of(phases=phases, phaseSign=-1), tmp_path)
    assert words[words.index("--phase-scale") + 1 : words.index("--keep")] == ["siemens", "--phase-sign", "-1"]
    np.testing.assert_array_equal(read_image(tmp_path / "phase.nii")[0][..., 0], stored)
    doubtful = request_of(phases=tuple(nodes.volume(stored / 9.0) for _ in TIMES))
    with pytest.raises(InputError, match="The phase runs from 0 to 455"):
        written(doubtful, tmp_path / "other")
    (tmp_path / "named").mkdir()
    words = written(request_of(phases=doubtful.phases, phaseScale="455"), tmp_path / "named")
    assert words[words.index("--phase-scale") + 1] == "455"

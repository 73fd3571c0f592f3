"""The pipeline on nodes: the numbers of the command line to the last digit; all results, or one sentence and none."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from slicer_nodes import OBLIQUE, to_ras

from QSMLogic.cli import main
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io.nifti import Geometry, read_image, write_image
from QSMLogic.io.writing import FILES, FURTHER, file_of
from QSMLogic.phantom import head_phantom
from QSMLogic.settings import Settings

SHAPE, SIZE = (37, 41, 33), (5.3, 5.2, 5.9)
TIMES = (0.0051, 0.0113, 0.0172)
LPS = np.diag([-1.0, -1.0, 1.0]) @ OBLIQUE
GEOMETRY = Geometry(SHAPE, SIZE, (95.0, 100.0, -80.0), tuple(LPS.ravel()))
TKD = '[background]\nmethod = "vsharp"\n[inversion]\nmethod = "tkd"\n'
VOLUMES = tuple(name for name in FILES if name not in (*FURTHER, "mask", "eroded_mask"))


@pytest.fixture(scope="module")
def small_head():
    """Return a coarse head on oblique, anisotropic voxels, odd in number."""
    return head_phantom(SHAPE, SIZE, b0_direction=tuple(LPS[2]), echo_times=TIMES, lesions=False)


@pytest.fixture(scope="module")
def files(small_head, tmp_path_factory):
    """Return a folder with the images of the head, 4-D and one per echo."""
    folder = tmp_path_factory.mktemp("head")
    for name, image in (("phase", small_head.scan.phase), ("magnitude", small_head.scan.magnitude)):
        write_image(folder / f"{name}.nii", image, GEOMETRY)
        for echo in range(len(TIMES)):
            write_image(folder / f"{name}{echo}.nii", image[..., echo], GEOMETRY)
    write_image(folder / "mask.nii", small_head.mask, GEOMETRY)
    write_image(folder / "labels.nii", small_head.labels, GEOMETRY)
    return folder


@pytest.fixture(scope="module")
def by_command(files, tmp_path_factory):
    """Return what the command line makes of these files."""
    out = tmp_path_factory.mktemp("command") / "out"
    words = [
        "run",
        "--phase",
        str(files / "phase.nii"),
        "--magnitude",
        str(files / "magnitude.nii"),
        "--preset",
        "fast",
    ]
    words += ["--mask", str(files / "mask.nii"), "--labels", str(files / "labels.nii"), "--keep", "all"]
    words += ["--echo-times", *map(str, TIMES), "--field-strength", "3", "--out", str(out)]
    assert main(words) == 0
    return out


@pytest.fixture
def logic(slicer_scene, tmp_path, monkeypatch):
    """Return the logic; when the test ends, no folder of a job is left."""
    from QSMLib.logic import Logic  # noqa: PLC0415

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield Logic(slicer_scene)
    assert not list((tmp_path / "temporary").iterdir())


@pytest.fixture
def loaded(nodes, files):
    """Return the nodes that Slicer makes of the files."""
    load = nodes.slicer.util.loadVolume
    found = {
        name: [load(str(files / f"{name}{echo}.nii")) for echo in range(len(TIMES))] for name in ("phase", "magnitude")
    }
    found["mask"] = load(str(files / "mask.nii"), {"labelmap": True})
    found["labels"] = load(str(files / "labels.nii"), {"labelmap": True})
    return found


@pytest.fixture
def run(logic, loaded):
    """Return a function that runs on the loaded nodes with some things changed."""

    def work(**changes):
        given = {"settings": "fast", "mask": loaded["mask"]} | changes
        phases, magnitudes = given.pop("phases", loaded["phase"]), given.pop("magnitudes", loaded["magnitude"])
        return logic.run(magnitudes, phases, given.pop("times", TIMES), given.pop("field", 3.0), **given)

    return work


def array(node):
    from QSMLib.volumes import arrayOf  # noqa: PLC0415

    return arrayOf(node)


def ids(scene):
    return {scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())}


def test_every_number_is_that_of_the_command_line(run, loaded, by_command, files, tmp_path):
    told = []
    outputs = run(
        keep=tuple(FILES), regions=loaded["labels"], progress=lambda fraction, message: told.append((fraction, message))
    )
    for name in VOLUMES:
        expected = read_image(by_command / file_of(name))[0]
        for echo in range(expected.shape[3]):
            node = outputs.nodes[name if expected.shape[3] == 1 else f"{name} {echo + 1}"]
            np.testing.assert_array_equal(array(node), expected[..., echo], err_msg=name)
    assert outputs.reference.mean == pytest.approx(outputs.provenance["reference"]["mean"], rel=0)
    assert set(outputs.tables.tables) == set(outputs.nodes) - {"mask"}
    assert any("Dipole inversion" in message for _, message in told)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)


def test_the_table_of_regions_is_that_of_the_command_line(run, loaded, by_command, files, tmp_path):
    table = run(keep=("mask", "chi"), regions=loaded["labels"]).tables.writeCsv(tmp_path / "by_node.csv")
    names = {int(label): f"label {int(label)}" for label in np.unique(read_image(files / "labels.nii")[0]) if label}
    (tmp_path / "names.json").write_text(json.dumps(names))
    words = ["roi", "--chi", str(by_command / file_of("chi")), "--labels", str(files / "labels.nii")]
    words += ["--mask", str(by_command / file_of("eroded_mask")), "--names", str(tmp_path / "names.json")]
    assert main([*words, "--out", str(tmp_path / "by_command.csv")]) == 0
    assert table.read_text() == (tmp_path / "by_command.csv").read_text()


def test_a_sequence_is_the_same_scan(run, nodes, files, by_command):
    load = nodes.slicer.modules.sequences.logic().AddSequence
    phases, magnitudes = load(str(files / "phase.nii")), load(str(files / "magnitude.nii"))
    outputs = run(phases=[phases], magnitudes=magnitudes, keep=("chi",))
    np.testing.assert_array_equal(array(outputs.chi), read_image(by_command / file_of("chi"))[0][..., 0])


def test_a_transform_of_all_images_changes_no_number(run, nodes, loaded, by_command):
    moved = nodes.transform(to_ras(size=(1, 1, 1)))
    for node in (*loaded["phase"], *loaded["magnitude"], loaded["mask"]):
        node.SetAndObserveTransformNodeID(moved.GetID())
    outputs = run()
    np.testing.assert_array_equal(array(outputs.chi), read_image(by_command / file_of("chi"))[0][..., 0])
    assert outputs.chi.GetParentTransformNode() is moved


def test_left_handed_axes_give_the_same_map(run, nodes, small_head):
    """Slices stored from the top, as Slicer itself never has them from a file, but a node may."""
    mirrored = to_ras(OBLIQUE * (1, 1, -1), SIZE)
    volumes = {
        name: [nodes.volume(image[:, :, ::-1, echo], mirrored, f"{name} {echo}") for echo in range(len(TIMES))]
        for name, image in (("phase", small_head.scan.phase), ("magnitude", small_head.scan.magnitude))
    }
    mask = nodes.volume(small_head.mask[:, :, ::-1].astype(np.uint8), mirrored, "mask", labels=True)
    outputs = run(phases=volumes["phase"], magnitudes=volumes["magnitude"], mask=mask, settings=TKD)
    expected = array(run(settings=TKD).chi)
    difference = array(outputs.chi)[:, :, ::-1] - expected
    assert np.linalg.norm(difference) < 1e-3 * np.linalg.norm(expected)
    assert outputs.provenance["scan"]["b0_direction"][2] == pytest.approx(-LPS[2, 2], abs=1e-6)


def test_a_mask_drawn_on_other_voxels_and_a_reference_by_segment(run, nodes, loaded, small_head):
    regions = nodes.segmentation(
        {"Head": small_head.mask, "Ventricles": small_head.labels == 5, "Putamen": small_head.labels == 3},
        loaded["phase"][0],
    )
    settings = Settings.preset("fast").changed({"referencing.method": "region", "referencing.label": "3"})
    outputs = run(mask=regions, maskSegments=("head",), labels=regions, settings=settings, name="head")
    chi = array(outputs.chi)
    inside = (small_head.labels == 3) & (chi != 0)
    assert chi[inside].mean() == pytest.approx(0, abs=1e-6)
    assert outputs.reference.voxels >= inside.sum() > 0
    assert outputs.reference.name == "Putamen"
    assert outputs.provenance["nodes"]["mask"] == outputs.provenance["nodes"]["labels"] == "regions"
    assert outputs.chi.GetName() == "head chi"


@pytest.mark.parametrize("given", ["text", "path", "settings"])
def test_settings_come_in_any_form(files, given, tmp_path):
    from QSMLib.logic import settingsOf  # noqa: PLC0415

    expected = Settings.from_dict({"inversion": {"method": "tkd"}})
    (tmp_path / "mine.toml").write_text(TKD)
    forms = {"text": (TKD,), "path": (tmp_path / "mine.toml", str(tmp_path / "mine.toml")), "settings": (expected,)}
    for form in forms[given]:
        assert settingsOf(form) == expected
    assert settingsOf("fast") == Settings.preset("fast")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("swift", "There is no preset 'swift'; the presets: default, "),
        ("[inversion\nmethod = 1", "The settings are no TOML document: "),
        ("[inversion]\nmethod = 'magic'", "There is no inversion method 'magic'"),
        ("nowhere.toml", "The file nowhere.toml cannot be read"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given, said):
    from QSMLib.logic import settingsOf  # noqa: PLC0415

    with pytest.raises(InputError) as refusal:
        settingsOf(given)
    assert str(refusal.value).startswith(said)


def nothing_finite(nodes, loaded):
    return {"phases": [nodes.volume(np.full(SHAPE, np.nan), own(loaded), f"p{e}") for e in range(3)]}


def constant(nodes, loaded):
    return {"phases": [nodes.volume(np.full(SHAPE, 2.0), own(loaded), f"p{e}") for e in range(3)]}


def own(loaded):
    import slicer  # noqa: PLC0415
    import vtk  # noqa: PLC0415

    matrix = vtk.vtkMatrix4x4()
    loaded["phase"][0].GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (nothing_finite, "The phase holds no finite value (all NaN or infinite)"),
        (constant, "The phase of echo 1 is 2 everywhere: it holds no information"),
        (lambda n, g: {"magnitudes": None, "mask": None}, "needs the magnitude, which is not given."),
        (lambda n, g: {"mask": n.volume(np.zeros(SHAPE, np.uint8), own(g), "none", labels=True)}, "The mask is empty"),
        (lambda n, g: {"settings": '[referencing]\nmethod = "region"'}, "needs a label image, which is not given."),
        (lambda n, g: {"times": [5.1, 11.3, 17.2]}, "that looks like milliseconds"),
        (lambda n, g: {"phases": []}, "No phase volume is chosen"),
        (lambda n, g: {"phases": None}, "No phase volume is chosen"),
        (lambda n, g: {"phases": "phase 1"}, "phase 1 is a name: give the node itself"),
        (lambda n, g: {"magnitudes": g["magnitude"][:2]}, "3 phase but 2 magnitude volumes are chosen"),
        (lambda n, g: {"regions": n.scene.AddNewNodeByClass("vtkMRMLModelNode", "skin")}, "skin cannot be the regions"),
        (lambda n, g: {"phases": g["phase"][0], "magnitudes": None, "times": None}, "The echo times are missing"),
        (lambda n, g: {"phaseScale": 1}, "which is not radians"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(run, nodes, loaded, changes, said):
    given = changes(nodes, loaded)
    before = ids(nodes.scene)
    with pytest.raises(InputError) as refusal:
        run(**given)
    sentence = str(refusal.value)
    assert said in sentence
    assert "\n" not in sentence
    assert "--" not in sentence
    assert tempfile.gettempdir() not in sentence
    assert ids(nodes.scene) == before


def test_a_run_is_cancelled_by_its_progress(run, nodes):
    def stop(fraction, message):
        raise Cancelled

    before = ids(nodes.scene)
    with pytest.raises(Cancelled):
        run(progress=stop)
    assert ids(nodes.scene) == before


def test_a_run_is_started_watched_and_collected(logic, loaded, nodes):
    from QSMLib.request import Request  # noqa: PLC0415

    request = Request(tuple(loaded["phase"]), (), TIMES, 3.0, Settings.preset("fast"), mask=loaded["mask"])
    job = logic.start(request)
    assert job.poll()  # it runs, and the caller is free
    outputs = logic.collect(job)
    assert job.succeeded
    assert outputs.chi.GetName() == "phase0 chi"
    cancelled = logic.start(request)
    cancelled.cancel()
    with pytest.raises(Cancelled):
        logic.collect(cancelled)


def test_a_full_disk_is_told_and_leaves_nothing(run, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("QSMLib.files._writeFacts", full)
    with pytest.raises(InputError, match="is full; nothing was written"):
        run()


def test_memory_is_told_before_the_run(logic, loaded):
    from QSMLib.request import Request  # noqa: PLC0415

    def needed(echoes, settings="fast"):
        volumes = tuple(loaded["phase"][:echoes]), tuple(loaded["magnitude"][:echoes])
        return logic.memoryNeeded(Request(*volumes, TIMES[:echoes], 3.0, Settings.preset(settings)))

    scan = 2 * 3 * np.prod(SHAPE) * 4
    assert needed(3) > scan
    assert needed(3) - needed(2) >= scan / 3


def test_slicer_starts_without_the_libraries_of_the_computation():
    """Slicer imports the module and lists what it offers when it starts: what loads for seconds waits until used."""
    said = (
        "import sys, slicer_side.application as side\n"
        "app = side.start()\n"
        "side.ScriptedModule(side.ROOT / 'QSM' / 'QSM.py')\n"
        "app.startupCompleted.emit()\n"
        "import SampleData, SegmentStatistics\n"
        "print(len(SampleData.SampleDataLogic.sampleDataSourcesByCategory('QSM')),\n"
        "      len(SegmentStatistics.SegmentStatisticsLogic.registeredPlugins),\n"
        "      *[name for name in ('scipy', 'SimpleITK') if name in sys.modules])"
    )
    paths = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1])))
    done = subprocess.run(
        [sys.executable, "-c", said], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1 1"

"""A finished run as nodes: the right numbers in the right place, described, beside the input, all of them or none."""

import json
import shutil

import numpy as np
import pytest
from command_line import GEOMETRY, TIMES
from slicer_nodes import ids, to_ras

from QSMLogic.errors import InputError
from QSMLogic.io.nifti import read_image
from QSMLogic.io.writing import FILES, FURTHER, file_of
from QSMLogic.settings import Settings

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0])
AXES = RAS_FROM_LPS @ np.array(GEOMETRY.direction).reshape(3, 3)
PLACE = to_ras(AXES, GEOMETRY.spacing, RAS_FROM_LPS @ GEOMETRY.origin)
MAPS = {name for name in FILES if name not in (*FURTHER, "mask", "eroded_mask", "phase", "unwrapped")}


@pytest.fixture
def results(slicer_scene):
    """Import the module once the scene is there."""
    from QSMLib import results  # noqa: PLC0415

    return results


@pytest.fixture
def phases(nodes, head):
    return tuple(nodes.volume(head.scan.phase[..., e], PLACE, f"head {e + 1}") for e in range(len(TIMES)))


@pytest.fixture
def request_of(phases, slicer_scene):
    """Return a function that makes the request whose results are in the folder `finished`."""
    from QSMLib.request import Request  # noqa: PLC0415

    common = {"magnitudes": (), "echoTimes": TIMES, "fieldStrength": 3.0, "settings": Settings.preset()}
    return lambda **changes: Request(**{"phases": phases, "keep": tuple(FILES), "name": "head"} | common | changes)


def test_every_map_is_a_volume_on_the_voxels_of_the_phase(nodes, results, request_of, finished):
    from QSMLib.volumes import arrayOf, geometryOf  # noqa: PLC0415

    outputs = results.loadOutputs(nodes.scene, finished, request_of())
    echoes = [f"{name} {echo}" for name in ("phase", "unwrapped") for echo in (1, 2, 3)]
    assert set(outputs.nodes) == MAPS | {"mask", *echoes}
    for name in MAPS:
        node, (values, geometry) = outputs.nodes[name], read_image(finished / file_of(name))
        assert node.GetName() == f"head {name.replace('_', ' ')}"
        np.testing.assert_array_equal(arrayOf(node), values[..., 0])
        assert geometryOf(node).difference(geometry) == ""
    unwrapped = read_image(finished / file_of("unwrapped"))[0]
    for echo in (1, 2, 3):
        np.testing.assert_array_equal(arrayOf(outputs.nodes[f"unwrapped {echo}"]), unwrapped[..., echo - 1])
    assert outputs.chi is outputs.nodes["chi"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chi", ("ppm", "[ppm]", (-0.1, 0.2))),
        ("total_field", ("ppm", "[ppm]", (-0.5, 0.5))),
        ("local_field", ("ppm", "[ppm]", (-0.05, 0.05))),
        ("field_noise", ("ppm", "[ppm]", (0, 0.005))),
        ("phase 1", ("rad", "rad", (-np.pi, np.pi))),
        ("unwrapped 2", ("rad", "rad", None)),
        ("weights", ("", "1", None)),
    ],
)
def test_a_map_says_what_it_is_and_is_shown_with_its_window(results, request_of, finished, name, expected):
    from slicer import mrmlScene, util  # noqa: PLC0415

    unit, code, limits = expected
    outputs = results.loadOutputs(mrmlScene, finished, request_of())
    node = outputs.nodes[name]
    assert node.GetAttribute("QSM.map") == name.split()[0]
    assert node.GetAttribute("QSM.unit") == unit
    assert node.GetVoxelValueUnits().GetCodeValue() == code
    assert node.GetVoxelValueUnits().GetCodingSchemeDesignator() == "UCUM"
    assert node.GetVoxelValueQuantity().GetCodeMeaning()
    display = node.GetDisplayNode()
    assert not display.GetAutoWindowLevel()
    assert display.GetColorNode().GetName() == "Grey"
    if limits is None:
        values = util.arrayFromVolume(node)
        limits = np.percentile(values[values != 0], (1, 99))
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx(limits, abs=1e-6)
    assert json.loads(node.GetAttribute("QSM.provenance")) == outputs.provenance
    assert node.GetNodeReference("QSM.mask") is outputs.nodes["mask"]
    assert node.GetNodeReference("QSM.report") is outputs.report


def test_the_masks_are_one_segmentation_that_does_not_hide_the_maps(nodes, results, request_of, finished, phases):
    from QSMLib.labels import maskOn  # noqa: PLC0415

    node = results.loadOutputs(nodes.scene, finished, request_of(keep=("mask", "chi"))).nodes["mask"]
    assert node.GetClassName() == "vtkMRMLSegmentationNode"
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["mask", "eroded_mask"]
    for name in ("mask", "eroded_mask"):
        drawn = read_image(finished / file_of(name))[0][..., 0] > 0
        np.testing.assert_array_equal(maskOn(node, phases[0], (name,)), drawn)
        array = nodes.slicer.util.arrayFromSegmentBinaryLabelmap(node, name, phases[0])
        np.testing.assert_array_equal(array.T > 0, drawn)
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()).GetName() == "head chi"
    assert not node.GetDisplayNode().GetVisibility()


def test_what_is_not_kept_is_not_there(nodes, results, request_of, finished):
    outputs = results.loadOutputs(nodes.scene, finished, request_of(keep=("local_field",)))
    assert set(outputs.nodes) == {"local_field"}
    assert outputs.chi is None
    assert outputs.nodes["local_field"].GetNodeReference("QSM.mask") is None


def test_the_run_is_described(nodes, results, request_of, finished):
    outputs = results.loadOutputs(nodes.scene, finished, request_of())
    record = json.loads((finished / "provenance.json").read_text())
    assert outputs.methodsText == (finished / "methods.txt").read_text()
    assert outputs.references == (finished / "references.bib").read_text()
    assert outputs.settings == Settings.read(finished / "settings.toml")
    assert outputs.seconds == record["seconds"] > 0
    assert outputs.warnings == record["warnings"]
    assert (outputs.reference.mean, outputs.reference.sd) == (record["reference"]["mean"], record["reference"]["sd"])
    assert json.loads(outputs.chi.GetAttribute("QSM.reference"))["mean"] == record["reference"]["mean"]
    assert outputs.nodes["local_field"].GetAttribute("QSM.reference") is None
    assert outputs.provenance["nodes"] == {"phase": ["head 1", "head 2", "head 3"]}
    assert str(finished.parent) not in json.dumps(outputs.provenance)
    for part in (outputs.methodsText.strip(), outputs.references.strip(), 'method = "tv"'):
        assert part in outputs.report.GetText()


def test_the_segments_that_were_the_mask_are_told(nodes, results, request_of, finished, phases):
    whole = np.ones(phases[0].GetImageData().GetDimensions(), bool)
    drawn = nodes.segmentation({"Brain": whole, "Skull": whole}, phases[0], name="drawn")
    outputs = results.loadOutputs(nodes.scene, finished, request_of(mask=drawn, maskSegments=("brain",)))
    assert outputs.provenance["nodes"] == {
        "phase": ["head 1", "head 2", "head 3"],
        "mask": "drawn",
        "mask_segments": ["Brain"],
    }


def test_results_lie_in_a_folder_under_the_study_of_the_phase(nodes, results, request_of, finished, phases):
    hierarchy = nodes.scene.GetSubjectHierarchyNode()
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    study = hierarchy.CreateStudyItem(patient, "study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(phases[0]), study)
    outputs = results.loadOutputs(nodes.scene, finished, request_of())
    assert hierarchy.GetItemParent(outputs.folderItem) == study
    assert hierarchy.GetItemName(outputs.folderItem) == "head QSM"
    for node in (*outputs.nodes.values(), outputs.report):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == outputs.folderItem


def test_a_sequence_has_its_results_beside_the_volume_that_shows_it(nodes, results, request_of, finished, head):
    from QSMLib.volumes import echoNodes  # noqa: PLC0415

    sequence, proxy = nodes.sequence([head.scan.phase[..., e] for e in range(len(TIMES))], browser=True, matrix=PLACE)
    hierarchy = nodes.scene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "inputs")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(proxy), folder)
    request = request_of(phases=echoNodes([sequence], nodes.scene), keep=("mask", "chi"))
    outputs = results.loadOutputs(nodes.scene, finished, request)
    assert hierarchy.GetItemParent(outputs.folderItem) == folder
    assert outputs.chi.GetScene() is nodes.scene


def test_a_second_run_overwrites_nothing(nodes, results, request_of, finished):
    first = results.loadOutputs(nodes.scene, finished, request_of())
    nodes.scene.RemoveNode(first.nodes["local_field"])
    second = results.loadOutputs(nodes.scene, finished, request_of())
    assert first.chi.GetName() == "head chi"
    assert second.chi.GetName() == "head chi (2)"
    assert second.nodes["local_field"].GetName() == "head local field (2)"  # not the free name: it belongs to this run
    assert second.report.GetName() == "head report (2)"
    assert first.chi.GetImageData() is not second.chi.GetImageData()


def test_results_are_under_the_transform_of_the_input(nodes, results, request_of, finished, phases):
    moved = nodes.transform(to_ras())
    for node in phases:
        node.SetAndObserveTransformNodeID(moved.GetID())
    outputs = results.loadOutputs(nodes.scene, finished, request_of())
    for name, node in outputs.nodes.items():
        assert node.GetParentTransformNode() is moved, name
    assert outputs.chi.GetOrigin() == pytest.approx(phases[0].GetOrigin())  # its own place is that of the acquisition


def test_a_file_that_is_missing_leaves_the_scene_as_it_was(nodes, results, request_of, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "out")
    (folder / file_of("chi")).unlink()
    before = ids(nodes.scene)
    with pytest.raises(InputError, match="There is no file"):
        results.loadOutputs(nodes.scene, folder, request_of())
    assert ids(nodes.scene) == before


def test_a_phase_that_was_changed_during_the_run_is_told(nodes, results, request_of, finished, phases):
    request, before = request_of(), ids(nodes.scene)
    phases[0].SetSpacing(*(2 * size for size in phases[0].GetSpacing()))
    with pytest.raises(InputError, match="head 1 was changed during the run"):
        results.loadOutputs(nodes.scene, finished, request)
    assert ids(nodes.scene) == before


def test_a_failure_half_way_leaves_the_scene_as_it_was(nodes, results, request_of, finished, monkeypatch):
    hierarchy = nodes.scene.GetSubjectHierarchyNode()
    request = request_of()
    before, items = ids(nodes.scene), hierarchy.GetNumberOfItems()
    monkeypatch.setattr(results, "_addReport", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        results.loadOutputs(nodes.scene, finished, request)
    assert ids(nodes.scene) == before
    assert hierarchy.GetNumberOfItems() == items
    assert not nodes.scene.IsBatchProcessing()


def test_results_survive_saving_and_reading_the_scene(nodes, results, request_of, finished, tmp_path):
    outputs = results.loadOutputs(nodes.scene, finished, request_of(keep=("mask", "chi")))
    chi = nodes.slicer.util.arrayFromVolume(outputs.chi).copy()
    provenance, text = outputs.provenance, outputs.report.GetText()
    assert nodes.slicer.util.saveScene(str(tmp_path / "all.mrb"))
    nodes.scene.Clear(False)
    nodes.slicer.util.loadNodeFromFile(str(tmp_path / "all.mrb"), "SceneFile", {"clear": True})
    node = nodes.slicer.util.getNode("head chi")
    np.testing.assert_array_equal(nodes.slicer.util.arrayFromVolume(node), chi)
    assert json.loads(node.GetAttribute("QSM.provenance")) == provenance
    assert node.GetNodeReference("QSM.report").GetText() == text
    assert list(node.GetNodeReference("QSM.mask").GetSegmentation().GetSegmentIDs()) == ["mask", "eroded_mask"]
    assert node.GetVoxelValueUnits().GetCodeValue() == "[ppm]"
    assert node.GetDisplayNode().GetWindowLevelMax() == pytest.approx(0.2)
    hierarchy = nodes.scene.GetSubjectHierarchyNode()
    assert hierarchy.GetItemName(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))) == "head QSM"

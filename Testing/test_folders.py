"""Folders as volumes of a scene, against what Slicer itself makes of the same files."""

# ruff: noqa: PLC0415 (what needs Slicer is imported once it is there)

import json

import numpy as np
import pytest
from bids_folder import AXES, GEOMETRY, SHAPE, TIMES, write_bids
from slicer_nodes import matrix_of, voxels_of

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.nifti import write_image


@pytest.fixture
def folders(slicer_scene):
    """Return the module, once there is a Slicer to import it in."""
    from QSMLib import folders

    return folders


def test_bids_volumes_are_what_slicer_makes_of_the_files(folders, slicer_scene, tmp_path):
    import slicer

    write_bids(tmp_path, Units="rad")
    (candidate,) = folders.find(tmp_path)
    made = folders.load(slicer_scene, candidate)
    assert (made.name, made.phaseScale, made.fieldStrength, made.echoTimes) == ("sub-a", "radians", 3.0, TIMES)
    assert [node.GetName() for node in made.phases] == ["sub-a phase 1", "sub-a phase 2"]
    assert [node.GetName() for node in made.magnitudes] == ["sub-a magnitude 1", "sub-a magnitude 2"]
    for nodes, part in ((made.phases, "phase"), (made.magnitudes, "mag")):
        for echo, node in enumerate(nodes):
            path = tmp_path / "sub-a" / "anat" / f"sub-a_echo-{echo + 1}_part-{part}_MEGRE.nii.gz"
            own = slicer.util.loadVolume(str(path))
            assert np.array_equal(voxels_of(node), voxels_of(own))
            assert np.array_equal(matrix_of(node), matrix_of(own))
            assert node.GetStorageNode().GetFullNameFromFileName() == str(path)
            assert not node.GetModifiedSinceRead()
            assert node.GetAttribute("QSM.units") == ("rad" if part == "phase" else None)


def test_volumes_remember_their_acquisition(folders, slicer_scene, tmp_path):
    from QSMLib.acquisition import ATTRIBUTE, acquisitionOf, remembered

    write_bids(tmp_path, Units="rad", Manufacturer="Maker", PatientName="Doe")
    (candidate,) = folders.find(tmp_path)
    first, second = (folders.load(slicer_scene, candidate) for _ in range(2))
    facts = remembered(first.phases[1])["facts"]
    assert facts["Manufacturer"] == "Maker"
    assert "PatientName" not in facts
    found = acquisitionOf(slicer_scene, second.magnitudes[0])
    assert (found.phases, found.magnitudes) == (second.phases, second.magnitudes)
    assert (found.name, found.echoTimes, found.fieldStrength, found.phaseScale) == ("sub-a", TIMES, 3.0, "radians")
    slicer_scene.RemoveNode(second.magnitudes[1])
    assert acquisitionOf(slicer_scene, second.phases[0]) is None
    first.phases[0].SetAttribute(ATTRIBUTE, "{")
    assert acquisitionOf(slicer_scene, first.phases[0]) is None


def test_the_volumes_of_an_acquisition_lie_in_one_folder(folders, slicer_scene, tmp_path):
    write_bids(tmp_path, Units="rad")
    (candidate,) = folders.find(tmp_path)
    first, second = (folders.load(slicer_scene, candidate) for _ in range(2))
    hierarchy = slicer_scene.GetSubjectHierarchyNode()
    assert hierarchy.GetItemName(first.folderItem) == "sub-a"
    for node in (*first.phases, *first.magnitudes):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == first.folderItem
    assert second.phases[0].GetName() == "sub-a phase 1 (2)"


@pytest.mark.parametrize(
    ("facts", "scales"),
    [
        ({"Units": "mrad"}, ("milliradians", "milliradians")),
        ({}, ("auto", "siemens")),  # a float file names no integers
    ],
)
def test_stored_phase_keeps_its_values(folders, slicer_scene, tmp_path, facts, scales):
    from QSMLib.request import Request
    from QSMLib.volumes import detectedScale

    from QSMLogic.settings import Settings

    def stored(phase):
        return phase * 1000 if facts else np.rint((phase / np.pi + 1) * 2047.5)

    phase, _ = write_bids(tmp_path, stored, **facts)
    (candidate,) = folders.find(tmp_path)
    made = folders.load(slicer_scene, candidate)
    assert np.allclose(voxels_of(made.phases[1]), stored(phase)[..., 1], atol=1e-3)
    assert (made.phaseScale, detectedScale(made.phases).name) == scales
    assert any("names no unit" in said for said in made.warnings) == (not facts)
    Request(made.phases, made.magnitudes, made.echoTimes, made.fieldStrength, Settings.preset())


def test_a_4d_file_becomes_a_volume_per_echo(folders, slicer_scene, tmp_path):
    rng = np.random.default_rng(1)
    phase = rng.uniform(-np.pi, np.pi, (*SHAPE, 2)).astype(np.float32)
    write_image(tmp_path / "phase.nii.gz", phase, GEOMETRY)
    write_image(tmp_path / "magnitude.nii.gz", np.abs(phase), GEOMETRY)
    (tmp_path / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 7, "B0_dir": [0, 0.6, 0.8]}))
    (candidate,) = folders.find(tmp_path)
    made = folders.load(slicer_scene, candidate)
    assert (made.echoTimes, made.fieldStrength, made.b0Direction) == (TIMES, 7.0, (0.0, 0.6, 0.8))
    for echo in range(2):
        assert np.array_equal(voxels_of(made.phases[echo]), phase[..., echo])
        assert made.phases[echo].GetStorageNode() is None
    flip = np.diag([-1.0, -1, 1, 1])
    expected = np.eye(4)
    expected[:3, :3] = np.array(AXES).reshape(3, 3) * GEOMETRY.spacing
    expected[:3, 3] = GEOMETRY.origin
    assert np.allclose(matrix_of(made.phases[0]), flip @ expected, atol=1e-5)


def test_facts_nobody_stated_are_left_open(folders, slicer_scene, tmp_path):
    write_bids(tmp_path, Units="rad")
    for path in tmp_path.rglob("*.json"):
        path.unlink()
    (candidate,) = folders.find(tmp_path)
    made = folders.load(slicer_scene, candidate)
    assert (made.echoTimes, made.fieldStrength) == ((), None)
    assert len(made.phases) == 2


def test_a_failure_leaves_the_scene_as_it_was(folders, slicer_scene, tmp_path):
    write_bids(tmp_path, Units="rad")
    (candidate,) = folders.find(tmp_path)
    before = slicer_scene.GetNumberOfNodes()
    last = sorted(tmp_path.rglob("*echo-2_part-mag*.nii.gz"))[0]
    last.write_bytes(last.read_bytes()[:-40])
    with pytest.raises(InputError, match="cut short"):
        folders.load(slicer_scene, candidate)
    assert slicer_scene.GetNumberOfNodes() == before
    last.unlink()
    broken = next(iter(folders.find(tmp_path)))
    with pytest.raises(InputError, match="magnitude of echo 2 is missing"):
        folders.load(slicer_scene, broken)
    assert slicer_scene.GetNumberOfNodes() == before


def test_the_real_head_from_dicom_lies_where_its_nifti_lies(folders, slicer_scene, shared_data):
    (dicom,) = folders.find(shared_data / "dicom")
    (nifti,) = folders.find(shared_data / "bids-invivo" / "sub-head")
    one, other = folders.load(slicer_scene, dicom), folders.load(slicer_scene, nifti)
    assert one.echoTimes == other.echoTimes == (0.0023, 0.0046)
    assert one.phases[0].GetName() == "fcMRI Field Mapping phase 1"
    corner = np.array([[0, 0, 0, 1], [79, 79, 52, 1.0]]).T
    turned = np.array([[79, 79, 0, 1], [0, 0, 52, 1.0]]).T
    assert np.abs(matrix_of(one.phases[0]) @ corner - matrix_of(other.phases[0]) @ turned).max() < 1e-3
    for own, its in zip(one.phases + one.magnitudes, other.phases + other.magnitudes, strict=True):
        scale = 1 if own in one.phases else voxels_of(its).max()
        assert np.abs(voxels_of(own) - voxels_of(its)[::-1, ::-1]).max() < 1e-3 * scale
    scan = read_acquisition(find_acquisitions(shared_data / "dicom")[0]).scan
    assert np.array_equal(voxels_of(one.phases[1]), scan.phase[..., 1])

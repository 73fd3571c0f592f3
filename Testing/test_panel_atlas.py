"""An atlas in the panel: chosen, carried over by `qsm atlas` in a child, looked at, and measured."""

import json

import numpy as np
import pytest
from panel_user import answer
from slicer_nodes import Nodes

WARNING = "color: #b9770e;"

VOXEL_SIZE = (2.5, 2.5, 2.75)
"""mm; half of what the head has, which leaves less to register."""

SHIFT = (14.0, -8.0, 5.0)
"""mm; from the subject to the atlas, along left, back and up."""

NAMES = {1: "caudate", 3: "putamen", 7: "thalamus"}


@pytest.fixture
def subject(slicer_scene, small_head):
    """Return the subject's image and the segmentation of its brain, as nodes, with the truth of its labels."""
    nodes = Nodes(slicer_scene)
    node = nodes.volume(small_head.chi, np.diag([*VOXEL_SIZE, 1.0]), name="image")
    labels = np.where(np.isin(small_head.labels, list(NAMES)), small_head.labels, 0)
    return node, nodes.segmentation({"brain": small_head.mask}, node, name="mask"), labels


@pytest.fixture
def atlas(tmp_path, small_head, subject):
    """Return the files of an atlas, the same head elsewhere: template, labels, names."""
    import SimpleITK

    template = (small_head.chi * small_head.mask).astype(np.float32)
    for name, array in (("template", template), ("labels", subject[2].astype(np.int16))):
        written = SimpleITK.GetImageFromArray(array.T)
        written.SetSpacing(VOXEL_SIZE)
        written.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # axes to the right and to the front, as the subject's
        written.SetOrigin(SHIFT)
        SimpleITK.WriteImage(written, str(tmp_path / f"{name}.nii.gz"))
    (tmp_path / "names.csv").write_text("".join(["label,name\n", *(f"{n},{name}\n" for n, name in NAMES.items())]))
    return tmp_path


@pytest.fixture
def filled(user, subject, atlas, monkeypatch):
    """Return a person who has chosen everything, the atlas from its files."""
    user.unfold("atlasCollapsibleButton")
    assert user.find("atlas_said").text == "Choose the image of the subject."
    user.pick("atlasImageSelector", subject[0])
    user.pick("atlasMaskSelector", subject[1])
    for role, file in (("Template", "template.nii.gz"), ("Labels", "labels.nii.gz"), ("Names", "names.csv")):
        answer(monkeypatch, "getOpenFileName", atlas / file)
        user.click(f"atlas{role}Button")
    return user


def section_of(user):
    return next(s for s in user.panel.sections if type(s).__name__ == "AtlasSection")


def test_an_atlas_is_carried_over_and_measured(filled, subject, slicer_scene):
    from QSMLib.labels import maskOn

    image, _mask, labels = subject
    filled.choose("atlasLevelComboBox", "rigid")
    filled.click("atlas_apply")
    assert section_of(filled).waiting.job is not None, filled.message
    assert not filled.find("atlas_apply").enabled
    filled.wait(lambda: section_of(filled).waiting.job is None)
    made = section_of(filled).choices.atlasResult
    assert made is not None, filled.message
    assert made.GetName() == "labels on image"
    held = made.GetSegmentation()
    assert {held.GetSegment(i).GetName() for i in held.GetSegmentIDs()} == set(NAMES.values())
    assert len({held.GetSegment(i).GetColor() for i in held.GetSegmentIDs()}) == len(NAMES)
    for label in NAMES:
        found, true = maskOn(made, image, (f"label {label}",)), labels == label
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.9
    fit = json.loads(made.GetAttribute("QSM.registration"))
    said = filled.find("atlas_said")
    assert f"{fit['overlap']:.2f}" in said.text
    # half of this template is below 0 and so outside, and its brain was not given
    assert "overlap" in said.text
    assert "overlap" in filled.message
    assert said.styleSheet == WARNING
    section_of(filled).choices.atlasBad = False
    assert said.styleSheet == ""
    measure = next(s for s in filled.panel.sections if type(s).__name__ == "MeasureSection")
    assert measure.regionsSelector.currentNode() is made
    table = filled.panel.logic.measure(image, made).tables["image"].rows
    assert [row.name for row in table[1:]] == list(NAMES.values())
    assert slicer_scene.GetFirstNodeByName("template on image") is not None
    filled.click("atlas_edit")
    editor = slicer_scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    assert editor.GetSegmentationNode() is made


def test_what_is_missing_is_said(filled, subject):
    filled.pick("atlasTemplateSelector", subject[0])
    assert "both the image and the template" in filled.find("atlas_said").text
    assert not filled.find("atlas_apply").enabled
    filled.pick("atlasTemplateSelector", None)
    assert "Choose the template" in filled.find("atlas_said").text


def test_it_can_be_cancelled_and_ends_with_the_scene(filled, slicer_scene):
    filled.click("atlas_apply")
    job = section_of(filled).waiting.job
    filled.click("atlas_cancel")
    assert job._process.poll() is not None
    assert not job.folder.exists()
    assert "Cancelled" in filled.message
    filled.click("atlas_apply")
    job = section_of(filled).waiting.job
    slicer_scene.Clear(False)
    assert job._process.poll() is not None
    assert section_of(filled).waiting.job is None


def test_a_file_that_is_no_image_is_refused(filled, atlas, monkeypatch, vtk_errors):
    (atlas / "bad.nii.gz").write_bytes(b"no image")
    answer(monkeypatch, "getOpenFileName", atlas / "bad.nii.gz")
    before = section_of(filled).choices.atlasTemplate
    with vtk_errors.expected("bad"):
        filled.click("atlasTemplateButton")
    assert "Slicer cannot read" in filled.message
    assert section_of(filled).choices.atlasTemplate is before

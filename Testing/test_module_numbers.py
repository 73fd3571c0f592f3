"""The pipeline on nodes makes the numbers of the command line, to the last digit, wherever the nodes lie."""

import json

import numpy as np
import pytest
from slicer_nodes import OBLIQUE, to_ras
from slicer_runs import LPS, SIZE, TIMES, TKD, array

from QSMLogic.cli import main
from QSMLogic.io.nifti import read_image
from QSMLogic.io.writing import FILES, FURTHER, file_of
from QSMLogic.settings import Settings

VOLUMES = tuple(name for name in FILES if name not in (*FURTHER, "mask", "eroded_mask"))


@pytest.fixture(scope="module")
def by_command(head_files, tmp_path_factory):
    """Return what the command line makes of these files."""
    out = tmp_path_factory.mktemp("command") / "out"
    words = ["run", "--phase", str(head_files / "phase.nii"), "--magnitude", str(head_files / "magnitude.nii")]
    words += ["--mask", str(head_files / "mask.nii"), "--labels", str(head_files / "labels.nii")]
    words += ["--preset", "fast", "--keep", "all"]
    words += ["--echo-times", *map(str, TIMES), "--field-strength", "3", "--out", str(out)]
    assert main(words) == 0
    return out


def test_every_number_is_that_of_the_command_line(run_nodes, head_nodes, by_command, head_files, tmp_path):
    told = []
    outputs = run_nodes(
        keep=tuple(FILES),
        regions=head_nodes["labels"],
        progress=lambda fraction, message: told.append((fraction, message)),
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


def test_the_table_of_regions_is_that_of_the_command_line(run_nodes, head_nodes, by_command, head_files, tmp_path):
    table = run_nodes(keep=("mask", "chi"), regions=head_nodes["labels"]).tables.writeCsv(tmp_path / "by_node.csv")
    names = {
        int(label): f"label {int(label)}" for label in np.unique(read_image(head_files / "labels.nii")[0]) if label
    }
    (tmp_path / "names.json").write_text(json.dumps(names))
    words = ["roi", "--chi", str(by_command / file_of("chi")), "--labels", str(head_files / "labels.nii")]
    words += ["--mask", str(by_command / file_of("eroded_mask")), "--names", str(tmp_path / "names.json")]
    assert main([*words, "--out", str(tmp_path / "by_command.csv")]) == 0
    assert table.read_text() == (tmp_path / "by_command.csv").read_text()


def test_a_sequence_is_the_same_scan(run_nodes, nodes, head_files, by_command):
    load = nodes.slicer.modules.sequences.logic().AddSequence
    phases, magnitudes = load(str(head_files / "phase.nii")), load(str(head_files / "magnitude.nii"))
    outputs = run_nodes(phases=[phases], magnitudes=magnitudes, keep=("chi",))
    np.testing.assert_array_equal(array(outputs.chi), read_image(by_command / file_of("chi"))[0][..., 0])


def test_a_transform_of_all_images_changes_no_number(run_nodes, nodes, head_nodes, by_command):
    moved = nodes.transform(to_ras(size=(1, 1, 1)))
    for node in (*head_nodes["phase"], *head_nodes["magnitude"], head_nodes["mask"]):
        node.SetAndObserveTransformNodeID(moved.GetID())
    outputs = run_nodes()
    np.testing.assert_array_equal(array(outputs.chi), read_image(by_command / file_of("chi"))[0][..., 0])
    assert outputs.chi.GetParentTransformNode() is moved


def test_left_handed_axes_give_the_same_map(run_nodes, nodes, oblique_head):
    """Slices stored from the top, as Slicer itself never has them from a file, but a node may."""
    mirrored = to_ras(OBLIQUE * (1, 1, -1), SIZE)
    volumes = {
        name: [nodes.volume(image[:, :, ::-1, echo], mirrored, f"{name} {echo}") for echo in range(len(TIMES))]
        for name, image in (("phase", oblique_head.scan.phase), ("magnitude", oblique_head.scan.magnitude))
    }
    mask = nodes.volume(oblique_head.mask[:, :, ::-1].astype(np.uint8), mirrored, "mask", labels=True)
    outputs = run_nodes(phases=volumes["phase"], magnitudes=volumes["magnitude"], mask=mask, settings=TKD)
    expected = array(run_nodes(settings=TKD).chi)
    difference = array(outputs.chi)[:, :, ::-1] - expected
    assert np.linalg.norm(difference) < 1e-3 * np.linalg.norm(expected)
    assert outputs.provenance["scan"]["b0_direction"][2] == pytest.approx(-LPS[2, 2], abs=1e-6)


def test_a_mask_drawn_on_other_voxels_and_a_reference_by_segment(run_nodes, nodes, head_nodes, oblique_head):
    regions = nodes.segmentation(
        {"Head": oblique_head.mask, "Ventricles": oblique_head.labels == 5, "Putamen": oblique_head.labels == 3},
        head_nodes["phase"][0],
    )
    settings = Settings.preset("fast").changed({"referencing.method": "region", "referencing.label": "3"})
    outputs = run_nodes(mask=regions, maskSegments=("head",), labels=regions, settings=settings, name="head")
    chi = array(outputs.chi)
    inside = (oblique_head.labels == 3) & (chi != 0)
    assert chi[inside].mean() == pytest.approx(0, abs=1e-6)
    assert outputs.reference.voxels >= inside.sum() > 0
    assert outputs.reference.name == "Putamen"
    assert outputs.provenance["nodes"]["mask"] == outputs.provenance["nodes"]["labels"] == "regions"
    assert outputs.chi.GetName() == "head chi"

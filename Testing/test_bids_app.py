"""`qsm bids` on a small data set: what it writes, that it is valid BIDS, and what it says of every unit."""

import json
import shutil

import numpy as np
import pytest
from bids_cohort import begin_data_set, bids, outcomes_of, put_echoes, sidecar, validated

from QSMLogic import pipeline
from QSMLogic.cli import main
from QSMLogic.constants import GAMMA_BAR
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.nifti import read_volume
from QSMLogic.settings import Settings


def test_every_unit_has_an_outcome(finished_cohort):
    out, status = finished_cohort
    assert status == 1
    said = outcomes_of(out)
    assert {name for name, (status, _) in said.items() if status == "done"} == {
        "sub-01_ses-1_run-1",
        "sub-01_ses-1_run-2",
        "sub-01_ses-2",
        "sub-02_acq-fineMEGRE_rec-norm",
        "sub-02_acq-fineT2starw_rec-norm",
        "sub-03",
    }
    assert said["sub-04"][1].startswith("There is magnitude but no phase: export the phase images")
    assert "sub-05_echo-2_part-phase_MEGRE.nii.gz" in said["sub-05"][1]
    assert said["sub-06"][1].startswith("The phase of echo 3 is missing")
    assert {said[name][0] for name in ("sub-04", "sub-05", "sub-06")} == {"failed"}
    assert said["sub-07"] == ("nothing", "There are no gradient-echo images (MEGRE, GRE or T2starw).")


def test_the_derivatives_are_valid_bids(finished_cohort):
    issues = validated(finished_cohort[0])
    assert not {issue for issue in issues if issue[0] == "error"}
    assert issues == {("warning", "TOO_FEW_AUTHORS", "", "/dataset_description.json")}  # who they are is for the user


def test_the_validator_would_tell(finished_cohort, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished_cohort[0], out)
    (out / "sub-03" / "fmap" / "sub-03_magnitude.nii.gz").unlink()
    (out / "sub-03" / "anat" / "sub-03_Chimap.nii.gz").rename(out / "sub-03" / "anat" / "sub-03_chimap.nii.gz")
    codes = {code for severity, code, *_ in validated(out) if severity == "error"}
    assert {"FIELDMAP_WITHOUT_MAGNITUDE_FILE", "NOT_INCLUDED"} <= codes


def test_maps_are_those_of_the_pipeline(finished_cohort, tiny_cohort):
    (candidate,) = find_acquisitions(tiny_cohort / "sub-03")
    loaded = read_acquisition(candidate)
    changes = {"masking.method": "threshold", "inversion.method": "tkd"}
    maps = pipeline.run(loaded.scan, Settings.preset().changed(changes)).maps
    place = finished_cohort[0] / "sub-03"
    hertz = GAMMA_BAR * 3
    for path, expected in {
        "anat/sub-03_Chimap": maps["chi"],
        "anat/sub-03_desc-brain_mask": maps["mask"],
        "anat/sub-03_desc-eroded_mask": maps["eroded_mask"],
        "fmap/sub-03_desc-total_fieldmap": maps["total_field"] * hertz,
        "fmap/sub-03_desc-local_fieldmap": maps["local_field"] * hertz,
        "fmap/sub-03_desc-noise_fieldmap": maps["field_noise"] * hertz,
        "anat/sub-03_echo-2_part-phase_desc-unwrapped_MEGRE": maps["unwrapped"][..., 1],
        "anat/sub-03_desc-weights_qsmmap": maps["weights"],
    }.items():
        made, geometry = read_volume(place / f"{path}.nii.gz")
        assert np.allclose(made, expected, rtol=1e-6, atol=1e-9), path
        assert not geometry.difference(loaded.geometry)


def test_the_field_is_in_hertz_of_the_truth(finished_cohort, tiny_head):
    place = finished_cohort[0] / "sub-03"
    field, _ = read_volume(place / "fmap" / "sub-03_desc-total_fieldmap.nii.gz")
    inside = read_volume(place / "anat" / "sub-03_desc-eroded_mask.nii.gz")[0] > 0
    truth = tiny_head.total_field[inside] * 42.576 * 3
    assert np.corrcoef(field[inside], truth)[0, 1] > 0.99
    assert np.polyfit(truth, field[inside], 1)[0] == pytest.approx(1, abs=0.03)


def test_real_and_imaginary_images_make_the_same_map(finished_cohort):
    place = finished_cohort[0] / "sub-02" / "anat"
    one, other = (
        read_volume(place / f"sub-02_acq-fine{suffix}_rec-norm_Chimap.nii.gz")[0] for suffix in ("MEGRE", "T2starw")
    )
    assert np.abs(one).max() > 0.01
    assert np.allclose(one, other, atol=1e-4)


def test_the_field_map_has_entities_that_bids_allows_it(finished_cohort):
    names = {path.name for path in (finished_cohort[0] / "sub-02" / "fmap").glob("*.nii.gz")}
    assert "sub-02_acq-fineMEGRERecnorm_desc-total_fieldmap.nii.gz" in names
    assert not {name for name in names if "_rec-" in name}


def test_sidecars_say_what_the_map_is(finished_cohort):
    out = finished_cohort[0]
    said = sidecar(out / "sub-01" / "ses-2" / "anat" / "sub-01_ses-2_Chimap.nii.gz")
    assert said["Units"] == "ppm"
    assert said["SkullStripped"] is True
    assert said["EchoTime"] == [0.005, 0.011, 0.017]
    assert said["MagneticFieldStrength"] == 3
    assert said["Manufacturer"] == "Phantom & Söhne"
    assert said["SusceptibilityReference"]["Region"] == "mean of the mask"
    assert said["Settings"]["inversion"]["method"] == "tkd"
    assert said["Description"].startswith("Images were acquired with a gradient-echo sequence at 3 T")
    assert "Susceptibility maps were computed with SlicerQSM" in said["Description"]
    assert "[1]" not in said["Description"]
    total = sidecar(out / "sub-01" / "ses-2" / "fmap" / "sub-01_ses-2_desc-total_fieldmap.nii.gz")
    assert total["Units"] == "Hz"
    assert "bids:raw:sub-01/ses-2/anat/sub-01_ses-2_echo-1_part-mag_MEGRE.nii.gz" in total["Sources"]


def test_every_source_exists(finished_cohort, tiny_cohort):
    out = finished_cohort[0]
    link = json.loads((out / "dataset_description.json").read_text("utf-8"))["DatasetLinks"]["raw"]
    assert link.endswith("data%20set%20%C3%A4")
    for path in out.glob("sub-*/**/*.json"):
        for source in json.loads(path.read_text("utf-8")).get("Sources", ()):
            _, where, name = source.split(":", 2)
            assert ({"raw": tiny_cohort, "": out}[where] / name).is_file(), source


def test_what_a_run_says_of_itself_lies_beside(finished_cohort):
    out = finished_cohort[0]
    logs = out / "logs" / "sub-01_ses-1_run-2"
    provenance = json.loads((logs / "provenance.json").read_text("utf-8"))
    assert provenance["command"].startswith("qsm bids ")
    assert len(provenance["unit"]["inputs"]) == 13  # 6 images, 6 side-cars, and the one they inherit
    assert provenance["unit"]["inputs"]["MEGRE.json"]["sha256"]
    assert provenance["quality"]
    assert "Susceptibility maps were computed" in (logs / "methods.txt").read_text("utf-8")
    assert Settings.read(logs / "settings.toml").inversion.method == "tkd"
    assert "sub-01_ses-1_run-2" in (out / "sub-01_ses-1_run-2.html").read_text("utf-8")
    assert not [path for path in out.iterdir() if path.name.startswith(".qsm")]
    assert not list((out / "logs" / "sub-05").glob("provenance.json"))


def test_masks_of_another_program(one_subject, tiny_head, tmp_path):
    root, out = one_subject
    masks = tmp_path / "masks" / "sub-a" / "anat"
    masks.mkdir(parents=True)
    shutil.copy(out / "sub-a" / "anat" / "sub-a_desc-eroded_mask.nii.gz", masks / "sub-a_desc-brain_mask.nii.gz")
    assert bids(root, tmp_path / "second", "--mask-from", tmp_path / "masks") == 0
    place = tmp_path / "second" / "sub-a" / "anat"
    given, _ = read_volume(masks / "sub-a_desc-brain_mask.nii.gz")
    used, _ = read_volume(place / "sub-a_desc-brain_mask.nii.gz")
    assert np.array_equal(given, used)
    assert (
        sidecar(place / "sub-a_desc-brain_mask.nii.gz")["Sources"][-1]
        == (masks / "sub-a_desc-brain_mask.nii.gz").as_uri()
    )
    (masks / "sub-a_desc-brain_mask.nii.gz").rename(masks / "sub-b_desc-brain_mask.nii.gz")
    assert bids(root, tmp_path / "third", "--mask-from", tmp_path / "masks") == 1
    assert "holds no mask (desc-brain_mask) for sub-a" in outcomes_of(tmp_path / "third")["sub-a"][1]


def test_the_magnitude_of_a_field_map_is_that_of_no_other(tiny_head, tmp_path):
    """To BIDS sub-a_magnitude would be that of sub-a_acq-fast_fieldmap too."""
    root, out = begin_data_set(tmp_path / "raw"), tmp_path / "out"
    for name in ("sub-a", "sub-a_acq-fast", "sub-a_acq-fast_run-2"):
        put_echoes(root, name, tiny_head)
    assert bids(root, out) == 0
    assert {path.name for path in (out / "sub-a" / "fmap").glob("*_magnitude.nii.gz")} == {
        "sub-a_acq-MEGRE_magnitude.nii.gz",
        "sub-a_acq-fastMEGRE_magnitude.nii.gz",
        "sub-a_acq-fast_run-2_magnitude.nii.gz",
    }
    assert not {issue for issue in validated(out) if issue[0] == "error"}


def test_phase_without_magnitude(tiny_head, tmp_path):
    root, out = begin_data_set(tmp_path / "raw"), tmp_path / "out"
    put_echoes(root, "sub-a", tiny_head, parts=("phase",))
    assert bids(root, out, "--masking", "phase_quality") == 0
    assert (out / "sub-a" / "anat" / "sub-a_Chimap.nii.gz").exists()
    assert not (out / "sub-a" / "fmap").exists()
    assert "the fields are not written" in (out / "qsm-outcomes.tsv").read_text("utf-8")
    assert not {issue for issue in validated(out) if issue[0] == "error"}
    assert sidecar(out / "sub-a" / "anat" / "sub-a_Chimap.nii.gz")["Sources"][1].startswith("bids:raw:sub-a/anat/")


def test_the_real_subjects(shared_data, tmp_path):
    root, out = shared_data / "bids-invivo", tmp_path / "out"
    assert main(["bids", str(root), str(out), "participant", "--masking", "phase_quality", "--inversion", "tkd"]) == 0
    assert not {issue for issue in validated(out) if issue[0] == "error"}
    for name, strength in (("head", 3), ("patch", 7)):
        path = out / f"sub-{name}" / "anat" / f"sub-{name}_Chimap.nii.gz"
        chi, geometry = read_volume(path)
        assert 0.01 < chi[chi != 0].std() < 0.3
        assert not geometry.difference(read_volume(next((root / f"sub-{name}").rglob("*phase*.nii.gz")))[1])
        assert sidecar(path)["MagneticFieldStrength"] == strength

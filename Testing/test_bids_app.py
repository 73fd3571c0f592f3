"""`qsm bids` on a small data set: what it writes, that it is valid BIDS, what it skips, and what it says of the bad."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bids_cohort import QUICK, begin_data_set, bids, files_of, outcomes_of, put_echoes

from QSMLogic import pipeline
from QSMLogic.cli import main
from QSMLogic.constants import GAMMA_BAR
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.nifti import read_image, read_volume
from QSMLogic.settings import Settings

SECONDS = 60
"""A command on a tiny head takes a few, on a busy machine some more."""


def validated(out):
    """Return what the validator of the BIDS standard finds: (severity, code, key, place) of every issue."""
    tool = Path(sys.executable).with_name("bids-validator-deno")
    assert tool.exists(), "bids-validator-deno is not installed: pip install -e '.[test]'"
    ran = subprocess.run([tool, out, "--format", "json"], capture_output=True, text=True, timeout=SECONDS, check=False)
    try:
        issues = json.loads(ran.stdout)["issues"]["issues"]
    except (ValueError, KeyError):
        pytest.fail(f"the validator did not run: {ran.stdout[-500:]} {ran.stderr[-500:]}")
    return {(i.get("severity"), i["code"], i.get("subCode", ""), i.get("location", "")) for i in issues}


def sidecar(path):
    return json.loads(path.with_name(path.name.removesuffix(".nii.gz") + ".json").read_text("utf-8"))


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


def test_the_bad_are_listed_at_the_end(tiny_cohort, tmp_path, capsys):
    words = [
        "bids",
        str(tiny_cohort),
        str(tmp_path / "out"),
        "participant",
        "--participant-label",
        "04",
        "sub-06",
        "07",
    ]
    assert main(words) == 1
    output, errors = capsys.readouterr()
    nothing, first, second, sums = output.splitlines()
    assert nothing.startswith("sub-07: nothing: There are no gradient-echo images")
    assert first.startswith("sub-04: failed: There is magnitude but no phase")
    assert second.startswith("sub-06: failed: The phase of echo 3 is missing")
    assert sums == "3 acquisitions: 1 without images to make a map of, 2 failed"
    assert errors.splitlines()[-1].startswith("qsm: 2 of 3 acquisitions failed: ")


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


@pytest.fixture
def one(tiny_head, tmp_path):
    """Return a data set of one subject, and its derivatives."""
    root, out = begin_data_set(tmp_path / "raw"), tmp_path / "out"
    put_echoes(root, "sub-a", tiny_head)
    assert bids(root, out) == 0
    return root, out


def maps_of(out):
    """Return the files of the maps with the times of their last change, without what every run writes."""
    return {name: changed for name, changed in files_of(out).items() if name.startswith("sub-a/")}


def test_what_has_not_changed_is_skipped(one, capsys):
    root, out = one
    before = maps_of(out)
    assert bids(root, out) == 0
    assert maps_of(out) == before
    assert outcomes_of(out)["sub-a"][0] == "unchanged"
    assert "1 unchanged since they were done" in capsys.readouterr().out
    for path in root.rglob("*.nii.gz"):
        os.utime(path, ns=(1, 1))  # copied, with another time but the same content
    assert bids(root, out) == 0
    assert maps_of(out) == before


def test_a_side_car_of_another_size_is_another_one_whatever_its_time(one):
    root, out = one
    before = maps_of(out)
    path = root / "sub-a" / "anat" / "sub-a_echo-3_part-phase_MEGRE.json"
    times = path.stat()
    path.write_text(path.read_text().replace("0.017", "0.017000"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert bids(root, out) == 0
    assert outcomes_of(out)["sub-a"][0] == "done"
    assert maps_of(out) != before


@pytest.mark.parametrize("change", ["image", "side-car", "new side-car", "setting", "kept", "lost map", "forced"])
def test_what_has_changed_is_made_anew(one, tiny_head, change):
    root, out = one
    before, words = maps_of(out), []
    chi = out / "sub-a" / "anat" / "sub-a_Chimap.nii.gz"
    earlier, _ = read_image(chi)
    if change == "image":
        put_echoes(root, "sub-a", tiny_head, echoes=(1, 2))
        for path in root.rglob("*echo-3*"):
            path.unlink()
    elif change == "side-car":
        path = root / "sub-a" / "anat" / "sub-a_echo-3_part-phase_MEGRE.json"
        path.write_text(path.read_text().replace("0.017", "0.018"))
        path = root / "sub-a" / "anat" / "sub-a_echo-3_part-mag_MEGRE.json"
        path.write_text(path.read_text().replace("0.017", "0.018"))
    elif change == "new side-car":
        (root / "sub-a" / "sub-a_MEGRE.json").write_text('{"FlipAngle": 15}')
    elif change == "lost map":
        (out / "sub-a" / "fmap" / "sub-a_desc-local_fieldmap.nii.gz").unlink()
    words = {"setting": ["--set", "inversion.threshold=0.3"], "kept": ["--keep", "weights"], "forced": ["--force"]}
    assert bids(root, out, *words.get(change, [])) == 0
    after = maps_of(out)
    assert outcomes_of(out)["sub-a"][0] == "done"
    assert set(before) <= set(after)
    assert all(after[name] > before[name] for name in before)
    same = np.array_equal(read_image(chi)[0], earlier)
    assert same == (change not in ("image", "side-car", "setting"))
    assert bids(root, out, *words.get(change, [])[:2]) == 0 or change == "forced"


def test_maps_that_are_not_kept_any_more_go(one):
    root, out = one
    assert bids(root, out, "--keep", "weights") == 0
    weights = out / "sub-a" / "anat" / "sub-a_desc-weights_qsmmap.nii.gz"
    assert weights.exists()
    assert bids(root, out) == 0
    assert weights.exists()  # nothing else changed
    assert bids(root, out, "--set", "inversion.threshold=0.3") == 0
    assert not weights.exists()


def test_an_edited_map_is_not_lost(one, capsys):
    root, out = one
    mask = out / "sub-a" / "anat" / "sub-a_desc-brain_mask.nii.gz"
    mask.write_bytes(b"edited by hand")
    before = maps_of(out)
    assert bids(root, out, "--set", "inversion.threshold=0.3") == 1
    assert "sub-a_desc-brain_mask.nii.gz was changed after it was made" in capsys.readouterr().out
    assert maps_of(out) == before
    assert bids(root, out, "--force") == 0
    assert read_volume(mask)[0].any()


def test_a_file_that_is_not_ours_is_not_replaced(one, capsys):
    root, out = one
    shutil.rmtree(out / "logs")
    before = maps_of(out)
    assert bids(root, out) == 1
    assert "nothing says that qsm bids wrote it" in capsys.readouterr().out
    assert maps_of(out) == before
    assert bids(root, out, "--force") == 0


def test_a_failure_leaves_the_earlier_maps_and_says_so(one, capsys):
    root, out = one
    before = maps_of(out)
    (root / "sub-a" / "anat" / "sub-a_echo-2_part-phase_MEGRE.nii.gz").write_bytes(b"")
    assert bids(root, out) == 1
    assert "(The maps that are there are those of an earlier run.)" in capsys.readouterr().out
    assert maps_of(out) == before


def test_masks_of_another_program(one, tiny_head, tmp_path):
    root, out = one
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


@pytest.mark.parametrize("flag", ["--mask-from", "--labels-from"])
def test_a_data_set_without_masks_or_segmentations_is_refused_before_the_work(one, tmp_path, flag, capsys):
    root, out = one
    before = files_of(out)
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        assert bids(root, out, flag, tmp_path / folder) == 1
        assert f"{flag} {tmp_path / folder}: there are no images" in capsys.readouterr().err
    assert files_of(out) == before


def test_a_map_that_needs_an_r2_map_is_refused_before_the_work(one, capsys):
    root, out = one
    before = files_of(out)
    assert bids(root, out, "--maps", "r2star_loglinear", "r2prime") == 1
    assert "R2' needs an R2 map, which qsm bids does not take" in capsys.readouterr().err
    assert files_of(out) == before


def test_an_address_without_a_port_is_refused_at_once(one, capsys):
    root, out = one
    assert bids(root, out, "--scheduler", "head-node") == 1
    assert "--scheduler head-node: an address with its port is needed" in capsys.readouterr().err


def test_maps_are_not_put_among_the_images(one, capsys):
    root, _ = one
    assert bids(root, root / "sub-a" / "qsm") == 1
    assert "lies among the images: name another folder" in capsys.readouterr().err
    assert not (root / "sub-a" / "qsm").exists()


def test_what_the_images_lack_is_told_in_words_of_the_data_set(tiny_head, tmp_path):
    """There is no --echo-times here, and datalad's files are links to what may not be fetched yet."""
    root, out = begin_data_set(tmp_path / "raw"), tmp_path / "out"
    for path in put_echoes(root, "sub-a", tiny_head).glob("*.json"):
        path.unlink()
    links = []
    for label, ending in (("b", ".nii.gz"), ("c", ".json")):
        folder = put_echoes(root, f"sub-{label}", tiny_head)
        links.append(folder / f"sub-{label}_echo-2_part-phase_MEGRE{ending}")
        links[-1].unlink()
        links[-1].symlink_to("../../.git/annex/objects/x")
    assert bids(root, out) == 1
    reasons = [reason for _, reason in outcomes_of(out).values()]
    assert reasons[0].startswith("No side-car says the echo times: write EchoTime")
    for link, reason in zip(links, reasons[1:], strict=True):
        assert reason.startswith(f"{link} is a link to a file that is not here: fetch it")


def test_magnitude_images_that_nobody_meant(tiny_head, tmp_path, capsys):
    root = begin_data_set(tmp_path / "raw")
    folder = put_echoes(root, "sub-a", tiny_head, "T2starw", parts=("mag",), echoes=(1,))
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("_echo-1_part-mag", ""))
    assert bids(root, tmp_path / "out") == 1
    assert "None of 1 sessions has gradient-echo phase, such as sub-a: There is only" in capsys.readouterr().err
    put_echoes(root, "sub-b", tiny_head)
    assert bids(root, tmp_path / "out") == 0
    assert outcomes_of(tmp_path / "out")["sub-a"][0] == "nothing"


def test_a_field_strength_that_side_cars_contradict_is_warned_of(one):
    root, out = one
    assert bids(root, out, "--field-strength", 7, "--force") == 0
    table = (out / "qsm-outcomes.tsv").read_text("utf-8")
    assert "Its side-cars say 3.0 T, which is used instead of --field-strength 7.0." in table
    assert bids(root, out, "--field-strength", 3, "--force") == 0
    assert "side-cars say" not in (out / "qsm-outcomes.tsv").read_text("utf-8")


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


def test_an_interrupted_cohort_goes_on(tiny_head, tmp_path):
    root, out = begin_data_set(tmp_path / "raw"), tmp_path / "out"
    for label in "abcdefgh":
        put_echoes(root, f"sub-{label}", tiny_head)
    words = [sys.executable, "-m", "QSMLogic", "bids", root, out, "participant", *QUICK]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        end = time.monotonic() + SECONDS
        while not (out / "logs" / "sub-a" / "outcome.json").exists() and time.monotonic() < end:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=SECONDS)
    assert run.returncode == 130
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("qsm: Stopped; the acquisitions that were finished are kept")
    assert "not begun or not finished" in output
    assert not [path for path in out.iterdir() if path.name.startswith(".qsm")]
    done = {name for name, (status, _) in outcomes_of(out).items() if status == "done"}
    assert "sub-a" in done
    assert {path.name for path in out.glob("sub-?")} == done
    assert bids(root, out) == 0
    assert {name for name, (status, _) in outcomes_of(out).items() if status == "unchanged"} == done
    assert len(outcomes_of(out)) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--participant-label", "sub-33"], "There is no subject sub-33 in"),
        (["--participant-label", "33"], "near ones are sub-01, sub-02, sub-03"),
        (["--session-label", "9"], "No acquisition of these subjects has ses-9; near ones are ses-1"),
        (["--run-label", "7"], "has run-7; near ones are run-1, run-2"),
        (["--acquisition-label", "x"], "has acq-x; near ones are acq-fine."),
        (["--keep", "nonsense"], "invalid choice: 'nonsense'"),
        (["--set", "nonsense"], "STAGE.PARAMETER=VALUE is needed"),
    ],
)
def test_choices_that_choose_nothing_are_refused(tiny_cohort, tmp_path, capsys, words, said):
    assert bids(tiny_cohort, tmp_path / "out", *words) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_folders_that_are_something_else_are_refused(tiny_cohort, finished_cohort, tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("mine")
    foreign = begin_data_set(tmp_path / "fmriprep")
    other = begin_data_set(tmp_path / "other")
    (other / "sub-03").mkdir()
    bare = tmp_path / "bare"
    (bare / "sub-1").mkdir(parents=True)
    for root, out, said in (
        (tiny_cohort, home, "holds other things (thesis.tex): name a new or an empty folder"),
        (tiny_cohort, foreign, "holds another data set"),
        (tiny_cohort, tiny_cohort, "holds the images themselves"),
        (tiny_cohort, tiny_cohort.parent, "holds the images themselves"),
        (tiny_cohort, home / "thesis.tex", "is a file"),
        (other, finished_cohort[0], "None of 1 sessions"),
        (tmp_path / "none", home, "There is no folder"),
        (home, tmp_path / "new", "holds no folders of subjects"),
        (bare, tmp_path / "new", "holds no dataset_description.json"),
    ):
        assert bids(root, out) == 1
        assert said in capsys.readouterr().err, said
    assert [path.name for path in home.iterdir()] == ["thesis.tex"]
    assert not (tmp_path / "new").exists()


def test_maps_of_two_data_sets_do_not_mix(one, tiny_head, tmp_path, capsys):
    _, out = one
    other = begin_data_set(tmp_path / "other")
    put_echoes(other, "sub-a", tiny_head)
    before = files_of(out)
    assert bids(other, out) == 1
    assert "holds maps of the data set ../raw, not of ../other" in capsys.readouterr().err
    assert files_of(out) == before


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

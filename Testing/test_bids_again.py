"""`qsm bids` once more on the same data set: what is skipped, what is made anew, and that nobody's work is lost."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from bids_cohort import QUICK, SECONDS, begin_data_set, bids, files_of, outcomes_of, put_echoes

from QSMLogic.io.nifti import read_image, read_volume


def maps_of(out):
    """Return the files of the maps with the times of their last change, without what every run writes."""
    return {name: changed for name, changed in files_of(out).items() if name.startswith("sub-a/")}


def test_what_has_not_changed_is_skipped(one_subject, capsys):
    root, out = one_subject
    before = maps_of(out)
    assert bids(root, out) == 0
    assert maps_of(out) == before
    assert outcomes_of(out)["sub-a"][0] == "unchanged"
    assert "1 unchanged since they were done" in capsys.readouterr().out
    for path in root.rglob("*.nii.gz"):
        os.utime(path, ns=(1, 1))  # copied, with another time but the same content
    assert bids(root, out) == 0
    assert maps_of(out) == before


def test_a_side_car_of_another_size_is_another_one_whatever_its_time(one_subject):
    root, out = one_subject
    before = maps_of(out)
    path = root / "sub-a" / "anat" / "sub-a_echo-3_part-phase_MEGRE.json"
    times = path.stat()
    path.write_text(path.read_text().replace("0.017", "0.017000"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert bids(root, out) == 0
    assert outcomes_of(out)["sub-a"][0] == "done"
    assert maps_of(out) != before


@pytest.mark.parametrize("change", ["image", "side-car", "new side-car", "setting", "kept", "lost map", "forced"])
def test_what_has_changed_is_made_anew(one_subject, tiny_head, change):
    root, out = one_subject
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


def test_maps_that_are_not_kept_any_more_go(one_subject):
    root, out = one_subject
    assert bids(root, out, "--keep", "weights") == 0
    weights = out / "sub-a" / "anat" / "sub-a_desc-weights_qsmmap.nii.gz"
    assert weights.exists()
    assert bids(root, out) == 0
    assert weights.exists()  # nothing else changed
    assert bids(root, out, "--set", "inversion.threshold=0.3") == 0
    assert not weights.exists()


def test_an_edited_map_is_not_lost(one_subject, capsys):
    root, out = one_subject
    mask = out / "sub-a" / "anat" / "sub-a_desc-brain_mask.nii.gz"
    mask.write_bytes(b"edited by hand")
    before = maps_of(out)
    assert bids(root, out, "--set", "inversion.threshold=0.3") == 1
    assert "sub-a_desc-brain_mask.nii.gz was changed after it was made" in capsys.readouterr().out
    assert maps_of(out) == before
    assert bids(root, out, "--force") == 0
    assert read_volume(mask)[0].any()


def test_a_file_that_is_not_ours_is_not_replaced(one_subject, capsys):
    root, out = one_subject
    shutil.rmtree(out / "logs")
    before = maps_of(out)
    assert bids(root, out) == 1
    assert "nothing says that qsm bids wrote it" in capsys.readouterr().out
    assert maps_of(out) == before
    assert bids(root, out, "--force") == 0


def test_a_failure_leaves_the_earlier_maps_and_says_so(one_subject, capsys):
    root, out = one_subject
    before = maps_of(out)
    (root / "sub-a" / "anat" / "sub-a_echo-2_part-phase_MEGRE.nii.gz").write_bytes(b"")
    assert bids(root, out) == 1
    assert "(The maps that are there are those of an earlier run.)" in capsys.readouterr().out
    assert maps_of(out) == before


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

"""A small BIDS data set with everything a cohort may hold, good and bad, and the command on it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from QSMLogic.cli import main
from QSMLogic.cohort.dataset import units
from QSMLogic.cohort.unit import Plan
from QSMLogic.io.nifti import Geometry, write_image
from QSMLogic.phantom import head_phantom
from QSMLogic.settings import Settings

SHAPE, VOXEL_SIZE = (28, 32, 26), (6.8, 6.8, 7.0)
TIMES = (0.005, 0.011, 0.017)
QUICK = ("--masking", "threshold", "--inversion", "tkd")
"""Settings of no quality that take no time."""
SECONDS = 60
"""A command on a tiny head takes a few, on a busy machine some more."""


@pytest.fixture(scope="session")
def tiny_head():
    """Return a head of few voxels."""
    return head_phantom(SHAPE, VOXEL_SIZE, echo_times=TIMES, lesions=False)


def geometry_of(head):
    return Geometry.centred(head.scan.grid, np.eye(3))


def begin_data_set(root):
    """Make the root of a data set whose side-cars inherit what all images share."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(
        json.dumps({"Name": "Tiny heads", "BIDSVersion": "1.10.0", "License": "CC0", "DatasetType": "raw"})
    )
    (root / "MEGRE.json").write_text(json.dumps({"MagneticFieldStrength": 3, "Manufacturer": "Phantom & Söhne"}))
    return root


@pytest.fixture
def root(tmp_path):
    """Return the root of a data set that holds no subject yet."""
    return begin_data_set(tmp_path / "raw")


def put_echoes(root, name, head, suffix="MEGRE", *, parts=("mag", "phase"), echoes=(1, 2, 3)):
    """Write the images of a scan under a BIDS name, in its folder; return the folder."""
    folders = [word for word in name.split("_") if word.startswith(("sub-", "ses-"))]
    folder = root.joinpath(*folders, "anat")
    folder.mkdir(parents=True, exist_ok=True)
    phase, magnitude = head.scan.phase, head.scan.magnitude
    images = {"mag": magnitude, "phase": phase, "real": magnitude * np.cos(phase), "imag": magnitude * np.sin(phase)}
    for echo in echoes:
        for part in parts:
            stem = f"{name}_echo-{echo}_part-{part}_{suffix}"
            said = {"EchoTime": TIMES[echo - 1]} | ({"Units": "rad"} if part == "phase" else {})
            said |= {"MagneticFieldStrength": 3} if suffix != "MEGRE" else {}
            write_image(folder / f"{stem}.nii.gz", images[part][..., echo - 1], geometry_of(head), force=True)
            (folder / f"{stem}.json").write_text(json.dumps(said))
    return folder


def bids(root, out, *words, level="participant"):
    """Run the command and return its exit status."""
    return main(["bids", str(root), str(out), level, *QUICK, *map(str, words)])


def outcomes_of(out):
    """Return the table of what became of every unit: status and reason by name."""
    lines = (out / "qsm-outcomes.tsv").read_text("utf-8").splitlines()
    assert lines[0] == "unit\tstatus\treason\tseconds\twarnings"
    return {name: (status, reason) for name, status, reason, *_ in (line.split("\t") for line in lines[1:])}


def files_of(out):
    """Return every file of a folder, with the time of its last change."""
    return {p.relative_to(out).as_posix(): p.stat().st_mtime_ns for p in sorted(out.rglob("*")) if p.is_file()}


def sidecar(path):
    """Return what the side-car of an image says."""
    return json.loads(path.with_name(path.name.removesuffix(".nii.gz") + ".json").read_text("utf-8"))


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


@pytest.fixture
def one_subject(tiny_head, root, tmp_path):
    """Return a data set of one subject, and its derivatives."""
    put_echoes(root, "sub-a", tiny_head)
    assert bids(root, tmp_path / "out") == 0
    return root, tmp_path / "out"


@pytest.fixture(scope="session")
def tiny_cohort(tiny_head, tmp_path_factory):
    """Return a data set of seven subjects: three that are well, four that are not."""
    root = begin_data_set(tmp_path_factory.mktemp("cohort") / "data set ä")
    for name in ("sub-01_ses-1_run-1", "sub-01_ses-1_run-2", "sub-01_ses-2"):
        put_echoes(root, name, tiny_head)
    put_echoes(root, "sub-02_acq-fine_rec-norm", tiny_head, "T2starw", parts=("real", "imag"))
    put_echoes(root, "sub-02_acq-fine_rec-norm", tiny_head)
    put_echoes(root, "sub-03", tiny_head)
    put_echoes(root, "sub-04", tiny_head, parts=("mag",))
    folder = put_echoes(root, "sub-05", tiny_head)
    damaged = folder / "sub-05_echo-2_part-phase_MEGRE.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    folder = put_echoes(root, "sub-06", tiny_head)
    (folder / "sub-06_echo-3_part-phase_MEGRE.nii.gz").unlink()
    (root / "sub-07" / "anat").mkdir(parents=True)
    write_image(
        root / "sub-07" / "anat" / "sub-07_T1w.nii.gz", tiny_head.scan.magnitude[..., 0], geometry_of(tiny_head)
    )
    return root


@pytest.fixture(scope="session")
def finished_cohort(tiny_cohort, tmp_path_factory):
    """Return the derivatives of the data set, with every map kept, and the exit status of the command."""
    out = tmp_path_factory.mktemp("derivatives") / "qsm"
    status = bids(tiny_cohort, out, "--keep", "all")
    return out, status


def plan_of(root, **more):
    """Return what a cohort of cheap settings is to do with a data set."""
    settings = Settings.preset().changed({"masking.method": "threshold", "inversion.method": "tkd"})
    return Plan(root, root.parent / "out", settings, **more)


def only_unit(root):
    """Return the one unit of a data set."""
    (unit,) = units(root)
    return unit

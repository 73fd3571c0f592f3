"""What the tests of the command line share: a small head, its files, and how a refusal looks."""

import json
from pathlib import Path

import numpy as np
import pytest

from QSMLogic.cli import main
from QSMLogic.io.nifti import Geometry, write_image
from QSMLogic.phantom import head_phantom

SHAPE, VOXEL_SIZE = (44, 50, 40), (4.4, 4.4, 4.8)
ANGLE = np.deg2rad(15)
AXES = (1.0, 0.0, 0.0, 0.0, np.cos(ANGLE), -np.sin(ANGLE), 0.0, np.sin(ANGLE), np.cos(ANGLE))
GEOMETRY = Geometry(SHAPE, VOXEL_SIZE, (-90.0, -100.0, -80.0), AXES)
TIMES = (0.005, 0.011, 0.017)
RESULTS = {"mask.nii.gz", "unwrapped.nii.gz", "totalfield.nii.gz", "localfield.nii.gz", "chimap.nii.gz"}
REPORTS = {"provenance.json", "methods.txt", "references.bib", "settings.toml", "report.html"}


@pytest.fixture(scope="session")
def head():
    """Return a small, coarse head, oblique to the field."""
    return head_phantom(SHAPE, VOXEL_SIZE, b0_direction=AXES[6:9], echo_times=TIMES, lesions=False)


@pytest.fixture(scope="session")
def inputs(head, tmp_path_factory):
    """Return a folder with everything the commands start from."""
    folder = tmp_path_factory.mktemp("inputs")
    images = {
        "phase": head.scan.phase,
        "magnitude": head.scan.magnitude,
        "mask": head.mask,
        "labels": head.labels,
        "totalfield": head.total_field,
        "localfield": head.local_field,
        "chi": head.chi * head.mask,
    }
    for name, image in images.items():
        write_image(folder / f"{name}.nii.gz", image, GEOMETRY)
    for echo, te in enumerate(TIMES):
        for name in ("phase", "magnitude"):
            write_image(folder / f"echo{echo}_{name}.nii.gz", images[name][..., echo], GEOMETRY)
            content = {"EchoTime": te, "MagneticFieldStrength": 3, "Units": "rad" if name == "phase" else "arbitrary"}
            (folder / f"echo{echo}_{name}.json").write_text(json.dumps(content))
    (folder / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 3.0, "B0_dir": AXES[6:9]}))
    (folder / "names.csv").write_text("label,name\n1,caudate\n3,putamen\n")
    return folder


def given(inputs, *names):
    """Return the flags that name these files."""
    files = {"params": "params.json"} | {name: f"{name.replace('-', '')}.nii.gz" for name in names}
    return [word for name, file in files.items() for word in (f"--{name}", str(inputs / file))]


@pytest.fixture(scope="session")
def finished(inputs, tmp_path_factory):
    """Return the output folder of one whole run with everything kept."""
    out = tmp_path_factory.mktemp("whole") / "out"
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--out", str(out), "--keep", "all"]
    assert main([*words, "--labels", str(inputs / "labels.nii.gz")]) == 0
    return out


def refused(capsys, words, said, status=1):
    """Check that a command is refused in one line, and leaves no output folder."""
    out = Path(words[words.index("--out") + 1]) if "--out" in words else None
    before = out.exists() if out else False
    assert main(words) == status
    output, errors = capsys.readouterr()
    lines = [line for line in errors.splitlines() if line.startswith("qsm: ")]
    assert len(lines) == 1
    assert errors.splitlines()[-1] == lines[0]
    assert said in lines[0]
    assert "Traceback" not in errors
    assert output == ""
    if out and not before:
        assert not out.exists()

"""The pipeline on nodes: a coarse head as files and as nodes, and runs on them."""

import tempfile

import numpy as np
import pytest
from slicer_nodes import OBLIQUE

from QSMLogic.io.nifti import Geometry, write_image
from QSMLogic.phantom import head_phantom

SHAPE, SIZE = (37, 41, 33), (5.3, 5.2, 5.9)
TIMES = (0.0051, 0.0113, 0.0172)
LPS = np.diag([-1.0, -1.0, 1.0]) @ OBLIQUE
GEOMETRY = Geometry(SHAPE, SIZE, (95.0, 100.0, -80.0), tuple(LPS.ravel()))
TKD = '[background]\nmethod = "vsharp"\n[inversion]\nmethod = "tkd"\n'


@pytest.fixture(scope="session")
def oblique_head():
    """Return a coarse head on oblique, anisotropic voxels, odd in number."""
    return head_phantom(SHAPE, SIZE, b0_direction=tuple(LPS[2]), echo_times=TIMES, lesions=False)


@pytest.fixture(scope="session")
def head_files(oblique_head, tmp_path_factory):
    """Return a folder with the images of the head, 4-D and one per echo."""
    folder = tmp_path_factory.mktemp("head")
    for name, image in (("phase", oblique_head.scan.phase), ("magnitude", oblique_head.scan.magnitude)):
        write_image(folder / f"{name}.nii", image, GEOMETRY)
        for echo in range(len(TIMES)):
            write_image(folder / f"{name}{echo}.nii", image[..., echo], GEOMETRY)
    write_image(folder / "mask.nii", oblique_head.mask, GEOMETRY)
    write_image(folder / "labels.nii", oblique_head.labels, GEOMETRY)
    return folder


@pytest.fixture
def logic(slicer_scene, tmp_path, monkeypatch):
    """Return the logic; when the test ends, no folder of a job is left."""
    from QSMLib.logic import Logic

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield Logic(slicer_scene)
    assert not list((tmp_path / "temporary").iterdir())


@pytest.fixture
def head_nodes(nodes, head_files):
    """Return the nodes that Slicer makes of the files."""
    load = nodes.slicer.util.loadVolume
    found = {
        name: [load(str(head_files / f"{name}{echo}.nii")) for echo in range(len(TIMES))]
        for name in ("phase", "magnitude")
    }
    found["mask"] = load(str(head_files / "mask.nii"), {"labelmap": True})
    found["labels"] = load(str(head_files / "labels.nii"), {"labelmap": True})
    return found


@pytest.fixture
def run_nodes(logic, head_nodes):
    """Return a function that runs on the loaded nodes with some things changed."""

    def work(**changes):
        given = {"settings": "fast", "mask": head_nodes["mask"]} | changes
        phases, magnitudes = given.pop("phases", head_nodes["phase"]), given.pop("magnitudes", head_nodes["magnitude"])
        return logic.run(magnitudes, phases, given.pop("times", TIMES), given.pop("field", 3.0), **given)

    return work


def array(node):
    """Return the voxels of a volume, (x, y, z)."""
    from QSMLib.volumes import arrayOf

    return arrayOf(node)

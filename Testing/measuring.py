"""What the tests of measuring share: a map and regions whose numbers are known by hand, as nodes."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from slicer_nodes import Nodes

sys.path.append(str(Path(__file__).parents[1] / "QSM"))

SHAPE, SPACING = (10, 8, 6), (1.0, 2.0, 3.0)
VOXEL = 6.0


@pytest.fixture
def side(slicer_scene):
    """Import what the tests use, once the scene is there."""
    import slicer  # noqa: PLC0415
    from QSMLib import maps, measurement, results, volumes  # noqa: PLC0415

    return SimpleNamespace(
        scene=slicer_scene, slicer=slicer, measurement=measurement, volumes=volumes, maps=maps, results=results
    )


def tilted(angle=0.4):
    """Return axes turned about x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def to_ras(axes=None, spacing=SPACING, origin=(-5.0, -8.0, 4.0)):
    """Return the matrix that places voxels."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if axes is None else axes) * spacing
    matrix[:3, 3] = origin
    return matrix


def add_volume(side, array, matrix=None, name="chi", labels=False):
    """Add a volume of an array (x, y, z)."""
    return Nodes(side.scene).volume(array, to_ras() if matrix is None else matrix, name, labels)


def add_segmentation(side, like, masks, name="regions"):
    """Add a segmentation with a segment per mask (x, y, z), on the voxels of a volume; None is an empty segment."""
    node = side.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(like)
    for segment, mask in masks.items():
        id = node.GetSegmentation().AddEmptySegment("id of " + segment, segment)
        if mask is not None:
            voxels = np.ascontiguousarray(mask.T.astype(np.uint8))
            side.slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, id, like)
    return node


def box(*slices):
    """Return a mask that is a box."""
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*s) for s in slices)] = True
    return mask


CAUDATE = box((1, 3), (1, 4), (1, 3))
PUTAMEN = box((5, 8), (2, 6), (2, 5))
CSF = box((8, 10), (0, 2), (0, 6))


def example():
    """Return a map: caudate 0.05 and 0.07 in halves, putamen 0.1, CSF -0.02 and 0.04 in halves, the rest 0.01."""
    chi = np.full(SHAPE, 0.01, np.float32)
    chi[CAUDATE] = np.resize([0.05, 0.07], CAUDATE.sum())
    chi[PUTAMEN] = 0.1
    chi[CSF] = np.resize([-0.02, 0.04], CSF.sum())
    return chi


def by_name(table):
    """Return the rows by the names of the regions."""
    return {row.name: row for row in table.rows}


@pytest.fixture
def colours(side):
    """Return a colour table with names, among them one of a label that no image holds."""
    table = side.scene.AddNewNodeByClass("vtkMRMLColorTableNode", "names")
    table.SetTypeToUser()
    table.SetNumberOfColors(8)
    for label, name in {3: "caudate", 5: "absent", 7: "CSF"}.items():
        table.SetColor(label, name, label / 10, 0.5, 0.25, 1)
    return table


def label_image():
    """Return three labels, of which the second has no name."""
    labels = np.zeros(SHAPE, np.int16)
    labels[CAUDATE], labels[PUTAMEN], labels[CSF] = 3, 4, 7
    return labels

"""The Slicer side on stand-ins for Slicer: nodes to arrays and back."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from QSMLogic.errors import InputError

MODULE = Path(__file__).parents[1] / "QSM"


class Matrix(np.ndarray):
    """A vtkMatrix4x4."""

    def __new__(cls):
        return np.eye(4).view(cls)


class Node:
    """A scalar volume node; voxels are (z, y, x) as in Slicer."""

    def __init__(self, name, voxels, to_ras):
        self.name, self.voxels, self.to_ras, self.limits = name, voxels, np.asarray(to_ras, float), None

    def GetName(self):  # noqa: N802
        return self.name

    def GetSpacing(self):  # noqa: N802
        return tuple(np.linalg.norm(self.to_ras[:3, :3], axis=0))

    def GetIJKToRASMatrix(self, matrix):  # noqa: N802
        matrix[:] = self.to_ras

    def GetIJKToRASDirectionMatrix(self, matrix):  # noqa: N802
        matrix[:3, :3] = self.to_ras[:3, :3] / self.GetSpacing()

    def GetImageData(self):  # noqa: N802
        return types.SimpleNamespace(GetDimensions=lambda: self.voxels.shape[::-1])

    def CreateDefaultDisplayNodes(self):  # noqa: N802
        self.display = types.SimpleNamespace(
            SetAutoWindowLevel=lambda on: None,
            SetWindowLevelMinMax=lambda low, high: setattr(self, "limits", (low, high)),
        )

    def GetDisplayNode(self):  # noqa: N802
        return self.display


@pytest.fixture
def volumes(monkeypatch):
    """Import QSMLib.volumes with stand-ins for slicer and vtk."""
    util = types.SimpleNamespace(
        arrayFromVolume=lambda node: node.voxels,
        arrayFromVTKMatrix=np.array,
        updateVolumeFromArray=lambda node, voxels: setattr(node, "voxels", voxels),
        setSliceViewerLayers=lambda **_: None,
    )
    logic = types.SimpleNamespace(CloneVolumeGeneric=lambda scene, like, name, data: Node(name, None, like.to_ras))
    slicer = types.ModuleType("slicer")
    slicer.util, slicer.mrmlScene = util, None
    slicer.modules = types.SimpleNamespace(volumes=types.SimpleNamespace(logic=lambda: logic))
    vtk = types.ModuleType("vtk")
    vtk.vtkMatrix4x4 = Matrix
    monkeypatch.setitem(sys.modules, "slicer", slicer)
    monkeypatch.setitem(sys.modules, "vtk", vtk)
    monkeypatch.syspath_prepend(str(MODULE))
    import QSMLib.volumes  # noqa: PLC0415

    yield QSMLib.volumes
    for name in [name for name in sys.modules if name.startswith("QSMLib")]:
        del sys.modules[name]


TILT = 0.3
AXES = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])


def node(name="phase", seed=0, shape=(4, 5, 6), shift=0.0):
    to_ras = np.eye(4)
    to_ras[:3, :3] = AXES * (1, 2, 3)
    to_ras[0, 3] = shift
    voxels = np.random.default_rng(seed).uniform(-3, 3, shape[::-1]).astype(np.float32)
    return Node(name, voxels, to_ras)


def test_nodes_become_a_scan(volumes):
    phases, magnitudes = [node(seed=1), node(seed=2)], [node(seed=3), node(seed=4)]
    scan = volumes.scan_of_nodes(magnitudes, phases, [0.005, 0.01], 3)
    assert scan.grid.shape == (4, 5, 6)
    assert scan.grid.voxel_size == pytest.approx((1, 2, 3))
    assert scan.grid.b0_direction == pytest.approx((0, np.sin(TILT), np.cos(TILT)))
    assert scan.phase[1, 2, 3, 1] == phases[1].voxels[3, 2, 1]
    assert scan.magnitude[3, 4, 5, 0] == magnitudes[0].voxels[5, 4, 3]
    assert volumes.scan_of_nodes([], phases, [0.005, 0.01], 3).magnitude is None


def test_a_map_becomes_a_node_with_its_window(volumes):
    image = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    made = volumes.add_map("chi", image, node())
    np.testing.assert_array_equal(made.voxels.T, image)
    assert made.voxels.flags.c_contiguous
    assert made.limits == (-0.1, 0.2)


@pytest.mark.parametrize("other", [node(shift=1.0), node(shape=(4, 5, 7))])
def test_nodes_that_lie_elsewhere_are_refused(volumes, other):
    with pytest.raises(InputError, match="resample it first"):
        volumes.scan_of_nodes([], [node(), other], [0.005, 0.01], 3)
    with pytest.raises(InputError, match="No phase"):
        volumes.scan_of_nodes([], [], [], 3)

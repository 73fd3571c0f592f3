"""Volume nodes to arrays and back: the one place where Slicer's reversed order of axes is turned round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from QSMLogic.errors import InputError
from QSMLogic.grid import Grid

if TYPE_CHECKING:
    from QSMLogic.scan import Scan


def array_of(node: Any) -> np.ndarray:
    """Return a copy of a volume node's voxels, (x, y, z)."""
    return np.ascontiguousarray(slicer.util.arrayFromVolume(node).T)


def grid_of(node: Any) -> Grid:
    """Return the grid of a volume node; the main field runs along the patient's z axis."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASDirectionMatrix(matrix)
    direction = slicer.util.arrayFromVTKMatrix(matrix)[:3, :3]
    return Grid.from_direction(node.GetImageData().GetDimensions(), node.GetSpacing(), direction)


def scan_of_nodes(magnitudes: list, phases: list, echo_times: list[float], field_strength: float) -> Scan:
    """Make a scan of one node per echo; phase in rad, echo_times s, field_strength T, magnitudes may be empty.

    Raises InputError where the nodes do not belong together.
    """
    from QSMLogic.scan import Scan  # noqa: PLC0415

    if not phases:
        raise InputError("No phase volume was given: one per echo is needed.")
    first = _geometry(phases[0])
    for node in [*phases, *magnitudes]:
        if not np.allclose(_geometry(node), first, atol=1e-4):
            raise InputError(f"{node.GetName()} does not lie where {phases[0].GetName()} lies: resample it first.")
    phase = np.stack([array_of(node) for node in phases], axis=3)
    magnitude = np.stack([array_of(node) for node in magnitudes], axis=3) if magnitudes else None
    return Scan(phase, magnitude, tuple(echo_times), field_strength, grid_of(phases[0]))


def add_map(name: str, image: np.ndarray, like: Any) -> Any:
    """Add a volume node that holds an image (x, y, z), lies where another lies, and is shown with its window."""
    from QSMLogic.report.windows import window  # noqa: PLC0415

    node = slicer.modules.volumes.logic().CloneVolumeGeneric(slicer.mrmlScene, like, name, False)
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(image.T))
    node.CreateDefaultDisplayNodes()
    low, high = window(name).limits(image)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(low, high)
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return node


def _geometry(node: Any) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return np.append(slicer.util.arrayFromVTKMatrix(matrix).ravel(), node.GetImageData().GetDimensions())

"""What Slicer's button "Reload and Test" runs: a simulated head from phase to table, compared with its truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from QSMLogic.metrics import slope
from QSMLogic.phantom import Phantom, head_phantom

from .display import showMap, shownMap
from .measurement import rereference
from .results import REFERENCE_ATTRIBUTE
from .volumes import addVolume, arrayOf

SHAPE, VOXEL_SIZE = (48, 56, 48), (4.0, 4.0, 4.2)
PRESET = "fast"

LEAST_CONTRAST, MOST_CONTRAST = 0.5, 1.2
"""Of the true contrast; voxels this large blur much of it."""

ZERO = 1e-5
"""ppm; the largest mean of what was made zero: float32 leaves that much."""


def testPhantom(logic: Any) -> None:
    """Run the pipeline on a phantom in volume nodes, measure, refer and show the result. Raises AssertionError."""
    phantom = head_phantom(SHAPE, VOXEL_SIZE)
    scene, scan = logic.scene, phantom.scan
    phases = [_add(scene, f"self-test phase {echo + 1}", scan.phase[..., echo]) for echo in range(scan.echoes)]
    magnitudes = [_add(scene, f"self-test magnitude {e + 1}", scan.magnitude[..., e]) for e in range(scan.echoes)]
    labels = addVolume(scene, "self-test regions", phantom.labels, phases[0], labels=True)
    times, strength = scan.echo_times, scan.field_strength
    outputs = logic.run(magnitudes, phases, times, strength, settings=PRESET, regions=labels, name="self-test")
    chi = arrayOf(outputs.chi)
    _check("The contrast of the map", slope(chi, phantom.chi, phantom.mask & (chi != 0)))
    _check("The contrast of the regions in the table", _contrast(outputs.tables.tables["chi"], phantom))
    _checkReference(scene, outputs)
    showMap(scene, outputs.chi, magnitudes[0], fit=True)
    assert shownMap(scene).map is outputs.chi, "The map is not shown in the slice views."
    outputs.tables.tableNode(scene)


def _contrast(table: Any, phantom: Phantom) -> float:
    """Return the slope of the regions' means against the true ones."""
    rows = [row for row in table.rows if row.label > 0 and row.mean is not None]
    truth = [phantom.chi[phantom.labels == row.label].mean() for row in rows]
    return float(np.polyfit(truth, [row.mean for row in rows], 1)[0])


def _checkReference(scene: Any, outputs: Any) -> None:
    """Check that the mean of the mask becomes zero, and that the map says so."""
    again = rereference(scene, outputs.chi, None, "mean")
    mean = float(arrayOf(again)[arrayOf(outputs.chi) != 0].mean())
    assert abs(mean) < ZERO, f"Relative to its mean, the map has a mean of {mean:g} ppm: 0 is expected."
    assert again.GetAttribute(REFERENCE_ATTRIBUTE), "The map does not say what it is relative to."


def _check(what: str, contrast: float) -> None:
    assert LEAST_CONTRAST < contrast < MOST_CONTRAST, (
        f"{what} is {contrast:.2f} of the true one: {LEAST_CONTRAST:g} to {MOST_CONTRAST:g} is expected."
    )


def _add(scene: Any, name: str, image: np.ndarray) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(image.T))
    node.SetSpacing(*VOXEL_SIZE)
    node.CreateDefaultDisplayNodes()
    return node

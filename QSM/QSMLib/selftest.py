"""What Slicer's self-test button runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from QSMLogic.metrics import slope
from QSMLogic.phantom import head_phantom

SHAPE, VOXEL_SIZE = (48, 56, 48), (4.0, 4.0, 4.2)
LEAST_CONTRAST = 0.5
"""Of the true contrast; voxels this large blur much of it."""


def test_phantom(logic: Any) -> None:
    """Run the pipeline on a phantom in volume nodes and compare with its truth."""
    slicer.mrmlScene.Clear()
    phantom = head_phantom(SHAPE, VOXEL_SIZE)
    to_ras = np.diag((*VOXEL_SIZE, 1.0))
    phases, magnitudes = (
        [
            slicer.util.addVolumeFromArray(np.ascontiguousarray(array[..., echo].T), to_ras, f"{name} {echo + 1}")
            for echo in range(phantom.scan.echoes)
        ]
        for name, array in (("phase", phantom.scan.phase), ("magnitude", phantom.scan.magnitude))
    )
    node = logic.run(magnitudes, phases, list(phantom.scan.echo_times), phantom.scan.field_strength)
    chi = slicer.util.arrayFromVolume(node).T
    assert slope(chi, phantom.chi, phantom.mask & (chi != 0)) > LEAST_CONTRAST

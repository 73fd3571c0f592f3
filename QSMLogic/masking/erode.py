"""Erosion of the mask."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from .. import morphology
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(stage="masking", label="Erosion", cite=(), sentence="The mask was eroded by {radius:g} mm", volumes=9)
def erode(
    mask: np.ndarray,
    grid: Grid,
    *,
    radius: Annotated[float, Param("Radius", "mm", 0, 50, "true distance, whatever the voxels' shape")] = 1.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Move the mask's border inwards.

    Parameters: mask (x, y, z) bool. Returns: mask (x, y, z) bool. Raises: InputError where nothing is left.
    """
    progress(0, "erosion")
    result = morphology.not_empty(morphology.erode(mask, grid, radius), "Erosion", "use a smaller radius")
    progress(1, "erosion")
    return result

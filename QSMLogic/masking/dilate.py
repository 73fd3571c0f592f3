"""Dilation of the mask."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from .. import morphology
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(stage="masking", label="Dilation", cite=(), sentence="The mask was dilated by {radius:g} mm", volumes=8.5)
def dilate(
    mask: np.ndarray,
    grid: Grid,
    *,
    radius: Annotated[float, Param("Radius", "mm", 0, 50, "true distance, whatever the voxels' shape")] = 1.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Move the mask's border outwards.

    Parameters: mask (x, y, z) bool. Returns: mask (x, y, z) bool. Raises: InputError where nothing is left.
    """
    progress(0, "dilation")
    result = morphology.not_empty(morphology.dilate(mask, grid, radius), "Dilation", "give a mask that is not empty")
    progress(1, "dilation")
    return result

"""Truncated singular-value decomposition."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..operators import Window, convolve, dipole_kernel
from ..progress import Progress, no_progress
from ..registry import Param, method

MARGIN = 20.0
"""mm of zeros that keep the streaks of one side of the brain from coming back in at the other."""


@method(
    stage="inversion",
    label="TSVD",
    cite=("Wharton2010",),
    sentence="Susceptibility was computed by truncated singular-value decomposition (TSVD, threshold {threshold:g})",
    volumes=6,
)
def tsvd(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    threshold: Annotated[float, Param("Threshold", "", 0.001, 0.66, "smaller singular values are left out")] = 0.06,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Divide the field's spectrum by the dipole's, and leave out where the dipole is below the threshold.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask.
    Raises: InputError where the mask is empty.
    """
    window = Window(mask, grid, MARGIN)
    progress(0.2, "dipole")
    kernel = dipole_kernel(window.grid)
    kept = np.abs(kernel) >= np.float32(threshold)
    np.divide(1, kernel, out=kernel, where=kept)
    kernel *= kept
    progress(0.5, "division")
    chi = convolve(window.cut(local_field) * window.mask, kernel)
    progress(1.0, "division")
    return window.paste(chi) * mask

"""Truncated singular-value decomposition."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..closed_form import filtered
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method


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

    def inverted(kernel: np.ndarray) -> np.ndarray:
        kept = np.abs(kernel) >= np.float32(threshold)
        np.divide(1, kernel, out=kernel, where=kept)
        kernel *= kept
        return kernel

    return filtered(local_field, mask, grid, inverted, progress)

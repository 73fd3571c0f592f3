"""Truncated k-space division."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..closed_form import filtered
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(
    stage="inversion",
    label="TKD",
    cite=("Shmueli2009",),
    sentence="Susceptibility was computed by truncated k-space division (TKD, threshold {threshold:g})",
    volumes=6,
)
def tkd(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    threshold: Annotated[float, Param("Threshold", "", 0.001, 0.66, "least size of the dipole's spectrum")] = 0.1,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Divide the field's spectrum by the dipole's, whose small values are replaced by the threshold.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask.
    Raises: InputError where the mask is empty.
    """

    def inverted(kernel: np.ndarray) -> np.ndarray:
        smallest = np.float32(threshold)
        np.copyto(kernel, np.copysign(smallest, kernel), where=np.abs(kernel) < smallest)
        return np.divide(1, kernel, out=kernel)

    return filtered(local_field, mask, grid, inverted, progress)

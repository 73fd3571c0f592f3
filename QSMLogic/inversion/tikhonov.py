"""Closed-form Tikhonov regularisation."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..closed_form import filtered
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(
    stage="inversion",
    label="Tikhonov",
    cite=("Bilgic2014",),
    sentence="Susceptibility was computed with closed-form Tikhonov regularisation (weight {regularization:g})",
    volumes=6,
)
def tikhonov(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    regularization: Annotated[float, Param("Regularisation", "", 1e-6, 1, "weight of the map's energy")] = 2e-3,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the misfit of the field plus the weighted energy of the map, in one step.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask.
    Raises: InputError where the mask is empty.
    """

    def inverted(kernel: np.ndarray) -> np.ndarray:
        kernel /= kernel * kernel + np.float32(regularization)
        return kernel

    return filtered(local_field, mask, grid, inverted, progress)

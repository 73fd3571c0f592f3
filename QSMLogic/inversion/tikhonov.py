"""Closed-form Tikhonov regularisation."""

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
    window = Window(mask, grid, MARGIN)
    progress(0.2, "dipole")
    kernel = dipole_kernel(window.grid)
    kernel /= kernel * kernel + np.float32(regularization)
    progress(0.5, "division")
    chi = convolve(window.cut(local_field) * window.mask, kernel)
    progress(1.0, "division")
    return window.paste(chi) * mask

"""Closed-form Tikhonov regularisation of the map's gradient."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..closed_form import regularised
from ..grid import Grid
from ..operators import gradient_squared
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(
    stage="inversion",
    label="Gradient Tikhonov",
    cite=("Bilgic2014a", "Golub1979"),
    sentence="Susceptibility was computed with closed-form Tikhonov regularisation of the gradient "
    "(weight {regularization})",
    volumes=9,
)
def gradient_tikhonov(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    regularization: Annotated[
        float | None,
        Param("Regularisation", "mm2", 1e-6, 100, "weight of the gradient's energy; auto: by cross-validation"),
    ] = None,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the misfit of the field plus the weighted energy of the map's gradient, in one step.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask.
    Raises: InputError where the mask is empty.
    """
    return regularised(local_field, mask, grid, gradient_squared, regularization, progress=progress)

"""Closed-form Tikhonov regularisation."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..closed_form import regularised
from ..grid import Grid
from ..operators import half_shape
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(
    stage="inversion",
    label="Tikhonov",
    cite=("Bilgic2014a", "Golub1979"),
    sentence="Susceptibility was computed with closed-form Tikhonov regularisation (weight {regularization})",
    volumes=9,
)
def tikhonov(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    regularization: Annotated[
        float | None, Param("Regularisation", "", 1e-6, 1, "weight of the map's energy; auto: by cross-validation")
    ] = 2e-3,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the misfit of the field plus the weighted energy of the map, in one step.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask.
    Raises: InputError where the mask is empty.
    """

    def energy(box: Grid) -> np.ndarray:
        return np.broadcast_to(np.float32(1), half_shape(box))

    return regularised(local_field, mask, grid, energy, regularization, progress=progress)

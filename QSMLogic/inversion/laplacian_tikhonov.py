"""Closed-form Tikhonov regularisation of the map's Laplacian."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..closed_form import regularised
from ..grid import Grid
from ..operators import gradient_squared
from ..progress import Progress, no_progress
from ..registry import Param, method

CAUTION = 1.4
"""Of cross-validation: what the Laplacian leaves free is prone to errors that are not white; best of 1 to 3."""


@method(
    stage="inversion",
    label="Laplacian Tikhonov",
    cite=("Bilgic2014a", "Golub1979", "Kim2004"),
    sentence="Susceptibility was computed with closed-form Tikhonov regularisation of the Laplacian "
    "(weight {regularization})",
    volumes=9,
)
def laplacian_tikhonov(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    regularization: Annotated[
        float | None,
        Param("Regularisation", "mm4", 1e-6, 1000, "weight of the Laplacian's energy; auto: by cross-validation"),
    ] = None,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the misfit of the field plus the weighted energy of the map's Laplacian, in one step.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask.
    Raises: InputError where the mask is empty.

    Notes: the Laplacian hardly holds low frequencies back, so the map is shaded where the field is not exactly that of
    sources in the mask.
    """
    return regularised(local_field, mask, grid, _laplacian_squared, regularization, caution=CAUTION, progress=progress)


def _laplacian_squared(grid: Grid) -> np.ndarray:
    return np.square(gradient_squared(grid))

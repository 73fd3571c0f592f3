"""Total-variation regularised inversion."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import measured, squared_split
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..total_variation import (
    EXTERIOR_HELP,
    SHRINKAGE,
    Exterior,
    automatic_weight,
    inverted,
    variation_split,
)


@method(
    stage="inversion",
    label="TV",
    cite=("Bilgic2014", "Milovic2018"),
    sentence="Susceptibility was computed by weighted inversion with a total-variation prior by ADMM "
    "(regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=19,
    on_gpu=True,
)
def tv(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the weighted misfit of the field plus the total variation of the map in the mask.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: the field counts in the mask only, and there may be sources outside it (see `exterior`), which the papers do
    not have; both keep the mask's edge and the remains of the background from streaking into the brain.
    """
    data = measured(local_field, mask, grid, weights)
    strength = regularization or chose("regularization", automatic_weight(local_field, mask, grid))
    found = inverted(
        data,
        lambda level: [
            squared_split(level),
            variation_split(level.window.mask, SHRINKAGE, strength / SHRINKAGE),
        ],
        exterior,
        penalty=strength / SHRINKAGE,
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
    )
    progress(1.0, "")
    return data.window.paste(found.chi) * mask

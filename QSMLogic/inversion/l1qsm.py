"""Inversion with an absolute data term."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import absolute_split, measured, radians_per_ppm
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..total_variation import EXTERIOR_HELP, SHRINKAGE, Exterior, absolute_weight, inverted, variation_split


@method(
    stage="inversion",
    label="L1-QSM",
    cite=("Milovic2022",),
    sentence="Susceptibility was computed with an absolute nonlinear data term and a total-variation prior by ADMM "
    "(L1-QSM, regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=19,
    on_gpu=True,
)
def l1qsm(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    echo_times: tuple[float, ...] | None = None,
    field_strength: float | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "mm", 1e-4, 100, "weight of the total variation; auto: from the voxels")
    ] = None,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 5e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the weighted absolute misfit of the phase plus the total variation: voxels that are wrong count little.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones;
    echo_times s and field_strength T, or None for a linear data term. Returns: chi (x, y, z) float32, ppm, zero outside
    mask. Raises: InputError where the mask is empty.

    Notes: the phase is that between two echoes. The proximal point of the data term is taken whole, not of its
    linearisation; sources may lie outside the mask, as in TV.
    """
    data = measured(local_field, mask, grid, weights)
    strength = regularization or chose("regularization", absolute_weight(grid))
    radians = radians_per_ppm(echo_times, field_strength)
    found = inverted(
        data,
        lambda level: [
            absolute_split(level, radians),
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

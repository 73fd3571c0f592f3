"""Total-variation regularised inversion with a nonlinear data term."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import measured, phase_split, radians_per_ppm
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..total_variation import EXTERIOR_HELP, SHRINKAGE, Exterior, automatic_weight, inverted, variation_split


@method(
    stage="inversion",
    label="FANSI",
    cite=("Milovic2018",),
    sentence="Susceptibility was computed with a nonlinear data term and a total-variation prior by ADMM "
    "(FANSI, regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=19,
    on_gpu=True,
)
def fansi_nltv(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    echo_times: tuple[float, ...] | None = None,
    field_strength: float | None = None,
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
    """Minimise the weighted misfit of the complex signal plus the total variation of the map in the mask.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones;
    echo_times s and field_strength T, or None for a linear data term. Returns: chi (x, y, z) float32, ppm, zero outside
    mask. Raises: InputError where the mask is empty.

    Notes: the phase is that between two echoes; sources may lie outside the mask, as in TV.
    """
    data = measured(local_field, mask, grid, weights)
    strength = regularization or chose("regularization", automatic_weight(local_field, mask, grid))
    found = inverted(
        data,
        lambda level: [
            phase_split(level, radians_per_ppm(echo_times, field_strength)),
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

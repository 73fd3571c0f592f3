"""Hybrid data fidelity: an absolute data term first, then a squared one."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import Measured, absolute_split, measured, squared_split
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..total_variation import (
    EXTERIOR_HELP,
    SHRINKAGE,
    Exterior,
    absolute_weight,
    automatic_weight,
    inverted,
    variation_split,
)

FIRST_STAGE_SHARE = 0.3
"""Of the progress bar."""


@method(
    stage="inversion",
    label="HD-QSM",
    cite=("Lambert2022",),
    sentence="Susceptibility was computed with a hybrid data term and a total-variation prior by ADMM "
    "(HD-QSM, regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=19.5,
    on_gpu=True,
)
def hdqsm(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "of the second stage; auto: from the noise")
    ] = None,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    first_iterations: Annotated[
        int, Param("Iterations of the first stage", "", 1, 1000, "of ADMM", advanced=True)
    ] = 20,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which a stage stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[
        int, Param("Most iterations", "", 1, 2000, "of ADMM in the second stage", advanced=True)
    ] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Find wrong voxels with an absolute misfit, then minimise a squared misfit in which they count less.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: the second stage starts from the first; sources may lie outside the mask, as in TV.
    """
    data = measured(local_field, mask, grid, weights)

    strength = regularization or chose("regularization", automatic_weight(local_field, mask, grid))
    first = inverted(
        data,
        lambda level: [
            absolute_split(level, 0.0),
            variation_split(level.window.mask, SHRINKAGE, absolute_weight(grid) / SHRINKAGE),
        ],
        exterior,
        penalty=absolute_weight(grid) / SHRINKAGE,
        tolerance=tolerance,
        iterations=first_iterations,
        progress=part(progress, 0, FIRST_STAGE_SHARE),
    )
    trusted = _trusted(data, first.chi)
    found = inverted(
        data,
        lambda level: [
            squared_split(replace(level, weight=trusted)),
            variation_split(level.window.mask, SHRINKAGE, strength / SHRINKAGE),
        ],
        exterior,
        penalty=strength / SHRINKAGE,
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, FIRST_STAGE_SHARE, 1),
        after=first,
    )
    progress(1.0, "")
    return data.window.paste(found.chi) * mask


def _trusted(data: Measured, chi: np.ndarray) -> np.ndarray:
    """Weight that is as it was where the map explains the field, and falls to zero where it does so least."""
    misfit = np.abs(data.misfit(chi))
    worst = misfit.max()
    return data.weight * (1 - misfit / worst) if worst > 0 else data.weight

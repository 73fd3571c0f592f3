"""Streaking artefact reduction: strong sources first, the rest after."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import Measured, measured, squared_split
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..total_variation import (
    EXTERIOR_HELP,
    SHRINKAGE,
    Exterior,
    automatic_weight,
    inverted,
    leaves_smooth_misfit,
    variation_split,
)


@method(
    stage="inversion",
    label="STAR-QSM",
    cite=("Wei2015",),
    sentence="Susceptibility was computed by streaking artefact reduction on two levels (STAR-QSM, sources above "
    "{threshold:g} ppm first, regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=20,
    on_gpu=True,
)
def star(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    strong: Annotated[
        float, Param("Strong sources", "", 1, 1000, "times that weight, with which they are found", advanced=True)
    ] = 30.0,
    threshold: Annotated[float, Param("Threshold", "ppm", 0, 10, "sources this strong come first")] = 0.2,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which a level stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM on each level", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Find strong sources with much regularisation, take their field away, and find the rest with little.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: both levels minimise the weighted misfit of the field plus the total variation by ADMM, as TV does, with
    sources outside the mask where `exterior` lets them; on the first level "auto" does.
    """
    data = measured(local_field, mask, grid, weights)
    weight = regularization or chose("regularization", automatic_weight(local_field, mask, grid))

    def level(given: Measured, strength: float, outside: Exterior, span: tuple[float, float]) -> np.ndarray:
        return inverted(
            given,
            lambda on: [
                squared_split(on),
                variation_split(on.window.mask, SHRINKAGE, strength / SHRINKAGE),
            ],
            outside,
            penalty=strength / SHRINKAGE,
            tolerance=tolerance,
            iterations=iterations,
            progress=part(progress, *span),
        ).chi

    first, second = ("free" if exterior == "auto" else exterior), ("zero" if exterior == "auto" else exterior)
    chi = level(data, strong * weight, first, (0, 0.3))
    chi[(np.abs(chi) < np.float32(threshold)) | ~data.window.mask] = 0
    rest = replace(data, field=data.misfit(chi))
    weak = level(rest, weight, second, (0.3, 0.65))
    if exterior == "auto" and leaves_smooth_misfit(data.field, rest.misfit(weak), data.window):
        weak = level(rest, weight, "free", (0.65, 1))
    progress(1.0, "")
    return data.window.paste(chi + weak) * mask

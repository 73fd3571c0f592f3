"""Inversion with a total-generalised-variation prior."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import borrowed, phase_split, radians_per_ppm
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..total_generalized_variation import BEND, Slopes, inverted
from ..total_variation import EXTERIOR_HELP, Exterior, automatic_weight


@method(
    stage="inversion",
    label="TGV",
    cite=("Milovic2018", "Bredies2010"),
    sentence="Susceptibility was computed with a {data_term} data term and a total-generalised-variation prior by ADMM "
    "(FANSI, regularisation weight {regularization}, ratio of the second-order weight {ratio:g}, "
    "sources outside the mask: {exterior})",
    volumes=20,
    on_gpu=True,
)
def tgv(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    echo_times: tuple[float, ...] | None = None,
    field_strength: float | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the first order; auto: from the noise")
    ] = None,
    ratio: Annotated[float, Param("Ratio", "", 0.1, 100, "weight of the second order, per voxel side")] = BEND,
    data_term: Annotated[
        Literal["nonlinear", "linear"], Param("Data term", help="the complex signal, or the field itself")
    ] = "nonlinear",
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the weighted misfit of the signal plus the total generalised variation of the map in the mask.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones;
    echo_times s and field_strength T, or None for a linear data term. Returns: chi (x, y, z) float32, ppm, zero outside
    mask. Raises: InputError where the mask is empty.

    Notes: the phase is that between two echoes; sources may lie outside the mask, as in TV.
    """
    data = borrowed(local_field, mask, grid, weights)
    strength = regularization or chose("regularization", automatic_weight(local_field, mask, grid))
    radians = radians_per_ppm(echo_times, field_strength) if data_term == "nonlinear" else 0.0
    chi = inverted(
        data,
        lambda level: phase_split(level, radians),
        Slopes(strength, ratio * grid.voxel_volume ** (1 / 3)),
        exterior,
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
    )
    progress(1.0, "")
    return data.window.paste(chi) * mask

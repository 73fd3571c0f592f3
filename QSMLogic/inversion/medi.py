"""Morphology-enabled dipole inversion."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np

from ..grid import Grid
from ..misfit import Measured, measured, phase_split, radians_per_ppm
from ..operators import gradient
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..total_variation import (
    EXTERIOR_HELP,
    SHRINKAGE,
    Exterior,
    Solved,
    automatic_weight,
    between,
    inverted,
    variation_split,
)

OUTLIER = 6.0
"""Times the standard deviation of the misfit, beyond which a voxel is an outlier."""


@method(
    stage="inversion",
    label="MEDI",
    cite=("Liu2012", "Liu2013"),
    sentence="Susceptibility was computed by nonlinear morphology-enabled dipole inversion "
    "(MEDI, share of edges {edges:g}, regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=24,
)
def medi(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    magnitude: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    echo_times: tuple[float, ...] | None = None,
    field_strength: float | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    edges: Annotated[
        float, Param("Edges", "", 0, 0.9, "share of the magnitude's differences that are not smoothed")
    ] = 0.3,
    merit: Annotated[bool, Param("Lower outliers", help="repeat with less weight where the misfit is large")] = False,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the misfit of the complex signal plus the map's variation where the magnitude has no edge.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; magnitude (x, y, z, echo), or None for no edges; weights
    (x, y, z), of the data, or None for equal ones; echo_times s and field_strength T, or None for a linear data term.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: the phase is that between two echoes. The papers' objective is minimised by ADMM instead of Gauss-Newton
    steps on a rounded norm; sources may lie outside the mask, as in TV.
    """
    data = measured(local_field, mask, grid, weights)
    strength = regularization or automatic_weight(local_field, mask, grid)
    radians = radians_per_ppm(echo_times, field_strength)

    smooth = None if magnitude is None else _without_edges(magnitude, data, edges)

    def solved(given: Measured, report: Progress, after: Solved | None = None) -> Solved:
        return inverted(
            given,
            lambda level: [
                phase_split(level.field, level.weight, radians),
                variation_split(level.window.mask, SHRINKAGE, strength / SHRINKAGE, smooth if level is given else None),
            ],
            exterior,
            penalty=strength / SHRINKAGE,
            tolerance=tolerance,
            iterations=iterations,
            progress=report,
            after=after,
        )

    found = solved(data, part(progress, 0, 0.5 if merit else 1))
    if merit:
        weight = _without_outliers(data, found.chi)
        found = solved(replace(data, weight=weight), part(progress, 0.5, 1), found)
    progress(1.0, "")
    return data.window.paste(found.chi) * mask


def _without_edges(magnitude: np.ndarray, data: Measured, share: float) -> np.ndarray:
    """Whether a difference counts, (3, x, y, z) bool: all but the share with the magnitude's steepest slopes."""
    window = data.window
    slope = gradient(window.cut(np.sqrt(np.square(magnitude).sum(axis=3))), window.grid)
    np.abs(slope, out=slope)
    inside = between(window.mask)
    steepest = np.quantile(slope[inside], 1 - share) if inside.any() else 0
    return slope <= steepest


def _without_outliers(data: Measured, chi: np.ndarray) -> np.ndarray:
    """Weight divided by the square of how far a weighted misfit lies beyond what is usual."""
    misfit = np.abs(data.misfit(chi))
    misfit *= data.weight
    usual = np.float32(OUTLIER * misfit[data.window.mask].std())
    return data.weight / np.square(np.maximum(misfit / usual, 1)) if usual > 0 else data.weight

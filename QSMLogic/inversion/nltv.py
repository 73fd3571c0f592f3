"""Inversion with an iteratively reweighted total variation."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import measured, squared_split
from ..operators import gradient
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..total_variation import EXTERIOR_HELP, SHRINKAGE, Exterior, Solved, automatic_weight, inverted, variation_split

EDGE = 0.01
"""ppm/mm; slope at which a difference's weight in the next round has fallen to half; as the shrinkage's threshold."""


@method(
    stage="inversion",
    label="NLTV",
    cite=("Kames2018", "Candes2008"),
    sentence="Susceptibility was computed by weighted inversion with a reweighted total-variation prior by ADMM "
    "(NLTV, {rounds} rounds, regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=20,
    on_gpu=True,
)
def nltv(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    rounds: Annotated[int, Param("Rounds", "", 1, 20, "with weights from the map of the round before")] = 2,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which a round stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM in a round", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the misfit plus a total variation that counts less where the round before found an edge.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: the weight is one at no gradient, and each difference has its own; sources may lie outside the mask, as in
    TV.
    """
    data = measured(local_field, mask, grid, weights)
    strength = regularization or chose("regularization", automatic_weight(local_field, mask, grid))

    def one_round(span: tuple[float, float], after: Solved | None = None) -> Solved:
        flat = None if after is None else _flatness(after.chi, data.window.grid)
        return inverted(
            data,
            lambda level: [
                squared_split(level),
                variation_split(level.window.mask, SHRINKAGE, strength / SHRINKAGE, flat),
            ],
            exterior,
            penalty=strength / SHRINKAGE,
            tolerance=tolerance,
            iterations=iterations,
            progress=part(progress, *span),
            after=after,
        )

    found = one_round((0, 1 / rounds))
    for turn in range(1, rounds):
        found = one_round((turn / rounds, (turn + 1) / rounds), found)
    progress(1.0, "")
    return data.window.paste(found.chi) * mask


def _flatness(chi: np.ndarray, grid: Grid) -> np.ndarray:
    """Weight of each difference, (3, x, y, z): one where the map is flat, falling with its slope."""
    slope = gradient(chi, grid)
    np.abs(slope, out=slope)
    slope /= np.float32(EDGE)
    slope += 1
    return np.divide(1, slope, out=slope)

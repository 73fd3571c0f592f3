"""Joint projection onto dipole fields."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..chosen import chose
from ..edges import without_steepest
from ..grid import Grid
from ..misfit import Measured, measured, squared_split
from ..operators import convolve
from ..outside_sources import without_outside_sources
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import Split
from ..total_variation import SHRINKAGE, Solved, automatic_weight, inverted, variation_split

OVER_INVERSION = 5.0
"""Times the weight that is best for a map: smooth sources, which could as well lie outside, are better told by a larger
one, and what is lost of fine ones stays in the local field anyway."""

ROUNDS = 3
"""Of the joint problem: without edges known, and twice with those of the map before; more change little."""


@method(
    stage="background",
    label="JPDF",
    cite=("Liu2011", "Liu2017", "Candes2008"),
    sentence="Background fields were removed by finding sources inside and outside the mask together (JPDF, share of "
    "edges {edges:g}, regularisation weight {regularization})",
    volumes=17.5,
    on_gpu=True,
)
def jpdf(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    edges: Annotated[float, Param("Edges", "", 0, 0.9, "share of the voxels whose differences are not smoothed")] = 0.3,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which a round stops", advanced=True)
    ] = 2e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM, each round", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the field of sources outside the mask, found together with piecewise smooth ones inside.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: local_field (x, y, z) float32, ppm, zero outside the mask; the mask, unchanged.
    Raises: InputError where the mask is empty.

    Notes: not published as such. The joint problem is that of total field inversion (Liu2017), of which only the field
    of the sources outside (Liu2011) is used: noise and fine structure stay local. A smooth field that sources near the
    surface make could come from outside, and total variation decides by the jumps of the map, which it counts against
    its slope; so it is minimised again where the map had no edge (Candes2008, with weights of 0 and 1).
    """
    field = without_outside_sources(
        total_field, mask, grid, weights, progress=part(progress, 0, 0.2, "sources outside")
    )
    data = measured(field, mask, grid, weights)
    del field
    strength = regularization or chose(
        "regularization", OVER_INVERSION * automatic_weight(data.window.paste(data.field), mask, grid)
    )
    found: Solved | None = None
    for turn in range(ROUNDS):
        smooth = None if found is None else without_steepest(found.chi, data.window, edges)

        def splits_of(level: Measured, smooth: np.ndarray | None = smooth) -> list[Split]:
            variation = variation_split(level.window.mask, SHRINKAGE, strength / SHRINKAGE, smooth)
            return [squared_split(level), variation]

        found = inverted(
            data,
            splits_of,
            "free",
            penalty=strength / SHRINKAGE,
            tolerance=tolerance,
            iterations=iterations,
            progress=part(progress, 0.2 + 0.26 * turn, 0.46 + 0.26 * turn, "sources inside and outside"),
            after=found,
        )
    assert found is not None
    # Beside free sources outside, a constant makes no field: the mean inside is taken for zero.
    outside = np.where(data.window.mask, found.chi[data.window.mask].mean(), found.chi)
    local = data.field - convolve(outside, data.kernel)
    local *= data.window.mask
    progress(1.0, "")
    return data.window.paste(local), mask.copy()

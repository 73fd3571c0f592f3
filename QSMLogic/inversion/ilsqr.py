"""Iterative least squares with removal of streaks."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..least_squares_dipole import inverted_without_streaks
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(
    stage="inversion",
    label="iLSQR",
    cite=("Li2015", "Hestenes1952"),
    sentence="Susceptibility was computed by iterative least squares with removal of streaks "
    "(iLSQR, threshold {threshold:g})",
    volumes=17.5,
    on_gpu=True,
)
def ilsqr(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    threshold: Annotated[
        float, Param("Threshold", "", 0.001, 0.66, "streaks lie below this size of the dipole's spectrum")
    ] = 0.1,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative residual at which a step stops", advanced=True)
    ] = 0.01,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of each step", advanced=True)] = 50,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit the field by least squares, then take away what the cone can explain of its slopes where there is no edge.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: both steps are solved by preconditioned conjugate gradients on the normal equations, which LSQR is equal to;
    the data weight is the given one instead of one from the phase's Laplacian.
    """
    return inverted_without_streaks(
        local_field,
        mask,
        grid,
        weights,
        threshold=threshold,
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
    )

"""Iterative least squares with removal of streaks."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..misfit import Measured, measured
from ..operators import convolve, gradient, gradient_adjoint, gradient_squared
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients, dot
from ..total_variation import between

DAMPING = 0.05
"""Added to the squared dipole spectrum in the preconditioner of the first step, as in RTS."""

FLAT, STEEP = 0.6, 0.9
"""Quantiles of the fast map's slopes: below the first a slope counts in full, above the second not at all."""

FIRST_STEP_SHARE = 0.5
"""Of the progress bar."""


@method(
    stage="inversion",
    label="iLSQR",
    cite=("Li2015", "Hestenes1952"),
    sentence="Susceptibility was computed by iterative least squares with removal of streaks "
    "(iLSQR, threshold {threshold:g})",
    volumes=20,
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
    data = measured(local_field, mask, grid, weights)
    first = _least_squares(data, tolerance, iterations, part(progress, 0, FIRST_STEP_SHARE, "fitting the field"))
    flat = _flatness(_fast_map(data, first), data)
    cone = (np.abs(data.kernel) < np.float32(threshold)).astype(np.float32)
    cone[0, 0, 0] = 0
    smooth = np.divide(cone, gradient_squared(data.window.grid), out=np.zeros_like(cone), where=cone > 0)

    window = data.window
    del data

    def slopes_adjoint(image: np.ndarray) -> np.ndarray:
        slope = gradient(image, window.grid)
        slope *= flat
        return convolve(gradient_adjoint(slope, window.grid), cone)

    streaks = conjugate_gradients(
        slopes_adjoint,
        slopes_adjoint(first),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, FIRST_STEP_SHARE, 1, "streaks"),
        precondition=lambda residual: convolve(residual, smooth),
    )
    progress(1.0, "")
    return window.paste(first - streaks) * mask


def _least_squares(data: Measured, tolerance: float, iterations: int, progress: Progress) -> np.ndarray:
    """Map whose field fits the data best, as far as it has come after the iterations."""
    squared = data.weight * data.weight
    inverse_guess = 1 / (data.kernel * data.kernel + np.float32(DAMPING))
    return conjugate_gradients(
        lambda x: convolve(squared * convolve(x, data.kernel), data.kernel),
        convolve(squared * data.field, data.kernel),
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
        precondition=lambda residual: convolve(residual, inverse_guess),
    )


def _fast_map(data: Measured, like: np.ndarray) -> np.ndarray:
    """Map from the signs of the dipole's spectrum alone, which has few streaks, scaled to another one in the mask."""
    fast = convolve(data.field, np.sign(data.kernel))
    fast *= data.window.mask
    energy = dot(fast, fast)
    fast *= np.float32(dot(fast, like) / energy if energy > 0 else 0)
    return fast


def _flatness(image: np.ndarray, data: Measured) -> np.ndarray:
    """Squared weight of each difference, (3, x, y, z): from one down to zero as the slope rises; zero at the border."""
    slope = np.abs(gradient(image, data.window.grid))
    inside = between(data.window.mask)
    if not inside.any():
        return inside.astype(np.float32)
    low, high = np.quantile(slope[inside], (FLAT, STEEP)).astype(np.float32)
    weight = np.clip((high - slope) / max(high - low, np.finfo(np.float32).tiny), 0, 1)
    weight *= weight
    weight *= inside
    return weight

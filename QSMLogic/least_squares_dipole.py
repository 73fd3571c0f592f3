"""Inversion by least squares, and the removal of the streaks that it leaves: iLSQR. Source: Li2015."""

from __future__ import annotations

import numpy as np

from .device import library, placed
from .grid import Grid
from .misfit import Measured, measured
from .operators import convolve, gradient, gradient_squared
from .progress import Progress, part
from .solvers import conjugate_gradients
from .total_variation import between
from .vectors import dot

DAMPING = 0.05
"""Added to the squared dipole spectrum in the preconditioner of the first step, as in RTS."""

FLAT, STEEP = 0.6, 0.9
"""Quantiles of the fast map's slopes: below the first a slope counts in full, above the second not at all."""

FIRST_STEP_SHARE = 0.5
"""Of the progress bar."""


def inverted_without_streaks(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    weights: np.ndarray | None,
    *,
    threshold: float,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> np.ndarray:
    """Fit the field by least squares, then take away what the cone can explain of its slopes where there is no edge.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones;
    threshold: the cone is where the dipole's spectrum is smaller; tolerance, iterations: of each step.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.
    """
    data = measured(local_field, mask, grid, weights)
    first = _least_squares(data, tolerance, iterations, part(progress, 0, FIRST_STEP_SHARE, "fitting the field"))
    flat = _flatness(_fast_map(data, first), data)
    cone = (np.abs(data.kernel) < np.float32(threshold)).astype(np.float32)
    cone[0, 0, 0] = 0
    smooth = np.divide(cone, gradient_squared(data.window.grid), out=np.zeros_like(cone), where=cone > 0)
    flat, cone, smooth = placed(flat), placed(cone), placed(smooth)
    window = data.window
    del data

    def slopes_adjoint(image: np.ndarray) -> np.ndarray:
        return convolve(_curvature(image, flat, window.grid), cone)

    streaks = conjugate_gradients(
        slopes_adjoint,
        slopes_adjoint(placed(first)),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, FIRST_STEP_SHARE, 1, "streaks"),
        precondition=lambda residual: convolve(residual, smooth),
    )
    progress(1.0, "")
    return window.paste(first - streaks) * mask


def _least_squares(data: Measured, tolerance: float, iterations: int, progress: Progress) -> np.ndarray:
    """Map whose field fits the data best, as far as it has come after the iterations."""
    squared, kernel = placed(data.weight * data.weight), placed(data.kernel)
    inverse_guess = 1 / (kernel * kernel + DAMPING)
    return conjugate_gradients(
        lambda x: convolve(squared * convolve(x, kernel), kernel),
        convolve(squared * placed(data.field), kernel),
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
    slope = gradient(image, data.window.grid)
    np.abs(slope, out=slope)
    inside = between(data.window.mask)
    if not inside.any():
        return inside.astype(np.float32)
    low, high = np.quantile(slope[inside], (FLAT, STEEP), overwrite_input=True).astype(np.float32)
    weight = np.subtract(high, slope, out=slope)
    weight /= max(high - low, np.finfo(np.float32).tiny)
    np.clip(weight, 0, 1, out=weight)
    weight *= weight
    weight *= inside
    return weight


def _curvature(image: np.ndarray, weight: np.ndarray, grid: Grid) -> np.ndarray:
    """Adjoint of the gradient of the weighted gradient; one axis at a time takes a third of the memory."""
    of = library(image)
    out = of.zeros_like(image)
    for axis, size in enumerate(grid.voxel_size):
        slope = of.roll(image, -1, axis)
        slope -= image
        slope /= size
        slope *= weight[axis]
        fall = of.roll(slope, 1, axis)
        fall -= slope
        fall /= size
        out += fall
    return out

"""What methods that take means over balls share: the window they work in, and where a ball fits."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .grid import Grid
from .operators import Window, ball, inverse, transform

LACKING = 1e-4
"""Share of a ball that may lie outside the mask: the corner of a voxel, which no mean feels."""


def window_of_balls(mask: np.ndarray, grid: Grid) -> Window:
    """Window with one empty voxel beside the mask: a ball that wraps round covers it, so it does not fit."""
    return Window(mask, grid, min(grid.voxel_size))


def fits(window: Window, mean: np.ndarray, spectrum: np.ndarray | None = None) -> np.ndarray:
    """Voxels of the mask whose ball (mean: its half spectrum) lies in the mask; spectrum: of the mask, if known.

    A ball that reaches no neighbour fits nowhere: from the mean of one voxel nothing follows.
    """
    if mean.min() > 1 - LACKING:
        return np.zeros_like(window.mask)
    if spectrum is None:
        spectrum = transform(window.mask.astype(np.float32))
    where = inverse(spectrum * mean, window.grid.shape) > 1 - LACKING
    where &= window.mask
    return where


def high_pass(window: Window, radius: float, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Half spectrum of an image less its means over balls (radius in mm), and the voxels whose ball lies in the mask.

    Raises InputError, which names the method, where no ball does.
    """
    kernel = ball(window.grid, radius)
    where = fits(window, kernel)
    if not where.any():
        raise InputError(
            f"{method}: no ball of Radius = {radius:g} mm both reaches a voxel's neighbours and fits in the mask. "
            "Change Radius, or check the mask."
        )
    np.subtract(1, kernel, out=kernel)
    return kernel, where

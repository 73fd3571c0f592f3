"""Edges of the magnitude: where a map may change at no cost."""

from __future__ import annotations

import numpy as np

from .operators import Window, gradient
from .total_variation import between

SQUARES = "ijke,ijke->ijk"
"""Sum over the echoes, without a copy of all of them."""

EDGES_HELP = "share of the magnitude's differences that are not smoothed"


def without_edges(magnitude: np.ndarray, window: Window, share: float) -> np.ndarray:
    """Return whether a difference counts, (3, x, y, z) bool: all but the share with the magnitude's steepest slopes.

    magnitude: (x, y, z, echo); the result lies in the window. Source: Liu2012.
    """
    slope = gradient(window.cut(np.sqrt(np.einsum(SQUARES, magnitude, magnitude))), window.grid)
    np.abs(slope, out=slope)
    inside = between(window.mask)
    steepest = np.quantile(slope[inside], 1 - share) if inside.any() else 0
    return slope <= steepest


def without_steepest(chi: np.ndarray, window: Window, share: float) -> np.ndarray:
    """Return whether a difference of a map counts, (1, x, y, z) bool: not in the share of voxels of steepest slope.

    chi: (x, y, z) in the window; a voxel's differences along all axes count or none. Source: Candes2008.
    """
    slope = np.zeros(chi.shape, np.float32)
    for axis, size in enumerate(window.grid.voxel_size):
        difference = np.roll(chi, -1, axis)
        difference -= chi
        difference *= window.mask & np.roll(window.mask, -1, axis)
        slope += np.square(difference) * np.float32(size**-2)
    return (slope <= np.quantile(slope[window.mask], 1 - share))[None]

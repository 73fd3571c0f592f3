"""The field of a known susceptibility, and where a map that follows from it is known."""

from __future__ import annotations

import numpy as np

from .grid import Grid
from .operators import convolve, dipole_kernel, good_size


def field_of(chi: np.ndarray, grid: Grid) -> np.ndarray:
    """Field (ppm) of a susceptibility (ppm) that is zero outside the grid, by the dipole all methods invert.

    The transform repeats the object two fields of view away; so little of a brain's field reaches that far that it
    does not count.
    """
    padded, box = doubled(grid)
    image = np.zeros(padded.shape, np.float32)
    image[box] = chi
    return convolve(image, dipole_kernel(padded))[box].copy()


def doubled(grid: Grid) -> tuple[Grid, tuple[slice, ...]]:
    """Return a grid of twice the size, in which a convolution cannot wrap round, and where the given one lies in it."""
    return grid.with_shape(tuple(good_size(2 * n) for n in grid.shape)), tuple(slice(n) for n in grid.shape)


def where_known(mask: np.ndarray, eroded_mask: np.ndarray | None) -> np.ndarray:
    """Return where susceptibility and local field are known, bool: in the mask, and in the eroded one if there is one.

    eroded_mask: (x, y, z), voxels above 0, or None.
    """
    return mask if eroded_mask is None else mask & (eroded_mask > 0)

"""The field of a known susceptibility, and where a map that follows from it is known."""

from __future__ import annotations

import numpy as np
import scipy.fft

from .grid import Grid
from .operators import dipole_kernel, good_size
from .parallel import each, slabs


def field_of(chi: np.ndarray, grid: Grid) -> np.ndarray:
    """Field (ppm) of a susceptibility (ppm) that is zero outside the grid, by the dipole all methods invert.

    The transform repeats the object two fields of view away; so little of a brain's field reaches that far that it
    does not count. Axis by axis, neither zeros are transformed nor what is cut off: the grid of twice the size is never
    filled, but with the dipole.
    """
    padded, _ = doubled(grid)
    kernel, (x, y, z) = dipole_kernel(padded), grid.shape
    lines = np.empty((x, *kernel.shape[1:]), np.complex64)
    out = np.empty(grid.shape, np.float32)

    def forward(slab: slice) -> None:
        lines[slab] = scipy.fft.fft(scipy.fft.rfft(chi[slab], padded.shape[2]), padded.shape[1], 1, overwrite_x=True)

    def convolve(row: slice) -> None:
        waves = scipy.fft.fft(lines[:, row], padded.shape[0], 0)
        waves *= kernel[:, row]
        lines[:, row] = scipy.fft.ifft(waves, axis=0, overwrite_x=True)[:x]

    def back(slab: slice) -> None:
        here = scipy.fft.ifft(lines[slab], axis=1, overwrite_x=True)[:, :y]
        out[slab] = scipy.fft.irfft(here, padded.shape[2])[..., :z]

    each(forward, slabs(lines.shape))
    each(convolve, slabs((kernel.shape[1], padded.shape[0], kernel.shape[2])))
    each(back, slabs(lines.shape))
    return out


def doubled(grid: Grid) -> tuple[Grid, tuple[slice, ...]]:
    """Return a grid of twice the size, in which a convolution cannot wrap round, and where the given one lies in it."""
    return grid.with_shape(tuple(good_size(2 * n) for n in grid.shape)), tuple(slice(n) for n in grid.shape)


def where_known(mask: np.ndarray, eroded_mask: np.ndarray | None) -> np.ndarray:
    """Return where susceptibility and local field are known, bool: in the mask, and in the eroded one if there is one.

    eroded_mask: (x, y, z), voxels above 0, or None.
    """
    return mask if eroded_mask is None else mask & (eroded_mask > 0)

"""Transforms of images that are made, or used up, slab by slab: only the half spectrum is held whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.fft

from .grid import Grid
from .operators import half_shape
from .parallel import CROWDED_VOXELS, each, slabs, threads

Found = TypeVar("Found")


def slabs_transformed(grid: Grid, made: Callable[[slice], np.ndarray]) -> np.ndarray:
    """Return the half spectrum of the image of which made(slab) makes a slab, of the first axis."""
    out = np.empty(half_shape(grid), np.complex64)

    def fill(slab: slice) -> None:
        out[slab] = scipy.fft.rfft(made(slab))

    each(fill, slabs(grid.shape, CROWDED_VOXELS))
    return scipy.fft.fft2(out, axes=(0, 1), overwrite_x=True, workers=threads())


def slabs_inverted(grid: Grid, spectrum: np.ndarray, take: Callable[[slice, np.ndarray], Found]) -> list[Found]:
    """Call take(slab, image there) on all slabs, of the first axis, and return what it returns.

    spectrum: half spectrum of the image, which is used as scratch.
    """
    lines = scipy.fft.ifft2(spectrum, axes=(0, 1), overwrite_x=True, workers=threads())
    return each(lambda slab: take(slab, scipy.fft.irfft(lines[slab], grid.shape[2])), slabs(grid.shape, CROWDED_VOXELS))

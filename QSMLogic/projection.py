"""Intensity projections over slabs: what shows a vein's course through several slices at once."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.ndimage

from .grid import Grid

Extreme = Literal["minimum", "maximum"]


def projection(image: np.ndarray, mask: np.ndarray, grid: Grid, thickness: float, extreme: Extreme) -> np.ndarray:
    """Return the lowest or highest value of the slab around every slice, float32 (x, y, z), zero outside the mask.

    The slab lies across the axis of the voxels that is nearest to the main field, which runs between feet and head; it
    has the odd number of slices nearest to the thickness (mm), the slice itself in its middle, so that a projection
    lies where its slice does. Only what is in the mask counts.
    Parameters: image (x, y, z); mask (x, y, z) bool.
    """
    axis = int(np.argmax(np.abs(grid.b0_direction)))
    slices = 1 + 2 * round(max(0.0, thickness / grid.voxel_size[axis] - 1) / 2)
    # A slab beyond both ends holds no more than one that reaches them.
    slices = min(slices, 2 * grid.shape[axis] + 1)
    lowest = extreme == "minimum"
    ignored = np.float32(np.inf if lowest else -np.inf)
    search = scipy.ndimage.minimum_filter1d if lowest else scipy.ndimage.maximum_filter1d
    values = np.where(mask, image, ignored).astype(np.float32)
    found = search(values, slices, axis, mode="constant", cval=ignored)
    return np.where(mask, found, np.float32(0))

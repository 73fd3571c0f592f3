"""Distances in a mask, in mm, without the memory that they usually take."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.ndimage

from .parallel import each, slabs


def depth(mask: np.ndarray, voxel_size: Iterable[float]) -> np.ndarray:
    """Distance (mm) from every voxel of a mask to the nearest one outside it: (x, y, z) float32, 0 outside.

    Distances are between the voxels' middles; what lies beyond the image does not count. mask: (x, y, z) bool, not
    True everywhere; voxel_size: mm.
    """
    sizes = [float(size) for size in voxel_size]
    nearest = scipy.ndimage.distance_transform_edt(mask, sampling=sizes, return_distances=False, return_indices=True)
    out = np.empty(mask.shape, np.float32)

    def fill(slab: slice) -> None:
        places = np.ogrid[slab, : mask.shape[1], : mask.shape[2]]
        total = np.zeros(out[slab].shape)
        for index, place, size in zip(nearest, places, sizes, strict=True):
            way = (index[slab] - place) * size
            total += way * way
        np.sqrt(total, out=out[slab], casting="same_kind")

    each(fill, slabs(mask.shape))
    return out

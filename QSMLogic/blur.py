"""Gaussian blur on all threads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .parallel import each, slabs

Mode = Literal["reflect", "nearest", "constant"]
"""What lies beyond the image, as in scipy.ndimage."""


def blurred(image: np.ndarray, widths: Iterable[float], *, mode: Mode = "reflect") -> np.ndarray:
    """Blur an image (x, y, z) by a Gaussian whose standard deviation is so many voxels along each axis, above 0.

    Returns float32.
    """
    out = np.array(image, np.float32)
    for axis, width in enumerate(widths):
        _blur(out, axis, width, mode)
    return out


def _blur(image: np.ndarray, axis: int, width: float, mode: Mode) -> None:
    """Blur along one axis in place, in slabs that the blur does not leave."""
    turned = image.swapaxes(0, 1) if axis == 0 else image

    def fill(slab: slice) -> None:
        gaussian_filter1d(turned[slab], width, max(axis, 1), output=turned[slab], mode=mode)

    each(fill, slabs(turned.shape))

"""An image in the window of a mask, cut a slab at a time from the whole image, of which no copy is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from .operators import Window


class Masked:
    """What `window.cut(image) * window.mask` would be; it gives slabs, and NumPy reads it as an array."""

    def __init__(self, image: np.ndarray, window: Window) -> None:
        """image: (x, y, z), of any real type, of the shape that the window was cut from."""
        self.image, self.mask = image[window.box], window.mask

    def __getitem__(self, slab: slice) -> np.ndarray:
        """Return a slab of the first axis; float32."""
        mask = self.mask[slab]
        out = np.empty(mask.shape, np.float32)
        part = self.image[slab]
        inner = tuple(slice(0, n) for n in part.shape)
        for axis, n in enumerate(part.shape):
            out[(slice(None),) * axis + (slice(n, None),)] = 0
        np.multiply(part, mask[inner], out=out[inner], casting="same_kind")
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all of it."""
        return self[slice(0, len(self.mask))].astype(dtype or np.float32, copy=False)

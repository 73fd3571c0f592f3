"""What inversions in one step share: the field, filtered in its spectrum by some inverse of the dipole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .grid import Grid
from .operators import Window, convolve, dipole_kernel
from .progress import Progress

MARGIN = 20.0
"""mm of zeros that keep the streaks of one side of the brain from coming back in at the other."""


def filtered(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    inverted: Callable[[np.ndarray], np.ndarray],
    progress: Progress,
) -> np.ndarray:
    """Return chi (x, y, z) float32, ppm, zero outside the mask, of a local field (x, y, z; ppm) by one convolution.

    inverted: makes of the dipole's half spectrum, which it may overwrite, that of the inverse filter.
    Raises: InputError where the mask is empty.
    """
    window = Window(mask, grid, MARGIN)
    progress(0.2, "dipole")
    kernel = inverted(dipole_kernel(window.grid))
    progress(0.5, "division")
    chi = convolve(window.cut(local_field) * window.mask, kernel)
    progress(1.0, "division")
    return window.paste(chi) * mask

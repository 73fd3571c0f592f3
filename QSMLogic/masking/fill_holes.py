"""Filling of the mask's holes."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from .. import morphology
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(stage="masking", label="Hole filling", cite=(), sentence="Holes in the mask were filled", volumes=1)
def fill_holes(
    mask: np.ndarray,
    grid: Grid,
    *,
    largest: Annotated[
        float | None,
        Param("Largest hole", "mm3", 0, None, "larger cavities stay; none: all closed cavities are filled"),
    ] = None,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fill the cavities that the mask encloses on all sides.

    Parameters: mask (x, y, z) bool. Returns: mask (x, y, z) bool. Raises: InputError where the mask is empty.
    """
    progress(0, "filling holes")
    result = morphology.filled(mask, grid, np.inf if largest is None else largest)
    progress(1, "filling holes")
    return morphology.not_empty(result, "Hole filling", "give a mask that is not empty")

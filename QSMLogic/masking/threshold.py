"""A mask of what is bright in the magnitude."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..intensity import combined_magnitude, otsu
from ..morphology import filled, largest_part, not_empty, opened
from ..progress import Progress, no_progress
from ..registry import ONE_ECHO, Param, method

BRIGHTEST = 99.0
"""Percentile that stands for the brightest voxel, which inflowing blood would set."""


@method(
    stage="masking",
    label="Magnitude threshold",
    cite=("Otsu1979",),
    sentence="Voxels brighter than a threshold on the magnitude, combined over echoes, were kept",
    otherwise={ONE_ECHO: "Voxels brighter than a threshold on the magnitude were kept"},
    volumes=5,
)
def threshold(
    magnitude: np.ndarray,
    grid: Grid,
    *,
    fraction: Annotated[
        float | None, Param("Fraction", "", 0, 1, "of the brightest (99th percentile); none: Otsu's threshold")
    ] = None,
    opening: Annotated[float, Param("Opening", "mm", 0, 20, "parts thinner than twice this are cut off")] = 0.0,
    largest_only: Annotated[bool, Param("Largest part only", help="drop everything not connected to it")] = True,
    fill: Annotated[bool, Param("Fill holes", help="dark veins and lesions inside belong to the mask")] = True,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Keep what is bright, then mend the mask.

    Parameters: magnitude (x, y, z, echo), any unit; echoes are combined by their geometric mean.
    Returns: mask (x, y, z) bool. Raises: InputError where no voxel is left. Source: Otsu1979.
    """
    progress(0, "thresholding")
    image = combined_magnitude(magnitude)
    image = np.minimum(image, np.percentile(image, BRIGHTEST))
    low, high = float(image.min()), float(image.max())
    if low == high:
        raise InputError("Magnitude threshold: the magnitude is the same everywhere. Give a mask or another magnitude.")
    mask = image > (otsu(image) if fraction is None else fraction * high)
    progress(0.4, "opening")
    mask = opened(mask, grid, opening)
    progress(0.7, "mending the mask")
    if largest_only:
        mask = largest_part(mask)
    if fill:
        mask = filled(mask, grid)
    progress(1, "thresholded")
    return not_empty(mask, "Magnitude threshold", "lower the fraction or the opening")

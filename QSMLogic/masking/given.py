"""A mask made elsewhere."""

from __future__ import annotations

import numpy as np

from ..morphology import not_empty
from ..progress import Progress, no_progress
from ..registry import method


@method(stage="masking", label="Given mask", cite=(), sentence="A mask made beforehand was used", volumes=1)
def given(given_mask: np.ndarray, *, progress: Progress = no_progress) -> np.ndarray:
    """Use the mask that the user gives: its voxels other than zero.

    Parameters: given_mask (x, y, z), any type; NaN counts as zero. Returns: mask (x, y, z) bool.
    Raises: InputError where it is empty.
    """
    progress(0, "reading the mask")
    mask = np.nan_to_num(given_mask) != 0
    progress(1, "reading the mask")
    return not_empty(mask, "Given mask", "give one with voxels other than zero")

"""The mask's largest part."""

from __future__ import annotations

import numpy as np

from .. import morphology
from ..progress import Progress, no_progress
from ..registry import method


@method(
    stage="masking",
    label="Largest part",
    cite=(),
    sentence="The largest connected part of the mask was kept",
    volumes=2,
)
def keep_largest(mask: np.ndarray, *, progress: Progress = no_progress) -> np.ndarray:
    """Keep the largest connected part of the mask.

    Parameters: mask (x, y, z) bool. Returns: mask (x, y, z) bool. Raises: InputError where the mask is empty.
    """
    progress(0, "finding the largest part")
    result = morphology.largest_part(mask)
    progress(1, "finding the largest part")
    return morphology.not_empty(result, "Largest part", "give a mask that is not empty")

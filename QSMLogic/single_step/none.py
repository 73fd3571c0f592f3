"""No single step."""

from __future__ import annotations

import numpy as np

from ..progress import Progress, no_progress
from ..registry import method


@method(stage="single_step", label="None", cite=(), sentence="", volumes=1)
def none(chi: np.ndarray, mask: np.ndarray, progress: Progress = no_progress) -> tuple[np.ndarray, np.ndarray]:
    """Leave the map as the stages before made it, one after the other.

    Parameters: chi (x, y, z) ppm; mask (x, y, z) bool. Returns: chi, zero outside the mask; the mask, unchanged.
    """
    progress(0, "nothing to do")
    return np.where(mask, chi, np.float32(0)), mask.copy()

"""The map as the inversion left it."""

from __future__ import annotations

import numpy as np

from ..progress import Progress, no_progress
from ..registry import method
from ..roi import relative_to


@method(stage="referencing", label="None", cite=(), sentence="The susceptibility was not referenced", volumes=3)
def none(chi: np.ndarray, mask: np.ndarray, *, progress: Progress = no_progress) -> tuple[np.ndarray, None]:
    """Leave the zero of the map where the inversion put it.

    Parameters: chi (x, y, z) float, ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask;
    no reference.
    """
    progress(0, "no reference")
    referenced = relative_to(chi, mask, 0)
    progress(1, "no reference")
    return referenced, None

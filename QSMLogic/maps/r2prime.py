"""R2': the part of the decay that a spin echo would refocus."""

from __future__ import annotations

import numpy as np

from ..progress import Progress, no_progress
from ..registry import method


@method(
    stage="maps",
    label="R2'",
    cite=("Yablonskiy1994",),
    sentence="R2' was the difference of R2* and the R2 map that was given, at least 0",
    outputs=("r2prime",),
    volumes=2.5,
)
def r2prime(r2star: np.ndarray, r2: np.ndarray, mask: np.ndarray, *, progress: Progress = no_progress) -> np.ndarray:
    """Subtract R2 from R2*: what is left is the decay by the field's variation in the voxel.

    Parameters: r2star and r2 (x, y, z) 1/s, on one grid; mask (x, y, z) bool.
    Returns: r2prime (x, y, z) float32, 1/s, at least 0; zero outside the mask and where one of the two is 0, not known.

    Source: Yablonskiy1994.

    Notes: both maps have their errors, so it is noisy where it is small, and holding it at 0 raises its mean there.
    """
    progress(0.0, "difference")
    both = mask & np.isfinite(r2star) & np.isfinite(r2) & (r2star > 0) & (r2 > 0)
    apart = np.subtract(r2star, r2, out=np.zeros(mask.shape, np.float32), where=both, dtype=np.float32)
    progress(0.5, "difference")
    return np.maximum(apart, 0)

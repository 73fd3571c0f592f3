"""R2': the part of the decay that a spin echo would refocus."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..progress import Progress, no_progress
from ..registry import method

LEAST_R2 = 0.2
"""1/s; a T2 of 5 s, longer than that of water: a map whose median is lower holds T2 in s, or R2 in 1/ms."""

MOST_OF_R2STAR = 1.1
"""R2 over R2*, of the medians: it cannot be above 1 but by errors of both, and T2 in ms is far above it up to 3 T."""


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
    Raises: InputError where R2 has no value above 0 in the mask, or values that cannot be R2 in 1/s beside this R2*.

    Source: Yablonskiy1994.

    Notes: both maps have their errors, so it is noisy where it is small, and holding it at 0 raises its mean there. At
    7 T, T2 in ms is as large a number as R2 in 1/s, and cannot be told from it.
    """
    progress(0.0, "difference")
    known = mask & np.isfinite(r2) & (r2 > 0)
    both = known & np.isfinite(r2star) & (r2star > 0)
    if not known.any():
        raise InputError("The R2 map has no value above 0 in the mask: give a map of R2, in 1/s.")
    if both.any():
        _refuse_other_unit(float(np.median(r2star[both])), float(np.median(r2[both])))
    apart = np.subtract(r2star, r2, out=np.zeros(mask.shape, np.float32), where=both, dtype=np.float32)
    progress(0.5, "difference")
    return np.maximum(apart, 0)


def _refuse_other_unit(r2star: float, r2: float) -> None:
    """Raise InputError where the median of R2 cannot be one in 1/s: R2' would look right and be wrong."""
    if r2 < LEAST_R2 or r2 > MOST_OF_R2STAR * r2star:
        raise InputError(
            f"The R2 map has a median of {r2:.3g} where R2* has {r2star:.3g} 1/s, which R2 cannot have: it holds T2, "
            "is in another unit, or is of another scan. Give R2 in 1/s."
        )

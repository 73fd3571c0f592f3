"""Leave the phase as it was measured."""

from __future__ import annotations

import numpy as np

from ..progress import Progress, no_progress
from ..registry import ONE_ECHO, method


@method(
    stage="conditioning",
    label="None",
    cite=(),
    sentence="The phase offset was not removed",
    otherwise={ONE_ECHO: "The phase offset, which a single echo does not tell, was left in"},
    volumes=4,
)
def none(phase: np.ndarray, mask: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
    """Return the phase in the mask, as it is.

    Parameters: phase (x, y, z, echo) rad, wrapped; mask (x, y, z) bool.
    Returns: phase (x, y, z, echo) rad, zero outside the mask.
    """
    progress(0, "nothing to do")
    return np.where(mask[..., None], phase, np.float32(0))

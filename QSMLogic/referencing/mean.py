"""Zero is the mean of the whole brain."""

from __future__ import annotations

import numpy as np

from ..progress import Progress, no_progress
from ..registry import method
from ..roi import Reference, reference_statistics, relative_to


@method(
    stage="referencing",
    label="Whole-brain mean",
    cite=("Bilgic2024",),
    sentence="The susceptibility is relative to its mean over the mask",
    volumes=4,
)
def mean(chi: np.ndarray, mask: np.ndarray, *, progress: Progress = no_progress) -> tuple[np.ndarray, Reference]:
    """Subtract the mean over the mask.

    Parameters: chi (x, y, z) float, ppm; mask (x, y, z) bool. Returns: chi (x, y, z) float32, ppm, zero outside mask;
    the reference.
    Raises: InputError where the mask is empty. Source: Bilgic2024.
    """
    progress(0, "referencing")
    reference = reference_statistics(chi, mask, "mean of the mask")
    referenced = relative_to(chi, mask, reference.mean)
    progress(1, "referencing")
    return referenced, reference

"""Zero is the mean of a region."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..errors import InputError
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..roi import Reference, reference_statistics, relative_to


@method(
    stage="referencing",
    label="Region",
    cite=("Bilgic2024",),
    sentence="The susceptibility is relative to its mean over the region {label}",
    volumes=4,
)
def region(
    chi: np.ndarray,
    mask: np.ndarray,
    labels: np.ndarray,
    *,
    label: Annotated[int, Param("Label", "", 1, None, "of the reference region in the label image")] = 1,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, Reference]:
    """Subtract the mean over a region of the label image, such as the ventricles' CSF; a mask is a region of label 1.

    Parameters: chi (x, y, z) float, ppm; mask (x, y, z) bool; labels (x, y, z) int.
    Returns: chi (x, y, z) float32, ppm, zero outside mask; the reference.
    Raises: InputError where the region has no voxel in the mask. Source: Bilgic2024.
    """
    progress(0, "referencing")
    if labels.shape != mask.shape:
        raise InputError(
            f"The label image has shape {labels.shape} but the map {mask.shape}: resample it onto the map."
        )
    reference = reference_statistics(chi, (labels == label) & mask, f"region {label}")
    referenced = relative_to(chi, mask, reference.mean)
    progress(1, "referencing")
    return referenced, reference

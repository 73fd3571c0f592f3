"""Fields as frequencies."""

from __future__ import annotations

import numpy as np

from ..constants import GAMMA_BAR
from ..progress import Progress, no_progress
from ..registry import method


@method(
    stage="maps",
    label="Field in Hz",
    cite=("Bilgic2024",),
    sentence="Total and local field were also given as frequencies, in Hz",
    outputs=("total_field_hz", "local_field_hz"),
    volumes=3.5,
)
def field_hz(
    total_field: np.ndarray,
    local_field: np.ndarray,
    field_strength: float,
    mask: np.ndarray,
    *,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Give the fields as the frequency by which the protons of water precess faster: field, gamma and B0 multiplied.

    Parameters: total_field and local_field (x, y, z) ppm; field_strength T; mask (x, y, z) bool.
    Returns: total_field_hz and local_field_hz, each (x, y, z) float32, Hz, zero outside the mask.
    """
    progress(0.0, "frequencies")
    hertz = np.float32(GAMMA_BAR * field_strength) * mask
    return total_field * hertz, local_field * hertz

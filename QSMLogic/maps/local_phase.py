"""Phase after background removal."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..constants import GAMMA_BAR
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(
    stage="maps",
    label="Local phase",
    cite=("Bilgic2024",),
    sentence="The phase that the local field makes until an echo time of {echo_time:g} s was computed for display",
    outputs=("local_phase",),
    volumes=1.5,
)
def local_phase(
    local_field: np.ndarray,
    field_strength: float,
    mask: np.ndarray,
    *,
    echo_time: Annotated[float, Param("Echo time", "s", 1e-4, 1, "at which the phase is shown")] = 0.02,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Show the local field as the phase it makes until an echo time, without phase offset, background and wraps.

    Parameters: local_field (x, y, z) ppm; field_strength T; mask (x, y, z) bool.
    Returns: local_phase (x, y, z) float32, rad, beyond a turn where the field is strong, zero outside the mask.

    Notes: the echo time need not be one of the scan's: the field is that of all echoes. With the same echo time,
    pictures of different scans at one field strength can be compared.
    """
    progress(0.0, "phase")
    radians = np.float32(2 * np.pi * GAMMA_BAR * field_strength * echo_time)
    return local_field * (radians * mask)

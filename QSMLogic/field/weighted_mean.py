"""Weighted echo combination: the mean of every echo's own estimate of the field."""

from __future__ import annotations

import numpy as np

from ..echo_fit import Echoes, Fit, fitted, through_origin
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import ONE_ECHO, method


@method(
    stage="field",
    label="Weighted mean",
    cite=("Dymerska2021",),
    sentence="The total field was the mean of the echoes' estimates, each weighted by its inverse variance",
    otherwise={ONE_ECHO: "The total field was the phase divided by the echo time"},
    volumes=14,
)
def weighted_mean(
    unwrapped: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    field_strength: float,
    magnitude: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average the field estimates phase / echo time of all echoes, each weighted by its inverse variance.

    Parameters: unwrapped (x, y, z, echo) rad, its offset removed; mask (x, y, z) bool; echo_times s; field_strength T;
    magnitude (x, y, z, echo) or None.
    Returns, all (x, y, z) float32, zero outside the mask: total_field ppm; field_noise ppm, its standard deviation;
    residual rad, the phase noise that the misfit shows. Raises: InputError where the mask is empty.

    Source: Dymerska2021.
    """
    echoes = Echoes(magnitude, echo_times, field_strength)
    return fitted(unwrapped, mask, grid, echoes, Fit(through_origin, 1), progress=progress)

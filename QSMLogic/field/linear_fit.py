"""Weighted linear fit of the unwrapped phase over echo time."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..echo_fit import Echoes, Fit, fitted, line, through_origin
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import ONE_ECHO, Param, method


@method(
    stage="field",
    label="Linear fit",
    cite=("Robinson2017",),
    sentence="The total field was the slope of a line with an offset, fitted to the phase over echo time and weighted "
    "by the inverse variance of the phase",
    otherwise={
        ONE_ECHO: "The total field was the phase divided by the echo time",
        "not offset": "The total field was the slope of a line through the origin, fitted to the phase over echo time "
        "and weighted by the inverse variance of the phase",
    },
    volumes=14,
)
def linear_fit(
    unwrapped: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    field_strength: float,
    magnitude: np.ndarray | None = None,
    offset: Annotated[bool, Param("Offset", help="fit the phase at echo time zero too; needs two echoes")] = True,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a line to the phase of every voxel over echo time, weighted by the inverse variance of each phase.

    Parameters: unwrapped (x, y, z, echo) rad; mask (x, y, z) bool; echo_times s; field_strength T; magnitude
    (x, y, z, echo) or None. With one echo the line runs through the origin.
    Returns, all (x, y, z) float32, zero outside the mask: total_field ppm; field_noise ppm, its standard deviation;
    residual rad, the phase noise that the misfit shows. Raises: InputError where the mask is empty.

    Source: Robinson2017.
    """
    echoes = Echoes(magnitude, echo_times, field_strength)
    fit = Fit(line, 2) if offset and len(echo_times) > 1 else Fit(through_origin, 1)
    return fitted(unwrapped, mask, grid, echoes, fit, progress=progress)

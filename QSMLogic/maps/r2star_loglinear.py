"""R2* by a weighted line through the logarithm of the magnitude."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..decay import CORRECTION, CORRECTION_NEEDS, OUTPUTS, Decay, Dephasing, Signal, best_decay, decay_maps, log_slope
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import method

LABEL = "R2* (log-linear)"
FEWEST = 2
"""Echoes of a line."""


@method(
    stage="maps",
    label=LABEL,
    cite=("Salvador2005", "FernandezSeara2000"),
    cite_if={"FernandezSeara2000": "gradient_correction"},
    sentence="R2* was the slope of a line fitted to the logarithm of the magnitude, weighted by its square, after the "
    "dephasing by gradients of the total field across a voxel had been undone",
    otherwise={
        "not gradient_correction": "R2* was the slope of a line fitted to the logarithm of the magnitude, weighted by "
        "its square, without a correction for field gradients"
    },
    outputs=OUTPUTS,
    fewest_echoes=FEWEST,
    needed_by=CORRECTION_NEEDS,
    volumes=6,
)
def r2star_loglinear(
    magnitude: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    echo_times: tuple[float, ...],
    *,
    total_field: np.ndarray | None = None,
    field_strength: float | None = None,
    gradient_correction: Annotated[bool, CORRECTION] = True,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a line to the logarithm of the magnitude over echo time, weighted by the squared magnitude.

    Parameters: magnitude (x, y, z, echo), any unit; mask (x, y, z) bool; echo_times s, two or more, in any spacing;
    total_field (x, y, z) ppm and field_strength T, for the gradient correction.
    Returns, all (x, y, z) float32, zero outside the mask: r2star 1/s, at most 2000; t2star s, at most 1;
    r2star_misfit, what the fit leaves over the signal, 0 with two echoes, of which the second is the weaker.
    Raises: InputError where the mask is empty, there is one echo, or the correction lacks the field.

    Source: Salvador2005, of the weights: a logarithm's variance is that of the signal over its square.

    Notes: the line knows nothing of the noise floor. Where late echoes have sunk into it, R2* is underestimated.
    """
    signal = Signal(magnitude, mask, grid, echo_times)
    dephasing = Dephasing.wanted(total_field, field_strength, correct=gradient_correction)
    return decay_maps(signal, dephasing, Decay(_solve, FEWEST, LABEL), progress)


def _solve(signal: np.ndarray, left: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rate = log_slope(signal, left, times)
    return rate, best_decay(signal, left, times, rate)

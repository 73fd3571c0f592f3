"""R2* by auto-regression on linear operations."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..decay import CORRECTION, CORRECTION_NEEDS, OUTPUTS, Decay, Dephasing, Signal, best_decay, decay_maps, divided
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import method

LABEL = "R2* (ARLO)"
FEWEST = 3
"""Echoes of one integral."""


@method(
    stage="maps",
    label=LABEL,
    cite=("Pei2015", "FernandezSeara2000"),
    cite_if={"FernandezSeara2000": "gradient_correction"},
    sentence="R2* was computed from the magnitude by auto-regression on linear operations (ARLO), after the dephasing "
    "by gradients of the total field across a voxel had been undone",
    otherwise={
        "not gradient_correction": "R2* was computed from the magnitude by auto-regression on linear operations "
        "(ARLO), without a correction for field gradients"
    },
    outputs=OUTPUTS,
    fewest_echoes=FEWEST,
    needed_by=CORRECTION_NEEDS,
    volumes=6,
)
def r2star_arlo(
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
    """Compute R2* from what an exponential's integral over three echoes and its fall have in common: no iteration.

    Parameters: magnitude (x, y, z, echo), any unit; mask (x, y, z) bool; echo_times s, three or more; total_field
    (x, y, z) ppm and field_strength T, for the gradient correction.
    Returns, all (x, y, z) float32, zero outside the mask: r2star 1/s, at most 2000; t2star s, at most 1;
    r2star_misfit, what the fit leaves over the signal.
    Raises: InputError where the mask is empty, the echoes are fewer than three, or the correction lacks the field.

    Source: Pei2015, with the erratum of 2019.

    Notes: unevenly spaced echoes are integrated by Simpson's rule for unequal intervals; evenly spaced ones as in the
    paper. Noise in late echoes raises R2* less than in a log-linear fit, but where the signal is all noise it is
    underestimated: the nonlinear fit knows the noise floor.
    """
    signal = Signal(magnitude, mask, grid, echo_times)
    dephasing = Dephasing.wanted(total_field, field_strength, correct=gradient_correction)
    return decay_maps(signal, dephasing, Decay(_solve, FEWEST, LABEL), progress)


def _solve(signal: np.ndarray, left: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    full = signal / left
    above, below = np.zeros((2, signal.shape[1]), np.float32)
    for first in range(len(times) - 2):
        three = full[first : first + 3]
        weights = _simpson(times[first : first + 3])
        integral, fall = weights @ three, three[0] - three[2]
        above += fall * (integral + weights[2] * fall)
        below += integral * (integral + weights[2] * fall)
    rate = divided(above, below)
    return rate, best_decay(signal, left, times, rate)


def _simpson(times: np.ndarray) -> np.ndarray:
    """Weights of three samples in the integral of the parabola through them."""
    first, second = np.diff(times)
    whole = first + second
    return whole / 6 * np.array([2 - second / first, whole**2 / (first * second), 2 - first / second], np.float32)

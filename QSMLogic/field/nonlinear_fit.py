"""Nonlinear fit of the complex signal over echo time."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..echo_fit import Echoes, Fit, Fitted, fitted, line, through_origin
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import ONE_ECHO, Param, method


@method(
    stage="field",
    label="Nonlinear fit",
    cite=("Liu2013",),
    sentence="The total field and a phase offset were fitted to the complex signal over echo time",
    otherwise={
        ONE_ECHO: "The total field was the phase of the complex signal divided by the echo time",
        "not offset": "The total field was fitted to the complex signal over echo time",
    },
    volumes=14.5,
)
def nonlinear_fit(
    unwrapped: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    field_strength: float,
    magnitude: np.ndarray | None = None,
    offset: Annotated[bool, Param("Offset", help="fit the phase at echo time zero too; needs two echoes")] = True,
    iterations: Annotated[int, Param("Iterations", "", 1, 50, "of Gauss-Newton", advanced=True)] = 6,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit magnitude x exp(i (offset + rate x echo time)) to the complex signal of every voxel by Gauss-Newton.

    Parameters: unwrapped (x, y, z, echo) rad; mask (x, y, z) bool; echo_times s; field_strength T; magnitude
    (x, y, z, echo) or None. With one echo the offset is 0.
    Returns, all (x, y, z) float32, zero outside the mask: total_field ppm; field_noise ppm, its standard deviation;
    residual rad, the phase noise that the misfit shows. Raises: InputError where the mask is empty.

    Source: Liu2013.

    Notes: It starts from the line through the unwrapped phase, so that the field needs no unwrapping afterwards; a
    single echo off by a turn does not pull the result, as it would pull the line.
    """
    linear, unknowns = (line, 2) if offset and len(echo_times) > 1 else (through_origin, 1)

    def fit(phase: np.ndarray, weight: np.ndarray, times: np.ndarray) -> Fitted:
        rate, start, information = linear(phase, weight, times)
        for _ in range(iterations):
            apart = np.sin(phase - start[..., None] - rate[..., None] * times)
            step, shift, _ = linear(apart, weight, times)
            rate, start = rate + step, start + shift
        return rate, start, information

    echoes = Echoes(magnitude, echo_times, field_strength)
    return fitted(unwrapped, mask, grid, echoes, Fit(fit, unknowns), progress=progress)

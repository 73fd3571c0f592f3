"""Nonlinear dipole inversion."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..misfit import measured, phase_split, radians_per_ppm
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..solvers import admm
from ..total_variation import no_sources_split

OUTSIDE_PENALTY = 5.0
"""Of the split that forbids sources outside the mask, over the regularisation; fastest of 0.5 to 50."""


@method(
    stage="inversion",
    label="NDI",
    cite=("Polak2020",),
    sentence="Susceptibility was computed by nonlinear dipole inversion (NDI, weight {regularization:g})",
    volumes=17.5,
    on_gpu=True,
)
def ndi(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    echo_times: tuple[float, ...] | None = None,
    field_strength: float | None = None,
    regularization: Annotated[float, Param("Regularisation", "", 1e-6, 1, "weight of the map's energy")] = 1e-3,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 3e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the weighted misfit of the complex signal plus the energy of the map, with no source outside the mask.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones;
    echo_times s and field_strength T, or None for a linear data term. Returns: chi (x, y, z) float32, ppm, zero outside
    mask. Raises: InputError where the mask is empty.

    Notes: the phase is that between two echoes. The paper descends along the gradient and stops early, or adds the
    energy; here it is always added and ADMM goes to the minimum.
    """
    data = measured(local_field, mask, grid, weights)
    chi = admm(
        data.window.grid,
        [
            phase_split(data, radians_per_ppm(echo_times, field_strength)),
            no_sources_split(data.window.mask, OUTSIDE_PENALTY * regularization),
        ],
        kernel=data.kernel,
        quadratic=(np.zeros(data.kernel.shape, np.complex64), np.full_like(data.kernel, regularization)),
        norm_mask=data.window.mask,
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
    )
    progress(1.0, "")
    return data.window.paste(chi) * mask

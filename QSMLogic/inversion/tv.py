"""Total-variation regularised inversion."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..noise import noise_level
from ..operators import Window, convolve, dipole_kernel
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import Split, admm
from ..total_variation import (
    EXTERIOR_HELP,
    SHRINKAGE,
    Exterior,
    leaves_smooth_misfit,
    no_sources_split,
    variation_split,
)

PER_NOISE = 0.06
"""Automatic weight over noise times voxel size: near the best on heads of 1.5 to 7 T, 1 to 2.4 mm, SNR 40 to 100."""

LEAST_NOISE = 0.01
"""Of the local field's standard deviation: no model of a measured field is more exact, whatever the noise."""

DATA_PENALTY = 0.05
"""Penalty of the field's split, times the mean squared data weight; fastest of 0.05 to 1 on measured fields."""


@method(
    stage="inversion",
    label="TV",
    cite=("Bilgic2014", "Milovic2018"),
    sentence="Susceptibility was computed by weighted inversion with a total-variation prior by ADMM "
    "(regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=22,
)
def tv(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 3e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the weighted misfit of the field plus the total variation of the map in the mask.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: the field counts in the mask only, and there may be sources outside it (see `exterior`), which the papers do
    not have; both keep the mask's edge and the remains of the background from streaking into the brain.
    """
    window = Window(mask, grid, 0.0)
    field = window.cut(local_field)
    field *= window.mask
    weight = window.mask.astype(np.float32) if weights is None else window.cut(weights * mask)
    kernel = dipole_kernel(window.grid)
    strength = regularization or automatic_weight(local_field, mask, grid)
    splits = [_field_split(field, weight), variation_split(window.mask, SHRINKAGE, strength / SHRINKAGE)]

    def solved(extra: list[Split], report: Progress) -> np.ndarray:
        return admm(
            window.grid,
            splits + extra,
            kernel=kernel,
            norm_mask=window.mask,
            tolerance=tolerance,
            iterations=iterations,
            progress=report,
        )

    nothing_outside = [no_sources_split(window.mask, strength / SHRINKAGE)]
    if exterior == "zero":
        chi = solved(nothing_outside, progress)
    elif exterior == "free":
        chi = solved([], progress)
    else:
        chi = solved(nothing_outside, part(progress, 0, 0.5))
        if leaves_smooth_misfit(field, convolve(chi * window.mask, kernel), window):
            chi = solved([], part(progress, 0.5, 1))
    progress(1.0, "")
    return window.paste(chi) * mask


def automatic_weight(local_field: np.ndarray, mask: np.ndarray, grid: Grid) -> float:
    """Weight of the total variation (ppm mm) for the noise that a local field (x, y, z; ppm) shows in the mask."""
    noise = max(noise_level(local_field, mask), LEAST_NOISE * float(local_field[mask].std()))
    return PER_NOISE * noise * grid.voxel_volume ** (1 / 3)


def _field_split(field: np.ndarray, weight: np.ndarray) -> Split:
    """Half the weighted squared misfit of the field."""
    squared = weight * weight
    share = squared / (squared + np.float32(DATA_PENALTY))
    return Split("kernel", DATA_PENALTY, lambda t, slab: share[slab] * (t - field[slab]))

"""What inversions with a total-variation prior share: its split, and what they suppose outside the mask."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from .grid import Grid
from .misfit import Measured, field_noise_level
from .operators import Window
from .progress import Progress, part
from .solvers import Split, admm

Exterior = Literal["auto", "free", "zero"]
"""Outside the mask: "zero", no sources, which is what a local field means; "free", sources that explain what background
removal left in the field; "auto", "zero" unless sources inside leave a smooth part of the field unexplained."""

EXTERIOR_HELP = "sources outside: none (zero), or what background removal left (free), or as the field shows (auto)"

SHRINKAGE = 0.01
"""ppm/mm; threshold of the gradient's shrinkage: penalty 100 times the weight, as in Bilgic2014 and Milovic2018."""

PER_NOISE = 0.06
"""Automatic weight over noise times voxel size: near the best on heads of 1.5 to 7 T, 1 to 2.4 mm, SNR 40 to 100."""

PER_VOXEL = 0.015
"""Automatic weight over voxel size beside an absolute misfit, where noise cancels out; best of 0.0075 to 0.05."""

SMOOTH = 3.0
"""mm; standard deviation of the blur that leaves of a misfit what outside sources make: it varies slowly."""

SMOOTH_SHARE = 0.03
"""Of the local field's standard deviation: more smooth misfit than this is background. A true local field leaves 0.01,
a background removal of today 0.06."""


def automatic_weight(local_field: np.ndarray, mask: np.ndarray, grid: Grid) -> float:
    """Weight of the total variation (ppm mm) for the noise that a local field (x, y, z; ppm) shows in the mask."""
    return PER_NOISE * field_noise_level(local_field, mask) * grid.voxel_volume ** (1 / 3)


def absolute_weight(grid: Grid) -> float:
    """Weight of the total variation (mm) beside an absolute misfit."""
    return PER_VOXEL * grid.voxel_volume ** (1 / 3)


def inverted(
    data: Measured,
    splits: list[Split],
    exterior: Exterior,
    *,
    penalty: float,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> np.ndarray:
    """Minimise the sum of the splits over maps with sources outside the mask as `exterior` says.

    penalty: of the split that forbids them. Returns: chi in the window (x, y, z) float32, ppm; "free" leaves it as it
    is outside the mask.
    """

    def solved(extra: list[Split], report: Progress) -> np.ndarray:
        return admm(
            data.window.grid,
            splits + extra,
            kernel=data.kernel,
            norm_mask=data.window.mask,
            tolerance=tolerance,
            iterations=iterations,
            progress=report,
        )

    nothing_outside = [no_sources_split(data.window.mask, penalty)]
    if exterior == "zero":
        return solved(nothing_outside, progress)
    if exterior == "free":
        return solved([], progress)
    chi = solved(nothing_outside, part(progress, 0, 0.5))
    if leaves_smooth_misfit(data.field, data.misfit(chi), data.window):
        chi = solved([], part(progress, 0.5, 1))
    progress(1.0, "")
    return chi


def variation_split(mask: np.ndarray, threshold: float, penalty: float, weight: np.ndarray | None = None) -> Split:
    """L1 norm of the gradient between voxels that both lie in the mask; threshold is its weight over the penalty.

    weight: (3, x, y, z) float32, of each difference, taken over by the split; None for equal ones.
    """
    inside = between(mask)
    bound = np.float32(threshold)
    if weight is None:
        return Split("gradient", penalty, lambda t, slab: np.clip(t, -bound, bound) * inside[:, slab])
    weight *= inside
    weight *= bound
    return Split("gradient", penalty, lambda t, slab: np.clip(t, -weight[:, slab], weight[:, slab]))


def between(mask: np.ndarray) -> np.ndarray:
    """Whether a voxel and the next along each axis both lie in the mask: (3, x, y, z) bool."""
    return np.stack([mask & np.roll(mask, -1, axis) for axis in range(3)])


def no_sources_split(mask: np.ndarray, penalty: float) -> Split:
    """No sources outside the mask."""
    outside = ~mask
    return Split("identity", penalty, lambda t, slab: t * outside[slab])


def leaves_smooth_misfit(field: np.ndarray, misfit: np.ndarray, window: Window) -> bool:
    """Whether a field's misfit to sources in the mask (both ppm) has a smooth part that only background makes."""
    mask = window.mask
    width = [SMOOTH / size for size in window.grid.voxel_size]
    share = np.maximum(gaussian_filter(mask.astype(np.float32), width), np.float32(0.1))
    smooth = gaussian_filter(misfit, width) / share
    return float(smooth[mask].std()) > SMOOTH_SHARE * float(field[mask].std())

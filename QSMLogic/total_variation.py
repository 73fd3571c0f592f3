"""What inversions with a total-variation prior share: its split, and what they suppose outside the mask."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from .operators import Window
from .solvers import Split

Exterior = Literal["auto", "free", "zero"]
"""Outside the mask: "zero", no sources, which is what a local field means; "free", sources that explain what background
removal left in the field; "auto", "zero" unless sources inside leave a smooth part of the field unexplained."""

EXTERIOR_HELP = "sources outside: none (zero), or what background removal left (free), or as the field shows (auto)"

SHRINKAGE = 0.01
"""ppm/mm; threshold of the gradient's shrinkage: penalty 100 times the weight, as in Bilgic2014 and Milovic2018."""

SMOOTH = 3.0
"""mm; standard deviation of the blur that leaves of a misfit what outside sources make: it varies slowly."""

SMOOTH_SHARE = 0.03
"""Of the local field's standard deviation: more smooth misfit than this is background. A true local field leaves 0.01,
a background removal of today 0.06."""


def variation_split(mask: np.ndarray, threshold: float, penalty: float) -> Split:
    """L1 norm of the gradient between voxels that both lie in the mask; threshold is its weight over the penalty."""
    weight = np.stack([mask & np.roll(mask, -1, axis) for axis in range(3)])
    bound = np.float32(threshold)
    return Split("gradient", penalty, lambda t, slab: np.clip(t, -bound, bound) * weight[:, slab])


def no_sources_split(mask: np.ndarray, penalty: float) -> Split:
    """No sources outside the mask."""
    outside = ~mask
    return Split("identity", penalty, lambda t, slab: t * outside[slab])


def leaves_smooth_misfit(field: np.ndarray, explained: np.ndarray, window: Window) -> bool:
    """Whether the field (ppm) less what sources in the mask explain has a smooth part that only background makes."""
    mask = window.mask
    width = [SMOOTH / size for size in window.grid.voxel_size]
    share = np.maximum(gaussian_filter(mask.astype(np.float32), width), np.float32(0.1))
    smooth = gaussian_filter((field - explained) * mask, width) / share
    return float(smooth[mask].std()) > SMOOTH_SHARE * float(field[mask].std())

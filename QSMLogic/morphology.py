"""Growing, shrinking and mending masks; every distance is in mm, so anisotropic voxels are treated fairly."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from .distance import depth
from .errors import InputError
from .grid import Grid

ROUNDING = 1e-4
"""Relative slack on distances: a voxel exactly at the radius counts as reached whatever the header's rounding."""


def erode(mask: np.ndarray, grid: Grid, radius: float) -> np.ndarray:
    """Keep the voxels farther than radius (mm) from every voxel outside the mask: bool (x, y, z).

    What lies beyond the volume's border counts as outside: nothing is known of the field there, so where the field of
    view cuts the body, the mask ends as surely as at the skin.
    """
    inner = np.pad(mask.astype(bool), 1)
    return depth(inner, grid.voxel_size)[1:-1, 1:-1, 1:-1] > radius * (1 + ROUNDING)


def dilate(mask: np.ndarray, grid: Grid, radius: float) -> np.ndarray:
    """Add the voxels within radius (mm) of the mask: bool (x, y, z)."""
    if not mask.any():
        return np.zeros(mask.shape, bool)
    return depth(~mask.astype(bool), grid.voxel_size) <= radius * (1 + ROUNDING)


def opened(mask: np.ndarray, grid: Grid, radius: float) -> np.ndarray:
    """Remove what is too thin to hold a ball of this radius (mm), and leave the rest as it was."""
    if radius == 0:
        return mask.astype(bool)
    return dilate(erode(mask, grid, radius), grid, radius) & mask


def filled(mask: np.ndarray, grid: Grid, largest: float = np.inf) -> np.ndarray:
    """Fill the closed cavities of up to largest (mm3); what is open to the volume's border is no cavity."""
    holes = scipy.ndimage.binary_fill_holes(mask) & ~mask
    if not np.isfinite(largest) or not holes.any():
        return mask | holes
    labels, _ = scipy.ndimage.label(holes)
    small = np.bincount(labels.ravel()) * grid.voxel_volume <= largest * (1 + ROUNDING)
    small[0] = False
    return mask | small[labels]


def largest_part(mask: np.ndarray) -> np.ndarray:
    """Keep the largest connected part (voxels that share a face); of equal parts the first."""
    labels, parts = scipy.ndimage.label(mask)
    if parts < 2:
        return mask.astype(bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def ball_volume(radius: float) -> float:
    """Volume (mm3) of a ball of this radius (mm)."""
    return 4 / 3 * np.pi * radius**3


def not_empty(mask: np.ndarray, step: str, remedy: str) -> np.ndarray:
    """Return the mask; InputError that names the step and the remedy where it holds no voxel."""
    if not mask.any():
        raise InputError(f"{step} left no voxel in the mask: {remedy}.")
    return mask

"""Solid harmonics: the smooth fields that sources outside make inside, by degree."""

from __future__ import annotations

import numpy as np

from .grid import Grid

SAMPLES = 60_000
"""Voxels that a fit is made from: a hundred times more than it needs for so few unknowns, and quick."""


class Harmonics:
    """The solid harmonics up to a degree about the middle of a mask, and the voxels of the mask they are fitted in."""

    def __init__(self, mask: np.ndarray, grid: Grid, degree: int) -> None:
        """Choose the voxels. mask (x, y, z) bool, not empty."""
        places = np.flatnonzero(mask)
        if places.size > SAMPLES:
            places = np.random.default_rng(0).choice(places, SAMPLES, replace=False, shuffle=False)
        self.places = places
        index = np.unravel_index(places, mask.shape)
        axes = [i * s for i, s in zip(index, grid.voxel_size, strict=True)]
        axes = [(a - a.mean()) for a in axes]
        furthest = max(float(np.sqrt(sum(a * a for a in axes)).max()), 1e-6)
        self.basis = solid_harmonics(axes[0] / furthest, axes[1] / furthest, axes[2] / furthest, degree)

    def values(self, image: np.ndarray) -> np.ndarray:
        """Return an image's (x, y, z) values in the voxels of the fit, double."""
        return image.ravel()[self.places].astype(float)

    def fit(self, values: np.ndarray, *others: np.ndarray) -> np.ndarray:
        """Return the least-squares fit of harmonics, and of other columns of the same length, to the values."""
        columns = np.column_stack([self.basis, *others])
        return columns @ np.linalg.lstsq(columns, values, rcond=None)[0]


def solid_harmonics(x: np.ndarray, y: np.ndarray, z: np.ndarray, degree: int) -> np.ndarray:
    """Return the solid harmonics up to a degree at points (n,): (n, (degree + 1)^2), not normalised."""
    squared = x * x + y * y + z * z
    found = []
    cosine, sine = np.ones_like(x), np.zeros_like(x)
    for order in range(degree + 1):
        before, now = np.zeros_like(x), np.ones_like(x)
        for level in range(order, degree + 1):
            found += [now * cosine, now * sine] if order else [now]
            step = (2 * level + 1) * z * now - (level + order) * squared * before
            before, now = now, step / (level - order + 1)
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
    return np.column_stack(found)

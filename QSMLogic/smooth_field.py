"""What of a local field is smooth, as sources far outside make it, and what of it a map does not explain."""

from __future__ import annotations

import numpy as np

from .grid import Grid
from .noise import GAUSSIAN_MEDIAN
from .operators import Window, convolve, dipole_kernel

DEGREE = 4
"""Of the solid harmonics that count as smooth: they hold half of a head's background field, and little of its own."""

SAMPLES = 60_000
"""Voxels that a fit is made from: thousands for every unknown, and quick."""

MARGIN = 16.0
"""mm of zeros around a map whose field is computed; what wraps round from further away is smooth."""


class Fields:
    """A local field in its mask, sampled at voxels of the mask, beside the solid harmonics."""

    def __init__(self, local_field: np.ndarray, mask: np.ndarray, grid: Grid, weights: np.ndarray) -> None:
        """Choose the voxels. Parameters: local_field (x, y, z) ppm; mask bool, not empty; weights, data weights."""
        places = np.flatnonzero(mask)
        if places.size > SAMPLES:
            places = np.random.default_rng(0).choice(places, SAMPLES, replace=False, shuffle=False)
        self.mask, self.grid, self.places = mask, grid, places
        index = np.unravel_index(places, mask.shape)
        axes = np.array([i * s for i, s in zip(index, grid.voxel_size, strict=True)])
        axes -= axes.mean(axis=1, keepdims=True)
        furthest = float(np.sqrt((axes**2).sum(axis=0)).max()) or 1.0
        self.harmonics = solid_harmonics(axes / furthest, DEGREE)
        self.local, self.weight = self._sampled(local_field), self._sampled(weights)

    def smooth_share(self) -> float | None:
        """Return the root mean square of the smooth part of the field, over that of the rest; None without a field."""
        rest = _left(self.local, self.harmonics)
        size = _size(rest)
        return _size(self.local - rest) / size if size > 0 else None

    def misfit(self, chi: np.ndarray) -> tuple[np.ndarray, float | None]:
        """Return what a map leaves of the sampled field (ppm), and its share of what there is without the map.

        A smooth field and a constant over the whole map are free: what lies outside makes the one, referencing takes
        the other. The share is weighted with the data weights. Parameters: chi (x, y, z) ppm.
        """
        window = Window(self.mask, self.grid, MARGIN)
        kernel = dipole_kernel(window.grid)
        made, uniform = (
            self._sampled(window.paste(convolve(image, kernel)))
            for image in (window.cut(chi) * window.mask, window.mask.astype(np.float32))
        )
        free = np.column_stack([self.harmonics, uniform])
        without = _left(self.local, self.harmonics, self.weight)
        left = _left(self.local - made, free, self.weight)
        size = _size(self.weight * without)
        return left, _size(self.weight * left) / size if size > 0 else None

    def over_noise(self, misfit: np.ndarray, field_noise: np.ndarray) -> float | None:
        """Return the median misfit over its noise (x, y, z; ppm), 1 for normal noise alone; None without noise."""
        noise = self._sampled(field_noise)
        known = noise > 0
        return float(np.median(np.abs(misfit[known]) / noise[known])) / GAUSSIAN_MEDIAN if known.any() else None

    def _sampled(self, image: np.ndarray) -> np.ndarray:
        return image.ravel()[self.places].astype(float)


def solid_harmonics(points: np.ndarray, degree: int) -> np.ndarray:
    """Return the solid harmonics up to a degree at points (3, n): (n, (degree + 1)^2), not normalised."""
    x, y, z = points
    squared = (points**2).sum(axis=0)
    found = []
    cosine, sine = np.ones_like(x), np.zeros_like(x)
    for order in range(degree + 1):
        before, now = np.zeros_like(x), np.ones_like(x)
        for level in range(order, degree + 1):
            found += [now * cosine, now * sine] if order else [now]
            after = ((2 * level + 1) * z * now - (level + order) * squared * before) / (level - order + 1)
            before, now = now, after
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
    return np.column_stack(found)


def _left(values: np.ndarray, columns: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the values less the weighted least-squares fit of columns to them."""
    weight = np.ones_like(values) if weight is None else weight
    weighted = columns * weight[:, None]
    return values - columns @ np.linalg.lstsq(weighted.T @ weighted, weighted.T @ (values * weight), rcond=None)[0]


def _size(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))

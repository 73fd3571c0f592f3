"""Spatially dependent filtering: Gaussian weights that are narrow near the edge of a mask, and wide deep in it.

The background at a voxel is the value there of the plane that fits the field around it best. Source: Yaghmaie2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import scipy.fft
import scipy.ndimage

from .errors import InputError
from .grid import Grid
from .operators import Window, inverse, transform
from .progress import Progress, part

MARGIN = 2.0
"""Of the window, times the width by which proximity is told: wrapped round, 2 % of the weight is left."""

LEVELS_PER_OCTAVE = 2
"""Widths at which the field is filtered; between two of them the results are mixed."""

NARROWEST = 0.4
"""Of the shortest side of a voxel: narrower weights leave a voxel its own value."""

FLAT = 1e-3
"""Of the squared width; added to the spread of the neighbours, so that a mask without depth along an axis gives no
slope along it."""

WHOLE = 0.9995
"""Share of the weights in the mask from which neighbours count as lying on all sides."""

CURVATURE_WIDTH = 0.5
"""Of the width by which proximity is told: the surface is smoothed so much before its curvature is taken."""

MOST_CURVED = 0.5
"""To which a surface's curvature may lower the proximity, as in the paper."""

STEEPEST = 1e-6
"""Keeps quotients finite where a smoothed mask has no slope, or no surface is near."""

AXES = (0, 1, 2)
PAIRS = tuple(combinations_with_replacement(AXES, 2))
MOMENTS = 2 * (1 + len(AXES)) + len(PAIRS)


@dataclass(frozen=True)
class Widths:
    """How wide the weights are: widest where the mask fills a wide Gaussian, narrowest where it fills half of it.

    widest, narrowest: mm, standard deviations; proximity: mm, that of the Gaussian over the mask; curvature: how much
    less a surface that is a saddle counts as near, per squared ratio of radius to the surface's smoothing; vessel: mm,
    standard deviation of the Gaussian over vessels. Raises InputError where the narrowest is above the widest.
    """

    widest: float
    narrowest: float
    proximity: float
    curvature: float
    vessel: float = 1.0

    def __post_init__(self) -> None:
        """Check the order of the widths."""
        if self.narrowest > self.widest:
            raise InputError(
                f"The smallest width of the filter, {self.narrowest:g} mm, is above the largest, {self.widest:g} mm: "
                "lower it."
            )

    def at(self, window: Window, mask: np.ndarray, vessels: np.ndarray | None, progress: Progress) -> np.ndarray:
        """Return the standard deviation (mm) at each voxel; mask: spectrum of the window's; vessels: (x, y, z) bool."""
        share = Neighbourhood(window.grid, self.proximity, part(progress, 0, 0.1), 1).moment(mask)
        if self.curvature:
            share *= self._flatness(window, mask, part(progress, 0.1, 0.9))
        if vessels is not None:
            near = Neighbourhood(window.grid, self.vessel, part(progress, 0.9, 1), 1)
            share *= 1 - near.moment(transform(vessels.astype(np.float32)))
        np.clip(share, 0, 1, out=share)
        share **= np.float32(np.log2(self.widest / self.narrowest))
        share *= np.float32(self.widest)
        if vessels is not None:
            share[vessels] = self.narrowest
        return share

    def _flatness(self, window: Window, mask: np.ndarray, progress: Progress) -> np.ndarray:
        """Factor of the proximity: less than 1 where the mask's surface nearby has a negative Gaussian curvature."""
        near = Neighbourhood(window.grid, CURVATURE_WIDTH * self.proximity, progress, 3 + len(AXES) + len(PAIRS))
        surface = window.mask & ~scipy.ndimage.binary_erosion(window.mask)
        bent = np.zeros(window.grid.shape, np.float32)
        bent[surface] = np.minimum(near.gaussian_curvature(mask, surface), 0) * near.width**2
        factor = near.moment(transform(bent))
        factor /= np.maximum(near.moment(transform(surface.astype(np.float32))), STEEPEST)
        factor *= np.float32(self.curvature)
        factor += 1
        return np.clip(factor, MOST_CURVED, 1, out=factor)


class Neighbourhood:
    """Gaussian weights about every voxel, of a standard deviation in mm, and the moments of an image under them."""

    def __init__(self, grid: Grid, width: float, progress: Progress, moments: int) -> None:
        """Make the weights' spectra along each axis, times powers of the offset; moments: how many will be asked."""
        self.shape, self.width, self.progress, self.share = grid.shape, width, progress, 1 / moments
        self.done = 0.0
        self.spectra = []
        for axis, (n, size) in enumerate(zip(grid.shape, grid.voxel_size, strict=True)):
            offset = -scipy.fft.fftfreq(n, 1 / (n * size))
            weight = np.exp(-np.square(offset / width) / 2)
            weight /= weight.sum()
            if n % 2 == 0:
                offset[n // 2] = 0  # it is as far one way as the other
            powers = [weight, weight * offset, weight * offset * offset]
            along = (-1, *(1,) * (2 - axis))
            one_way = scipy.fft.rfft if axis == 2 else scipy.fft.fft
            self.spectra.append([one_way(power).astype(np.complex64).reshape(along) for power in powers])

    def moment(self, spectrum: np.ndarray, *axes: int) -> np.ndarray:
        """Sum over the neighbours of weight, image and the offsets (mm) along the axes; of an image's half spectrum."""
        self.progress(self.done, "")
        self.done += self.share
        x, y, z = (self.spectra[axis][axes.count(axis)] for axis in AXES)
        product = spectrum * (y * z)
        product *= x
        return inverse(product, self.shape)

    def gaussian_curvature(self, mask: np.ndarray, surface: np.ndarray) -> np.ndarray:
        """Gaussian curvature (1/mm2) of the smoothed mask's level sets, at the voxels of a surface."""
        value = self.moment(mask)[surface] * np.float32(self.width**2)
        gx, gy, gz = (self.moment(mask, axis)[surface] for axis in AXES)
        xx, xy, xz, yy, yz, zz = (self.moment(mask, a, b)[surface] - (value if a == b else 0) for a, b in PAIRS)
        # Moments are the slopes times the squared width, and its square: put right at the end.
        bent = gx * gx * (yy * zz - yz * yz) + gy * gy * (xx * zz - xz * xz) + gz * gz * (xx * yy - xy * xy)
        bent += 2 * (gx * gy * (xz * yz - xy * zz) + gy * gz * (xy * xz - yz * xx) + gx * gz * (xy * yz - xz * yy))
        steep = np.square(gx * gx + gy * gy + gz * gz)
        return bent / np.maximum(steep * np.float32(self.width**4), np.float32(np.finfo(np.float32).tiny))


def without_smooth(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    widths: Widths,
    vessels: np.ndarray | None = None,
    *,
    progress: Progress,
) -> np.ndarray:
    """Return the total field (x, y, z; ppm) less what is smooth in it, float32, zero outside the mask.

    vessels: (x, y, z) bool, beside which the weights are narrow too. Raises InputError where the mask is empty.
    """
    levels = _levels(widths.widest, NARROWEST * min(grid.voxel_size))
    parts = [
        part(progress, k / (len(levels) + 1), (k + 1) / (len(levels) + 1), "filtering") for k in range(len(levels) + 1)
    ]
    window = Window(mask, grid, MARGIN * widths.proximity)
    local = window.cut(total_field)
    local *= window.mask
    spectra = transform(window.mask.astype(np.float32)), transform(local)
    place = widths.at(window, spectra[0], None if vessels is None else window.cut(vessels), parts[0])
    np.log2(np.maximum(place, STEEPEST), out=place)
    place -= np.float32(np.log2(widths.widest))
    place *= -LEVELS_PER_OCTAVE
    np.clip(place, 0, len(levels), out=place)
    local *= np.minimum(len(levels) - place, 1)
    for level, (sigma, told) in enumerate(zip(levels, parts[1:], strict=True)):
        told(0.0, "")
        at = window.mask & (np.abs(place - level) < 1)
        if at.any():
            near = Neighbourhood(window.grid, sigma, told, MOMENTS)
            local[at] -= (1 - np.abs(place[at] - level)) * _planes(near, spectra, at)
    local *= window.mask
    progress(1.0, "")
    return window.paste(local)


def _levels(widest: float, least: float) -> np.ndarray:
    """Widths (mm) from the widest down, the last of them not below the least, but at least one."""
    count = 1 + max(0, int(LEVELS_PER_OCTAVE * np.log2(widest / least)))
    return widest * 2.0 ** (-np.arange(count) / LEVELS_PER_OCTAVE)


def _planes(near: Neighbourhood, spectra: tuple[np.ndarray, np.ndarray], at: np.ndarray) -> np.ndarray:
    """Value at these voxels of the plane that fits the field in the mask best under the weights.

    spectra: of the mask and of the field in it; at: (x, y, z) bool; the result has one value per voxel. Where the mask
    fills the weights it is the mean.
    """
    mask, field = spectra
    total = near.moment(mask)[at]
    mean = near.moment(field)[at] / total
    cut = total < WHOLE
    if not cut.any():
        return mean
    at = at.copy()
    at[at] = cut
    total, level = total[cut], mean[cut]
    middle = [near.moment(mask, axis)[at] / total for axis in AXES]
    slope = [near.moment(field, axis)[at] / total - level * middle[axis] for axis in AXES]
    spread = {pair: near.moment(mask, *pair)[at] / total - middle[pair[0]] * middle[pair[1]] for pair in PAIRS}
    for axis in AXES:
        spread[axis, axis] += np.float32(FLAT * near.width**2)
    _solve(spread, slope)
    for axis in AXES:
        level -= slope[axis] * middle[axis]
    mean[cut] = level
    return mean


def _solve(matrix: dict[tuple[int, int], np.ndarray], values: list[np.ndarray]) -> None:
    """Solve positive definite 3 x 3 equations, one per voxel, in place of the values; matrix: its upper half, used."""
    for pivot in AXES:
        for row in AXES[pivot + 1 :]:
            factor = matrix[pivot, row] / matrix[pivot, pivot]
            for column in AXES[row:]:
                matrix[row, column] -= factor * matrix[pivot, column]
            values[row] -= factor * values[pivot]
    for row in reversed(AXES):
        for column in AXES[row + 1 :]:
            values[row] -= matrix[row, column] * values[column]
        values[row] /= matrix[row, row]

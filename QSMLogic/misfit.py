"""What inversions share that weigh the misfit of the local field: the field in its window, and its splits for ADMM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from .constants import GAMMA_BAR
from .device import library, placed
from .grid import Grid
from .masked import Masked
from .noise import noise_level
from .operators import MOSTLY, Window, along_axes, convolve, dipole_kernel, hats
from .solvers import Place, Split

LEAST_NOISE = 0.01
"""Of the local field's standard deviation: no model of a measured field is more exact, whatever the noise."""

DATA_PENALTY = 0.05
"""Penalty of the field's split, times the mean squared data weight; fastest of 0.05 to 1 on measured fields."""

LOCAL_PENALTY = 0.1
"""The same where no sources lie outside, whose field converges slowly: a quarter fewer iterations, errors alike."""

FIELD_SHRINKAGE = 0.02
"""ppm; data weight over the penalty of an absolute misfit's split; fastest of 0.005 to 0.1."""

COARSENED = 1.5
"""Times the shortest side of a voxel: shorter sides are doubled on the way to a coarser grid."""

COARSEST = 3.2
"""mm; larger voxels are no start: they hold too little of a brain, and what they misfit looks like background."""

LEAST_VOXELS = 4096
"""Of a coarser grid: below, no start is faster than none."""

HALF_TURN = float(np.float32(np.pi))
STEPS = 2
"""Of the iterations for a proximal point that has no closed form: two are exact to 3e-3 ppm and mostly far better."""


@dataclass(frozen=True)
class Measured:
    """A local field (ppm) and its data weight in the window of its mask, zero outside it, and the dipole there.

    penalty: of the split of the field.
    """

    window: Window
    field: np.ndarray
    weight: np.ndarray
    kernel: np.ndarray
    penalty: float = DATA_PENALTY

    def misfit(self, chi: np.ndarray) -> np.ndarray:
        """Return the field less that of the sources in the mask (x, y, z; ppm), zero outside the mask."""
        left = convolve(chi * self.window.mask, self.kernel)
        np.subtract(self.field, left, out=left)
        left *= self.window.mask
        return left

    def coarser(self) -> Measured | None:
        """Return the same on voxels twice as large along short axes, as a start for this; None where that is no gain.

        Its grid covers the box of the mask; voxels are a little larger where the box has an odd number of them.
        """
        window, sizes = self.window, self.window.grid.voxel_size
        box = [side.stop for side in window.inner]
        shape = [(n + 1) // 2 if s < COARSENED * min(sizes) else n for n, s in zip(box, sizes, strict=True)]
        size = tuple(s * n / m for s, n, m in zip(sizes, box, shape, strict=True))
        if min(size) > COARSEST or np.prod(shape) < LEAST_VOXELS:
            return None
        means = [hats(n, m) for n, m in zip(box, shape, strict=True)]
        mask = along_axes(means, window.mask[window.inner].astype(np.float32)) > MOSTLY
        if not mask.any():
            return None
        weight = np.square(np.asarray(self.weight)[window.inner])
        field = along_axes(means, weight * np.asarray(self.field)[window.inner])
        weight = along_axes(means, weight)
        np.divide(field, weight, out=field, where=weight > 0)
        grid = Grid(tuple(shape), size, b0_direction=window.grid.b0_direction)  # type: ignore[arg-type]
        return measured(field, mask, grid, np.sqrt(weight))

    def refined(self, coarse: Measured, state: np.ndarray) -> np.ndarray:
        """Bring an image (..., x, y, z) of the coarser window to this one; both are placed where solvers compute."""
        box = [side.stop for side in self.window.inner]
        nearest = [
            ((np.arange(n) + 0.5) * (m / n)).astype(int) for n, m in zip(box, coarse.window.full_shape, strict=True)
        ]
        out = np.zeros((*state.shape[:-3], *self.window.grid.shape), np.float32)
        for place in np.ndindex(*state.shape[:-3]):
            near = coarse.window.paste(state[place])
            for axis in (2, 1, 0):  # short rows while there are few of them
                near = near.take(nearest[axis], axis)
            out[place][self.window.inner] = near
        return placed(out)


def measured(local_field: np.ndarray, mask: np.ndarray, grid: Grid, weights: np.ndarray | None) -> Measured:
    """Cut the box of the mask from local_field (ppm) and weights (None: equal ones), each (x, y, z)."""
    window = Window(mask, grid, 0.0)
    field = window.cut(local_field)
    field *= window.mask
    weight = window.mask.astype(np.float32) if weights is None else window.cut(weights * mask)
    return Measured(window, field, weight, dipole_kernel(window.grid))


def borrowed(local_field: np.ndarray, mask: np.ndarray, grid: Grid, weights: np.ndarray | None) -> Measured:
    """Return the same as `measured` without copies: field and weight are `Masked`, and stand in for arrays."""
    window = Window(mask, grid, 0.0)
    images = local_field, np.broadcast_to(np.float32(1), mask.shape) if weights is None else weights
    field, weight = (cast(np.ndarray, Masked(image, window)) for image in images)
    return Measured(window, field, weight, dipole_kernel(window.grid))


def field_noise_level(local_field: np.ndarray, mask: np.ndarray) -> float:
    """Estimate the noise of a local field (x, y, z; ppm) in the mask, and never say that there is none."""
    return max(noise_level(local_field, mask), LEAST_NOISE * float(local_field[mask].std()))


def squared_split(data: Measured) -> Split:
    """Half the weighted squared misfit of the field."""
    field, weight, penalty = placed(data.field), placed(data.weight), data.penalty

    def remainder(t: np.ndarray, place: Place) -> np.ndarray:
        share = weight[place] * weight[place]
        share /= share + penalty
        share *= t - field[place]
        return share

    return Split("kernel", penalty, remainder)


def absolute_split(data: Measured, radians: float) -> Split:
    """Weighted distance of the points that the field and its model are on the unit circle; radians: per ppm of field.

    Distance and weight are in ppm: 2 / radians |sin(radians / 2 (t - field))|, and the absolute misfit for radians 0.
    """
    field, bound, penalty = placed(data.field), placed(FIELD_SHRINKAGE * data.weight), 1 / FIELD_SHRINKAGE
    if not radians:
        return Split("kernel", penalty, lambda t, place: clipped(t - field[place], bound[place]))
    of = library(bound)

    def remainder(t: np.ndarray, place: Place) -> np.ndarray:
        # Beyond the point itself the slope falls with the cosine of half the angle that is left.
        misfit = _nearest(t - field[place], radians)
        distance = of.abs(misfit)
        whole = of.minimum(bound[place], distance)
        pull = whole
        for _ in range(STEPS):
            pull = whole * of.cos((radians / 2) * (distance - pull))
        return of.copysign(pull, misfit)

    return Split("kernel", penalty, remainder)


def phase_split(data: Measured, radians: float) -> Split:
    """Half the weighted squared distance of the points that the field and its model are on the unit circle.

    In ppm: weight^2 (1 - cos(radians (t - field))) / radians^2; the squared misfit for radians 0. A misfit beyond half
    a turn counts as half a turn: were it turned back, voxels would change sides for ever.
    """
    if not radians:
        return squared_split(data)
    field, weight, penalty = placed(data.field), placed(data.weight), data.penalty

    def remainder(t: np.ndarray, place: Place) -> np.ndarray:
        of = library(t)
        angle = of.clip(radians * (t - field[place]), -HALF_TURN, HALF_TURN)
        pull = weight[place] * weight[place]
        pull /= penalty
        left = angle / (1 + pull)
        for _ in range(STEPS):
            slope = of.clip(1 + pull * (1 - left * left / 2), 1, None)
            left -= (pull * of.sin(left) + left - angle) / slope
        angle -= left
        angle /= radians
        return angle

    return Split("kernel", penalty, remainder)


def radians_per_ppm(echo_times: tuple[float, ...] | None, field_strength: float | None) -> float:
    """Phase (rad) that a field of 1 ppm makes between two echoes, or until the only one; 0 where that is not known.

    An error of unwrapping, of one turn between echoes, is then a whole turn of the phase.
    """
    if not echo_times or not field_strength:
        return 0.0
    spacing = (echo_times[-1] - echo_times[0]) / max(len(echo_times) - 1, 1) or echo_times[0]
    return 2 * np.pi * GAMMA_BAR * field_strength * spacing


def _nearest(misfit: np.ndarray, radians: float) -> np.ndarray:
    """Misfit (ppm) less the whole turns in it."""
    turn = 2 * np.pi / radians
    misfit -= turn * library(misfit).round(misfit / turn)
    return misfit


def clipped(t: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Clip to a bound of each place; numpy's clip is three times as slow for such."""
    of = library(t)
    out = of.minimum(t, bound)
    return of.maximum(out, -bound, out=out)

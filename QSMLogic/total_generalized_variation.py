"""Total generalised variation: a map pays for what its gradient differs from slopes that are nearly even themselves.

Where the total variation makes steps of a slope, this leaves it a slope. The map and its slopes are found together by
ADMM: in the Fourier domain the equations of map and three slopes are solved wave by wave. Source: Bredies2010.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .grid import Grid
from .misfit import Measured
from .operators import inverse, transform, wave_numbers
from .parallel import each, slabs
from .progress import Progress, part, rising
from .slab_differences import after, before, return_after, return_before
from .solvers import OVER_RELAXATION, PASS_VOXELS, Split, converged, relative_change
from .total_variation import (
    COARSE_SHARE,
    FRESH_TOLERANCE,
    SHRINKAGE,
    Exterior,
    between,
    leaves_smooth_misfit,
    no_sources_split,
)

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Axes of the six parts of the slopes' symmetric gradient."""

BEND = 8.0
"""Weight of the second order over that of the first, per voxel side. With 2, slopes explain what background is left:
the error of a brain from raw phase is three points higher."""

TINY = np.finfo(np.float32).tiny
"""Where there is nothing to pay for, no number is divided by zero."""


@dataclass(frozen=True)
class Slopes:
    """Weights of the two terms: strength (ppm mm) of gradient less slopes, times length (mm) of slopes' bend."""

    strength: float
    length: float

    @property
    def penalty(self) -> float:
        """Of the split of the first term, whose shrinkage is SHRINKAGE."""
        return self.strength / SHRINKAGE

    @property
    def bend_penalty(self) -> float:
        """Of the split of the second term: as stiff as the first over the length."""
        return self.penalty * self.length**2

    @property
    def bend_shrinkage(self) -> float:
        """ppm/mm2; threshold of the second term's shrinkage."""
        return SHRINKAGE / self.length


def inverted(
    data: Measured,
    misfit_of: Callable[[Measured], Split],
    slopes: Slopes,
    exterior: Exterior,
    *,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> np.ndarray:
    """Return the map (x, y, z; ppm, in the window) that minimises misfit and total generalised variation in the mask.

    misfit_of: makes the split of the misfit for the data of a grid; exterior: as in `total_variation.inverted`. The
    same problem is solved on larger voxels first, where that is a gain.
    """

    def solved(free: bool, report: Progress) -> np.ndarray:
        states = begun(free, part(report, 0, COARSE_SHARE))
        level = _Level(data, misfit_of(data), slopes, free, states)
        last = tolerance * (FRESH_TOLERANCE if states is None else 1)
        return level.solve(last, iterations, part(report, COARSE_SHARE, 1))

    def begun(free: bool, report: Progress) -> list[np.ndarray] | None:
        coarse = data.coarser()
        if coarse is None:
            return None
        level = _Level(coarse, misfit_of(coarse), slopes, free)
        level.solve(tolerance * FRESH_TOLERANCE, iterations, report)
        return [data.refined(coarse, state) for state in level.states]

    if exterior != "auto":
        return solved(exterior == "free", progress)
    chi = solved(False, part(progress, 0, 0.5))
    if not leaves_smooth_misfit(data.field, data.misfit(chi), data.window):
        progress(1.0, "")
        return chi
    del chi
    return solved(True, part(progress, 0.5, 1))


class _Level:
    """The problem on one grid, with sources outside the mask or none.

    states: t of the misfit, of gradient less slopes (3), of the slopes' gradient (6), and of the map that is nothing
    outside, where it is.

    Of each split only t is kept, as in `solvers.admm`; between two iterations, the share of the next one that is known.
    """

    def __init__(
        self, data: Measured, misfit: Split, slopes: Slopes, free: bool, states: list[np.ndarray] | None = None
    ) -> None:
        self.data, self.misfit, self.slopes = data, misfit, slopes
        self.grid: Grid = data.window.grid
        self.outside = None if free else no_sources_split(data.window.mask, slopes.penalty)
        counts = [1, 3, 6, *[1] * (not free)]
        self.states = states or [np.zeros((n, *self.grid.shape), np.float32) for n in counts]
        self.counts = between(data.window.mask)
        self.bends = _bends_count(self.counts)
        self.parts = slabs(self.grid.shape, PASS_VOXELS)

    def solve(self, tolerance: float, iterations: int, progress: Progress) -> np.ndarray:
        progress = rising(progress)
        fixed = 0.0 if self.outside is None else self.outside.penalty
        waves = _Waves(self.grid, self.data.kernel, self.misfit.penalty, self.slopes, fixed)
        x: np.ndarray | None = None
        through: np.ndarray | None = None
        slopes: list[np.ndarray] | None = None
        for iteration in range(iterations):
            right, falls = self._differences(x, slopes)
            self._bends(slopes, falls)
            slopes = None
            spectra = [transform(falls.pop(0)) for _ in range(3)]
            image, through = transform(self._misfit(through)), None
            spectrum = transform(right)
            del right
            waves.solve(spectrum, image, spectra)
            previous, x = x, inverse(spectrum, self.grid.shape)
            through = inverse(image, self.grid.shape)
            del spectrum, image
            slopes = [inverse(spectra.pop(0), self.grid.shape) for _ in range(3)]
            change = relative_change(x, previous, self.data.window.mask)
            del previous
            progress(converged(change**2, tolerance**2, iteration / iterations), "")
            if change < tolerance:
                break
        assert x is not None
        progress(1.0, "")
        return x

    def _misfit(self, image: np.ndarray | None) -> np.ndarray:
        """Bring the misfit's t to the field of the new map, and return what flows back from it."""
        out, state = np.empty(self.grid.shape, np.float32), self.states[0][0]

        def fill(slab: slice) -> None:
            here = state[slab]
            if image is not None:
                here += np.float32(OVER_RELAXATION) * image[slab]
            out[slab] = _flux(here, self.misfit.remainder(here, slab), self.misfit.penalty)

        each(fill, self.parts)
        return out

    def _differences(
        self, x: np.ndarray | None, slopes: list[np.ndarray] | None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Bring the first term's t to the new map and slopes; return what flows back to the map, and to the slopes."""
        right = np.zeros(self.grid.shape, np.float32)
        falls = [np.empty(self.grid.shape, np.float32) for _ in range(3)]
        bound, state = np.float32(SHRINKAGE), self.states[1]

        def fill(slab: slice) -> np.ndarray:
            leaving = np.zeros(self.grid.shape[1:], np.float32)
            for axis, size in enumerate(self.grid.voxel_size):
                here = state[axis, slab]
                if x is not None and slopes is not None:
                    step = after(x, axis, slab)
                    step *= np.float32(1 / size)
                    step -= slopes[axis][slab]
                    step *= np.float32(OVER_RELAXATION)
                    here += step
                rest = np.clip(here, -bound, bound)
                rest *= self.counts[axis, slab]
                flux = _flux(here, rest, self.slopes.penalty)
                np.negative(flux, out=falls[axis][slab])
                flux *= np.float32(1 / size)
                return_after(right[slab], flux, axis)
                if axis == 0:
                    leaving += flux[-1]
            if self.outside is not None:
                here = self.states[3][0, slab]
                if x is not None:
                    here += np.float32(OVER_RELAXATION) * x[slab]
                right[slab] += _flux(here, self.outside.remainder(here, slab), self.outside.penalty)
            return leaving

        for slab, leaving in zip(self.parts, each(fill, self.parts), strict=True):
            right[slab.stop % self.grid.shape[0]] += leaving
        return right, falls

    def _bends(self, slopes: list[np.ndarray] | None, falls: list[np.ndarray]) -> None:
        """Bring the second term's t to the new slopes, and add what flows back to the slopes."""
        bound, state = np.float32(self.slopes.bend_shrinkage), self.states[2]
        sizes = self.grid.voxel_size

        def fill(slab: slice) -> tuple[np.ndarray, dict[int, np.ndarray]]:
            back, on = np.zeros(self.grid.shape[1:], np.float32), {}
            for place, (one, other) in enumerate(PAIRS):
                difference, back_flow = (before, return_before) if one == other else (after, return_after)
                here = state[place, slab]
                if slopes is not None:
                    for part_of, along in ((one, other), (other, one)):
                        here += difference(slopes[part_of], along, slab) * np.float32(
                            OVER_RELAXATION / 2 / sizes[along]
                        )
                rest = np.clip(here, -bound, bound)
                rest *= self.bends[place, slab]
                flux = _flux(here, rest, self.slopes.bend_penalty)
                for part_of, along in {(one, other), (other, one)}:
                    flow = flux * np.float32(1 / sizes[along])
                    back_flow(falls[part_of][slab], flow, along)
                    if along == 0 and one == other:
                        back += flow[0]
                    elif along == 0:
                        on[part_of] = flow[-1].copy()
            return back, on

        for slab, (back, on) in zip(self.parts, each(fill, self.parts), strict=True):
            falls[0][slab.start - 1] -= back
            for part_of, flow in on.items():
                falls[part_of][slab.stop % self.grid.shape[0]] += flow


class _Waves:
    """The equations of the map and its slopes, one set of four for every wave.

    With d the forward difference of a wave, the slopes solve (p + q d d*) v = b + r d x: a number plus a matrix of rank
    one, which leaves one equation for x.
    """

    def __init__(self, grid: Grid, kernel: np.ndarray, data_penalty: float, slopes: Slopes, fixed: float) -> None:
        turns = [2j * np.pi * k * np.float32(s) for k, s in zip(wave_numbers(grid), grid.voxel_size, strict=True)]
        self.steps = [((np.exp(t) - 1) / s).astype(np.complex64) for t, s in zip(turns, grid.voxel_size, strict=True)]
        self.kernel, self.data_penalty, self.fixed = kernel, np.float32(data_penalty), np.float32(fixed)
        self.first, self.second = np.float32(slopes.penalty), np.float32(slopes.bend_penalty / 2)

    def solve(self, x: np.ndarray, through: np.ndarray, slopes: list[np.ndarray]) -> None:
        """Make of the right sides (half spectra) the spectra of map, field and slopes, in place."""

        def fill(slab: slice) -> None:
            d = [self.steps[0][slab], self.steps[1], self.steps[2]]
            kernel = self.kernel[slab]
            square = sum(np.square(np.abs(step)) for step in d)
            own = self.first + self.second * square + TINY
            both = own + self.second * square
            along = sum(np.conj(step) * slope[slab] for step, slope in zip(d, slopes, strict=True))
            right = x[slab] + kernel * through[slab] + (self.first / both) * along
            system = self.data_penalty * kernel * kernel + self.fixed + self.first * square * (1 - self.first / both)
            here = np.divide(right, system, out=np.zeros_like(right), where=system > 0)
            x[slab] = here
            np.multiply(here, kernel, out=through[slab])
            along += (self.first * square) * here
            along *= self.second / both
            np.subtract(self.first * here, along, out=along)
            for step, slope in zip(d, slopes, strict=True):
                slope[slab] += step * along
                slope[slab] /= own

        each(fill, slabs(x.shape, PASS_VOXELS))


def _flux(state: np.ndarray, rest: np.ndarray, penalty: float) -> np.ndarray:
    """Return penalty (t - 2 rest), and leave in place of t the share of the next one that is known."""
    flux = state - rest
    flux -= rest
    flux *= np.float32(penalty)
    state *= np.float32(1 - OVER_RELAXATION)
    rest *= np.float32(OVER_RELAXATION)
    state += rest
    return flux


def _bends_count(counts: np.ndarray) -> np.ndarray:
    """Whether all the slopes that a part of their gradient is made of lie between voxels of the mask: (6, x, y, z)."""

    def whole(one: int, other: int) -> np.ndarray:
        if one == other:
            return counts[one] & np.roll(counts[one], 1, one)
        return counts[one] & np.roll(counts[one], -1, other) & counts[other] & np.roll(counts[other], -1, one)

    return np.stack([whole(*pair) for pair in PAIRS])

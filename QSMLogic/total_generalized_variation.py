"""Total generalised variation: a map pays for what its gradient differs from slopes that are nearly even themselves.

Where the total variation makes steps of a slope, this leaves it a slope. The map and its slopes are found together by
ADMM: in the Fourier domain the equations of map and three slopes are solved wave by wave. Source: Bredies2010.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.fft

from .device import copied, fetched, library, passes, placed
from .grid import Grid
from .misfit import Measured
from .operators import half_shape, inverse, transform
from .parallel import CROWDED_VOXELS, each, threads
from .progress import Progress, part, rising
from .slab_differences import NEXT, after, before, following, preceding, return_after, return_before, together
from .slope_waves import Slopes, Waves
from .solvers import OVER_RELAXATION, Split, converged
from .total_variation import COARSE_SHARE, FRESH_TOLERANCE, SHRINKAGE, Exterior, leaves_smooth_misfit
from .vectors import multiply, relative_change

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Axes of the six parts of the slopes' symmetric gradient."""

BEND = 8.0
"""Weight of the second order over that of the first, per voxel side. With 2, slopes explain what background is left:
the error of a brain from raw phase is three points higher."""

STEPS = tuple((step,) for step in NEXT)
"""To the voxel beside which a difference along an axis lies in the mask."""

BENDS = (
    ((1, 0, 0), (-1, 0, 0)),
    ((0, 1, 0), (0, -1, 0)),
    ((0, 0, 1), (0, 0, -1)),
    ((1, 0, 0), (0, 1, 0), (1, 1, 0)),
    ((1, 0, 0), (0, 0, 1), (1, 0, 1)),
    ((0, 1, 0), (0, 0, 1), (0, 1, 1)),
)
"""To the voxels beside which all slopes lie in the mask that a part of their gradient is made of."""

MISFIT, FIRST, SECOND, OUTSIDE = range(4)
"""The terms: of the field, of gradient less slopes, of the slopes' gradient, and of the map outside the mask."""


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
    if not leaves_smooth_misfit(np.asarray(data.field), data.misfit(chi), data.window):
        progress(1.0, "")
        return chi
    del chi
    return solved(True, part(progress, 0.5, 1))


class _Level:
    """The problem on one grid, with sources outside the mask or none.

    states: t of the misfit, of gradient less slopes (3), of the slopes' gradient (6), and of the map that is nothing
    outside, where it is. Of each split only t is kept, as in `solvers.admm`: what flows back is read from it slab by
    slab on its way into a spectrum, and the image of a spectrum is let go once the t's that it moves have been moved.
    All are placed where solvers compute (see `device`).
    """

    def __init__(
        self, data: Measured, misfit: Split, slopes: Slopes, free: bool, states: list[np.ndarray] | None = None
    ) -> None:
        self.mask, self.misfit, self.slopes = placed(data.window.mask), misfit, slopes
        self.grid: Grid = data.window.grid
        self.fixed = 0.0 if free else slopes.penalty
        counts = [1, 3, 6, *[1] * (not free)]
        self.states = states or [placed(np.zeros((n, *self.grid.shape), np.float32)) for n in counts]
        self.penalties = [misfit.penalty, slopes.penalty, slopes.bend_penalty, slopes.penalty]
        self.parts = passes(self.mask, CROWDED_VOXELS)
        self.waves = Waves(self.grid, data.kernel, misfit.penalty, slopes, self.fixed)

    def solve(self, tolerance: float, iterations: int, progress: Progress) -> np.ndarray:
        progress = rising(progress)
        previous: np.ndarray | None = None
        iteration, done = 0, 0.0
        while True:
            spectrum = self._spectrum(lambda slab: self._flux(MISFIT, 0, slab))
            multiply(spectrum, self.waves.kernel)
            spectrum += self._spectrum(self._to_map)
            progress(done, "")
            slopes = [self._spectrum(partial(self._to_slope, axis)) for axis in range(3)]
            progress(done, "")
            self.waves.solve(spectrum, slopes)
            for axis in range(3):
                self._move_by_slope(slopes.pop(0), axis)
                progress(done, "")
            x = inverse(copied(spectrum), self.grid.shape)
            change = relative_change(x, previous, self.mask)
            previous = x
            self._move_by_map(x)
            multiply(spectrum, self.waves.kernel)
            self._move_by_field(inverse(spectrum, self.grid.shape))
            del spectrum
            iteration += 1
            if change < tolerance or iteration >= iterations:
                progress(1.0, "")
                return fetched(x)
            del x
            done = converged(change**2, tolerance**2, iteration / iterations)
            progress(done, "")

    def _spectrum(self, image: Callable[[slice], np.ndarray]) -> np.ndarray:
        """Half spectrum of an image that is made slab by slab."""
        if len(self.parts) == 1:
            return transform(image(self.parts[0]))
        out = np.empty(half_shape(self.grid), np.complex64)

        def fill(slab: slice) -> None:
            out[slab] = scipy.fft.rfft2(image(slab))

        each(fill, self.parts)
        return scipy.fft.fft(out, axis=0, overwrite_x=True, workers=threads())

    def _rest(self, term: int, place: int, slab: slice) -> np.ndarray:
        """Return t less the proximal point of a part of a term."""
        here = self.states[term][place, slab]
        if term == MISFIT:
            return self.misfit.remainder(here, slab)
        if term == OUTSIDE:
            return here * ~self.mask[slab]
        bound, beside = (SHRINKAGE, STEPS) if term == FIRST else (self.slopes.bend_shrinkage, BENDS)
        rest = library(here).clip(here, -bound, bound)
        rest *= together(self.mask, slab, beside[place])
        return rest

    def _flux(self, term: int, place: int, slab: slice, size: float = 1.0) -> np.ndarray:
        """Return what flows back from a part of a term, over the size of a voxel."""
        flux = self._rest(term, place, slab)
        flux *= -2
        flux += self.states[term][place, slab]
        flux *= self.penalties[term] / size
        return flux

    def _move(self, term: int, place: int, slab: slice, step: np.ndarray, size: float = 1.0, *, first: bool) -> None:
        """Bring t to its next value; where it takes several steps, what is known without them comes with the first."""
        here = self.states[term][place, slab]
        if first:
            rest = self._rest(term, place, slab)
            rest *= OVER_RELAXATION
            here *= 1 - OVER_RELAXATION
            here += rest
        here += (OVER_RELAXATION / size) * step

    def _to_map(self, slab: slice) -> np.ndarray:
        """Return what flows back to the map from its gradient, and from outside the mask."""
        plane = preceding(slab, self.mask)
        first = self.states[FIRST][0, slab]
        out = self._flux(OUTSIDE, 0, slab) if self.fixed else library(first).zeros_like(first)
        for axis, size in enumerate(self.grid.voxel_size):
            beyond = None if axis else self._flux(FIRST, axis, plane, size)
            return_after(out, self._flux(FIRST, axis, slab, size), axis, beyond)
        return out

    def _to_slope(self, axis: int, slab: slice) -> np.ndarray:
        """Return what flows back to a slope."""
        out = self._flux(FIRST, axis, slab, -1.0)
        for place, along in _bends_of(axis):
            same, size = along == axis, self.grid.voxel_size[along]
            plane = (following if same else preceding)(slab, self.mask)
            beyond = None if along else self._flux(SECOND, place, plane, size)
            (return_before if same else return_after)(out, self._flux(SECOND, place, slab, size), along, beyond)
        return out

    def _image(self, spectrum: np.ndarray) -> Callable[[slice], tuple[np.ndarray, slice]]:
        """Image of a half spectrum (used as scratch) that is made slab by slab: with planes beside, and where it is."""
        if len(self.parts) == 1:
            whole = inverse(spectrum, self.grid.shape)
            return lambda slab: (whole, slab)
        lines = scipy.fft.ifft(spectrum, axis=0, overwrite_x=True, workers=threads())

        def image(slab: slice) -> tuple[np.ndarray, slice]:
            planes = np.arange(slab.start - 1, slab.stop + 1) % len(lines)
            return scipy.fft.irfft2(lines[planes], self.grid.shape[1:]), slice(1, planes.size - 1)

        return image

    def _move_by_slope(self, spectrum: np.ndarray, axis: int) -> None:
        """Move the t's by a slope, which is made of its spectrum slab by slab, with the planes beside it."""
        image = self._image(spectrum)

        def fill(slab: slice) -> None:
            slope, inner = image(slab)
            self._move(FIRST, axis, slab, slope[inner], -1.0, first=True)
            for place, along in _bends_of(axis):
                same, size = along == axis, self.grid.voxel_size[along]
                step = (before if same else after)(slope, along, inner)
                self._move(SECOND, place, slab, step, size if same else 2 * size, first=axis <= along)

        each(fill, self.parts)

    def _move_by_map(self, x: np.ndarray) -> None:
        def fill(slab: slice) -> None:
            for axis, size in enumerate(self.grid.voxel_size):
                self._move(FIRST, axis, slab, after(x, axis, slab), size, first=False)
            if self.fixed:
                self._move(OUTSIDE, 0, slab, x[slab], first=True)

        each(fill, self.parts)

    def _move_by_field(self, image: np.ndarray) -> None:
        each(lambda slab: self._move(MISFIT, 0, slab, image[slab], first=True), self.parts)


def _bends_of(axis: int) -> list[tuple[int, int]]:
    """Parts of the slopes' gradient that a slope has a share in, and along which axis it is taken there."""
    return [(place, one + other - axis) for place, (one, other) in enumerate(PAIRS) if axis in (one, other)]

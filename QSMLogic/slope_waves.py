"""The equations, wave by wave, of a map and its slopes under a total generalised variation, and the weights in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .device import library, passes, placed
from .grid import Grid
from .operators import wave_numbers
from .parallel import CROWDED_VOXELS, each
from .total_variation import SHRINKAGE

COMPLEX = 3
"""Times smaller slabs where most of the arrays are complex, and there are more of them."""

TINY = float(np.finfo(np.float32).tiny)
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


class Waves:
    """The equations of the map and its slopes, one set of four for every wave.

    With d the forward difference of a wave, the slopes solve (p + q d d*) v = b + r d x: a number plus a matrix of rank
    one, which leaves one equation for x.
    """

    def __init__(self, grid: Grid, kernel: np.ndarray, data_penalty: float, slopes: Slopes, fixed: float) -> None:
        """kernel: half spectrum of the dipole; data_penalty, fixed: of the field's split and of the map's own, or 0."""
        turns = [2j * np.pi * k * np.float32(s) for k, s in zip(wave_numbers(grid), grid.voxel_size, strict=True)]
        steps = [((np.exp(t) - 1) / s).astype(np.complex64) for t, s in zip(turns, grid.voxel_size, strict=True)]
        self.steps, self.kernel = [placed(step) for step in steps], placed(kernel)
        self.data_penalty, self.fixed = data_penalty, fixed
        self.first, self.second = slopes.penalty, slopes.bend_penalty / 2

    def solve(self, x: np.ndarray, slopes: list[np.ndarray]) -> None:
        """Make of the right sides (half spectra) the spectra of map and slopes, in place."""
        of = library(x)

        def fill(slab: slice) -> None:
            d, kernel, here = [self.steps[0][slab], self.steps[1], self.steps[2]], self.kernel[slab], x[slab]
            square = sum(of.square(of.abs(step)) for step in d)
            own = self.first + self.second * square + TINY
            both = own + self.second * square
            along = sum(of.conj(step) * slope[slab] for step, slope in zip(d, slopes, strict=True))
            system = self.data_penalty * kernel * kernel + self.fixed + self.first * square * (1 - self.first / both)
            here += (self.first / both) * along
            here *= (system > 0) / (system + TINY)
            along += (self.first * square) * here
            along *= self.second / both
            of.subtract(self.first * here, along, out=along)
            for step, slope in zip(d, slopes, strict=True):
                own_part = slope[slab]
                own_part += step * along
                own_part /= own

        each(fill, passes(x, CROWDED_VOXELS // COMPLEX))

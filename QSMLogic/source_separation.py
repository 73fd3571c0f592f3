"""Paramagnetic and diamagnetic susceptibility from the local field, which their sum makes, and R2', which both make.

field = dipole * (chi_para + chi_dia), R2' = relaxivity (chi_para - chi_dia), chi_dia <= 0 <= chi_para: Shin2021.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from .chosen import chose
from .decay_misfit import Decay, Rates, decay_of, nearest_sources
from .grid import Grid
from .misfit import Measured, field_noise_level, measured, squared_split
from .operators import dipole_slabs, gradient_squared, transform
from .parallel import CROWDED_VOXELS, each, slabs
from .progress import Progress, part, rising
from .registry import Param
from .relaxivity import relaxivity_at
from .slab_transforms import slabs_inverted, slabs_transformed
from .solvers import OVER_RELAXATION, converged, fresh_state, reflected, right_side
from .total_variation import SHRINKAGE, Exterior, automatic_weight, leaves_smooth_misfit, variation_split
from .vectors import SUM_OF_PRODUCTS

RELAXIVITY_HELP = "R2' that a ppm makes at 3 T; it grows with the field strength"
ParaRelaxivity = Annotated[float, Param("Relaxivity, paramagnetic", "1/s/ppm", 1, 2000, RELAXIVITY_HELP)]
DiaRelaxivity = Annotated[float, Param("Relaxivity, diamagnetic", "1/s/ppm", 1, 2000, RELAXIVITY_HELP)]
RateWeight = Annotated[
    float, Param("R2' weight", "", 1e-3, 1e3, "of its misfit over the field's; 1: as the noise of both says")
]

SHARE = 0.5
"""Of the weight that is automatic for one map: two maps are smoothed. Near the best on heads of 1.5 to 7 T, SNR 35 to
100, and on even shapes; twice as much and more, and sources in balance begin to vanish."""

SOURCES_PENALTY = 0.3
"""Penalty of the sources' split over that of their gradients'; fastest of 0.1 to 10."""

LEAST_WEIGHT = 1e-6 * SHRINKAGE
"""ppm mm; of the total variation, where a field is nothing."""

LOOSE = 2.0
"""Times the tolerance at which it shows whether sources in the mask explain the field."""

DECISION_SHARE = 0.4
"""Of the progress bar, until that is known."""


def closed_form(
    chi: np.ndarray, r2prime: np.ndarray, field_strength: float, para: float, dia: float
) -> tuple[np.ndarray, np.ndarray]:
    """Solve for chi_para and chi_dia (ppm) in each voxel; para, dia: relaxivities at 3 T.

    Where R2' is too small for chi, all of chi is of its own sign. The sum of both is chi.
    """
    strong, weak = relaxivity_at(field_strength, para), relaxivity_at(field_strength, dia)
    positive = (r2prime + np.float32(weak) * chi) / np.float32(strong + weak)
    positive = np.maximum(positive, np.maximum(chi, 0))
    return positive, chi - positive


def separated(
    local_field: np.ndarray,
    r2prime: Rates,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None,
    relaxivities: tuple[float, float],
    regularization: float | None,
    r2prime_weight: float,
    exterior: Exterior,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Return chi_para and chi_dia (x, y, z; ppm) that explain field (ppm) and R2' and vary least.

    weights: of the field, or None for equal ones; relaxivities: para and dia, 1/s/ppm at the scan's field strength;
    regularization: weight of the total variation of each map, ppm mm, None for that of the noise. Raises InputError
    where the mask is empty.
    """
    data = measured(local_field, mask, grid, weights)
    window, variance = data.window, field_noise_level(local_field, mask) ** 2
    decay = decay_of(window, r2prime, mask, relaxivities, r2prime_weight * variance)
    automatic = max(SHARE * automatic_weight(local_field, mask, grid), LEAST_WEIGHT)
    strength = regularization or chose("regularization", automatic)
    pair = _Pair(data, decay, strength / SHRINKAGE)
    del data  # the pair makes the dipole slab by slab
    if exterior == "auto":  # from the field alone: what is assumed of R2' must not look like background
        pair.weight = 0.0
        pair.solve("zero", LOOSE * tolerance, iterations, part(progress, 0, DECISION_SHARE))
        pair.weight = decay.weight / pair.penalty
        free = leaves_smooth_misfit(pair.field, pair.field_misfit(), window)
        exterior, progress = "free" if free else "zero", part(progress, DECISION_SHARE, 1)
    found = pair.solve(exterior, tolerance, iterations, progress)
    del pair
    para, dia = (window.paste(source) * mask for source in found)
    return np.maximum(para, 0), np.minimum(dia, 0)


class _Pair:
    """Both sources under way, (2, x, y, z): ADMM with one split of their field, and two of each source.

    As in `solvers.admm`, of a split only t = K x + multiplier is stored. Of the field even K x is not: each slab is
    added to t as soon as it is there.
    """

    def __init__(self, data: Measured, decay: Decay, penalty: float) -> None:
        """Begin from R2' alone, half of it from each source; penalty: of the gradients' split."""
        self.window, self.field, self.decay = data.window, data.field, decay
        self.penalty = SOURCES_PENALTY * penalty
        self.weight = decay.weight / self.penalty
        grid, mask = data.window.grid, data.window.mask
        self.misfit, self.variation = squared_split(data), variation_split(mask, SHRINKAGE, penalty)
        self.fields, self.slopes = fresh_state(grid, self.misfit), [fresh_state(grid, self.variation) for _ in range(2)]
        self.sources, self.states = (np.zeros((2, *grid.shape), np.float32) for _ in range(2))
        for slab in slabs(grid.shape, CROWDED_VOXELS):
            half = decay.target(slab) * mask[slab] / 2
            self.states[0, slab], self.states[1, slab] = half, -half
        self.dipole, squares = dipole_slabs(grid), gradient_squared(grid)
        # A sum of one part along each axis, all of them 0 at the origin; copies, not to keep the whole.
        self.squares = squares[:, :1, :1].copy(), squares[:1].copy()

    def solve(self, exterior: str, tolerance: float, iterations: int, progress: Progress) -> np.ndarray:
        """Go on until the relative change of both sources falls below the tolerance, and return them."""
        progress, change = rising(progress), 1.0
        for iteration in range(iterations):
            progress(converged(change**2, tolerance**2, iteration / iterations), "")
            change = self._step(exterior)
            if change < tolerance:
                break
        progress(1.0, "")
        return self.sources

    def field_misfit(self) -> np.ndarray:
        """Return the field less that of the sources in the mask (x, y, z; ppm), zero outside the mask."""
        grid, mask, out = self.window.grid, self.window.mask, np.empty_like(self.field)
        spectrum = slabs_transformed(grid, lambda slab: (self.sources[0, slab] + self.sources[1, slab]) * mask[slab])

        def subtract(slab: slice, made: np.ndarray) -> None:
            out[slab] = (self.field[slab] - made) * mask[slab]

        for slab in slabs(spectrum.shape, CROWDED_VOXELS):
            spectrum[slab] *= self.dipole(slab)
        slabs_inverted(grid, spectrum, subtract)
        return out

    def _step(self, exterior: str) -> float:
        """Bring the sources to those that suit the splits best, and return the larger relative change of the two."""
        grid = self.window.grid
        sides = self._right_sides(exterior)
        para, dia = transform(sides.pop(0)), transform(sides.pop(0))
        through = slabs_transformed(grid, lambda slab: reflected(self.misfit, self.fields[slab], slab))
        self._solve(para, dia, through)

        def advance(slab: slice, made: np.ndarray) -> None:
            made *= OVER_RELAXATION
            self.fields[slab] += made

        slabs_inverted(grid, through, advance)
        del through
        return max(self._renew(source, made) for source, made in zip(self.sources, (para, dia), strict=True))

    def _solve(self, para: np.ndarray, dia: np.ndarray, through: np.ndarray) -> None:
        """Make of the right sides' spectra those of the sources and of their field, in place.

        The sources' sum and their difference do not depend on each other.
        """
        along, across = self.squares
        gradients, data = np.float32(self.variation.penalty), np.float32(2 * self.misfit.penalty)

        def fill(slab: slice) -> None:
            kernel, alone = self.dipole(slab), along[slab] + across
            alone *= gradients
            alone += np.float32(self.penalty)
            p, d, summed = para[slab], dia[slab], through[slab]
            summed *= 2 * kernel
            summed += p
            summed += d
            summed *= np.float32(0.5) / (alone + data * kernel * kernel)
            p -= d
            p *= np.float32(0.5) / alone
            np.subtract(summed, p, out=d)
            p += summed
            summed *= 2 * kernel

        each(fill, slabs(para.shape, CROWDED_VOXELS))

    def _right_sides(self, exterior: str) -> list[np.ndarray]:
        """Bring the states to the sources and return what the splits of each source ask of it."""
        grid, mask, ahead = self.window.grid, self.window.mask, np.float32(OVER_RELAXATION)
        sides = [right_side(grid, [(self.variation, t)], x) for t, x in zip(self.slopes, self.sources, strict=True)]

        def fill(slab: slice) -> None:
            here = self.states[:, slab]
            here += ahead * self.sources[:, slab]
            points = nearest_sources(here, self.decay, self.decay.target(slab), self.weight)
            rest = here - np.where(mask[slab], points, here if exterior == "free" else np.float32(0))
            flux = here - 2 * rest
            flux *= np.float32(self.penalty)
            for side, more in zip(sides, flux, strict=True):
                side[slab] += more
            here *= 1 - ahead
            rest *= ahead
            here += rest

        each(fill, slabs(grid.shape, CROWDED_VOXELS))
        return sides

    def _renew(self, source: np.ndarray, spectrum: np.ndarray) -> float:
        """Put what the spectrum holds in place of a source, and return the relative change in the mask."""

        def put(slab: slice, made: np.ndarray) -> tuple[float, float]:
            mask, old = self.window.mask[slab], source[slab]
            moved = made - old
            moved *= mask
            old[:] = made
            made *= mask
            return float(np.einsum(SUM_OF_PRODUCTS, made, made)), float(np.einsum(SUM_OF_PRODUCTS, moved, moved))

        norm, moved = (sum(sums) for sums in zip(*slabs_inverted(self.window.grid, spectrum, put), strict=True))
        return float(np.sqrt(moved / norm)) if norm > 0 else 0.0

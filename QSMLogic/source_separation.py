"""Paramagnetic and diamagnetic susceptibility from the local field, which their sum makes, and R2', which both make.

field = dipole * (chi_para + chi_dia), R2' = relaxivity (chi_para - chi_dia), chi_dia <= 0 <= chi_para: Shin2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from .grid import Grid
from .misfit import DATA_PENALTY, Measured, field_noise_level, measured, squared_split
from .noise import noise_level
from .operators import gradient_squared, inverse, transform
from .parallel import PASS_VOXELS, each, slabs
from .progress import Progress, part, rising
from .registry import Param
from .relaxivity import relaxivity_at
from .solvers import OVER_RELAXATION, converged, fresh_state, relative_change, right_side
from .total_variation import SHRINKAGE, Exterior, automatic_weight, leaves_smooth_misfit, variation_split

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

LEAST_NOISE = 0.05
"""Of the standard deviation of R2': the model is no more exact, whatever the noise."""

OUTLIER = 1.345
"""Times the noise of R2', beyond which its misfit counts in proportion: 95 % of the efficiency for Gaussian noise
(Huber1964). In vessels and calcifications the model does not hold."""

TINY = 1e-6
"""ppm; noise of an R2' that is nothing."""

LOOSE = 2.0
"""Times the tolerance at which it shows whether sources in the mask explain the field."""

DECISION_SHARE = 0.4
"""Of the progress bar, until that is known."""


@dataclass(frozen=True)
class Decay:
    """R2' in the window as susceptibility: over the mean relaxivity, ppm.

    para, dia: relaxivities over their mean; weight: of the squared misfit, against that of the field; bound: ppm of
    misfit beyond which it counts in proportion.
    """

    target: np.ndarray
    para: float
    dia: float
    weight: float
    bound: float


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
    r2prime: np.ndarray,
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
    """Return chi_para and chi_dia (x, y, z; ppm) that explain field (ppm) and R2' (1/s) and vary least.

    weights: of the field, or None for equal ones; relaxivities: para and dia, 1/s/ppm at the scan's field strength;
    regularization: weight of the total variation of each map, ppm mm, None for that of the noise. Raises InputError
    where the mask is empty.
    """
    data = measured(local_field, mask, grid, weights)
    decay = _decay(data, r2prime, mask, relaxivities, r2prime_weight * field_noise_level(local_field, mask) ** 2)
    strength = regularization or max(SHARE * automatic_weight(local_field, mask, grid), TINY * SHRINKAGE)
    pair = _Pair(data, decay, strength / SHRINKAGE)
    if exterior == "auto":  # from the field alone: what is assumed of R2' must not look like background
        pair.weight = 0.0
        alone = pair.solve("zero", LOOSE * tolerance, iterations, part(progress, 0, DECISION_SHARE))
        pair.weight = decay.weight / pair.penalty
        free = leaves_smooth_misfit(data.field, data.misfit(alone.sum(axis=0)), data.window)
        exterior, progress = "free" if free else "zero", part(progress, DECISION_SHARE, 1)
    found = pair.solve(exterior, tolerance, iterations, progress)
    para, dia = (data.window.paste(source) * mask for source in found)
    return np.maximum(para, 0), np.minimum(dia, 0)


def _decay(
    data: Measured, r2prime: np.ndarray, mask: np.ndarray, relaxivities: tuple[float, float], weighted: float
) -> Decay:
    """Put R2' into ppm; weighted: variance of the field's noise (ppm2) times the weight that the user gives R2'."""
    mean = sum(relaxivities) / 2
    target = r2prime / np.float32(mean)
    noise = max(noise_level(target, mask, every=True), LEAST_NOISE * float(target[mask].std()), TINY)
    para, dia = (relaxivity / mean for relaxivity in relaxivities)
    return Decay(data.window.cut(target), para, dia, weighted / noise**2, OUTLIER * noise)


class _Pair:
    """Both sources under way, (2, x, y, z): ADMM with one split of their field, and two of each source.

    As in `solvers.admm`, of a split only t = K x + multiplier is stored.
    """

    def __init__(self, data: Measured, decay: Decay, penalty: float) -> None:
        """Begin from R2' alone, half of it from each source; penalty: of the gradients' split."""
        self.data, self.decay, self.penalty = data, decay, SOURCES_PENALTY * penalty
        self.weight = decay.weight / self.penalty
        grid, mask = data.window.grid, data.window.mask
        self.sources: np.ndarray | None = None
        self.field: np.ndarray | None = None
        self.misfit, self.variation = squared_split(data.field, data.weight), variation_split(mask, SHRINKAGE, penalty)
        self.fields, self.slopes = fresh_state(grid, self.misfit), [fresh_state(grid, self.variation) for _ in range(2)]
        half = decay.target * mask / 2
        self.states = np.stack([half, -half])
        alone = np.float32(penalty) * gradient_squared(grid) + np.float32(self.penalty)
        self.systems = 1 / (alone + np.float32(2 * DATA_PENALTY) * data.kernel**2), 1 / alone

    def solve(self, exterior: str, tolerance: float, iterations: int, progress: Progress) -> np.ndarray:
        """Go on until the relative change of both sources falls below the tolerance, and return them."""
        progress, change = rising(progress), 1.0
        for iteration in range(iterations):
            progress(converged(change**2, tolerance**2, iteration / iterations), "")
            before = self.sources
            self.sources = self._step(exterior)
            pairs = zip(self.sources, (None, None) if before is None else before, strict=True)
            change = max(relative_change(now, old, self.data.window.mask) for now, old in pairs)
            if change < tolerance:
                break
        progress(1.0, "")
        assert self.sources is not None
        return self.sources

    def _step(self, exterior: str) -> np.ndarray:
        """Return the sources that suit the splits best; their sum and their difference do not depend on each other."""
        grid, kernel = self.data.window.grid, self.data.kernel
        through = transform(right_side(grid, [(self.misfit, self.fields)], self.field))
        through *= kernel
        first, second = (transform(right) for right in self._right_sides(exterior))
        summed = (first + second + 2 * through) * self.systems[0]
        first -= second
        first *= self.systems[1]
        self.field = inverse(summed * kernel, grid.shape)
        return np.stack([inverse((summed + first) / 2, grid.shape), inverse((summed - first) / 2, grid.shape)])

    def _right_sides(self, exterior: str) -> list[np.ndarray]:
        """Bring the states to the sources and return what the splits of each source ask of it."""
        grid, mask, ahead = self.data.window.grid, self.data.window.mask, np.float32(OVER_RELAXATION)
        known = (None, None) if self.sources is None else self.sources
        sides = [right_side(grid, [(self.variation, t)], x) for t, x in zip(self.slopes, known, strict=True)]

        def fill(slab: slice) -> None:
            here = self.states[:, slab]
            if self.sources is not None:
                here += ahead * self.sources[:, slab]
            points = nearest_sources(here, self.decay, self.decay.target[slab], self.weight)
            rest = here - np.where(mask[slab], points, here if exterior == "free" else np.float32(0))
            for side, flux in zip(sides, here - 2 * rest, strict=True):
                side[slab] += np.float32(self.penalty) * flux
            here *= 1 - ahead
            here += ahead * rest

        each(fill, slabs(grid.shape, PASS_VOXELS))
        return sides


def nearest_sources(sources: np.ndarray, decay: Decay, target: np.ndarray, weight: float) -> np.ndarray:
    """Return the sources near these (2, ...; ppm) that R2' asks for: of either sign, least squared distance and misfit.

    target: R2' there, ppm; weight: of the misfit over that of the distance. The misfit is squared up to the bound, and
    linear beyond.
    """
    rise, bound, zero = np.float32(weight), np.float32(decay.bound), np.float32(0)
    strong, weak = np.float32(decay.para), np.float32(decay.dia)
    para, dia = sources[0], -sources[1]

    def pulled(misfit: np.ndarray, squared: np.float32) -> np.ndarray:
        return np.clip(misfit * (rise / (1 + rise * squared)), -rise * bound, rise * bound)

    def cost(p: np.ndarray | np.float32, q: np.ndarray | np.float32) -> np.ndarray:
        size = np.abs(target - strong * p - weak * q)
        squared = np.where(size < bound, size * size, bound * (2 * size - bound))
        return (p - para) ** 2 + (q - dia) ** 2 + rise * squared

    both = pulled(target - strong * para - weak * dia, strong**2 + weak**2)
    p, q = para + strong * both, dia + weak * both
    only_p = np.maximum(para + strong * pulled(target - strong * para, strong**2), 0)
    only_q = np.maximum(dia + weak * pulled(target - weak * dia, weak**2), 0)
    inside, first = (p >= 0) & (q >= 0), cost(only_p, zero) < cost(zero, only_q)
    p = np.where(inside, p, np.where(first, only_p, zero))
    q = np.where(inside, q, np.where(first, zero, only_q))
    return np.stack([p, -q])

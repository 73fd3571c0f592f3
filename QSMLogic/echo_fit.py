"""From phase over echo time to field: what all field estimates share, the noise, the misfit and the units."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .constants import GAMMA_BAR
from .grid import Grid
from .noise import noise_level
from .parallel import each, slabs
from .phase_quality import wrapped
from .progress import Progress
from .spanning_tree import Crop

Fitted = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rate (rad/s), offset (rad), and information: the inverse of the rate's variance where a phase's is 1 / weight."""

WORST_PHASE_NOISE = np.float32(np.pi / np.sqrt(3))
"""rad; standard deviation of a phase that is anything: no voxel's phase is noisier."""

WEAKEST = np.float32(1e-4)
"""Of the largest magnitude: what is below counts as this, so that no voxel is without weight."""

FIT_VOXELS = 1 << 15
"""Voxels per slab of a fit, which needs many arrays of all echoes: they stay in the cache and take little memory."""

SLABS_BETWEEN_REPORTS = 32
"""About a million voxels: a fraction of a second."""


class Echoes(NamedTuple):
    """What is known of the echoes: magnitude (x, y, z, echo) or None, echo times (s), field strength (T)."""

    magnitude: np.ndarray | None
    times: tuple[float, ...]
    field_strength: float


class Fit(NamedTuple):
    """A fit of phase over echo time, a function of (phase, weight, times), and how many unknowns it has."""

    solve: Callable[[np.ndarray, np.ndarray, np.ndarray], Fitted]
    unknowns: int


def fitted(
    unwrapped: np.ndarray, mask: np.ndarray, grid: Grid, echoes: Echoes, fit: Fit, *, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the total field, its noise and the misfit of the phase.

    Parameters: unwrapped (x, y, z, echo) rad; mask (x, y, z) bool.
    Returns, all (x, y, z) float32, zero outside the mask: total_field ppm; field_noise ppm, its standard deviation;
    residual rad, see `_misfit`. Raises: InputError where the mask is empty.
    """
    crop = Crop(mask, grid)
    phase = crop.cut(unwrapped)
    strength = np.ones_like(phase) if echoes.magnitude is None else crop.cut(echoes.magnitude)
    strength /= strength.max() or 1
    progress(0.1, "noise level")
    noise = noise_level(_signal(strength[..., 0], phase[..., 0]), crop.mask)
    floor = max(WEAKEST, noise / WORST_PHASE_NOISE)
    times = np.asarray(echoes.times, np.float32)
    maps = np.zeros((3, *crop.mask.shape), np.float32)
    per_ppm = np.float32(2 * np.pi * GAMMA_BAR * echoes.field_strength)

    def fill(slab: slice) -> None:
        weight = np.maximum(strength[slab], floor) ** 2
        rate, offset, information = fit.solve(phase[slab], weight, times)
        maps[0, slab] = rate / per_ppm
        maps[1, slab] = noise / np.sqrt(information) / per_ppm
        apart = wrapped(phase[slab] - offset[..., None] - rate[..., None] * times)
        maps[2, slab] = _misfit(apart, weight, fit.unknowns)

    todo = slabs(crop.mask.shape, FIT_VOXELS)
    for start in range(0, len(todo), SLABS_BETWEEN_REPORTS):
        progress(0.2 + 0.8 * start / len(todo), "fitting the phase over echo time")
        each(fill, todo[start : start + SLABS_BETWEEN_REPORTS])
    field, deviation, residual = np.moveaxis(crop.paste(np.moveaxis(maps, 0, -1)), -1, 0)
    return field, deviation, residual


def _signal(strength: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Return the complex signal; cosine and sine are several times as fast as numpy's complex exponential."""
    out = np.empty(phase.shape, np.complex64)

    def fill(slab: slice) -> None:
        np.multiply(strength[slab], np.cos(phase[slab]), out=out.real[slab])
        np.multiply(strength[slab], np.sin(phase[slab]), out=out.imag[slab])

    each(fill, slabs(out.shape))
    return out


def through_origin(phase: np.ndarray, weight: np.ndarray, times: np.ndarray) -> Fitted:
    """Fit a line without offset: the mean of phase / time, weighted by weight and squared time."""
    information = weight @ (times * times)
    rate = np.einsum("...e,...e,e->...", weight, phase, times) / information
    return rate, np.zeros_like(rate), information


def line(phase: np.ndarray, weight: np.ndarray, times: np.ndarray) -> Fitted:
    """Fit a line with an offset."""
    total = weight.sum(axis=-1)
    middle = (weight @ times) / total
    level = np.einsum("...e,...e->...", weight, phase) / total
    from_middle = times - middle[..., None]
    moment = weight * from_middle
    information = np.einsum("...e,...e->...", moment, from_middle)
    rate = np.einsum("...e,...e->...", moment, phase) / information
    return rate, level - rate * middle, information


def _misfit(apart: np.ndarray, weight: np.ndarray, unknowns: int) -> np.ndarray:
    """Phase noise (rad) as the misfit shows it: weighted root mean square, corrected for the unknowns that were fitted.

    It means the same for any number of echoes; 0 where there are no more echoes than unknowns.
    """
    echoes = apart.shape[-1]
    if echoes <= unknowns:
        return np.zeros(apart.shape[:-1], np.float32)
    mean = np.einsum("...e,...e,...e->...", weight, apart, apart) / weight.sum(axis=-1)
    return np.sqrt(mean * np.float32(echoes / (echoes - unknowns)))

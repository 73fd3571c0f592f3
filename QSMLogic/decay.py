"""From magnitude over echo time to R2*: what all fits of the decay share, and the signal that field gradients cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

import numpy as np

from .constants import GAMMA_BAR
from .errors import InputError
from .grid import Grid
from .operators import Window
from .parallel import each, slabs
from .progress import Progress
from .registry import Param, refuse_few_echoes

HIGHEST_RATE = 2000.0
"""1/s; the liver with the most iron decays about as fast. What noise makes of an empty voxel can be anything."""

LONGEST_TIME = 1.0
"""s; T2* of a signal that does not decay: echo trains are far too short to tell it from a longer one."""

LEAST_LEFT = 0.1
"""Of the signal, after dephasing: below, the field is no plane across the voxel, and the rest is noise."""

FIT_VOXELS = 1 << 15
"""Voxels per slab of a fit, which needs many arrays of all echoes: they stay in the cache and take little memory."""

SLABS_BETWEEN_REPORTS = 8
"""A quarter of a million voxels: a fraction of a second of the slowest fit."""

CORRECTION = Param("Gradient correction", help="undo the dephasing by gradients of the total field across a voxel")

CORRECTION_NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"gradient_correction": ("total_field", "field_strength")}
)

OUTPUTS = ("r2star", "t2star", "r2star_misfit")
"""What every fit makes: 1/s, s, and the root mean square of what the fit leaves over that of the signal."""


class Decay(NamedTuple):
    """A fit of the decay.

    solve: a function of (signal, left, times), both (echo, voxel) float32, left the share of the signal that dephasing
    leaves; it returns the rate (voxel,) 1/s, NaN where there is none, and the fitted signal (echo, voxel). echoes: the
    fewest it needs. label: how it is called where it is refused.
    """

    solve: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    echoes: int
    label: str


class Signal(NamedTuple):
    """What was measured: magnitude (x, y, z, echo) in any unit, mask (x, y, z) bool, echo times s."""

    magnitude: np.ndarray
    mask: np.ndarray
    grid: Grid
    times: tuple[float, ...]


class Dephasing(NamedTuple):
    """What the gradient correction needs: total field (x, y, z) ppm, zero where it is not known, field strength T."""

    total_field: np.ndarray
    field_strength: float

    @classmethod
    def wanted(cls, total_field: np.ndarray | None, field_strength: float | None, *, correct: bool) -> Self | None:
        """Return it where the correction is wanted. Raises InputError where it then lacks the field."""
        if not correct:
            return None
        if total_field is None or field_strength is None:
            raise InputError(
                "The gradient correction needs the total field and the field strength: give them, or turn it off."
            )
        return cls(total_field, field_strength)

    def within(self, mask: np.ndarray, box: tuple[slice, ...]) -> Self:
        """Return it in a box, without the field outside the mask (x, y, z) of the box."""
        field = self.total_field[box]
        return self._replace(total_field=np.where(mask & np.isfinite(field), field, np.float32(0)))

    def left(self, inside: np.ndarray, slab: slice, times: np.ndarray) -> np.ndarray:
        """Return the share of the signal that is left, (echo, voxel), of the voxels inside a mask in a slab.

        The field is taken for a plane across the voxel: the mean of the phases in a box is a product of three sincs.
        Source: FernandezSeara2000.
        """
        slope = _field_slope(self.total_field, self.total_field != 0, slab)[:, inside]
        turns = np.float32(GAMMA_BAR * self.field_strength) * times[:, None]
        left = np.ones((len(times), slope.shape[1]), np.float32)
        for along in slope:
            left *= np.sinc(turns * along)
        return np.maximum(np.abs(left), np.float32(LEAST_LEFT))


def decay_maps(
    signal: Signal, dephasing: Dephasing | None, decay: Decay, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return R2* (1/s), T2* (s) and the misfit, (x, y, z) float32, zero outside the mask and where nothing is measured.

    The rate is held between 0 and HIGHEST_RATE. The misfit is 0 where the signal is as fitted; noise raises it, and so
    does a decay that is no exponential. Raises InputError where the echoes are too few or the mask is empty.
    """
    refuse_few_echoes(decay.label, decay.echoes, len(signal.times))
    box = Window(signal.mask, signal.grid, 0).box
    magnitude, mask = signal.magnitude[box], signal.mask[box]
    times = np.array(signal.times, np.float32)
    maps = np.zeros((len(OUTPUTS), *signal.mask.shape), np.float32)
    lost = None if dephasing is None else dephasing.within(mask, box)

    def fill(slab: slice) -> None:
        inside = mask[slab]
        measured = _clean(magnitude[slab][inside])
        left = np.ones_like(measured) if lost is None else lost.left(inside, slab, times)
        for made, values in zip(maps, _fitted(measured, left, times, decay), strict=True):
            made[box][slab][inside] = values

    todo = slabs(mask.shape, FIT_VOXELS)
    for start in range(0, len(todo), SLABS_BETWEEN_REPORTS):
        progress(start / len(todo), "fitting the decay")
        each(fill, todo[start : start + SLABS_BETWEEN_REPORTS])
    return maps[0], maps[1], maps[2]


def _clean(magnitude: np.ndarray) -> np.ndarray:
    """Return the magnitude (voxel, echo) as (echo, voxel) float32; what is no positive number is 0."""
    measured = np.ascontiguousarray(magnitude.T, dtype=np.float32)
    return np.where(np.isfinite(measured) & (measured > 0), measured, np.float32(0))


def log_slope(signal: np.ndarray, left: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the rate (voxel,) 1/s of the line through the signal's logarithm, weighted by its square.

    What dephasing took is put back first. NaN where fewer than two echoes have a signal.
    """
    weight = np.square(signal * divided(np.ones_like(signal[0]), signal.max(axis=0), 0))
    level = np.log(np.where(signal > 0, signal / left, 1))
    middle = divided(times @ weight, weight.sum(axis=0), 0)
    moment = weight * (times[:, None] - middle)
    spread = np.where(np.count_nonzero(signal, axis=0) > 1, np.einsum("ev,e->v", moment, times), 0)
    return -divided(np.einsum("ev,ev->v", moment, level), spread)


def best_amplitude(signal: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Return the multiple of a shape that is next to the signal, (voxel,); both (echo, voxel)."""
    return divided(np.einsum("ev,ev->v", signal, shape), np.einsum("ev,ev->v", shape, shape), 0)


def best_decay(signal: np.ndarray, left: np.ndarray, times: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Return the decay of this rate with the amplitude that is next to the signal, (echo, voxel)."""
    shape = left * np.exp(-times[:, None] * held(rate))
    return shape * best_amplitude(signal, shape)


def held(rate: np.ndarray) -> np.ndarray:
    """Return the rate within its bounds, 0 where there is none."""
    return np.clip(np.where(np.isfinite(rate), rate, 0), 0, HIGHEST_RATE).astype(np.float32)


def divided(above: np.ndarray, below: np.ndarray, otherwise: float = np.nan) -> np.ndarray:
    """Return above / below, and another value where below is 0."""
    return np.divide(above, below, out=np.full_like(above, otherwise), where=below != 0)


def _fitted(
    measured: np.ndarray, left: np.ndarray, times: np.ndarray, decay: Decay
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R2*, T2* and misfit of voxels: rates, times and shares (voxel,)."""
    rate, model = decay.solve(measured, left, times)
    time = np.where(np.isfinite(rate), 1 / np.maximum(held(rate), 1 / LONGEST_TIME), 0)
    apart, size = (np.sqrt(np.einsum("ev,ev->v", image, image)) for image in (measured - model, measured))
    return held(rate), time, np.minimum(divided(apart, size, 0), 1)


def _field_slope(field: np.ndarray, known: np.ndarray, slab: slice) -> np.ndarray:
    """Change of the field from voxel to voxel along each axis, (3, x, y, z) float32, ppm, of a slab.

    The mean of the steps to the two neighbours, as far as the field is known there.
    """
    first = max(slab.start - 1, 0)
    wide = slice(first, slab.stop + 1)
    slope = np.zeros((3, *field[wide].shape), np.float32)
    for axis, along in enumerate(slope):
        values, there, out = (np.moveaxis(image, axis, 0) for image in (field[wide], known[wide], along))
        both = there[1:] & there[:-1]
        step = np.where(both, values[1:] - values[:-1], 0)
        out[1:] += step
        out[:-1] += step
        np.multiply(out[1:-1], np.float32(0.5), out=out[1:-1], where=both[1:] & both[:-1])
    return slope[:, slab.start - first :][:, : slab.stop - slab.start]

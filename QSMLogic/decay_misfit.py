"""What R2' says of paramagnetic and diamagnetic sources: its misfit, and the nearest sources that suit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .noise import noise_level
from .operators import Window

LEAST_NOISE = 0.05
"""Of the standard deviation of R2': the model is no more exact, whatever the noise."""

OUTLIER = 1.345
"""Times the noise of R2', beyond which its misfit counts in proportion: 95 % of the efficiency for Gaussian noise
(Huber1964). In vessels and calcifications the model does not hold."""

TINY = 1e-6
"""ppm; noise of an R2' that is nothing."""

Rates = Callable[[tuple[slice, ...]], np.ndarray]
"""Returns R2' (1/s) in a box of the image. The iteration asks for it slab by slab rather than hold a volume more."""


@dataclass(frozen=True)
class Decay:
    """R2' as susceptibility: over the mean relaxivity, ppm.

    target: returns it in a slab of the window; para, dia: relaxivities over their mean; weight: of the squared misfit,
    against that of the field; bound: ppm of misfit beyond which it counts in proportion.
    """

    target: Callable[[slice], np.ndarray]
    para: float
    dia: float
    weight: float
    bound: float


def decay_of(
    window: Window, r2prime: Rates, mask: np.ndarray, relaxivities: tuple[float, float], weighted: float
) -> Decay:
    """Put R2' into ppm, and weigh its misfit by its noise.

    mask: (x, y, z), of the image; relaxivities: para and dia, 1/s/ppm; weighted: variance of the field's noise (ppm2)
    times the weight that the user gives R2'.
    """
    mean = sum(relaxivities) / 2
    whole = r2prime((slice(None),) * 3) / np.float32(mean)
    noise = max(noise_level(whole, mask, every=True), LEAST_NOISE * float(whole[mask].std()), TINY)
    para, dia = (relaxivity / mean for relaxivity in relaxivities)
    along, *across = window.box

    def target(slab: slice) -> np.ndarray:
        out = np.zeros((slab.stop - slab.start, *window.grid.shape[1:]), np.float32)
        rows = slice(along.start + slab.start, min(along.start + slab.stop, along.stop))
        if rows.start < rows.stop:
            here = r2prime((rows, *across))
            np.divide(here, np.float32(mean), out=out[tuple(slice(n) for n in here.shape)])
        return out

    return Decay(target, para, dia, weighted / noise**2, OUTLIER * noise)


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

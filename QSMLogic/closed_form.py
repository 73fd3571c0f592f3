"""What inversions in one step share: the field, filtered in its spectrum by some inverse of the dipole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .chosen import chose
from .grid import Grid
from .operators import Window, copies, dipole_kernel, dipole_slabs, inverse, transform
from .parallel import PASS_VOXELS, each, slabs
from .progress import Progress

MARGIN = 20.0
"""mm of zeros that keep the streaks of one side of the brain from coming back in at the other."""

LOWEST, HIGHEST, BINS = -12.0, 6.0, 1000
"""Decades of the squared dipole over the prior's spectrum, and the classes in which it is counted: 4 % each."""

WEIGHTS = -6.0, 2.0
"""Decades of the weights that cross-validation tries."""


def filtered(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    inverted: Callable[[np.ndarray], np.ndarray],
    progress: Progress,
) -> np.ndarray:
    """Return chi (x, y, z) float32, ppm, zero outside the mask, of a local field (x, y, z; ppm) by one convolution.

    inverted: makes of slabs of the dipole's half spectrum, which it may overwrite, those of the inverse filter; the
    origin, where the dipole is 0, is left out. Raises: InputError where the mask is empty.
    """
    window = Window(mask, grid, MARGIN)
    progress(0.2, "field")
    spectrum, dipole = transform(_masked(local_field, window)), dipole_slabs(window.grid)
    progress(0.5, "division")

    def divide(slab: slice) -> None:
        spectrum[slab] *= inverted(dipole(slab))

    each(divide, slabs(spectrum.shape, PASS_VOXELS))
    spectrum[0, 0, 0] = 0
    chi = _pasted(inverse(spectrum, window.grid.shape), window)
    progress(1.0, "division")
    return chi


def _masked(image: np.ndarray, window: Window) -> np.ndarray:
    image = window.cut(image)
    image *= window.mask
    return image


def _pasted(chi: np.ndarray, window: Window) -> np.ndarray:
    chi *= window.mask
    return window.paste(chi)


def regularised(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    prior: Callable[[Grid], np.ndarray],
    weight: float | None,
    *,
    caution: float = 1.0,
    progress: Progress,
) -> np.ndarray:
    """Return chi (x, y, z) float32, ppm, that minimises the field's squared misfit plus the weighted prior.

    prior: half spectrum of a quadratic form on a grid, real; weight: None for cross-validation, see `cross_validated`.
    Raises: InputError where the mask is empty.
    """
    window = Window(mask, grid, MARGIN)
    progress(0.1, "dipole")
    kernel = dipole_kernel(window.grid)
    progress(0.2, "field")
    spectrum = transform(_masked(local_field, window))
    progress(0.4, "weight")
    form = prior(window.grid)
    if weight is None:
        weight = chose("regularization", cross_validated(spectrum, kernel, form, window.grid, caution))
    progress(0.7, "division")
    strength = np.float32(weight)

    def divide(slab: slice) -> None:
        here = kernel[slab]
        whole = strength * form[slab]
        whole += here * here
        spectrum[slab] *= np.divide(here, whole, out=here, where=whole > 0)

    each(divide, slabs(spectrum.shape, PASS_VOXELS))
    chi = _pasted(inverse(spectrum, window.grid.shape), window)
    progress(1.0, "division")
    return chi


def cross_validated(
    spectrum: np.ndarray, kernel: np.ndarray, prior: np.ndarray, grid: Grid, caution: float = 1.0
) -> float:
    """Weight of the prior with which each voxel's field is best predicted from all others'.

    spectrum, kernel, prior: half spectra on the grid of the field, the dipole and the prior's quadratic form; caution:
    how much more than once a degree of freedom counts, against errors that are not white.

    Source: Golub1979, and Kim2004 for the caution.

    Notes: frequencies of about the same ratio of squared dipole and prior are counted together.
    """
    ratio = np.divide(kernel * kernel, prior, out=np.zeros_like(kernel), where=prior > 0)
    np.clip(ratio, 10**LOWEST, 10**HIGHEST, out=ratio)
    np.log10(ratio, out=ratio)
    scale = BINS / (HIGHEST - LOWEST)
    place = np.minimum((ratio - np.float32(LOWEST)) * np.float32(scale), BINS - 1).astype(np.int16).ravel()
    times = copies(grid)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    energy = np.bincount(place, (power * times).ravel(), BINS)
    count = np.bincount(place, np.broadcast_to(times, kernel.shape).ravel(), BINS)
    ratios = 10 ** (LOWEST + (np.arange(BINS) + 0.5) / scale)
    weights = ratios[(ratios > 10 ** WEIGHTS[0]) & (ratios < 10 ** WEIGHTS[1])]
    left = weights[:, None] / (ratios + weights[:, None])
    free = count.sum() - caution * (1 - left) @ count
    score = np.where(free > 0, np.square(left) @ energy / np.square(np.maximum(free, 1)), np.inf)
    return float(weights[np.argmin(score)])

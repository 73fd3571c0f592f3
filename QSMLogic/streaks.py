"""How much of a map lies where the dipole sees nothing: streaks, by their place in k-space."""

from __future__ import annotations

import numpy as np

from .grid import Grid
from .operators import Window, dipole_kernel, transform, wave_numbers

CONE = 0.1
"""Dipole below which a spatial frequency counts as unseen: there an inversion amplifies the field more than tenfold."""

SEEN = 0.2
"""Dipole above which a frequency counts as measured."""

SHELLS = 24
"""Ranges of spatial frequency that are compared."""

LOWEST = 3
"""Shells that are left out: they hold the shape of the mask."""

ENOUGH = 20
"""Frequencies of either kind that a shell needs."""


def streak_ratio(chi: np.ndarray, mask: np.ndarray, grid: Grid) -> float | None:
    """Return the power of a map in the cone where the dipole vanishes, over that beside it at the same frequency.

    Anatomy has no preference for the cone: about 1. Streaks and amplified noise lie in it: more; a map that is damped
    there has less. Parameters: chi (x, y, z) any unit; mask (x, y, z) bool. None where the image is too small to
    tell. Source: Milovic2021, who compares these parts of k-space to choose a weight.
    """
    window = Window(mask, grid, 0.0)
    part = window.cut(np.where(mask, chi, 0))
    part -= window.mask * part[window.mask].mean()
    power = transform(part)
    power = np.square(power.real) + np.square(power.imag)
    dipole = np.abs(dipole_kernel(window.grid))
    kx, ky, kz = wave_numbers(window.grid)
    highest = 0.5 / max(grid.voxel_size)
    shell = (np.sqrt(kx * kx + ky * ky + kz * kz) * (SHELLS / highest)).astype(np.int16)
    counts, means = {}, {}
    for name, chosen in (("cone", dipole < CONE), ("seen", dipole > SEEN)):
        counts[name] = np.bincount(shell[chosen], minlength=SHELLS)[LOWEST:SHELLS]
        sums = np.bincount(shell[chosen], power[chosen], minlength=SHELLS)[LOWEST:SHELLS]
        means[name] = sums / np.maximum(counts[name], 1)
    told = (counts["cone"] >= ENOUGH) & (counts["seen"] >= ENOUGH) & (means["seen"] > 0)
    if not told.any():
        return None
    ratios = means["cone"][told] / means["seen"][told]
    return float(ratios.mean())

"""How sources of susceptibility speed up the decay of the signal: R2' of paramagnetic and diamagnetic ones."""

from __future__ import annotations

import numpy as np

RELAXIVITY = 137.0
"""1/s per ppm at 3 T: slope of R2' over susceptibility in the deep grey nuclei of living people. Source: Shin2021.

It goes with the susceptibility that was plotted: the same authors take 114 where that is of many orientations.
"""

RELAXIVITY_FIELD_STRENGTH = 3.0
"""T; the field strength that relaxivities are given for. As static dephasing does, they grow linearly with it."""


def relaxivity_at(field_strength: float, at_3_t: float = RELAXIVITY) -> float:
    """Return the R2' (1/s) that a ppm of a source makes at a field strength (T)."""
    return at_3_t * field_strength / RELAXIVITY_FIELD_STRENGTH


def r2prime_of(chi_para: np.ndarray, chi_dia: np.ndarray, field_strength: float) -> np.ndarray:
    """Return the R2' (1/s) of sources (ppm, each of its own sign), equally strong for both kinds. Source: Shin2021."""
    return np.float32(relaxivity_at(field_strength)) * (chi_para - chi_dia)


R2_WITHOUT_FIELD, R2_PER_TESLA = 9.0, 1.4
"""1/s and 1/s/T: R2 of brain tissue without iron, 13 1/s at 3 T (Gelman1999), and how it grows: as 9 + (0.9 + what
lipid and iron add) B0 (Cox2010), with 0.5 for lipid."""


def r2prime_from(
    r2star: np.ndarray, field_strength: float, share: float, r2_without_field: float, r2_per_tesla: float
) -> np.ndarray:
    """Return the R2' (1/s) that R2* has where R2 is the same everywhere and linear in the field strength (T).

    share: of what R2* has beyond it; the rest is R2 that grows with the sources.
    """
    assumed = np.float32(r2_without_field + r2_per_tesla * field_strength)
    return np.float32(share) * np.maximum(r2star - assumed, 0)

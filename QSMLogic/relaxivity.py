"""How sources of susceptibility speed up the decay of the signal: R2' of paramagnetic and diamagnetic ones."""

from __future__ import annotations

import numpy as np

RELAXIVITY = 137.0
"""1/s per ppm at 3 T: slope of R2' over susceptibility in the deep grey nuclei of living people. Source: Shin2021."""

RELAXIVITY_FIELD_STRENGTH = 3.0
"""T; the field strength that relaxivities are given for. As static dephasing does, they grow linearly with it."""


def relaxivity_at(field_strength: float, at_3_t: float = RELAXIVITY) -> float:
    """Return the R2' (1/s) that a ppm of a source makes at a field strength (T)."""
    return at_3_t * field_strength / RELAXIVITY_FIELD_STRENGTH


def r2prime_of(chi_para: np.ndarray, chi_dia: np.ndarray, field_strength: float) -> np.ndarray:
    """Return the R2' (1/s) of sources (ppm, each of its own sign), equally strong for both kinds. Source: Shin2021."""
    return np.float32(relaxivity_at(field_strength)) * (chi_para - chi_dia)

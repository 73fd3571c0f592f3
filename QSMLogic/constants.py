"""Physics the whole pipeline shares, each value with its source."""

GAMMA_BAR = 42.57638474
"""Gyromagnetic ratio of the proton in water over 2 pi, MHz/T (CODATA 2018, shielded proton)."""

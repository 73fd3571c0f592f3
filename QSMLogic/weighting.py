"""Masks between 0 and 1 that susceptibility-weighted images multiply the magnitude by, and magnitudes of echoes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .errors import InputError

Weighting = Literal["paramagnetic", "diamagnetic", "triangular", "sigmoid"]
"""Which phase is made dark: positive, negative, both, or positive with a smooth transition."""

SIGMOID_REACH = 10.0
"""Times the typical positive phase over the strength: the width of the sigmoid, as CLEAR-SWI has it."""


def falling(values: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Return 1 up to start and 0 from stop on, with a straight line between; float32."""
    weight = (np.float32(stop) - values) / np.float32(stop - start)
    return np.clip(weight, 0, 1, dtype=np.float32)


def phase_weight(phase: np.ndarray, mask: np.ndarray, kind: Weighting, power: float) -> np.ndarray:
    """Return the mask of a filtered phase (rad, positive where the field is), so many times multiplied by itself.

    The sigmoid is not multiplied; power is its steepness. Source: Haacke2004, Eckstein2021.
    """
    if kind == "sigmoid":
        return sigmoid(phase, mask, power)
    seen = {"paramagnetic": phase, "diamagnetic": -phase, "triangular": np.abs(phase)}[kind]
    return falling(seen, 0, np.pi) ** np.float32(power)


def sigmoid(values: np.ndarray, mask: np.ndarray, strength: float) -> np.ndarray:
    """Return a smooth fall from 1 to 0 about the typical positive value in the mask. Source: Eckstein2021."""
    positive = values[mask & (values > 0)]
    width = np.median(positive) * SIGMOID_REACH / strength if positive.size else 1.0
    return (1 + np.tanh(1 - values / np.float32(width))) / 2


def echo_choice(magnitude: np.ndarray, echo: int | None) -> list[int]:
    """Return the places of the echoes to use: the one asked for, counted from 1, or all.

    Raises InputError where there is no such echo.
    """
    echoes = magnitude.shape[-1]
    refuse_absent_echo(echo, echoes)
    return list(range(echoes)) if echo is None else [echo - 1]


def refuse_absent_echo(echo: int | None, echoes: int) -> None:
    """Raise InputError where an echo, counted from 1, is asked for that is not there; None: all are."""
    if echo is not None and echo > echoes:
        raise InputError(f"Echo {echo} is asked for, but there are {echoes}: choose one from 1 to {echoes}, or all.")


def echoes_together(magnitude: np.ndarray, chosen: list[int]) -> np.ndarray:
    """Return the root mean square of echoes (x, y, z, echo), in the magnitude's unit: of most signal to noise."""
    total = np.zeros(magnitude.shape[:3], np.float32)
    for echo in chosen:
        total += np.square(magnitude[..., echo], dtype=np.float32)
    return np.sqrt(total / np.float32(len(chosen)))

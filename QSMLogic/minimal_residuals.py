"""Iteration for systems that are not symmetric."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from .device import library
from .progress import Progress, rising
from .solvers import converged
from .vectors import add, dot

DIRECTIONS = 2
"""Earlier directions that a new one is made independent of: each is two volumes."""


def minimal_residuals(
    operator: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    *,
    tolerance: float,
    iterations: int,
    progress: Progress,
    precondition: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Solve operator(x) = right, where the operator need not be symmetric, from zero.

    right: (x, y, z), placed where it is to be computed, used up; precondition: approximation of the inverse, which
    returns a new array. Stops when the residual has fallen to tolerance times that of zero, or after the given number
    of iterations. Returns x, which lies where right does. Source: Eisenstat1983 (Orthomin).
    """
    progress = rising(progress)
    x, residual = library(right).zeros_like(right), right
    norm = first = dot(residual, residual)
    kept: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=DIRECTIONS)
    for iteration in range(iterations):
        if norm <= tolerance**2 * first:
            break
        progress(converged(norm / first, tolerance**2, iteration / iterations), "")
        direction = precondition(residual)
        image = operator(direction)
        for earlier, its_image, length in kept:
            share = dot(image, its_image) / length
            add(direction, -share, earlier)
            add(image, -share, its_image)
        length = dot(image, image)
        step = dot(image, residual) / length
        add(x, step, direction)
        add(residual, -step, image)
        kept.append((direction, image, length))
        norm = dot(residual, residual)
    progress(1.0, "")
    return x

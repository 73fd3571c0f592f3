"""How far the phase can be trusted, from edge to edge and from voxel to voxel: the weights of ROMEO.

Unwrapping follows the good edges first; a mask keeps the good voxels.
"""

from __future__ import annotations

import numpy as np

from .parallel import each, slabs

TURN = np.float32(2 * np.pi)

BRIGHT_QUANTILE = 0.95
"""Of the magnitude: stands for its maximum, which one bright voxel would set."""

BRIGHT_SAMPLES = 100_000
"""Voxels from which that quantile is taken: its error is then far below what a weight can feel."""


def wrapped(angle: np.ndarray) -> np.ndarray:
    """Return an angle (rad) less its whole turns: -pi..pi."""
    return angle - TURN * np.rint(angle / TURN)


def voxel_quality(phase: np.ndarray, magnitude: np.ndarray | None, echo_times: tuple[float, ...]) -> np.ndarray:
    """Mean quality of the edges that meet in a voxel, in the first echo.

    Parameters: phase (x, y, z, echo) rad, wrapped; magnitude the same shape or None; echo_times s.
    Returns: quality (x, y, z) float32, 0 (noise) to 1 (smooth, strong signal). Source: Dymerska2021.
    """
    edges = edge_quality(phase, magnitude, echo_times, 0)
    total = edges.sum(axis=0)
    count = np.zeros(total.shape, np.float32)
    for axis in range(3):
        before, after = _neighbours(axis)
        total[after] += edges[axis][before]
        count[after] += 1
        count[before] += 1
    return total / np.maximum(count, 1)


def edge_quality(
    phase: np.ndarray, magnitude: np.ndarray | None, echo_times: tuple[float, ...], template: int
) -> np.ndarray:
    """Quality of the edges from each voxel to the next along x, y and z, in the template echo.

    The product of phase coherence, phase gradient coherence (with the neighbouring echo, where there is one),
    magnitude coherence and two magnitude weights, which distrust what is dark and what is far too bright (inflow).

    Parameters: phase (x, y, z, echo) rad, wrapped; magnitude the same shape or None; echo_times s; template: index of
    an echo. Returns: quality (3, x, y, z) float32, 0 to 1, 0 behind the last voxel of an axis. Source: Dymerska2021.

    Notes: the magnitude's maximum is a quantile here.
    """
    other = template - 1 if template else min(1, len(echo_times) - 1)
    ratio = np.float32(echo_times[template] / echo_times[other])
    first, second = phase[..., template], None if other == template else phase[..., other]
    strength = None if magnitude is None else magnitude[..., template]
    bright = np.float32(1) if strength is None else _bright(strength)
    out = np.zeros((3, *first.shape), np.float32)

    def fill(task: tuple[int, slice]) -> None:
        axis, slab = task
        stop = slab.stop + (axis == 0)
        near, far = _neighbours(axis)
        part = first[slab.start : stop]
        quality, step = _phase_coherence(part, near, far)
        if second is not None:
            _, other_step = _phase_coherence(second[slab.start : stop], near, far)
            quality *= np.maximum(0, 1 - np.abs(step - other_step * ratio))
        if strength is not None:
            quality *= _magnitude_weights(strength[slab.start : stop], near, far, bright)
        out[axis, slab][_neighbours(axis)[0] if axis else slice(0, len(quality))] = quality

    each(fill, [(axis, slab) for axis in range(3) for slab in slabs(first.shape)])
    return out


def _neighbours(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Every voxel that has a next one along the axis, and every next one."""
    whole = slice(None)
    near, far = [whole] * 3, [whole] * 3
    near[axis], far[axis] = slice(None, -1), slice(1, None)
    return tuple(near), tuple(far)


def _phase_coherence(phase: np.ndarray, near: tuple[slice, ...], far: tuple[slice, ...]) -> tuple[np.ndarray, ...]:
    """One less the step's part of half a turn, and the step itself (rad)."""
    step = wrapped(phase[far] - phase[near])
    return np.maximum(0, 1 - np.abs(step) / (TURN / 2)), step


def _magnitude_weights(
    magnitude: np.ndarray, near: tuple[slice, ...], far: tuple[slice, ...], bright: np.float32
) -> np.ndarray:
    weak, strong = np.minimum(magnitude[near], magnitude[far]), np.maximum(magnitude[near], magnitude[far])
    weak = np.maximum(weak, 0)  # interpolation makes a magnitude negative
    strong = np.maximum(strong, np.finfo(np.float32).tiny)
    half = bright / 2
    coherence = weak / strong
    coherence *= coherence
    coherence *= (1 + np.minimum(1, weak / half)) / 2
    coherence *= (1 + half / np.maximum(half, strong)) / 2
    return coherence


def _bright(magnitude: np.ndarray) -> np.float32:
    """Return the magnitude that counts as bright; 1 where there is no signal."""
    positive = magnitude[magnitude > 0]
    sample = positive[:: max(1, positive.size // BRIGHT_SAMPLES)]
    return np.float32(np.quantile(sample, BRIGHT_QUANTILE)) if sample.size else np.float32(1)

"""Iterations, written once: conjugate gradients and the alternating direction method of multipliers.

A method states its operators, weights and proximal steps; the loops, their stopping rules, progress and cancel are
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .grid import Grid
from .operators import gradient_squared, inverse, transform
from .parallel import each, slabs
from .progress import Progress, rising

OVER_RELAXATION = 1.7
"""Step length of ADMM; between 1.5 and 1.8 it converges fastest (Boyd2011, section 3.4.3)."""


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Inner product of two images, summed in double slab by slab, so that it does not depend on the threads."""
    return float(sum(each(lambda s: np.sum(a[s] * b[s], dtype=np.float64), slabs(a.shape))))


def conjugate_gradients(
    normal: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    *,
    tolerance: float,
    iterations: int,
    progress: Progress,
    precondition: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Solve normal(x) = right for a symmetric positive operator, from zero.

    right: any shape; precondition: symmetric positive approximation of the inverse. Stops when the residual has fallen
    to tolerance times that of zero, or after the given number of iterations. Source: Hestenes1952.
    """
    progress = rising(progress)
    x = np.zeros_like(right)
    residual = right.copy()
    direction = (precondition(residual) if precondition else residual).copy()
    energy = dot(residual, direction)
    norm = first = dot(residual, residual)
    for iteration in range(iterations):
        if norm <= tolerance**2 * first:
            break
        progress(_converged(norm / first, tolerance**2, iteration / iterations), "")
        image = normal(direction)
        step = np.float32(energy / dot(direction, image))
        x += step * direction
        image *= step
        residual -= image
        steepest = precondition(residual) if precondition else residual
        previous, energy = energy, dot(residual, steepest)
        direction *= np.float32(energy / previous)
        direction += steepest
        norm = dot(residual, residual)
    progress(1.0, "")
    return x


@dataclass(frozen=True)
class Split:
    """One term g(K x) of an objective whose K the Fourier transform makes diagonal.

    remainder(t, slab) returns t - prox(t) of g at this penalty, where t is that slab (of the first spatial axis) of K x
    plus the scaled multiplier; the gradient's t is (3, x, y, z). For the shrinkage of an L1 norm it is a clipping.
    """

    operator: Literal["gradient", "kernel", "identity"]
    penalty: float
    remainder: Callable[[np.ndarray, slice], np.ndarray]


def admm(
    grid: Grid,
    splits: list[Split],
    *,
    kernel: np.ndarray | None = None,
    quadratic: tuple[np.ndarray, np.ndarray] | None = None,
    norm_mask: np.ndarray,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> np.ndarray:
    """Minimise the sum of the splits' terms, and of a quadratic one, over an image x on the grid.

    kernel: half spectrum of the "kernel" splits' convolution (real); quadratic: right side (complex) and weight (real)
    of a term that is diagonal in the half spectrum, weight x = right. Stops when the relative change of x in norm_mask
    falls below tolerance, or after the given number of iterations. Returns x, (x, y, z) float32.

    Notes: only t = K x + multiplier is stored for each split; its proximal point and the multiplier follow from it by
    `remainder`, which halves the memory of the textbook form. Source: Boyd2011.
    """
    progress = rising(progress)
    system = _denominator(grid, splits, kernel, quadratic)
    states = [np.zeros((3, *grid.shape) if s.operator == "gradient" else grid.shape, np.float32) for s in splits]
    convolved = [i for i, s in enumerate(splits) if s.operator == "kernel"]
    local = [i for i, s in enumerate(splits) if s.operator != "kernel"]
    x = np.zeros(grid.shape, np.float32)
    for iteration in range(iterations):
        right = transform(_local_adjoint(grid, splits, states, local))
        for i in convolved:
            part = transform(_reflected(splits[i], states[i]))
            part *= kernel
            part *= np.float32(splits[i].penalty)
            right += part
        if quadratic is not None:
            right += quadratic[0]
        right *= system
        image = inverse(right * kernel, grid.shape) if convolved else None
        previous, x = x, inverse(right, grid.shape)
        for i, split in enumerate(splits):
            _advance(grid, split, states[i], image if i in convolved else x)
        change = _change(x, previous, norm_mask)
        progress(_converged(change**2, tolerance**2, iteration / iterations), "")
        if change < tolerance:
            break
    progress(1.0, "")
    return x


def _converged(now: float, goal: float, spent: float) -> float:
    """Fraction done: the larger of what the stopping rule and the spent iterations say."""
    distance = np.log(max(now, goal)) / np.log(goal) if 0 < goal < 1 and 0 < now < 1 else float(now <= goal)
    return float(min(max(distance, spent), 1.0))


def _denominator(
    grid: Grid, splits: list[Split], kernel: np.ndarray | None, quadratic: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    """One over the half spectrum of sum(penalty K'K) + quadratic weight; 0 where that is 0."""
    system = np.zeros(gradient_squared(grid).shape, np.float32) if quadratic is None else quadratic[1].copy()
    for split in splits:
        if split.operator == "identity":
            system += np.float32(split.penalty)
        elif split.operator == "gradient":
            system += np.float32(split.penalty) * gradient_squared(grid)
        elif kernel is not None:
            system += np.float32(split.penalty) * kernel * kernel
    return np.divide(1, system, out=np.zeros_like(system), where=system > 0)


def _reflected(split: Split, state: np.ndarray) -> np.ndarray:
    """Proximal point minus multiplier, t - 2 remainder(t), over the whole image."""
    out = np.empty_like(state)

    def fill(slab: slice) -> None:
        np.subtract(state[slab], 2 * split.remainder(state[slab], slab), out=out[slab])

    each(fill, slabs(state.shape))
    return out


def _local_adjoint(grid: Grid, splits: list[Split], states: list[np.ndarray], local: list[int]) -> np.ndarray:
    """Sum of penalty K'(proximal point - multiplier) over the splits whose K is local."""
    out = np.empty(grid.shape, np.float32)

    def fill(slab: slice) -> None:
        total = np.zeros_like(out[slab])
        for i in local:
            split, state = splits[i], states[i]
            if split.operator == "identity":
                part = state[slab] - 2 * split.remainder(state[slab], slab)
            else:
                part = _divergence(grid, split, state, slab)
            part *= np.float32(split.penalty)
            total += part
        out[slab] = total

    each(fill, slabs(grid.shape))
    return out


def _divergence(grid: Grid, split: Split, state: np.ndarray, slab: slice) -> np.ndarray:
    """One slab of gradient_adjoint(t - 2 remainder(t))."""
    here = state[:, slab]
    flux = here - 2 * split.remainder(here, slab)
    before = slice(slab.start - 1, slab.start) if slab.start else slice(grid.shape[0] - 1, grid.shape[0])
    row = state[:, before]
    entering = row[0] - 2 * split.remainder(row, before)[0]
    sx, sy, sz = (np.float32(1 / s) for s in grid.voxel_size)
    out = -sx * flux[0] - sy * flux[1] - sz * flux[2]
    out[0] += sx * entering[0]
    out[1:] += sx * flux[0, :-1]
    out[:, 0] += sy * flux[1, :, -1]
    out[:, 1:] += sy * flux[1, :, :-1]
    out[:, :, 0] += sz * flux[2, :, :, -1]
    out[:, :, 1:] += sz * flux[2, :, :, :-1]
    return out


def _advance(grid: Grid, split: Split, state: np.ndarray, image: np.ndarray | None) -> None:
    """Bring a split's t to the new x: t = (1 - a) t + a (K x + remainder(t)), a the over-relaxation."""
    assert image is not None
    ahead = np.float32(OVER_RELAXATION)

    def fill(slab: slice) -> None:
        here = state[:, slab] if split.operator == "gradient" else state[slab]
        applied = _differences(grid, image, slab) if split.operator == "gradient" else image[slab]
        new = applied + split.remainder(here, slab)
        new *= ahead
        here *= 1 - ahead
        here += new

    each(fill, slabs(grid.shape))


def _differences(grid: Grid, image: np.ndarray, slab: slice) -> np.ndarray:
    """One slab of gradient(image): (3, slab, y, z)."""
    part = image[slab]
    out = np.empty((3, *part.shape), np.float32)
    out[0, :-1] = part[1:]
    out[0, -1] = image[slab.stop % grid.shape[0]]
    out[1, :, :-1], out[1, :, -1] = part[:, 1:], part[:, 0]
    out[2, :, :, :-1], out[2, :, :, -1] = part[:, :, 1:], part[:, :, 0]
    out -= part
    for axis, size in enumerate(grid.voxel_size):
        if size != 1:
            out[axis] *= np.float32(1 / size)
    return out


def _change(x: np.ndarray, previous: np.ndarray, mask: np.ndarray) -> float:
    """Relative change of x in the mask."""

    def sums(slab: slice) -> tuple[float, float]:
        inside = x[slab] * mask[slab]
        difference = inside - previous[slab] * mask[slab]
        return np.sum(inside * inside, dtype=np.float64), np.sum(difference * difference, dtype=np.float64)

    parts = each(sums, slabs(x.shape))
    norm, moved = sum(p[0] for p in parts), sum(p[1] for p in parts)
    return float(np.sqrt(moved / norm)) if norm > 0 else 0.0

"""Iterations, written once: conjugate gradients and the alternating direction method of multipliers.

A method states its operators, weights and proximal steps; the loops, their stopping rules, progress and cancel are
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .device import copied, fetched, library, passes, placed
from .grid import Grid
from .operators import gradient_squared, inverse, transform
from .parallel import PASS_VOXELS, each
from .progress import Progress, rising
from .slab_differences import after, return_after
from .vectors import add, dot, relative_change, renew

OVER_RELAXATION = 1.7
"""Step length of ADMM; between 1.5 and 1.8 it converges fastest (Boyd2011, section 3.4.3)."""


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

    right: any shape, placed where it is to be computed; precondition: symmetric positive approximation of the inverse.
    Stops when the residual has fallen to tolerance times that of zero, or after the given number of iterations. Returns
    x, NumPy's. Source: Hestenes1952.
    """
    progress = rising(progress)
    residual = copied(right)
    x = library(residual).zeros_like(residual)
    direction = copied(precondition(residual) if precondition else residual)
    energy = dot(residual, direction)
    norm = first = dot(residual, residual)
    for iteration in range(iterations):
        if norm <= tolerance**2 * first:
            break
        progress(converged(norm / first, tolerance**2, iteration / iterations), "")
        image = normal(direction)
        step = energy / dot(direction, image)
        add(x, step, direction)
        add(residual, -step, image)
        steepest = precondition(residual) if precondition else residual
        previous, energy = energy, dot(residual, steepest)
        renew(direction, energy / previous, steepest)
        norm = dot(residual, residual)
    progress(1.0, "")
    return fetched(x)


Place = slice | tuple[int, slice]
"""Where a part of a split's t lies: a slab of the first spatial axis; of the gradient's, of one component."""


@dataclass(frozen=True)
class Split:
    """One term g(K x) of an objective whose K the Fourier transform makes diagonal.

    remainder(t, place) returns t - prox(t) of g at this penalty, where t is the part of K x plus the scaled multiplier
    that lies there. The gradient's t is (3, x, y, z). For the shrinkage of an L1 norm it is a clipping.
    """

    operator: Literal["gradient", "kernel", "identity"]
    penalty: float
    remainder: Callable[[np.ndarray, Place], np.ndarray]


def fresh_state(grid: Grid, split: Split) -> np.ndarray:
    """Return the t of a split on the grid to begin with, zeros, placed where solvers compute."""
    return placed(np.zeros((3, *grid.shape) if split.operator == "gradient" else grid.shape, np.float32))


Term = tuple[Split, np.ndarray]
"""A split and its t."""


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
    start: list[np.ndarray] | None = None,
) -> np.ndarray:
    """Minimise the sum of the splits' terms, and of a quadratic one, over an image x on the grid.

    kernel: half spectrum of the "kernel" splits' convolution (real); quadratic: right side (complex) and weight (real)
    of a term that is diagonal in the half spectrum, weight x = right; start: each split's t to begin with, placed where
    solvers compute, which is brought to that of the end, None for zeros. Stops when the relative change of x in
    norm_mask falls below tolerance, or after the given number of iterations. Returns x, (x, y, z) float32, NumPy's.

    Notes: of each split only t = K x + multiplier is stored; its proximal point and the multiplier follow from it by
    `remainder`, which halves the memory of the textbook form. One pass over memory brings t to the new x and sums what
    the next x is made of. Source: Boyd2011.
    """
    progress = rising(progress)
    system = placed(_denominator(grid, splits, None if kernel is None else fetched(kernel), quadratic))
    kernel = None if kernel is None else placed(kernel)
    quadratic = None if quadratic is None else (placed(quadratic[0]), quadratic[1])
    norm_mask = placed(norm_mask)
    states = [fresh_state(grid, split) for split in splits] if start is None else start
    terms = list(zip(splits, states, strict=True))
    convolved = [term for term in terms if term[0].operator == "kernel"]
    local = [term for term in terms if term[0].operator != "kernel"]
    side = placed(np.empty(grid.shape, np.float32))
    x: np.ndarray | None = None
    image: np.ndarray | None = None
    for iteration in range(iterations):
        # What is no longer needed is let go at once: a volume or a spectrum each.
        through = transform(right_side(grid, convolved, image, side)) if convolved else None
        image = None
        right = transform(right_side(grid, local, x, side))
        _solve(right, through, kernel, quadratic, system)
        if through is not None:
            image = inverse(through, grid.shape)
        previous, x = x, inverse(right, grid.shape)
        del right, through
        change = relative_change(x, previous, norm_mask)
        del previous
        progress(converged(change**2, tolerance**2, iteration / iterations), "")
        if change < tolerance:
            break
    assert x is not None
    if start is not None:
        _finish(grid, convolved, image)
        _finish(grid, local, x)
    progress(1.0, "")
    return fetched(x)


def converged(now: float, goal: float, spent: float) -> float:
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


def right_side(grid: Grid, terms: list[Term], image: np.ndarray | None, into: np.ndarray | None = None) -> np.ndarray:
    """Bring each t to the image (None: leave it) and sum penalty K'(proximal point - multiplier) over the terms.

    In place of t is left what `reflected` leaves; K x is added to it by `_advance`. into: an image that is overwritten
    by the answer, so that its memory need not come anew.
    """
    out = placed(np.empty(grid.shape, np.float32)) if into is None else into
    parts = passes(out, PASS_VOXELS)

    def fill(slab: slice) -> np.ndarray | None:
        leaving = None
        out[slab] = 0
        for split, state in terms:
            for place, axis in _places(split, slab):
                if image is not None:
                    _advance(grid, state[place], image, slab, axis)
                flux = reflected(split, state[place], place)
                left = _returned(grid, flux, out[slab], axis)
                if left is not None:
                    leaving = left if leaving is None else leaving + left
        return leaving

    # What flows out of a slab into the next one waits until no other thread writes there.
    for slab, leaving in zip(parts, each(fill, parts), strict=True):
        if leaving is not None:
            out[slab.stop % grid.shape[0]] += leaving
    return out


def _finish(grid: Grid, terms: list[Term], image: np.ndarray | None) -> None:
    """Bring each t to the last image."""
    if image is None:
        return
    last = image

    def fill(slab: slice) -> None:
        for split, state in terms:
            for place, axis in _places(split, slab):
                _advance(grid, state[place], last, slab, axis)

    each(fill, passes(last, PASS_VOXELS))


def _places(split: Split, slab: slice) -> list[tuple[Place, int | None]]:
    """Where the images of a slab lie in a split's t, each with the axis that it is the gradient's component of."""
    if split.operator != "gradient":
        return [(slab, None)]
    return [((axis, slab), axis) for axis in range(3)]


def reflected(split: Split, here: np.ndarray, place: Place) -> np.ndarray:
    """Return penalty times (proximal point - multiplier) of a part of t.

    In its place the share of the next t that is known already is left behind: (1 - a) t + a remainder(t), a the
    over-relaxation.
    """
    rest = split.remainder(here, place)
    flux = here - rest
    flux -= rest
    flux *= split.penalty
    here *= 1 - OVER_RELAXATION
    rest *= OVER_RELAXATION
    here += rest
    return flux


def _returned(grid: Grid, flux: np.ndarray, out: np.ndarray, axis: int | None) -> np.ndarray | None:
    """Add K' of a slab's flux, which is used up, to out. Return what leaves the slab, where something does."""
    if axis is None:
        out += flux
        return None
    if grid.voxel_size[axis] != 1:
        flux *= 1 / grid.voxel_size[axis]
    if axis != 0:
        return_after(out, flux, axis)
        return None
    out -= flux
    out[1:] += flux[:-1]
    return copied(flux[-1])  # a view would keep the whole flux until the pass is over


def _advance(grid: Grid, here: np.ndarray, image: np.ndarray, slab: slice, axis: int | None) -> None:
    """Add what the new image gives to the next t of a slab, the over-relaxation times K x."""
    if axis is None:
        here += OVER_RELAXATION * image[slab]
        return
    step = after(image, axis, slab)
    step *= OVER_RELAXATION / grid.voxel_size[axis]
    here += step


def _solve(
    right: np.ndarray,
    through: np.ndarray | None,
    kernel: np.ndarray | None,
    quadratic: tuple[np.ndarray, np.ndarray] | None,
    system: np.ndarray,
) -> None:
    """Make of the right side the spectrum of x, and of its part that comes through the kernel that of K x, in place."""

    def fill(slab: slice) -> None:
        here = right[slab]
        if through is not None and kernel is not None:
            through[slab] *= kernel[slab]
            here += through[slab]
        if quadratic is not None:
            here += quadratic[0][slab]
        here *= system[slab]
        if through is not None and kernel is not None:
            library(here).multiply(here, kernel[slab], out=through[slab])

    each(fill, passes(right, PASS_VOXELS))

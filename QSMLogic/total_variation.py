"""What inversions with a total-variation prior share: its split, and what they suppose outside the mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .blur import blurred
from .device import library, placed
from .grid import Grid
from .misfit import LOCAL_PENALTY, Measured, clipped, field_noise_level
from .operators import Window
from .progress import Progress, part
from .slab_differences import NEXT, together
from .solvers import Place, Split, admm, fresh_state

Exterior = Literal["auto", "free", "zero"]
"""Outside the mask: "zero", no sources, which is what a local field means; "free", sources that explain what background
removal left in the field; "auto", "zero" unless sources inside leave a smooth part of the field unexplained."""

EXTERIOR_HELP = "sources outside: none (zero), or what background removal left (free), or as the field shows (auto)"

SHRINKAGE = 0.01
"""ppm/mm; threshold of the gradient's shrinkage: penalty 100 times the weight, as in Bilgic2014 and Milovic2018."""

FRESH_TOLERANCE = 0.5
"""Times the tolerance where a grid is begun from zero: the change falls faster there than the error. On a coarser grid
what converges slowly, the field of sources outside, converges cheaply; without them the tolerance is enough there."""

COARSE_SHARE = 0.3
"""Of the progress bar, for the start on a coarser grid."""

PER_NOISE = 0.06
"""Automatic weight over noise times voxel size: near the best on heads of 1.5 to 7 T, 1 to 2.4 mm, SNR 40 to 100."""

PER_VOXEL = 0.015
"""Automatic weight over voxel size beside an absolute misfit, where noise cancels out; best of 0.0075 to 0.05."""

SMOOTH = 3.0
"""mm; standard deviation of the blur that leaves of a misfit what outside sources make: it varies slowly."""

SMOOTH_SHARE = 0.03
"""Of the local field's standard deviation: more smooth misfit than this is background. A true local field leaves 0.01,
a background removal of today 0.06."""


def automatic_weight(local_field: np.ndarray, mask: np.ndarray, grid: Grid) -> float:
    """Weight of the total variation (ppm mm) for the noise that a local field (x, y, z; ppm) shows in the mask."""
    return PER_NOISE * field_noise_level(local_field, mask) * grid.voxel_volume ** (1 / 3)


def absolute_weight(grid: Grid) -> float:
    """Weight of the total variation (mm) beside an absolute misfit."""
    return PER_VOXEL * grid.voxel_volume ** (1 / 3)


@dataclass(frozen=True)
class Solved:
    """What an inversion found: chi (x, y, z; ppm) in the window, the splits' t, and whether sources lie outside."""

    chi: np.ndarray
    states: list[np.ndarray]
    exterior: Exterior


def inverted(
    data: Measured,
    splits_of: Callable[[Measured], list[Split]],
    exterior: Exterior,
    *,
    penalty: float,
    tolerance: float,
    iterations: int,
    progress: Progress,
    after: Solved | None = None,
) -> Solved:
    """Minimise the sum of the splits over maps with sources outside the mask as `exterior` says.

    splits_of: makes the splits for the data of a grid; penalty: of the split that forbids sources outside; after: the
    answer to a problem nearby, which is gone on from and used up, and which tells for "auto". Without it the same
    problem is solved on a coarser grid first. "free" leaves chi as it is outside the mask.
    """
    fresh = FRESH_TOLERANCE * tolerance
    if exterior == "auto" and after is not None:
        exterior = after.exterior

    def solved(outside: Exterior, report: Progress) -> Solved:
        states, begun = [] if after is None else after.states, 0.0
        coarse = data.coarser() if after is None else None
        if coarse is not None:
            begun = COARSE_SHARE
            first = on_grid(coarse, outside, [], fresh if outside == "free" else tolerance, part(report, 0, begun))
            states = [data.refined(coarse, state) for state in first.states]
        return on_grid(data, outside, states, tolerance if states else fresh, part(report, begun, 1))

    def on_grid(level: Measured, outside: Exterior, states: list, goal: float, report: Progress) -> Solved:
        splits = splits_of(level if outside == "free" else replace(level, penalty=LOCAL_PENALTY))
        if outside == "zero":
            splits.append(no_sources_split(level.window.mask, penalty))
        states = [*states[: len(splits)], *(fresh_state(level.window.grid, s) for s in splits[len(states) :])]
        chi = admm(
            level.window.grid,
            splits,
            kernel=level.kernel,
            norm_mask=level.window.mask,
            tolerance=goal,
            iterations=iterations,
            progress=report,
            start=states,
        )
        return Solved(chi, states, outside)

    if exterior != "auto":
        return solved(exterior, progress)
    found = solved("zero", part(progress, 0, 0.5))
    if not leaves_smooth_misfit(data.field, data.misfit(found.chi), data.window):
        progress(1.0, "")
        return found
    del found
    return solved("free", part(progress, 0.5, 1))


def centred(chi: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return chi less its mean in the mask, zero outside: beside free sources outside, a constant makes no field."""
    return np.where(mask, chi - chi[mask].mean(), np.float32(0))


def variation_split(mask: np.ndarray, threshold: float, penalty: float, weight: np.ndarray | None = None) -> Split:
    """L1 norm of the gradient between voxels that both lie in the mask; threshold is its weight over the penalty.

    weight: (3, x, y, z), of each difference, bool or float32 (taken over by the split); None for equal ones.
    """
    inside, bound = between(mask), float(np.float32(threshold))
    if weight is not None and weight.dtype == np.float32:
        weight *= inside
        weight *= bound
        bounds = placed(weight)
        return Split("gradient", penalty, lambda t, place: clipped(t, bounds[place]))
    if weight is not None:
        inside &= weight
    inside = placed(inside)
    of = library(inside)

    def remainder(t: np.ndarray, place: Place) -> np.ndarray:
        rest = of.clip(t, -bound, bound)
        rest *= inside[place]
        return rest

    return Split("gradient", penalty, remainder)


def between(mask: np.ndarray) -> np.ndarray:
    """Whether a voxel and the next along each axis both lie in the mask: (3, x, y, z) bool.

    The last voxel has no next: where the mask reaches both ends of the window, they are not neighbours.
    """
    return np.stack([together(mask, slice(0, len(mask)), (step,)) for step in NEXT])


def no_sources_split(mask: np.ndarray, penalty: float) -> Split:
    """No sources outside the mask."""
    outside = placed(~mask)
    return Split("identity", penalty, lambda t, place: t * outside[place])


def leaves_smooth_misfit(field: np.ndarray, misfit: np.ndarray, window: Window) -> bool:
    """Whether a field's misfit to sources in the mask (both ppm) has a smooth part that only background makes."""
    mask = window.mask
    least = SMOOTH_SHARE * float(field[mask].std())
    width = [SMOOTH / size for size in window.grid.voxel_size]
    misfit = blurred(misfit, width)
    share = blurred(mask, width)
    misfit /= np.maximum(share, np.float32(0.1), out=share)
    del share  # methods are at their peak of memory here
    return float(misfit[mask].std()) > least

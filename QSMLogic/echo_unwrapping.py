"""From one volume to all echoes: what spatial unwrapping methods share.

Either one echo is unwrapped in space and the others follow voxel by voxel, or each is, and its regions follow.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .parallel import each, slabs
from .phase_quality import TURN
from .progress import Progress, part
from .spanning_tree import centred, merged, seeds_of, turns_along_tree

PLACES = (0, -1, 1, -2, 2)
"""Whole turns by which a part of the mask may lie off its median's place."""

PLACE_PENALTY = 0.05
"""Of half a turn, per turn: what another place must gain. It decides where echo times in whole ratios tell nothing."""

FAINT = np.float32(1e-20)
"""Squared magnitude added so that voxels without signal, which count as equal in all echoes, are predicted as well."""

SLABS_BETWEEN_REPORTS = 64
"""About four million voxels: a fraction of a second."""

SPATIAL_SHARE = 0.75
"""Of the progress bar: unwrapping in space, before the other echoes follow."""

Quality = Callable[[int], np.ndarray]
"""Quality (3, x, y, z) of the edges from each voxel to the next in an echo, 0 to 1."""


class Echoes(NamedTuple):
    """What is unwrapped: phase (x, y, z, echo) rad, in place; magnitude or None; echo times (s); mask (x, y, z)."""

    phase: np.ndarray
    magnitude: np.ndarray | None
    times: np.ndarray
    mask: np.ndarray

    def order(self, first: int) -> list[int]:
        """Return the echoes from the first outwards."""
        return [first, *sorted(set(range(len(self.times))) - {first}, key=lambda echo: abs(echo - first))]

    def weight(self, echo: int, slab: slice) -> np.ndarray:
        """Weight of an echo in the prediction of another."""
        return self.times[echo] * (1 if self.magnitude is None else self.magnitude[slab][..., echo] ** 2 + FAINT)


class Regions(NamedTuple):
    """Into how many regions a volume may fall, and how these find their place."""

    seeds: int = 1
    merge: bool = False
    correct: bool = True


def unwrap_from_template(echoes: Echoes, quality: Quality, first: int, regions: Regions, progress: Progress) -> None:
    """Unwrap the first echo in space, and every other at the turn nearest to what those before predict."""
    unwrap_in_space(echoes, quality, first, regions, part(progress, 0, SPATIAL_SHARE))
    order = echoes.order(first)
    report = part(progress, SPATIAL_SHARE, 1, "unwrapping the other echoes")

    def unwrap(slab: slice) -> None:
        numerator = np.zeros(echoes.phase[slab].shape[:3], np.float32)
        denominator = np.zeros_like(numerator)
        for done, echo in pairwise(order):
            weight = echoes.weight(done, slab)
            numerator += weight * echoes.phase[slab][..., done]
            denominator += weight * echoes.times[done]
            here = echoes.phase[slab][..., echo]
            here += TURN * np.rint((numerator / denominator * echoes.times[echo] - here) / TURN)

    todo = slabs(echoes.mask.shape)
    for start in range(0, len(todo), SLABS_BETWEEN_REPORTS):
        report(start / len(todo), "")
        each(unwrap, todo[start : start + SLABS_BETWEEN_REPORTS])


def unwrap_each(echoes: Echoes, quality: Quality, first: int, regions: Regions, progress: Progress) -> None:
    """Unwrap every echo in space; each region then moves by whole turns to where the echoes before predict it."""
    everything, order = slice(None), echoes.order(first)
    numerator = np.zeros(echoes.mask.shape, np.float32)
    denominator = np.zeros_like(numerator)
    for done, echo in enumerate(order):
        report = part(progress, done / len(order), (done + 1) / len(order), f"unwrapping echo {echo + 1}")
        own = unwrap_in_space(
            echoes, quality, echo, regions if echo == first else regions._replace(correct=False), report
        )
        here = echoes.phase[..., echo]
        if echo != first and regions.correct:
            apart = here - numerator / denominator * echoes.times[echo]
            here += TURN * centred(apart, np.zeros_like(apart), own, echoes.mask)[0]
        weight = echoes.weight(echo, everything)
        numerator += weight * here
        denominator += weight * echoes.times[echo]


def unwrap_in_space(echoes: Echoes, quality: Quality, echo: int, regions: Regions, progress: Progress) -> np.ndarray:
    """Unwrap an echo along the spanning tree of best quality, and return the region of every voxel (x, y, z)."""
    here = echoes.phase[..., echo]
    progress(0.1, "weighing edges")
    edges = quality(echo)
    seeds = seeds_of(here, edges, echoes.mask, regions.seeds) if regions.seeds > 1 else None
    turns, parts = turns_along_tree(here, edges, echoes.mask, part(progress, 0.35, 0.9), seeds)
    if regions.merge and seeds is not None:
        turns, parts = merged(here, turns, parts, edges, echoes.mask)
    del edges
    turns *= TURN
    here += turns
    if regions.correct and len(echoes.times) > 1:
        nearest = echo - 1 if echo else 1
        ratio = float(echoes.times[nearest] / echoes.times[echo])
        excess = (echoes.phase[..., nearest] - np.float32(ratio) * here)[echoes.mask]
        here += TURN * _places(excess, ratio, parts[echoes.mask])[parts]
    return parts


def _places(excess: np.ndarray, ratio: float, member: np.ndarray) -> np.ndarray:
    """Whole turns by which every part must move for its voxels to exceed ratio times it by whole turns only."""
    mean = np.bincount(member, np.cos(excess)) + 1j * np.bincount(member, np.sin(excess))
    places = np.array(PLACES)
    misfit = np.abs(np.angle(mean[:, None] * np.exp(-2j * np.pi * ratio * places))) / np.pi
    best = places[np.argmin(misfit + PLACE_PENALTY * np.abs(places), axis=1)]
    return best.astype(np.float32)

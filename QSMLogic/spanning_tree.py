"""Unwrapping along a spanning tree of best quality: the engine that ROMEO, best-path and MCPC-3D-S share.

A path through the tree says by how many turns two voxels differ, so the result is congruent with the wrapped phase.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .forest import CHUNK, LEVELS, Lattice, Links, forest, grown, in_turn
from .grid import Grid
from .operators import Window
from .parallel import each, slabs
from .phase_quality import TURN
from .progress import Progress, no_progress, part

SAFE_QUALITIES = (0.5, 0.8, 1.0)
"""Links better than the first join their voxels before the tree is grown, which makes it small. Where that contradicts
a link just as good, the next is tried; nothing is better than 1, which leaves every voxel to the tree."""

REGION_QUALITY = 0.5
"""Links better than this hold a region of a seed together; not above the first of the safe ones, which join voxels."""


class Crop:
    """The box of a mask, in which images are cut and stored echo by echo."""

    def __init__(self, mask: np.ndarray, grid: Grid) -> None:
        """Find the box. Raises InputError where the mask is empty or of another shape than the grid."""
        self.shape, self.box = grid.shape, Window(mask, grid, 0).box
        self.mask = np.ascontiguousarray(mask[self.box])

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the box's part of (x, y, z, echo), float32, of which each echo is contiguous."""
        echoes = np.moveaxis(image[self.box], -1, 0)
        out = np.empty(echoes.shape, np.float32)
        each(lambda echo: np.copyto(out[echo], echoes[echo]), [*range(len(out))])
        return np.moveaxis(out, 0, -1)

    def paste(self, part: np.ndarray) -> np.ndarray:
        """Return the whole (x, y, z, echo) that is part in the mask and zero elsewhere; each echo is contiguous."""
        out = np.zeros((part.shape[3], *self.shape), np.float32)
        each(lambda echo: np.copyto(out[echo][self.box], part[..., echo], where=self.mask), [*range(len(out))])
        return np.moveaxis(out, 0, -1)


def turns_along_tree(
    phase: np.ndarray,
    quality: np.ndarray,
    mask: np.ndarray,
    progress: Progress = no_progress,
    seeds: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Whole turns that unwrap the phase along the spanning tree of best quality, in every part of the mask.

    Parameters: phase (x, y, z) float32, rad, wrapped; quality (3, x, y, z) of the links to the next voxel, 0 to 1; mask
    (x, y, z) bool; all contiguous; seeds as of `seeds_of`, or None.
    Returns: turns (x, y, z) float32, to add to the phase; part (x, y, z) int32, the number of the connected part of the
    mask; with seeds that of the region, since the tree is cut at its weakest link between any two of them. The median
    of each unwrapped part is within half a turn of 0. Both are of no meaning outside the mask.

    Source: Dymerska2021.
    """
    lattice = Lattice(phase, quality, mask)
    for attempt, safe in enumerate(SAFE_QUALITIES):
        start, stop = (0.1 + 0.8 * (attempt + i) / len(SAFE_QUALITIES) for i in (0, 1))
        report = part(progress, start, stop, "growing the tree")
        report(0, "joining voxels")
        turns, member = grown(lattice, *_joined(lattice, safe), seeds, part(report, 0.3, 1))
        if not _contradicts(lattice, turns.reshape(mask.shape), safe):
            break
    progress(0.9, "placing the parts")
    return centred(phase, turns.reshape(mask.shape), member.reshape(mask.shape), mask)


def seeds_of(phase: np.ndarray, quality: np.ndarray, mask: np.ndarray, most: int) -> np.ndarray:
    """Return the flat index of a voxel in each of the largest regions, at most so many, that hang together well.

    phase, quality and mask as for `turns_along_tree`.
    """
    group, groups = _joined(Lattice(phase, quality, mask), REGION_QUALITY, any_step=True)
    inside = np.flatnonzero(mask)
    member = group[inside]
    largest = np.argsort(-np.bincount(member, minlength=groups), kind="stable")[:most]
    voxel = np.zeros(groups, np.int64)
    voxel[member[::-1]] = inside[::-1]  # the first voxel of each group is written last
    return voxel[largest]


def merged(
    phase: np.ndarray, turns: np.ndarray, parts: np.ndarray, quality: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Join regions that touch: the links between two vote, each with its quality, by how many turns they differ.

    Parameters and results are those of `turns_along_tree`.
    """
    votes = np.concatenate([*_votes(Lattice(phase, quality, mask), turns, parts)], axis=1)
    kinds, which = np.unique(votes[:3].astype(np.int64), axis=1, return_inverse=True)
    total = np.bincount(which.ravel(), votes[3], kinds.shape[1])
    order = np.lexsort((total, kinds[1], kinds[0]))
    low, high, step = kinds[:, order]
    last = np.ones(low.size, bool)
    np.logical_or(low[1:] != low[:-1], high[1:] != high[:-1], out=last[:-1])
    strength = total[order][last]
    strength = strength / max(strength.max(initial=0), np.finfo(np.float32).tiny)
    level = ((1 - strength) * LEVELS).astype(np.uint16)
    links = Links(low[last].astype(np.int32), high[last].astype(np.int32), step[last].astype(np.float32), level)
    member, shift = forest(links, int(parts[mask].max()) + 1)
    inside = np.where(mask, parts, 0)
    return centred(phase, turns + shift[inside], member[inside], mask)


def _votes(lattice: Lattice, turns: np.ndarray, parts: np.ndarray) -> Iterator[np.ndarray]:
    """Lower and higher region, turns that the higher one lacks, and quality of every link between two regions."""
    flat, given = parts.ravel(), turns.ravel()
    for axis, near in lattice.between(flat):
        far = near + lattice.strides[axis]
        lacking = lattice.steps(near, far) - (given[far] - given[near])
        a, b = flat[near], flat[far]
        swapped = np.where(a < b, lacking, -lacking)
        quality = lattice.quality[axis].ravel()[near]
        yield np.stack([np.minimum(a, b), np.maximum(a, b), swapped, quality]).astype(np.float64)


def _joined(lattice: Lattice, safe: float, *, any_step: bool = False) -> tuple[np.ndarray, int]:
    """Return the number of the group of every voxel (flat, int32) once safe links have joined them, and how many.

    Links are safe whose quality is better than that and which need no turn, or any_step. Runs along the last axis are
    found first, since there are far fewer of them than of voxels.
    """

    def found(task: tuple[int, slice]) -> np.ndarray:
        near, far = lattice.ends(*task)
        sound = lattice.quality[task[0]][near] > safe
        return lattice.where(*task, sound if any_step else sound & (lattice.steps(near, far) == 0))

    start = lattice.mask.ravel().copy()
    for here in in_turn(found, [(2, slab) for slab in lattice.slabs]):
        start[here + 1] = False
    run = np.cumsum(start, dtype=np.int32)
    run -= 1
    np.maximum(run, 0, out=run)  # what lies before the first voxel of the mask has no run
    del start
    ends = []
    tasks = [(axis, slab) for axis in (0, 1) for slab in lattice.slabs]
    for (axis, _), here in zip(tasks, in_turn(found, tasks), strict=True):
        a, b = run[here], run[here + lattice.strides[axis]]
        new = np.ones(a.size, bool)
        np.logical_or(a[1:] != a[:-1], b[1:] != b[:-1], out=new[1:])
        ends.append((a[new], b[new]))
    near, far = (np.concatenate(end) for end in zip(*ends, strict=True))
    del ends
    groups, group = connected_components(_graph(near, far, int(run[-1]) + 1), directed=False)
    return group[run], groups


def _graph(near: np.ndarray, far: np.ndarray, nodes: int) -> csr_array:
    """Graph with these links; several between the same two nodes stay several."""
    order = np.argsort(near, kind="stable")
    start = np.zeros(nodes + 1, np.int32)
    np.cumsum(np.bincount(near, minlength=nodes), out=start[1:])
    return csr_array((np.ones(near.size), far[order], start), shape=(nodes, nodes))


def _contradicts(lattice: Lattice, turns: np.ndarray, safe: float) -> bool:
    """Whether the turns (x, y, z) disagree with the step of a link better than safe."""

    def disagrees(task: tuple[int, slice]) -> bool:
        near, far = lattice.ends(*task)
        wrong = lattice.quality[task[0]][near] > safe
        wrong &= turns[far] - turns[near] != lattice.steps(near, far)
        wrong &= lattice.mask[near]
        wrong &= lattice.mask[far]
        return bool(wrong.any())

    return any(in_turn(disagrees, [(axis, slab) for axis in range(3) for slab in lattice.slabs]))


def centred(phase: np.ndarray, turns: np.ndarray, parts: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add to the turns of every part as many that the median of its phase is within half a turn of 0.

    Parameters: phase (x, y, z) rad; turns, parts (x, y, z) as `turns_along_tree` returns them; mask (x, y, z) bool.
    Returns: turns, parts.
    """
    value = phase[mask]
    value /= TURN
    value += turns[mask]
    np.rint(value, out=value)  # the median of whole turns is the median's whole turn
    low, span = int(value.min()), int(np.ptp(value)) + 1
    value -= low
    member = parts[mask]
    sizes = np.bincount(member)
    key = member.astype(np.min_scalar_type(sizes.size * span))
    del member
    key *= span
    np.add(key, value, out=key, casting="unsafe")
    key.sort()
    middle = key[np.cumsum(sizes) - sizes + (sizes - 1) // 2].astype(np.int64)
    median = middle - np.arange(sizes.size) * span + low
    shift = median.astype(np.float32)
    out = np.empty_like(turns)
    each(lambda slab: np.subtract(turns[slab], shift[parts[slab]], out=out[slab]), slabs(turns.shape, CHUNK))
    return out, parts

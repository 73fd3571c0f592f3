"""A spanning forest of best quality: every group of voxels joins the one that its best link leads to, and so on.

Links between voxels are worked out slab by slab whenever they are asked for, and kept once few are left, so that the
forest takes little more memory than the image. Source: Nesetril2001 (Boruvka's rule).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from .parallel import each, slabs
from .phase_quality import TURN
from .progress import Progress, rising

LEVELS = 2**16 - 1
"""Qualities are told apart in so many levels: fine enough, and they fit into 16 bits."""

NONE = np.iinfo(np.int64).max
"""Key of no link: larger than any other."""

CHUNK = 1 << 15
"""Voxels or links worked on at once: few enough to stay in the cache."""

AT_ONCE = 8
"""Chunks between two reports, whose results are held together."""

KEPT_SHARE = 0.5
"""Links per voxel from which on they are kept: a volume and a half."""


LAST_BITS = (1 << 40) - 1
"""Of a link's key: its place in the order."""


class Links(NamedTuple):
    """Links between groups: both ends, turns that the far end lacks, level (0 the best); at one level, in order."""

    near: np.ndarray
    far: np.ndarray
    lacking: np.ndarray
    level: np.ndarray


class Joined(NamedTuple):
    """How groups joined: the new number of each, the turns to add to it, and which of them gave the others a number."""

    number: np.ndarray
    turns: np.ndarray
    root: np.ndarray


class Lattice:
    """The links from every voxel of a mask to the next along each axis."""

    def __init__(self, phase: np.ndarray, quality: np.ndarray, mask: np.ndarray) -> None:
        """All contiguous: phase (x, y, z) float32, rad, wrapped; quality (3, x, y, z), 0 to 1; mask (x, y, z) bool."""
        self.phase, self.quality, self.mask = phase, quality, mask
        self.strides = mask.shape[1] * mask.shape[2], mask.shape[2], 1
        self.slabs = slabs(mask.shape, CHUNK)

    def ends(self, axis: int, slab: slice) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Return where a slab's voxels with a next one along the axis lie, and where the next ones."""
        near, far = [slab, slice(None), slice(None)], [slab, slice(None), slice(None)]
        if axis:
            near[axis], far[axis] = slice(None, -1), slice(1, None)
        else:
            stop = min(slab.stop, self.mask.shape[0] - 1)
            near[0], far[0] = slice(slab.start, stop), slice(slab.start + 1, stop + 1)
        return tuple(near), tuple(far)

    def steps(self, near: tuple[slice, ...] | np.ndarray, far: tuple[slice, ...] | np.ndarray) -> np.ndarray:
        """Whole turns that the next voxel lacks, float32; by slices, or by flat indices."""
        phase = self.phase.ravel() if isinstance(near, np.ndarray) else self.phase
        return np.rint((phase[near] - phase[far]) / TURN)

    def where(self, axis: int, slab: slice, holds: np.ndarray) -> np.ndarray:
        """Return the flat indices of the near ends, both in the mask, of links for which something holds."""
        near, far = self.ends(axis, slab)
        whole = np.zeros((slab.stop - slab.start, *self.mask.shape[1:]), bool)
        inner = (slice(holds.shape[0]), *near[1:])
        np.logical_and(holds, self.mask[near], out=whole[inner])
        whole[inner] &= self.mask[far]
        return np.flatnonzero(whole) + slab.start * self.strides[0]

    def between(self, group: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield axis and near ends of the links between two groups (flat, of every voxel), a few slabs at a time."""
        images = group.reshape(self.mask.shape)

        def found(task: tuple[int, slice]) -> tuple[int, np.ndarray]:
            near, far = self.ends(*task)
            return task[0], self.where(*task, images[near] != images[far])

        yield from in_turn(found, [(axis, slab) for axis in range(3) for slab in self.slabs])

    def level(self, axis: int, near: np.ndarray) -> np.ndarray:
        """Return the levels of the links along an axis from these voxels."""
        return ((1 - self.quality[axis].ravel()[near]) * LEVELS).astype(np.uint16)

    def links(self, group: np.ndarray, turns: np.ndarray) -> Links:
        """Return the links between groups, each voxel having been given so many turns."""
        parts = []
        for axis, near in self.between(group):
            far = near + self.strides[axis]
            lacking = self.steps(near, far) + turns[near] - turns[far]
            parts.append((group[near], group[far], lacking, self.level(axis, near)))
        return Links(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def in_turn(function: Callable, items: list) -> Iterator:
    """Yield the function's results in order, worked out on all threads, a few at a time."""
    for start in range(0, len(items), AT_ONCE):
        yield from each(function, items[start : start + AT_ONCE])


def grown(
    lattice: Lattice, group: np.ndarray, groups: int, seeds: np.ndarray | None, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return turns (float32) and part of every voxel, flat, once groups have joined along the best links.

    group: of every voxel, flat, int32, used up; seeds: flat indices of voxels that stay apart, or None.
    """
    progress, voxels = rising(progress), group.size
    turns, held = np.zeros(voxels, np.float32), np.zeros(groups, bool)
    held[[] if seeds is None else group[seeds]] = True
    many = True
    while many:
        progress(1 - groups / voxels, "")
        best, links = _best_between(lattice, group, groups, progress)
        towards, lacking = _chosen(lattice, best, group, turns, held)
        del best  # as large as all that comes
        joined = _followed(towards, lacking)
        del towards, lacking
        _renumber(group, joined.number, turns, joined.turns)
        held = held[joined.root]
        many, groups = links > KEPT_SHARE * voxels and held.size < groups, held.size
    number, lacking = forest(lattice.links(group, turns), groups, held, progress)
    _renumber(group, number, turns, lacking)
    return turns, group


def forest(
    links: Links, groups: int, held: np.ndarray | None = None, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the part that every group is in once they have joined along their best links, and the turns it lacks.

    held: groups that never join each other, bool; None for none.
    """
    held = np.zeros(groups, bool) if held is None else held
    member, turns = np.arange(groups, dtype=np.int32), np.zeros(groups, np.float32)
    first = groups
    while links.near.size:
        if progress is not None:
            progress(1 - held.size / first, "")
        best = _best_of(links, held.size)
        chosen = np.flatnonzero((best < NONE) & ~held)
        link = best[chosen] & LAST_BITS
        joined = _followed(*_towards(chosen, links.near[link], links.far[link], links.lacking[link], held.size))
        _renumber(member, joined.number, turns, joined.turns)
        held = held[joined.root]
        links = _kept(links, joined, held)
    return member, turns


def _best_between(lattice: Lattice, group: np.ndarray, groups: int, progress: Progress) -> tuple[np.ndarray, int]:
    """Key of every group's best link (level, axis, near end), and how many links there are."""
    best, links, voxels = np.full(groups, NONE), 0, group.size
    for axis, near in lattice.between(group):
        key = lattice.level(axis, near).astype(np.int64)
        key *= 3 * voxels
        key += axis * voxels + near
        for end in (near, near + lattice.strides[axis]):
            np.minimum.at(best, group[end], key)
        links += near.size
        progress(0, "")
    return best, links


def _best_of(links: Links, groups: int) -> np.ndarray:
    """Key of every group's best link: its level, and its place in the order."""
    best = np.full(groups, NONE)
    for start in range(0, links.near.size, CHUNK):
        here = slice(start, min(start + CHUNK, links.near.size))
        key = links.level[here].astype(np.int64) << LAST_BITS.bit_length()
        key += np.arange(here.start, here.stop)
        for end in (links.near, links.far):
            np.minimum.at(best, end[here], key)
    return best


def _chosen(
    lattice: Lattice, best: np.ndarray, group: np.ndarray, turns: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Group that each joins, itself where none, and the turns it lacks."""
    towards, lacking = np.arange(best.size, dtype=np.int32), np.zeros(best.size, np.float32)
    strides = np.array(lattice.strides)

    def fill(start: int) -> None:
        here = slice(start, start + CHUNK)
        own = np.flatnonzero((best[here] < NONE) & ~held[here])
        axis, near = np.divmod(best[here][own] % (3 * group.size), group.size)
        far = near + strides[axis]
        step = lattice.steps(near, far) + turns[near] - turns[far]
        ahead = group[near] == own + start
        towards[here][own] = np.where(ahead, group[far], group[near])
        lacking[here][own] = np.where(ahead, -step, step)

    each(fill, [*range(0, best.size, CHUNK)])
    return towards, lacking


def _towards(
    chosen: np.ndarray, near: np.ndarray, far: np.ndarray, step: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Group that each joins, itself where none, and the turns it lacks."""
    towards, lacking = np.arange(groups, dtype=np.int32), np.zeros(groups, np.float32)
    ahead = near == chosen
    towards[chosen] = np.where(ahead, far, near)
    lacking[chosen] = np.where(ahead, -step, step)
    return towards, lacking


def _followed(towards: np.ndarray, lacking: np.ndarray) -> Joined:
    """Follow every group to the last that it leads to, and number these."""
    towards, lacking = _ends(towards, lacking)
    root = towards == np.arange(towards.size, dtype=np.int32)
    number = np.cumsum(root, dtype=np.int32)
    number -= 1
    _renumber(towards, number)
    return Joined(towards, lacking, root)


def _ends(towards: np.ndarray, lacking: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Last group on the way from each, and the turns it lacks. Two that chose one link lead to the first of them."""
    parts = slabs(towards.shape, CHUNK)
    far, more = np.empty_like(towards), np.empty_like(lacking)

    def break_circles(part: slice) -> None:
        own = np.arange(part.start, part.stop)
        first = (towards[towards[part]] == own) & (own < towards[part])
        far[part] = np.where(first, own, towards[part])
        more[part] = np.where(first, 0, lacking[part])

    def double(part: slice) -> bool:
        beyond = towards[part]
        far[part] = towards[beyond]
        more[part] = lacking[part] + lacking[beyond]
        return not np.array_equal(far[part], beyond)

    each(break_circles, parts)
    towards, lacking, far, more = far, more, towards, lacking
    while any(each(double, parts)):
        towards, lacking, far, more = far, more, towards, lacking
    return towards, lacking


def _renumber(
    group: np.ndarray, number: np.ndarray, turns: np.ndarray | None = None, more: np.ndarray | None = None
) -> None:
    """Give every group its new number, and add the turns that it lacked, in place."""

    def fill(part: slice) -> None:
        old = group[part]
        if turns is not None and more is not None:
            turns[part] += more[old]
        group[part] = number[old]

    each(fill, slabs(group.shape, CHUNK))


def _kept(links: Links, joined: Joined, held: np.ndarray) -> Links:
    """Return the links that still lead from a group to another, of which not both are held."""
    near, far = joined.number[links.near], joined.number[links.far]
    cross = near != far
    cross &= ~(held[near] & held[far])
    lacking = links.lacking + joined.turns[links.near] - joined.turns[links.far]
    return Links(near[cross], far[cross], lacking[cross], links.level[cross])

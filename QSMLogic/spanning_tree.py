"""Unwrapping along a spanning tree of best quality: the engine that ROMEO, best-path and MCPC-3D-S share.

A path through the tree says by how many turns two voxels differ, so the result is congruent with the wrapped phase.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from .grid import Grid
from .operators import Window
from .parallel import each
from .phase_quality import TURN
from .progress import Progress, no_progress, part

SAFE_QUALITIES = (0.5, 0.8, 1.0)
"""Edges better than the first join their voxels before the tree is grown, which makes it small. Where that contradicts
an edge just as good, the next is tried; nothing is better than 1, which leaves every voxel to the tree."""


Edges = tuple[np.ndarray, int]
"""Flat indices of the voxels at one end, and how much further the other end is."""

REGION_QUALITY = 0.5
"""Edges better than this hold a region of a seed together; not above the first of the safe ones, which join voxels."""

LEVELS = 2**16 - 1
"""Qualities are sorted in so many levels: fine enough, and integers of 16 bits sort quickly."""


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

    Parameters: phase (x, y, z) float32, rad, wrapped; quality (3, x, y, z) of the edges to the next voxel, 0 to 1; mask
    (x, y, z) bool; all contiguous; seeds as of `seeds_of`, or None.
    Returns: turns (x, y, z) float32, to add to the phase; part (x, y, z) int32, the number of the connected part of the
    mask; with seeds that of the region, since the tree is cut at its weakest link between any two of them. The median
    of each unwrapped part is within half a turn of 0. Both are of no meaning outside the mask.

    Source: Dymerska2021.
    """
    edges = each(lambda axis: _edges(mask, axis), [0, 1, 2])
    steps = each(lambda edge: _steps(phase, *edge), edges)
    good = [quality[axis].ravel()[edges[axis][0]] for axis in range(3)]
    for attempt, safe in enumerate(SAFE_QUALITIES):
        start, stop = (0.1 + 0.8 * (attempt + i) / len(SAFE_QUALITIES) for i in (0, 1))
        found = [*zip(steps, good, strict=True)]
        turns, member = _grown(mask, edges, found, safe, seeds=seeds, progress=part(progress, start, stop))
        if not _contradicts(turns, edges, steps, [g > safe for g in good]):
            break
    progress(0.9, "placing the parts")
    return centred(phase, turns.reshape(mask.shape), member.reshape(mask.shape), mask)


def seeds_of(quality: np.ndarray, mask: np.ndarray, most: int) -> np.ndarray:
    """Return the flat index of a voxel in each of the largest regions, at most so many, that hang together well.

    quality (3, x, y, z) as for `turns_along_tree`; mask (x, y, z) bool.
    """
    edges = each(lambda axis: _edges(mask, axis), [0, 1, 2])
    group, groups = _joined(mask, edges, [quality[axis].ravel()[edges[axis][0]] > REGION_QUALITY for axis in range(3)])
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
    votes = np.concatenate([_votes(phase, turns, parts, quality[axis], mask, axis=axis) for axis in range(3)], axis=1)
    kinds, which = np.unique(votes[:3].astype(np.int64), axis=1, return_inverse=True)
    total = np.bincount(which.ravel(), votes[3], kinds.shape[1])
    order = np.lexsort((total, kinds[1], kinds[0]))
    low, high, step = kinds[:, order]
    last = np.ones(low.size, bool)
    np.logical_or(low[1:] != low[:-1], high[1:] != high[:-1], out=last[:-1])
    regions, strength = int(parts[mask].max()) + 1, total[order][last]
    strength = strength / max(strength.max(initial=0), np.finfo(np.float32).tiny)
    near, far, step = _tree(low[last], high[last], step[last], strength, regions)
    member = connected_components(_graph(near, far, np.ones(near.size), regions), directed=False)[1]
    shift = _summed(near, far, step, member)
    inside = np.where(mask, parts, 0)
    return centred(phase, turns + shift[inside], member[inside], mask)


def _votes(
    phase: np.ndarray, turns: np.ndarray, parts: np.ndarray, quality: np.ndarray, mask: np.ndarray, *, axis: int
) -> np.ndarray:
    """Lower and higher region, turns that the higher one lacks, and quality of every link between two regions."""
    edge, stride = _edges(mask, axis)
    flat = parts.ravel()
    cross = flat[edge] != flat[edge + stride]
    near = edge[cross]
    far = near + stride
    lacking = _steps(phase, near, stride) - (turns.ravel()[far] - turns.ravel()[near])
    a, b = flat[near], flat[far]
    swapped = np.where(a < b, lacking, -lacking)
    return np.stack([np.minimum(a, b), np.maximum(a, b), swapped, quality.ravel()[near]]).astype(np.float64)


def _edges(mask: np.ndarray, axis: int) -> Edges:
    """Flat indices of the voxels that have a next one along the axis, both in the mask; and the way to the next."""
    near, far = [slice(None)] * 3, [slice(None)] * 3
    near[axis], far[axis] = slice(None, -1), slice(1, None)
    both = np.zeros(mask.shape, bool)
    np.logical_and(mask[tuple(near)], mask[tuple(far)], out=both[tuple(near)])
    return np.flatnonzero(both).astype(np.int32), int(np.prod(mask.shape[axis + 1 :]))


def _steps(phase: np.ndarray, edge: np.ndarray, stride: int) -> np.ndarray:
    """Count the turns by which the next voxel must exceed this one."""
    flat = phase.ravel()
    return np.rint((flat[edge] - flat[edge + np.int32(stride)]) / TURN).astype(np.int8)


def _grown(
    mask: np.ndarray,
    edges: list[Edges],
    found: list[tuple[np.ndarray, np.ndarray]],
    safe: float,
    *,
    seeds: np.ndarray | None,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Return turns and part of every voxel, flat, once edges better than safe without a turn have joined theirs."""
    progress(0, "joining voxels")
    node, nodes = _joined(mask, edges, [(quality > safe) & (step == 0) for step, quality in found])
    links = []
    for (edge, stride), (step, quality) in zip(edges, found, strict=True):
        near, far = node[edge], node[edge + stride]
        cross = near != far
        links.append((near[cross], far[cross], step[cross], quality[cross]))
    near, far, step, quality = (np.concatenate(end) for end in zip(*links, strict=True))
    progress(0.3, "growing the tree")
    near, far, step = _tree(near, far, step, quality, nodes, seeds=None if seeds is None else node[seeds])
    progress(0.7, "following the tree")
    member = connected_components(_graph(near, far, np.ones(near.size), nodes), directed=False)[1]
    return _summed(near, far, step, member)[node], member[node]


def _joined(mask: np.ndarray, edges: list[Edges], safe: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """Return the number of the group of voxels, joined by safe edges, of every voxel (flat), and how many there are.

    Runs along the last axis are found first, since there are far fewer of them than of voxels.
    """
    start = mask.ravel().copy()
    start[edges[2][0][safe[2]] + 1] = False
    run = np.cumsum(start, dtype=np.int32) - 1
    np.maximum(run, 0, out=run)  # what lies before the first voxel of the mask has no run
    ends = []
    for (edge, stride), sound in zip(edges[:2], safe[:2], strict=True):
        here = edge[sound]
        a, b = run[here], run[here + stride]
        new = np.ones(a.size, bool)
        np.logical_or(a[1:] != a[:-1], b[1:] != b[:-1], out=new[1:])
        ends.append((a[new], b[new]))
    near, far = (np.concatenate(end) for end in zip(*ends, strict=True))
    graph = _graph(near, far, np.ones(near.size), int(run[-1]) + 1)
    groups, group = connected_components(graph, directed=False)
    return group[run], groups


def _tree(
    near: np.ndarray,
    far: np.ndarray,
    step: np.ndarray,
    quality: np.ndarray,
    nodes: int,
    *,
    seeds: np.ndarray | None = None,
) -> tuple:
    """Return ends and steps of the links that make the spanning forest of best quality, at most one seed to a tree."""
    best_first = np.argsort(((1 - quality) * LEVELS).astype(np.uint16), kind="stable")
    rank = np.empty(near.size)
    rank[best_first] = np.arange(1, near.size + 1)
    ends = near, far
    if seeds is not None:  # links to a node that all seeds share are better than all others, so the worst between gives
        ends = np.append(near, np.full(seeds.size, nodes)), np.append(far, seeds)
        rank = np.append(rank, np.full(seeds.size, 0.5))
    kept = minimum_spanning_tree(_graph(*ends, rank, nodes + (seeds is not None))).data.astype(np.int64) - 1
    chosen = best_first[kept[kept >= 0]]
    return near[chosen], far[chosen], step[chosen]


def _graph(near: np.ndarray, far: np.ndarray, value: np.ndarray, nodes: int) -> csr_array:
    """Graph with these links; several between the same two nodes stay several."""
    order = np.argsort(near, kind="stable")
    start = np.zeros(nodes + 1, np.int32)
    np.cumsum(np.bincount(near, minlength=nodes), out=start[1:])
    return csr_array((value[order], far[order].astype(np.int32), start), shape=(nodes, nodes))


def _summed(near: np.ndarray, far: np.ndarray, step: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Sum of the steps from the first node of its part to every node, along the forest."""
    nodes = member.size
    first = np.unique(member, return_index=True)[1]
    near, far = np.append(near, np.full(first.size, nodes)), np.append(far, first)
    step = np.append(step, np.zeros(first.size, np.int8)).astype(np.float32)
    graph = _graph(near, far, np.ones(near.size), nodes + 1)
    parent = breadth_first_order(graph, nodes, directed=False)[1]
    parent[nodes] = nodes
    total = np.zeros(nodes + 1, np.float32)
    down = parent[far] == near
    total[np.where(down, far, near)] = np.where(down, step, -step)
    while (parent != nodes).any():  # each round doubles the way that the sums span
        total += total[parent]
        parent = parent[parent]
    return total[:nodes]


def _contradicts(turns: np.ndarray, edges: list[Edges], steps: list[np.ndarray], safe: list[np.ndarray]) -> bool:
    """Whether the turns disagree with the step of a safe edge."""

    def along(axis: int) -> bool:
        edge, stride = edges[axis]
        return bool((safe[axis] & (turns[edge + stride] - turns[edge] != steps[axis])).any())

    return any(each(along, [0, 1, 2]))


def centred(phase: np.ndarray, turns: np.ndarray, parts: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add to the turns of every part as many that the median of its phase is within half a turn of 0.

    Parameters: phase (x, y, z) rad; turns, parts (x, y, z) as `turns_along_tree` returns them; mask (x, y, z) bool.
    Returns: turns, parts.
    """
    inside = np.flatnonzero(mask)
    member = parts.ravel()[inside].astype(np.int64)
    value = phase.ravel()[inside] / TURN + turns.ravel()[inside]
    whole = np.rint(value).astype(np.int64)  # the median of whole turns is the median's whole turn
    low, span = whole.min(), np.ptp(whole) + 1
    sizes = np.bincount(member)
    in_order = np.sort(member * span + whole - low)
    middle = in_order[np.cumsum(sizes) - sizes + (sizes - 1) // 2]
    median = middle - np.arange(sizes.size) * span + low
    return turns - median.astype(np.float32)[parts], parts

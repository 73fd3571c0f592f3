"""ROMEO: spatial unwrapping of one echo along its best edges, temporal unwrapping of the others."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import numpy as np

from ..grid import Grid
from ..parallel import each, slabs
from ..phase_quality import TURN, edge_quality
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..spanning_tree import Crop, turns_along_tree

PLACES = (0, -1, 1, -2, 2)
"""Whole turns by which a part of the mask may lie off its median's place."""

PLACE_PENALTY = 0.05
"""Of half a turn, per turn: what another place must gain. It decides where echo times in whole ratios tell nothing."""

FAINT = np.float32(1e-20)
"""Squared magnitude added so that voxels without signal, which count as equal in all echoes, are predicted as well."""

SLABS_BETWEEN_REPORTS = 64
"""About four million voxels: a fraction of a second."""


@method(
    stage="unwrapping",
    label="ROMEO",
    cite=("Dymerska2021",),
    sentence="Phase was unwrapped with ROMEO (template echo {template})",
    volumes=65,
)
def romeo(
    phase: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    magnitude: np.ndarray | None = None,
    template: Annotated[
        int, Param("Template echo", "", 1, None, "unwrapped in space; the last echo where there are fewer")
    ] = 1,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Unwrap one echo along a spanning tree of the best edges, and the others by the echo times' ratio.

    Parameters: phase (x, y, z, echo) rad, wrapped, its offset removed where there are several echoes; mask (x, y, z)
    bool; magnitude (x, y, z, echo) or None; echo_times s.
    Returns: unwrapped (x, y, z, echo) float32 rad, congruent with phase modulo 2 pi in the mask, zero outside.
    Raises: InputError where the mask is empty.

    Source: Dymerska2021.

    Notes: Template is the first echo, which has the fewest wraps and the most signal. The others are predicted from all
    echoes already unwrapped (weighted by squared magnitude and echo time), not from the nearest alone. A part of the
    mask is placed by all its voxels, not by one seed.
    """
    echoes = phase.shape[3]
    times = np.asarray(echo_times, np.float32)
    first = min(template, echoes) - 1
    crop = Crop(mask, grid)
    out = crop.cut(phase)
    strength = None if magnitude is None else crop.cut(magnitude)
    progress(0.1, "weighing edges")
    quality = edge_quality(out, strength, tuple(times), first)
    turns, parts = turns_along_tree(out[..., first], quality, crop.mask, part(progress, 0.3, 0.7))
    out[..., first] += TURN * turns
    if echoes > 1:
        nearest = first - 1 if first else 1
        ratio = float(times[nearest] / times[first])
        excess = (out[..., nearest] - np.float32(ratio) * out[..., first])[crop.mask]
        out[..., first] += TURN * _places(excess, ratio, parts[crop.mask])[parts]
    order = sorted(set(range(echoes)) - {first}, key=lambda echo: abs(echo - first))
    _follow(out, strength, times, [first, *order], part(progress, 0.75, 0.95, "unwrapping the other echoes"))
    return crop.paste(out)


def _places(excess: np.ndarray, ratio: float, member: np.ndarray) -> np.ndarray:
    """Whole turns by which every part must move for its voxels to exceed ratio times it by whole turns only."""
    mean = np.bincount(member, np.cos(excess)) + 1j * np.bincount(member, np.sin(excess))
    places = np.array(PLACES)
    misfit = np.abs(np.angle(mean[:, None] * np.exp(-2j * np.pi * ratio * places))) / np.pi
    best = places[np.argmin(misfit + PLACE_PENALTY * np.abs(places), axis=1)]
    return best.astype(np.float32)


def _follow(
    phase: np.ndarray, magnitude: np.ndarray | None, times: np.ndarray, order: list[int], progress: Progress
) -> None:
    """Unwrap in place every echo after the first in order, at the turn nearest to what the earlier ones predict."""

    def unwrap(slab: slice) -> None:
        numerator = np.zeros(phase[slab].shape[:3], np.float32)
        denominator = np.zeros_like(numerator)
        for done, echo in pairwise(order):
            weight = times[done] * (1 if magnitude is None else magnitude[slab][..., done] ** 2 + FAINT)
            numerator += weight * phase[slab][..., done]
            denominator += weight * times[done]
            here = phase[slab][..., echo]
            here += TURN * np.rint((numerator / denominator * times[echo] - here) / TURN)

    todo = slabs(phase.shape[:3])
    for start in range(0, len(todo), SLABS_BETWEEN_REPORTS):
        progress(start / len(todo), "")
        each(unwrap, todo[start : start + SLABS_BETWEEN_REPORTS])

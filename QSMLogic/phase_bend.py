"""How little the phase bends: the reliability that best-path unwrapping sorts edges by."""

from __future__ import annotations

from itertools import product

import numpy as np

from .parallel import each
from .phase_quality import TURN, wrapped

CHUNK = 1 << 16
"""Voxels worked on at once: what is needed of them stays in a processor's cache."""

DIRECTIONS = tuple(step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0))
"""The 13 lines through a voxel and two of its 26 neighbours."""


def smoothness(phase: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return how good the edges from each voxel to the next along x, y and z are: (3, x, y, z) float32, 0 to 1.

    One over one plus the bend (rad), the mean of that of the two voxels. A voxel's bend is the root mean square of its
    second differences along the 13 lines through it, as far as they lie in the mask; a whole turn where none does.

    Parameters: phase (x, y, z) rad, wrapped; mask (x, y, z) bool. Source: AbdulRahman2007.
    """
    bend = _bend(phase, mask)
    out = np.zeros((3, *mask.shape), np.float32)
    for axis in range(3):
        near, far = [slice(None)] * 3, [slice(None)] * 3
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        both = bend[tuple(near)] + bend[tuple(far)]
        np.divide(2, 2 + both, out=out[axis][tuple(near)])
    return out


def _bend(phase: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Root mean square of the second differences at every voxel, rad."""
    inner = (slice(1, -1),) * 3
    padded, inside = np.pad(phase, 1), np.pad(mask, 1).astype(np.float32)
    flat, known = padded.ravel(), inside.ravel()
    out = np.full(padded.size, TURN, np.float32)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    edge = int(strides.sum())  # the first voxel that is not padding

    def fill(start: int) -> None:
        stop = min(start + CHUNK, flat.size - edge)
        here, total, count = flat[start:stop], np.zeros(stop - start, np.float32), np.zeros(stop - start, np.float32)
        for step in DIRECTIONS:
            way = int(strides @ step)
            before, after = slice(start - way, stop - way), slice(start + way, stop + way)
            second = wrapped(flat[after] - here)
            second -= wrapped(here - flat[before])
            second *= second
            both = known[before] * known[after]
            second *= both
            total += second
            count += both
        np.sqrt(np.divide(total, count, out=total, where=count > 0), out=out[start:stop], where=count > 0)

    each(fill, [*range(edge, flat.size - edge, CHUNK)])
    return out.reshape(padded.shape)[inner]

"""Differences between neighbouring voxels, periodic, of one slab of an image at a time; and their adjoints.

Arrays are NumPy's or PyTorch's (see `device`).
"""

from __future__ import annotations

import numpy as np

from .device import copied, library

NEXT = (1, 0, 0), (0, 1, 0), (0, 0, 1)
"""Steps to the next voxel along each axis."""


def after(image: np.ndarray, axis: int, slab: slice) -> np.ndarray:
    """Next voxel along an axis less the voxel, of a slab; periodic."""
    here = image[slab]
    of, (first, last, rest, most) = library(here), _sides(axis)
    out = of.empty_like(here)
    of.subtract(here[rest], here[most], out=out[most])
    beyond = image[following(slab, image)] if axis == 0 else here[first]
    of.subtract(beyond, here[last], out=out[last])
    return out


def before(image: np.ndarray, axis: int, slab: slice) -> np.ndarray:
    """Voxel less the one before along an axis, of a slab; periodic."""
    here = image[slab]
    of, (first, last, rest, most) = library(here), _sides(axis)
    out = of.empty_like(here)
    of.subtract(here[rest], here[most], out=out[rest])
    beyond = image[preceding(slab, image)] if axis == 0 else here[last]
    of.subtract(here[first], beyond, out=out[first])
    return out


def return_after(out: np.ndarray, flux: np.ndarray, axis: int, beyond: np.ndarray | None = None) -> None:
    """Add the adjoint of `after` to a slab; beyond: flux of the plane that precedes it, for the first axis."""
    first, last, rest, most = _sides(axis)
    out -= flux
    out[rest] += flux[most]
    out[first] += flux[last] if beyond is None else beyond


def return_before(out: np.ndarray, flux: np.ndarray, axis: int, beyond: np.ndarray | None = None) -> None:
    """Add the adjoint of `before` to a slab; beyond: flux of the plane that follows it, for the first axis."""
    first, last, rest, most = _sides(axis)
    out += flux
    out[most] -= flux[rest]
    out[last] -= flux[first] if beyond is None else beyond


def together(mask: np.ndarray, slab: slice, steps: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Whether a voxel of a slab lies in the mask with all that are these steps (0, 1 or -1 per axis) away from it.

    Beyond the image there is no mask: what lies at opposite ends is not together.
    """
    out = copied(mask[slab])
    line, whole, plane = out.reshape(-1), mask.reshape(-1), mask[0].reshape(-1)
    for step in steps:
        # One shift along the line of all voxels; where it runs over an end into the next row is not together.
        begin = (slab.start + step[0]) * len(plane) + step[1] * mask.shape[2] + step[2]
        first = min(max(0, -begin), len(line))
        last = max(first, min(len(line), len(whole) - begin))
        line[first:last] &= whole[begin + first : begin + last]
        line[:first] = False
        line[last:] = False
        for axis in (1, 2):
            if step[axis]:
                out[_sides(axis)[0 if step[axis] < 0 else 1]] = False
    return out


def preceding(slab: slice, image: np.ndarray) -> slice:
    """Return the plane before a slab, periodic."""
    return slice((slab.start - 1) % len(image), (slab.start - 1) % len(image) + 1)


def following(slab: slice, image: np.ndarray) -> slice:
    """Return the plane after a slab, periodic."""
    return slice(slab.stop % len(image), slab.stop % len(image) + 1)


def _sides(axis: int) -> tuple[tuple[slice, ...], ...]:
    """First and last plane along an axis, all but the first, and all but the last."""
    sides = slice(None, 1), slice(-1, None), slice(1, None), slice(None, -1)
    return tuple((*(slice(None),) * axis, side) for side in sides)

"""Differences between neighbouring voxels, periodic, of one slab of an image at a time; and their adjoints."""

from __future__ import annotations

import numpy as np


def after(image: np.ndarray, axis: int, slab: slice) -> np.ndarray:
    """Next voxel along an axis less the voxel, of a slab; periodic."""
    here = image[slab]
    out, (first, last, rest, most) = np.empty_like(here), _sides(axis)
    np.subtract(here[rest], here[most], out=out[most])
    beyond = image[following(slab, image)] if axis == 0 else here[first]
    np.subtract(beyond, here[last], out=out[last])
    return out


def before(image: np.ndarray, axis: int, slab: slice) -> np.ndarray:
    """Voxel less the one before along an axis, of a slab; periodic."""
    here = image[slab]
    out, (first, last, rest, most) = np.empty_like(here), _sides(axis)
    np.subtract(here[rest], here[most], out=out[rest])
    beyond = image[preceding(slab, image)] if axis == 0 else here[last]
    np.subtract(here[first], beyond, out=out[first])
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

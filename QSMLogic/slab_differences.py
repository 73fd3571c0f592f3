"""Differences between neighbouring voxels, periodic, of one slab of an image at a time; and their adjoints."""

from __future__ import annotations

import numpy as np


def after(image: np.ndarray, axis: int, slab: slice) -> np.ndarray:
    """Next voxel along an axis less the voxel, of a slab; periodic."""
    here = image[slab]
    if axis:
        return np.roll(here, -1, axis) - here
    out = np.empty_like(here)
    np.subtract(here[1:], here[:-1], out=out[:-1])
    np.subtract(image[slab.stop % image.shape[0]], here[-1], out=out[-1])
    return out


def before(image: np.ndarray, axis: int, slab: slice) -> np.ndarray:
    """Voxel less the one before along an axis, of a slab; periodic."""
    here = image[slab]
    if axis:
        return here - np.roll(here, 1, axis)
    out = np.empty_like(here)
    np.subtract(here[1:], here[:-1], out=out[1:])
    np.subtract(here[0], image[slab.start - 1], out=out[0])
    return out


def return_after(out: np.ndarray, flux: np.ndarray, axis: int) -> None:
    """Add the adjoint of `after`; what goes to the next slab is left to the caller."""
    out -= flux
    if axis:
        out += np.roll(flux, 1, axis)
    else:
        out[1:] += flux[:-1]


def return_before(out: np.ndarray, flux: np.ndarray, axis: int) -> None:
    """Add the adjoint of `before`; what goes to the slab before is left to the caller."""
    out += flux
    if axis:
        out -= np.roll(flux, -1, axis)
    else:
        out[:-1] -= flux[1:]

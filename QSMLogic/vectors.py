"""Sums, products and lengths of whole images, slab by slab on all threads; arrays of either library (see `device`).

Slabs do not depend on the threads, and so what is summed over them does not either.
"""

from __future__ import annotations

import numpy as np

from .device import library, passes
from .parallel import PASS_VOXELS, each

SUM_OF_PRODUCTS = "ijk,ijk->"


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Inner product of two images, summed in double."""
    of = library(a)
    return float(sum(each(lambda s: of.sum(a[s] * b[s], dtype=of.float64), passes(a))))


def add(image: np.ndarray, factor: float, other: np.ndarray) -> None:
    """Add factor times the other image to an image in place."""

    def fill(slab: slice) -> None:
        here = image[slab]
        here += factor * other[slab]

    each(fill, passes(image))


def multiply(image: np.ndarray, by: np.ndarray) -> None:
    """Multiply an image or a spectrum in place."""

    def fill(slab: slice) -> None:
        here = image[slab]
        here *= by[slab]

    each(fill, passes(image))


def product(image: np.ndarray, by: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
    """Return an image or a spectrum multiplied by a real one; into: what is overwritten by it, if anything."""
    out = library(image).empty_like(image) if into is None else into

    def fill(slab: slice) -> None:
        library(image).multiply(image[slab], by[slab], out=out[slab])

    each(fill, passes(image))
    return out


def renew(image: np.ndarray, factor: float, other: np.ndarray) -> None:
    """Make of an image factor times itself plus the other image."""

    def fill(slab: slice) -> None:
        here = image[slab]
        here *= factor
        here += other[slab]

    each(fill, passes(image))


def relative_change(x: np.ndarray, previous: np.ndarray | None, mask: np.ndarray) -> float:
    """Relative change of x in the mask; 1 where there is no previous x."""
    if previous is None:
        return 1.0

    def sums(slab: slice) -> tuple[float, float]:
        inside = x[slab] * mask[slab]
        moved = x[slab] - previous[slab]
        moved *= mask[slab]
        return float(of.einsum(SUM_OF_PRODUCTS, inside, inside)), float(of.einsum(SUM_OF_PRODUCTS, moved, moved))

    of = library(x)
    parts = each(sums, passes(x, PASS_VOXELS))
    norm, moved = sum(p[0] for p in parts), sum(p[1] for p in parts)
    return float(np.sqrt(moved / norm)) if norm > 0 else 0.0

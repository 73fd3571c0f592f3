"""Laplace's equation in a region of any shape: its operator, and a multigrid cycle that nearly inverts it."""

from __future__ import annotations

import numpy as np

from .device import library, passes, placed, unfilled
from .parallel import each

CHUNK = 1 << 16
"""Voxels worked on at once: three of them stay in a processor's cache."""

DAMPING = 0.85
"""Of a Jacobi step; 6/7 smooths best in three dimensions."""

SWEEPS = 2
"""Jacobi steps before and after the coarser level."""

FEW = 1000
"""Voxels of a level that is not coarsened any more; Jacobi alone solves it well enough."""

FINAL_SWEEPS = 16
"""Jacobi steps there, before and after."""

STRONG = 1.5
"""Axes are coarsened whose voxels are at most so much larger than the smallest: errors are smooth only along these."""


class Laplace:
    """Minus the discrete Laplacian, plus a damping, of images that are zero outside a region.

    Images are float32, in C order, placed where solvers compute, and have one empty voxel around the region at every
    side, so that the flat array can be shifted without care for the ends of rows.
    """

    def __init__(self, inside: np.ndarray, voxel_size: tuple[float, ...], damping: float) -> None:
        """inside: (x, y, z) bool, empty at all six faces; voxel_size in mm; damping in 1/mm2."""
        self.inside = placed(inside.astype(np.float32, order="C"))
        smallest = min(voxel_size)
        weights = [np.float32((smallest / s) ** 2) for s in voxel_size]
        centre = 2 * sum(weights) + np.float32(damping * smallest**2)
        self.weights, self.centre, self.step = [float(w) for w in weights], float(centre), float(DAMPING / centre)
        self.damping = damping * smallest**2
        self.strides = [inside.shape[1] * inside.shape[2], inside.shape[2], 1]
        edge = self.strides[0]
        self.chunks = passes(self.inside.ravel()[edge : inside.size - edge], CHUNK)
        self.steps = tuple(2 if s <= STRONG * smallest else 1 for s in voxel_size)
        self.coarser: Laplace | None = None
        if np.count_nonzero(inside) > FEW:
            size = tuple(s * step for s, step in zip(voxel_size, self.steps, strict=True))
            self.coarser = Laplace(_coarse(inside, self.steps), size, damping)
            self.scale = (min(size) / smallest) ** 2

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return the operator's image times the smallest voxel side squared; image may be any outside the region."""
        return self._pass(image, None, 1.0)

    def undamped(self, image: np.ndarray) -> np.ndarray:
        """Apply without the damping."""
        out = self.apply(image)
        out -= self.damping * (image * self.inside)
        return out

    def cycle(self, right: np.ndarray) -> np.ndarray:
        """Return about the solution of apply(x) = right: one symmetric multigrid cycle."""
        sweeps = SWEEPS if self.coarser else FINAL_SWEEPS
        x = right * self.step
        for _ in range(sweeps - 1):
            x += self._pass(x, right, self.step)
        if self.coarser:
            misfit = _restricted(self._pass(x, right, self.scale), self.steps)
            misfit *= self.coarser.inside
            correction = self.coarser.cycle(misfit)
            x += _prolonged(correction, self.steps, right.shape) * self.inside
        for _ in range(sweeps):
            x += self._pass(x, right, self.step)
        return x

    def _pass(self, image: np.ndarray, right: np.ndarray | None, factor: float) -> np.ndarray:
        """Factor times (right less the operator's image) in the region, or that image where right is None."""
        of, edge = library(self.inside), self.strides[0]
        out = of.empty_like(self.inside)
        flat, made, inside = image.ravel(), out.ravel(), self.inside.ravel()
        given = None if right is None else right.ravel()
        made[:edge] = 0
        made[-edge:] = 0

        def fill(chunk: slice) -> None:
            a, b = edge + chunk.start, edge + chunk.stop
            here = made[a:b]
            of.multiply(flat[a:b], self.centre, out=here)
            for weight, stride in zip(self.weights, self.strides, strict=True):
                beside = flat[a - stride : b - stride] + flat[a + stride : b + stride]
                if weight != 1:
                    beside *= weight
                here -= beside
            if given is not None:
                of.subtract(given[a:b], here, out=here)
                here *= factor
            here *= inside[a:b]

        each(fill, self.chunks)
        return out


def _coarse(inside: np.ndarray, steps: tuple[int, ...]) -> np.ndarray:
    """Every second voxel along the coarsened axes; the last of the new is empty as the last of the old was."""
    kept = inside[tuple(slice(None, None, step) for step in steps)]
    shape = [n // 2 + 1 if step == 2 else n for n, step in zip(inside.shape, steps, strict=True)]
    return np.pad(kept, [(0, n - k) for n, k in zip(shape, kept.shape, strict=True)])


def _prolonged(image: np.ndarray, steps: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation to the finer level."""
    for axis, (step, n) in enumerate(zip(steps, shape, strict=True)):
        if step == 2:
            old = image.swapaxes(0, axis)
            new = unfilled((n, *old.shape[1:]), like=old)
            new[::2] = old[: (n + 1) // 2]
            library(old).add(old[: n // 2], old[1 : n // 2 + 1], out=new[1::2])
            new[1::2] *= 0.5
            image = new.swapaxes(0, axis)
    return image


def _restricted(image: np.ndarray, steps: tuple[int, ...]) -> np.ndarray:
    """Adjoint of `_prolonged`, so scaled that it is a mean, in C order."""
    for axis, step in enumerate(steps):
        if step == 2:
            old = image.swapaxes(0, axis)
            n = old.shape[0]
            new = unfilled((n // 2 + 1, *old.shape[1:]), like=old)
            new[: (n + 1) // 2] = old[::2]
            new[(n + 1) // 2 :] = 0
            between = old[1::2] * 0.5
            new[: n // 2] += between
            new[1 : n // 2 + 1] += between
            new *= 0.5
            image = new.swapaxes(0, axis)
    return image.ravel().reshape(image.shape)

"""The Laplacian of phase, which no wrap disturbs, and the fields that have it."""

from __future__ import annotations

import numpy as np
import scipy.fft
from scipy.ndimage import binary_erosion

from .constants import GAMMA_BAR
from .device import placed
from .errors import InputError
from .grid import Grid
from .laplace import Laplace
from .parallel import threads
from .phase_quality import wrapped
from .progress import Progress
from .solvers import conjugate_gradients


def laplacian_of_wrapped(phase: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Sum of the wrapped differences to all neighbours in the mask, rad/mm2."""
    total = np.zeros_like(phase)
    for axis, size in enumerate(grid.voxel_size):
        near, far = [slice(None)] * 3, [slice(None)] * 3
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        here, there = tuple(near), tuple(far)
        flow = wrapped(phase[there] - phase[here])
        flow *= mask[there] & mask[here]
        flow /= np.float32(size * size)
        total[here] += flow
        total[there] -= flow
    return total


class LaplacianUnwrapper:
    """Unwraps images of one box: the cosine transform inverts the Laplacian, which no wrap disturbs.

    What it returns differs from the true phase by a field that is harmonic in the mask. Source: Schofield2003.
    """

    def __init__(self, mask: np.ndarray, grid: Grid) -> None:
        """mask: (x, y, z) bool; the grid is of its shape."""
        self.mask, self.grid = mask, grid
        self.inverse = _inverse_laplacian(grid)

    def __call__(self, phase: np.ndarray) -> np.ndarray:
        """Return phase (x, y, z; rad, wrapped) without wraps; of no meaning outside the mask."""
        source = laplacian_of_wrapped(phase, self.mask, self.grid)
        smooth = scipy.fft.dctn(source, workers=threads(), overwrite_x=True)
        smooth *= self.inverse
        smooth = scipy.fft.idctn(smooth, workers=threads(), overwrite_x=True)
        rest = (phase - smooth)[self.mask]
        return smooth + np.arctan2(np.sin(rest).mean(), np.cos(rest).mean())


def _inverse_laplacian(grid: Grid) -> np.ndarray:
    """Inverse of the Laplacian of differences in the cosine basis, 0 for the constant."""
    x, y, z = (
        ((2 * np.cos(np.pi * np.arange(n) / n) - 2) / s**2).astype(np.float32)
        for n, s in zip(grid.shape, grid.voxel_size, strict=True)
    )
    values = x[:, None, None] + y[:, None] + z
    values[0, 0, 0] = 1
    np.divide(1, values, out=values)
    values[0, 0, 0] = 0
    return values


def field_laplacian(
    phase: np.ndarray,
    magnitude: np.ndarray | None,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    field_strength: float,
) -> np.ndarray:
    """Return the Laplacian of the total field (ppm/mm2) in the mask, from phase that is wrapped.

    The difference between neighbours of each echo is unwrapped by those of the echoes before it: only that of the first
    has to be less than half a turn. They are averaged by their precision.
    Parameters: phase (x, y, z, echo) rad, wrapped; magnitude, the same shape, or None for equal ones; mask (x, y, z)
    bool; echo_times s; field_strength T.
    """
    turns = [np.float32(2 * np.pi * GAMMA_BAR * field_strength * time) for time in echo_times]
    total = np.zeros(grid.shape, np.float32)
    for axis, size in enumerate(grid.voxel_size):
        near, far = [slice(None)] * 3, [slice(None)] * 3
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        here, there = tuple(near), tuple(far)
        flow = np.zeros(mask[here].shape, np.float32)
        precision = np.zeros_like(flow)
        for echo, turn in enumerate(turns):
            ahead, behind = phase[..., echo][there], phase[..., echo][here]
            weight = np.full_like(flow, turn * turn)
            if magnitude is not None:
                weight *= np.square(np.minimum(magnitude[..., echo][there], magnitude[..., echo][here]))
            precision += weight
            share = np.divide(weight, precision, out=np.zeros_like(flow), where=precision > 0)
            flow += share * (wrapped(ahead - behind - turn * flow) / turn)
        flow *= mask[there] & mask[here]
        flow /= np.float32(size * size)
        total[here] += flow
        total[there] -= flow
    return total


def field_from_laplacian(
    laplacian: np.ndarray,
    inner: np.ndarray,
    grid: Grid,
    *,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> np.ndarray:
    """Return the field (ppm) that has this Laplacian (ppm/mm2) in a region and is zero around it.

    It differs from the field that was measured by one that is harmonic in the region: what sources outside make.
    inner: (x, y, z) bool, empty at the faces of the image's box.
    """
    box = tuple(
        slice(int(np.flatnonzero(seen)[0]) - 1, int(np.flatnonzero(seen)[-1]) + 2)
        for seen in (inner.any(axis=(1, 2)), inner.any(axis=(0, 2)), inner.any(axis=(0, 1)))
    )
    laplace = Laplace(inner[box], grid.voxel_size, 0.0)
    out = np.zeros(grid.shape, np.float32)
    out[box] = conjugate_gradients(
        laplace.apply,
        placed(np.float32(-(min(grid.voxel_size) ** 2)) * laplacian[box] * inner[box]),
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
        precondition=laplace.cycle,
    )
    return out


def with_all_neighbours(mask: np.ndarray, method: str) -> np.ndarray:
    """Return the voxels whose six neighbours lie in the mask. Raises InputError, naming the method, where none does."""
    inner = binary_erosion(mask)
    if not inner.any():
        raise InputError(f"{method}: no voxel of the mask has all its neighbours in it. Check the mask.")
    return inner

"""Linear operators on a grid: transforms, the dipole, balls, differences; and the window they work in.

Arrays are (x, y, z) float32; spectra are the half spectra of real transforms, complex64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft

from .device import fetched, library, placed
from .errors import InputError
from .grid import Grid
from .parallel import PASS_VOXELS, each, slabs, threads
from .vectors import multiply

TOUCHING = 1 + 1e-5
"""Times the squared radius: a point on the sphere lies in the ball, however a header's voxel size is rounded."""

MOSTLY = 0.501
"""Share of a larger voxel in the mask from which it belongs to it (see `hats`); of half, rounding would decide."""

BALL_SUBSAMPLES = 5
"""Points per voxel and axis that decide how much of a voxel lies in a ball."""


def good_size(length: int) -> int:
    """Return the smallest length, not below the given one, whose real transform is fast."""
    return int(scipy.fft.next_fast_len(length, real=True))


def transform(image: np.ndarray) -> np.ndarray:
    """Half spectrum of a real image."""
    if isinstance(image, np.ndarray):
        return scipy.fft.rfftn(image, workers=threads())
    # A GPU leaves another axis contiguous; real views of a spectrum need the last.
    return library(image).fft.rfftn(image).contiguous()


def inverse(spectrum: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Real image of a half spectrum, which is used as scratch."""
    if isinstance(spectrum, np.ndarray):
        return scipy.fft.irfftn(spectrum, shape, overwrite_x=True, workers=threads())
    return library(spectrum).fft.irfftn(spectrum, shape)


def half_shape(grid: Grid) -> tuple[int, int, int]:
    """Shape of the half spectrum of an image on the grid."""
    return *grid.shape[:2], grid.shape[2] // 2 + 1


def copies(grid: Grid) -> np.ndarray:
    """How often a frequency of the half spectrum, by its place on the last axis, stands in the whole one; float32."""
    out = np.full(half_shape(grid)[2], 2, np.float32)
    out[0] = 1
    if grid.shape[2] % 2 == 0:
        out[-1] = 1
    return out


def wave_numbers(grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wave numbers along x, y, z (1/mm) of the half spectrum, float32, shaped to broadcast against each other."""
    (nx, ny, nz), (sx, sy, sz) = grid.shape, grid.voxel_size
    axes = scipy.fft.fftfreq(nx, sx), scipy.fft.fftfreq(ny, sy), scipy.fft.rfftfreq(nz, sz)
    kx, ky, kz = (k.astype(np.float32) for k in axes)
    return kx[:, None, None], ky[:, None], kz


class Window:
    """The box of a mask, with a margin, on a grid of fast size: what every convolution works in.

    Cropping to the mask makes transforms cheap; the margin (mm, filled with zeros) keeps a convolution from
    wrapping round.
    """

    def __init__(self, mask: np.ndarray, grid: Grid, margin: float) -> None:
        """Find the box. Raises InputError where the mask is empty or of another shape than the grid."""
        if mask.shape != grid.shape:
            raise InputError(f"The mask has shape {mask.shape} but the image {grid.shape}: they must be equal.")
        if not mask.any():
            raise InputError("The mask is empty: no voxel is left to work on. Check the mask or its threshold.")
        self.full_shape = grid.shape
        flat = np.any(mask, axis=0)
        sides = map(np.flatnonzero, (np.any(mask, axis=(1, 2)), np.any(flat, axis=1), np.any(flat, axis=0)))
        box = [slice(int(inside[0]), int(inside[-1]) + 1) for inside in sides]
        self.box = tuple(box)
        self.inner = tuple(slice(0, side.stop - side.start) for side in box)
        shape = [
            good_size(side.stop + int(np.ceil(margin / size)))
            for side, size in zip(self.inner, grid.voxel_size, strict=True)
        ]
        self.grid = grid.with_shape(tuple(shape))
        self.mask = self.cut(mask)

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the window's part of an image, zeros in the margin, of the image's type (double becomes float32)."""
        kind = np.float32 if image.dtype == np.float64 else image.dtype
        out = np.zeros(self.grid.shape, kind)
        out[self.inner] = image[self.box]
        return out

    def paste(self, part: np.ndarray) -> np.ndarray:
        """Return the full image of a part of the window, zero elsewhere."""
        part = fetched(part)
        out = np.zeros(self.full_shape, part.dtype)
        out[self.box] = part[self.inner]
        return out


def dipole_kernel(grid: Grid) -> np.ndarray:
    """Half spectrum of the unit dipole: 1/3 - cos2 of the angle between wave vector and main field, 0 at the origin.

    field (ppm) = susceptibility (ppm) convolved with it, Lorentz sphere included. Float32, real. Source: Marques2005.
    """
    out, part = np.empty(half_shape(grid), np.float32), dipole_slabs(grid)

    def fill(slab: slice) -> None:
        out[slab] = part(slab)

    each(fill, slabs(out.shape, PASS_VOXELS))
    return out


def dipole_slabs(grid: Grid) -> Callable[[slice], np.ndarray]:
    """Return the function that makes a slab, of the first axis, of `dipole_kernel`: for what needs it only once."""
    waves = wave_numbers(grid)
    squares = [k * k for k in waves]
    # The highest frequency of an even axis is its own negative. The mean over both signs is taken there, or the field
    # would depend on the end from which the axis is counted: the square stays, products with other axes cancel.
    left = [np.zeros_like(k) for k in waves]
    for axis, n in enumerate(grid.shape):
        if n % 2 == 0:
            waves[axis].flat[n // 2] = 0
            left[axis].flat[n // 2] = np.float32((grid.b0_direction[axis] / (2 * grid.voxel_size[axis])) ** 2)
    bx, by, bz = (np.float32(b) * k for b, k in zip(grid.b0_direction, waves, strict=True))

    def part(slab: slice) -> np.ndarray:
        along = (bx[slab] + by) + bz
        along *= along
        along += (left[0][slab] + left[1]) + left[2]
        squared = (squares[0][slab] + squares[1]) + squares[2]
        if slab.start == 0:
            squared[0, 0, 0] = 1
        along /= squared
        np.subtract(np.float32(1 / 3), along, out=along)
        if slab.start == 0:
            along[0, 0, 0] = 0
        return along

    return part


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Circular convolution of a real image with the kernel of this half spectrum, computed where the kernel is."""
    spectrum = transform(image if isinstance(kernel, np.ndarray) else placed(image))
    multiply(spectrum, kernel)
    return inverse(spectrum, image.shape)


def ball(grid: Grid, radius: float) -> np.ndarray:
    """Half spectrum of the mean over a ball (radius in mm), float32, real; partly covered voxels count in part.

    Its value at the origin is 1. A radius below the voxel size leaves a voxel its own mean.
    """
    offsets = (np.arange(BALL_SUBSAMPLES) + 0.5) / BALL_SUBSAMPLES - 0.5
    reach = [max(int(radius / s + 0.5), 1) for s in grid.voxel_size]
    squares = [
        ((np.arange(-r, r + 1)[:, None] + offsets) * s).ravel() ** 2
        for r, s in zip(reach, grid.voxel_size, strict=True)
    ]
    distance = squares[0][:, None, None] + squares[1][:, None] + squares[2]
    sides = [2 * r + 1 for r in reach]
    split = [n for side in sides for n in (side, BALL_SUBSAMPLES)]
    cover = (distance <= radius * radius * TOUCHING).reshape(split).sum(axis=(1, 3, 5), dtype=np.float32)
    if cover.sum() == 0:
        cover[tuple(reach)] = 1
    cover /= cover.sum()
    _make_round(cover, grid.voxel_size)
    # A ball is even along each axis and small: sums of cosines are faster than a transform of the whole grid.
    nx, ny, nz = grid.shape
    turns = scipy.fft.fftfreq(nx), scipy.fft.fftfreq(ny), scipy.fft.rfftfreq(nz)
    waves = [np.cos(2 * np.pi * np.outer(t, np.arange(-r, r + 1))) for t, r in zip(turns, reach, strict=True)]
    return along_axes([wave.astype(np.float32) for wave in waves], cover)


def _make_round(cover: np.ndarray, size: tuple[float, ...]) -> None:
    """Bring the second moments of a ball's weights to the largest of the three, in place.

    A mean over weights of unequal moments is no mean of a harmonic field: it would leave the field's curvature.
    """
    middle = tuple(n // 2 for n in cover.shape)
    places = np.ogrid[tuple(slice(-m, m + 1) for m in middle)]
    moments = [float(np.sum(cover * (x * s) ** 2)) for x, s in zip(places, size, strict=True)]
    for axis, (moment, s) in enumerate(zip(moments, size, strict=True)):
        lacking = (max(moments) - moment) / (2 * s * s)
        cover[middle] -= 2 * lacking
        for beside in (-1, 1):
            cover[(*middle[:axis], middle[axis] + beside, *middle[axis + 1 :])] += lacking


def gradient(image: np.ndarray, grid: Grid) -> np.ndarray:
    """Forward differences per mm, periodic: (3, x, y, z)."""
    out = np.empty((3, *image.shape), image.dtype)
    for axis in range(3):
        difference = np.roll(image, -1, axis)
        difference -= image
        np.divide(difference, np.float32(grid.voxel_size[axis]), out=out[axis])
    return out


def gradient_adjoint(vector: np.ndarray, grid: Grid) -> np.ndarray:
    """Adjoint of `gradient`, minus the divergence: (x, y, z)."""
    out = np.zeros(vector.shape[1:], vector.dtype)
    for axis in range(3):
        difference = np.roll(vector[axis], 1, axis)
        difference -= vector[axis]
        difference /= np.float32(grid.voxel_size[axis])
        out += difference
    return out


def gradient_squared(grid: Grid) -> np.ndarray:
    """Half spectrum of gradient_adjoint(gradient(.)), minus the discrete Laplacian; float32, 1/mm2."""
    parts = [
        (2 - 2 * np.cos(2 * np.pi * k * np.float32(s))) / np.float32(s * s)
        for k, s in zip(wave_numbers(grid), grid.voxel_size, strict=True)
    ]
    return (parts[0] + parts[1]) + parts[2]


def gaussian(grid: Grid, width: float) -> np.ndarray:
    """Half spectrum of a Gaussian blur whose standard deviation is so many voxels along each axis; float32, real."""
    kx, ky, kz = (k * np.float32(s) for k, s in zip(wave_numbers(grid), grid.voxel_size, strict=True))
    scale = np.float32(-2 * (np.pi * width) ** 2)
    return (np.exp(scale * kx * kx) * np.exp(scale * ky * ky)) * np.exp(scale * kz * kz)


def hats(length: int, coarse: int, about: float | None = None) -> np.ndarray:
    """Weights (coarse, length) of a row of voxels in a mean about the middle of each of fewer, larger ones.

    They fall linearly to zero at the neighbours' middles, so that little of what is too fine for the larger voxels is
    taken for something else. The larger voxels fill the row; or the row repeats itself, and they lie alike on both
    sides of a place in it.
    """
    ratio = length / coarse
    middles = (np.arange(coarse) + 0.5) * ratio - 0.5
    if about is not None:
        middles += (about - (length - 1) / 2) % (ratio / 2)  # half a larger voxel further they lie alike again
    distance = np.abs(np.arange(length) - middles[:, None])
    if about is not None:
        distance = np.minimum(distance, length - distance)
    weights = np.maximum(0, 1 - distance / ratio)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def along_axes(matrices: list[np.ndarray], image: np.ndarray) -> np.ndarray:
    """Apply a matrix along each axis of an image (x, y, z), computed where they all are."""
    first, second, third = matrices
    out = (first @ image.reshape(image.shape[0], -1)).reshape(-1, *image.shape[1:])
    return (second @ out) @ third.T

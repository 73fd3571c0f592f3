"""What is fine in the phase: the background, which is smooth, taken out by a low-pass filter.

A filter is told by a wavelength in mm, that of a plane wave which it halves. A Hann window over the middle n of N
samples of k-space, of voxels of s mm, halves a wave of 4 N s / n mm; a Gaussian of standard deviation d halves one of
5.34 d, or of 4.01 d where what it leaves is filtered once more.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .grid import Grid
from .operators import Window, convolve, wave_numbers
from .phase_laplacian import LaplacianUnwrapper

Shape = Literal["hann", "gaussian"]

TWICE = float(np.sqrt(-np.log2(1 - np.sqrt(0.5))))
"""Wavelength of a Gaussian over that of the wave which is halved by taking out what it smooths twice."""


class LowPass:
    """Smooths images of a region, all within the window of its mask."""

    def __init__(self, mask: np.ndarray, grid: Grid, wavelength: float, shape: Shape) -> None:
        """wavelength: mm, of the wave that is halved. Raises InputError where the mask (x, y, z; bool) is empty."""
        self.window = Window(mask, grid, margin=wavelength)
        kx, ky, kz = (k * np.float32(wavelength) for k in wave_numbers(self.window.grid))
        squared = (kx * kx + ky * ky) + kz * kz
        self.kernel = np.exp2(-squared) if shape == "gaussian" else _hann(np.sqrt(squared))

    def smoothed(self, image: np.ndarray) -> np.ndarray:
        """Smooth an image of the window; outside the mask it has to be zero."""
        return convolve(image, self.kernel)

    def homodyne(self, phase: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
        """Return the angle (rad, wrapped) of the complex image over its own smoothed image, zero outside the mask.

        Parameters: phase (rad) and magnitude of the window. Source: Reichenbach1997.

        Notes: The window's side lobes can make even the smoothed magnitude negative beside a far larger part of the
        mask. Its sign is divided out, so that phase zero stays zero.
        """
        strength = magnitude * self.window.mask
        real, imaginary = strength * np.cos(phase), strength * np.sin(phase)
        low_real, low_imaginary = self.smoothed(real), self.smoothed(imaginary)
        turned = np.copysign(np.float32(1), self.smoothed(strength))
        along = (real * low_real + imaginary * low_imaginary) * turned
        across = (imaginary * low_real - real * low_imaginary) * turned
        return np.arctan2(across, along) * self.window.mask


class UnwrappedHighPass:
    """Unwraps the phase of a region by its Laplacian and takes out what is smooth in it.

    The field by which that phase differs from the true one is harmonic in the mask, and goes with what is smooth. A
    mean over neighbours on one side only, as at the mask's edge, keeps part of a slope; so what the first mean leaves
    is filtered again (Tukey's twicing). Source: Schofield2003.
    """

    def __init__(self, mask: np.ndarray, grid: Grid, wavelength: float) -> None:
        """Take the arguments of `LowPass`, whose shape is a Gaussian: its weights are positive wherever a mask ends."""
        self.low_pass = LowPass(mask, grid, TWICE * wavelength, "gaussian")
        self.window = self.low_pass.window
        inside = self.window.mask[self.window.inner]
        self.unwrapped = LaplacianUnwrapper(inside, grid.with_shape(inside.shape))
        self.weight = self.window.mask.astype(np.float32)
        self.cover = np.where(self.window.mask, self.low_pass.smoothed(self.weight), np.float32(1))

    def __call__(self, phase: np.ndarray) -> np.ndarray:
        """Return the phase (rad, wrapped; of the window) without what is smooth, zero outside the mask."""
        fine = np.zeros(self.weight.shape, np.float32)
        fine[self.window.inner] = self.unwrapped(phase[self.window.inner])
        fine *= self.weight
        for _ in range(2):
            fine -= self.low_pass.smoothed(fine) / self.cover
            fine *= self.weight
        return fine


def _hann(relative: np.ndarray) -> np.ndarray:
    """Hann window of a wave number relative to that at which it is 1/2."""
    return np.where(relative < 2, (1 + np.cos(np.float32(np.pi / 2) * relative)) / 2, np.float32(0))

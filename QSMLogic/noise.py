"""How noisy an image is, told from the image itself."""

from __future__ import annotations

from itertools import product

import numpy as np
import scipy.special

GAUSSIAN_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""

HIGH_SNR = np.float32(6)
"""Signal over noise from which three terms of the asymptotic series give the mean to a few millionths: Bessel functions
are a hundred times slower."""


def noise_level(image: np.ndarray, mask: np.ndarray, *, every: bool = False) -> float:
    """Estimate the standard deviation of white noise in an image (x, y, z), real or complex (then: of its real part).

    From the finest diagonal wavelet, which structures and smooth fields hardly reach, by the median over the blocks of
    2 x 2 x 2 voxels in the mask; 0 where there is no such block. An image that was interpolated has less of it than
    noise. every: overlapping blocks too, so that it does not matter from where they are counted. Source: Donoho1994.
    """
    size = [min(2, n) for n in mask.shape]
    starts = [
        [slice(i, n - s + 1 + i) if every else slice(i, n - n % s, s) for i in range(s)]
        for n, s in zip(mask.shape, size, strict=True)
    ]
    corners = list(product(*starts))
    signs = [(-1) ** sum(place) for place in np.ndindex(*size)]
    inside = np.logical_and.reduce([mask[c] for c in corners])
    if not inside.any() or len(corners) == 1:
        return 0.0
    detail = np.zeros(int(inside.sum()), np.result_type(image, np.float32))
    for corner, sign in zip(corners, signs, strict=True):
        detail += sign * image[corner][inside]
    values = np.abs(np.concatenate([detail.real, detail.imag]) if np.iscomplexobj(detail) else detail)
    return float(np.median(values)) / (GAUSSIAN_MEDIAN * len(corners) ** 0.5)


def rice_mean(signal: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of a magnitude with Gaussian noise in both channels, and its derivative by the signal.

    signal: the magnitude without noise, at least 0; noise: its standard deviation in a channel; one shape, float32.
    Source: Gudbjartsson1995.
    """
    low = signal < HIGH_SNR * noise
    share = np.square(np.divide(noise, signal, out=np.zeros_like(signal), where=~low & (signal > 0)))
    mean = signal * (1 + share / 2 + np.square(share) / 8)
    slope = 1 - share / 2 - np.square(share) * np.float32(3 / 8)
    deviation, half = noise[low], np.float32(np.sqrt(np.pi / 2))
    ratio = np.square(signal[low] / (2 * deviation))
    zeroth, first = scipy.special.i0e(ratio), scipy.special.i1e(ratio)
    mean[low] = half * deviation * (zeroth + 2 * ratio * (zeroth + first))
    slope[low] = half * signal[low] / (2 * deviation) * (zeroth + first)
    return mean, slope

"""How noisy an image is, told from the image itself."""

from __future__ import annotations

import numpy as np
import scipy.special

GAUSSIAN_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""

HIGH_SNR = np.float32(6)
"""Signal over noise from which three terms of the asymptotic series give the mean to a few millionths: Bessel functions
are a hundred times slower."""


def noise_level(image: np.ndarray, mask: np.ndarray) -> float:
    """Estimate the standard deviation of white noise in an image (x, y, z), real or complex (then: of its real part).

    From the finest diagonal wavelet, which structures and smooth fields hardly reach, by the median over the blocks of
    2 x 2 x 2 voxels in the mask; 0 where there is no such block. An image that was interpolated has less of it than
    noise. Source: Donoho1994.
    """
    size = [min(2, n) for n in mask.shape]
    corners = [
        (slice(i, n - n % s, s), slice(j, m - m % t, t), slice(k, o - o % u, u))
        for (n, m, o), (s, t, u) in [(mask.shape, size)]
        for i in range(s)
        for j in range(t)
        for k in range(u)
    ]
    inside = np.logical_and.reduce([mask[c] for c in corners])
    if not inside.any() or len(corners) == 1:
        return 0.0
    detail = np.zeros(int(inside.sum()), np.result_type(image, np.float32))
    for corner in corners:
        detail += (-1) ** sum(side.start for side in corner) * image[corner][inside]
    values = np.abs(np.concatenate([detail.real, detail.imag]) if np.iscomplexobj(detail) else detail)
    return float(np.median(values)) / (GAUSSIAN_MEDIAN * np.sqrt(len(corners)))


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

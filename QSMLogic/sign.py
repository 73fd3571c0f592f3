"""Whether a map has the right sign: iron and deoxygenated blood are paramagnetic, and make the signal decay faster."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from .grid import Grid

NEIGHBOURHOOD = 20.0
"""mm; what is wider than this in map and decay is not compared: background, receive sensitivity, grey against white."""

STRONGEST = 2.0
"""Percent of the voxels, those that differ most from their neighbourhood: veins, deep nuclei, lesions."""

CLIPPED = (0.1, 99.9)
"""Percentiles of decay and map beyond which a voxel counts no more: noise, and what lies beside bone and air."""

GREATEST = 3.0
"""Times the median of the strongest deviations: more counts as this, so that one calcified lesion does not outvote all
nuclei and veins."""

FEWEST = 50
"""Voxels among the strongest from which there is something to tell."""

DARKEST = np.float32(1e-6)
"""Of the largest magnitude: keeps the logarithm finite."""


def decay_agreement(
    chi: np.ndarray, magnitude: np.ndarray, mask: np.ndarray, grid: Grid, echo_times: tuple[float, ...]
) -> float | None:
    """Return how much the strongest sources agree with the decay of the signal: 1 wholly, 0 not at all, -1 opposed.

    The cosine between the deviations of susceptibility and of the rate of decay from their neighbourhood, over the
    voxels whose susceptibility deviates most; very large deviations are cut. With a single echo darkness stands for
    the rate. It changes its sign with the map. Parameters: chi (x, y, z) ppm; magnitude (x, y, z, echo), any unit;
    mask (x, y, z) bool; echo_times s.
    Returns None where there is too little in the mask to tell. Source: Langkammer2012.
    """
    if not mask.any():
        return None
    rate = np.zeros(mask.shape, np.float32)
    rate[mask] = _decay(magnitude[mask], np.asarray(echo_times, np.float32))
    weight = _local_mean(mask.astype(np.float32), grid)
    source, fall = (_deviation(image, mask, weight, grid) for image in (chi, rate))
    strongest = np.abs(source) >= np.percentile(np.abs(source), 100 - STRONGEST)
    source, fall = _bounded(source[strongest]), _bounded(fall[strongest])
    size = float(np.sqrt(np.sum(source**2) * np.sum(fall**2)))
    return float(np.sum(source * fall)) / size if strongest.sum() >= FEWEST and size > 0 else None


def _decay(signal: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the rate (1/s) of signal (voxel, echo) by a line through its logarithm, weighted by the squared signal.

    Of a single echo: minus its logarithm.
    """
    signal = signal / (signal.max() or 1)
    height = np.log(np.maximum(signal, DARKEST))
    if times.size == 1:
        return -height[:, 0]
    weight = np.maximum(signal, DARKEST) ** 2
    total = weight.sum(axis=1)
    from_middle = times - (weight @ times / total)[:, None]
    moment = weight * from_middle
    return -(moment * height).sum(axis=1) / (moment * from_middle).sum(axis=1)


def _deviation(image: np.ndarray, mask: np.ndarray, weight: np.ndarray, grid: Grid) -> np.ndarray:
    """Return how far the voxels of the mask are from the mean of their neighbourhood in the mask."""
    low, high = np.percentile(image[mask], CLIPPED)
    image = np.where(mask, np.clip(image, low, high), 0).astype(np.float32)
    return (image[mask] - _local_mean(image, grid)[mask] / weight[mask]).astype(float)


def _bounded(values: np.ndarray) -> np.ndarray:
    bound = GREATEST * float(np.median(np.abs(values)))
    return np.clip(values, -bound, bound)


def _local_mean(image: np.ndarray, grid: Grid) -> np.ndarray:
    size = [2 * round(NEIGHBOURHOOD / s / 2) + 1 for s in grid.voxel_size]
    return uniform_filter(image, size, mode="constant")

"""Where the fluid of the ventricles is, told by its slow decay: the zero of susceptibility."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from .echo_fit import line
from .grid import Grid

SLOW_DECAY = 5.0
"""1/s; R2* below which a voxel is fluid, as in Liu2018."""

CENTRE_RADIUS = 30.0
"""mm around the middle of the mask, in which the ventricles lie, as in Liu2018."""

LEAST_WEIGHT = np.float32(1e-12)
"""Of an echo, so that voxels without signal have a decay, too."""

PARTS = 2
"""The largest connected parts that are kept: one ventricle on each side."""


def decay_rate(magnitude: np.ndarray, echo_times: tuple[float, ...]) -> np.ndarray:
    """Return R2* (...) float32, 1/s, of a magnitude (..., echo) by a line through its logarithm."""
    signal = np.maximum(magnitude, np.finfo(np.float32).tiny)
    weight = np.square(signal / signal.max(initial=np.finfo(np.float32).tiny)) + LEAST_WEIGHT
    return -line(np.log(signal), weight, np.asarray(echo_times, np.float32))[0]


def ventricles(magnitude: np.ndarray, mask: np.ndarray, grid: Grid, echo_times: tuple[float, ...]) -> np.ndarray:
    """Return the voxels of the fluid in the middle of the mask, (x, y, z) bool.

    Parameters: magnitude (x, y, z, echo); mask (x, y, z) bool; echo_times s. Source: Liu2018.
    """
    middle = [np.mean(where) for where in np.nonzero(mask)]
    away = [(np.arange(n) - m) * s for n, m, s in zip(mask.shape, middle, grid.voxel_size, strict=True)]
    distance = away[0][:, None, None] ** 2 + away[1][:, None] ** 2 + away[2] ** 2
    fluid = mask & (distance < CENTRE_RADIUS**2)
    fluid[fluid] = decay_rate(magnitude[fluid], echo_times) < SLOW_DECAY
    part, _ = scipy.ndimage.label(fluid)
    sizes = np.bincount(part.ravel())
    sizes[0] = 0
    largest = np.argsort(-sizes, kind="stable")[:PARTS]
    return fluid & np.isin(part, largest)

"""How much each voxel's field counts: the data weight of background removal and inversion."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .parallel import PASS_VOXELS, each, slabs

GREATEST = 3.0
"""Times the mean weight: one very bright voxel does not outweigh its neighbourhood."""

MISFIT = 0.3
"""rad; phase noise between echoes at which a voxel's weight has fallen to half: a field that moves within the voxel."""


def data_weights(field_noise: np.ndarray, mask: np.ndarray, residual: np.ndarray | None = None) -> np.ndarray:
    """Weight of each voxel, one over its field noise, less where the echoes contradict each other.

    Parameters: field_noise (x, y, z) ppm, standard deviation; mask (x, y, z) bool; residual (x, y, z) rad, misfit of
    the echoes, or None. Returns: weights (x, y, z) float32, mean 1 in the mask, 0 outside.
    """
    known = mask & (field_noise > 0)
    if not known.any():
        weights = mask.astype(np.float32)
    else:
        weights = np.divide(1, field_noise, out=np.zeros(mask.shape, np.float32), where=known)
        weights /= weights[known].mean()
        np.minimum(weights, np.float32(GREATEST), out=weights)
    if residual is not None:
        weights /= 1 + np.square(residual / np.float32(MISFIT))
    mean = weights[mask].mean() if mask.any() else 0
    return weights / np.float32(mean) if mean > 0 else mask.astype(np.float32)


def magnitude_weights(magnitude: np.ndarray, mask: np.ndarray, echo_times: tuple[float, ...]) -> np.ndarray:
    """Weight of each voxel from magnitude alone: the field's noise goes with one over the norm of magnitude times TE.

    Parameters: magnitude (x, y, z, echo), any unit; mask (x, y, z) bool; echo_times s.
    Returns: weights (x, y, z) float32, mean 1 in the mask, 0 outside.
    """
    squares = np.square(np.asarray(echo_times, np.float32))
    noise = np.zeros(mask.shape, np.float32)

    def fill(slab: slice) -> None:
        strength = np.square(magnitude[slab], dtype=np.float32) @ squares
        np.sqrt(strength, out=strength)
        np.divide(1, strength, out=noise[slab], where=strength > 0)

    each(fill, slabs(mask.shape, PASS_VOXELS))
    return data_weights(noise, mask)


def given_weights(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Bring weights (x, y, z) in any unit to a mean of 1 in the mask, which the methods' settings are relative to.

    Raises InputError where one in the mask is below 0, or none is above.
    """
    inside = weights[mask]
    if inside.size and (inside.min() < 0 or inside.max() == 0):
        said = "some are below 0" if inside.min() < 0 else "all are 0"
        raise InputError(f"The weights in the mask have to be above 0, or 0 where nothing is known, but {said}.")
    return weights / np.float32(inside.mean()) if inside.size else weights

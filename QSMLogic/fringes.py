"""Errors of unwrapping that show in the unwrapped phase itself."""

from __future__ import annotations

import numpy as np

HALF_TURN = np.float32(np.pi)


def open_fringes(unwrapped: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of voxels that differ from a neighbour in the mask by more than half a turn, in any echo.

    Parameters: unwrapped (x, y, z, echo) rad; mask (x, y, z) bool, not empty.
    """
    broken = np.zeros(mask.shape, bool)
    for axis in range(3):
        whole = (slice(None),) * axis
        near, far = (*whole, slice(None, -1)), (*whole, slice(1, None))
        both = mask[near] & mask[far]
        for echo in range(unwrapped.shape[3]):
            step = unwrapped[..., echo][near] - unwrapped[..., echo][far]
            open_here = (np.abs(step) > HALF_TURN) & both
            broken[near] |= open_here
            broken[far] |= open_here
    return float(broken.sum() / mask.sum())


def echo_turns(unwrapped: np.ndarray, mask: np.ndarray, echo_times: tuple[float, ...]) -> float | None:
    """Return the share of voxels in which the phase between two echoes is a turn off that between the others.

    Parameters: unwrapped (x, y, z, echo) rad; mask (x, y, z) bool, not empty; echo_times s. None where there are less
    than three echoes: two agree with any field.
    """
    if len(echo_times) <= 2:
        return None
    spacing = np.diff(np.asarray(echo_times, np.float32))
    rates = np.diff(unwrapped[mask], axis=1) / spacing
    apart = np.abs(rates - np.median(rates, axis=1, keepdims=True)) * spacing
    return float((apart > HALF_TURN).any(axis=1).mean())

"""What a susceptibility map leaves of the local field unexplained."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..forward_model import field_of, where_known
from ..grid import Grid
from ..operators import Window
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..vectors import dot


@method(
    stage="maps",
    label="Field misfit",
    cite=("Marques2005",),
    sentence="The field of the susceptibility map, with the uniform susceptibility that fits best added, was "
    "subtracted from the local field",
    otherwise={"not level": "The field of the susceptibility map was subtracted from the local field"},
    outputs=("field_misfit",),
    volumes=14.5,
)
def field_misfit(
    local_field: np.ndarray,
    chi: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    eroded_mask: np.ndarray | None = None,
    level: Annotated[
        bool, Param("Fit the level", help="add the uniform susceptibility that fits best: referencing took it away")
    ] = True,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Subtract the field of a susceptibility map from the local field: noise, and what the map does not explain.

    Parameters: local_field and chi (x, y, z) ppm; mask (x, y, z) bool; eroded_mask (x, y, z), where both are known, or
    None for all of the mask. Returns: field_misfit (x, y, z) float32, ppm, zero outside the masks.
    Raises: InputError where the mask is empty.

    Notes: smooth misfit is background that was not removed, which inversions with free sources outside leave on
    purpose; edges are smoothing; stripes along 54.7 degrees to the field are what the dipole cannot tell.
    """
    inside = where_known(mask, eroded_mask)
    window = Window(inside, grid, 0.0)
    misfit = window.cut(local_field) * window.mask
    progress(0.1, "convolution")
    misfit -= field_of(window.cut(chi) * window.mask, window.grid) * window.mask
    progress(0.5, "convolution")
    if level:
        uniform = field_of(window.mask.astype(np.float32), window.grid) * window.mask
        strength = dot(uniform, uniform)
        misfit -= uniform * np.float32(dot(uniform, misfit) / strength if strength > 0 else 0)
    progress(0.9, "convolution")
    return window.paste(misfit)

"""Sophisticated harmonic artefact reduction for phase data."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..operators import convolve
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..spherical_mean import high_pass, window_of_balls


@method(
    stage="background",
    label="SHARP",
    cite=("Schweser2011",),
    sentence="Background fields were removed with SHARP (radius {radius:g} mm, threshold {threshold:g})",
    volumes=6,
)
def sharp(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    radius: Annotated[float, Param("Radius", "mm", 0.5, 40, "of the spherical mean; the mask loses as much")] = 5.0,
    threshold: Annotated[
        float, Param("Threshold", "", 1e-4, 0.9, "smallest value of the high-pass filter's spectrum that is undone")
    ] = 0.02,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the mean over a ball, then undo the blur by division of the spectrum.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool.
    Returns: local_field (x, y, z) float32, ppm, zero outside eroded; eroded (x, y, z) bool.
    Raises: InputError where the mask is empty or no ball fits in it.
    """
    window = window_of_balls(mask, grid)
    progress(0.0, "spherical mean")
    kernel, eroded = high_pass(window, radius, "SHARP")
    progress(0.4, "spherical mean")
    local = convolve(window.cut(total_field), kernel)
    local *= eroded
    progress(0.7, "undoing the blur")
    undone = np.zeros_like(kernel)
    np.divide(1, kernel, out=undone, where=np.abs(kernel) > threshold)
    local = convolve(local, undone)
    local *= eroded
    progress(1.0, "")
    return window.paste(local), window.paste(eroded)

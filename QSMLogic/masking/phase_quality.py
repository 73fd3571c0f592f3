"""A mask of where the phase can be trusted."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..intensity import otsu
from ..morphology import ball_volume, filled, largest_part, not_empty
from ..phase_quality import voxel_quality
from ..progress import Progress, no_progress
from ..registry import ONE_ECHO, Param, method


@method(
    stage="masking",
    label="Phase quality",
    cite=("Dymerska2021", "Otsu1979"),
    sentence="Voxels whose phase is coherent with its neighbours and between echoes were kept",
    otherwise={ONE_ECHO: "Voxels whose phase is coherent with its neighbours were kept"},
    volumes=8,
)
def phase_quality(
    phase: np.ndarray,
    grid: Grid,
    echo_times: tuple[float, ...],
    magnitude: np.ndarray | None = None,
    *,
    least: Annotated[float | None, Param("Least quality", "", 0, 1, "none: Otsu's threshold")] = None,
    hole_radius: Annotated[
        float, Param("Hole radius", "mm", 0, 20, "cavities up to a ball of this radius are filled")
    ] = 3.0,
    largest_only: Annotated[bool, Param("Largest part only", help="drop everything not connected to it")] = True,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Keep voxels of good phase quality, then close small gaps.

    Parameters: phase (x, y, z, echo) rad; echo_times s; magnitude as phase, any unit, or None.
    Returns: mask (x, y, z) bool. Raises: InputError where no voxel is left. Source: Dymerska2021.
    Notes: a threshold on the quality that ROMEO gives to voxels. Phase that is exactly zero in every echo, as scanners
    write it where they blank the background, is coherent but no measurement; it is left out.
    """
    progress(0, "phase quality")
    quality = voxel_quality(phase, magnitude, echo_times)
    progress(0.5, "thresholding")
    measured = (phase != 0).any(axis=3)
    mask = measured & (quality > (otsu(quality) if least is None else least))
    progress(0.7, "closing gaps")
    if largest_only:
        mask = largest_part(mask)
    mask = filled(mask, grid, ball_volume(hole_radius))
    progress(1, "phase quality mask")
    return not_empty(mask, "Phase quality", "lower the least quality")

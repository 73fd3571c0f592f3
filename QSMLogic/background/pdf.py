"""Projection onto dipole fields."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..outside_sources import without_outside_sources
from ..progress import Progress, no_progress, part
from ..registry import Param, method


@method(
    stage="background",
    label="PDF",
    cite=("Liu2011",),
    sentence="Background fields were removed by projection onto dipole fields (PDF)",
    volumes=16,
    on_gpu=True,
)
def pdf(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 1.5e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of conjugate gradients", advanced=True)] = 200,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the field that sources outside the mask explain best.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: local_field (x, y, z) float32, ppm, zero outside the mask; the mask, unchanged.
    Raises: InputError where the mask is empty.

    Notes: a source is a Gaussian of half a voxel, not a point, and large sources cost a little (see
    `outside_sources`).
    """
    local = without_outside_sources(
        total_field,
        mask,
        grid,
        weights,
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0, 0.98, "fitting outside sources"),
    )
    progress(1.0, "")
    return local, mask.copy()

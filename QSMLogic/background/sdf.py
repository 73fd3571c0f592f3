"""Spatially dependent filtering."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..spatial_filter import Widths, without_smooth


@method(
    stage="background",
    label="SDF",
    cite=("Yaghmaie2021",),
    sentence="Background fields were removed by spatially dependent filtering (SDF, widths {width:g} to "
    "{min_width:g} mm)",
    volumes=15.5,
)
def sdf(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    width: Annotated[
        float, Param("Largest width", "mm", 1, 40, "standard deviation of the filter's weights deep in the mask")
    ] = 8.0,
    min_width: Annotated[
        float, Param("Smallest width", "mm", 0.1, 20, "at a flat edge of the mask; less where it is thinner")
    ] = 1.0,
    proximity: Annotated[
        float, Param("Proximity", "mm", 1, 40, "standard deviation of the weights that tell how near the edge is")
    ] = 10.0,
    curvature: Annotated[
        float,
        Param("Curvature", "", 0, 100, "how much narrower the filter is below a saddle of the edge", advanced=True),
    ] = 1.0,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract what is smooth, by weights that are the wider the further a voxel lies from the edge; none is eroded.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool.
    Returns: local_field (x, y, z) float32, ppm, zero outside mask; the mask, unchanged.
    Raises: InputError where the mask is empty, or the smallest width is above the largest.

    Notes: the paper subtracts the weighted mean; at an edge, where neighbours lie on one side only, that keeps a slope
    of the background. Here the weighted fit of a plane is subtracted; where neighbours lie on all sides the two are the
    same. Lengths are in mm, not voxels, equal along all axes; the width between two filtered ones is interpolated, and
    the surface's Gaussian curvature is that of the smoothed mask, by its own size instead of its largest value. As in
    the paper the filter is not undone: what is smooth in the local field is lost, near the edge most of it.
    """
    widths = Widths(width, min_width, proximity, curvature)
    return without_smooth(total_field, mask, grid, widths, progress=progress), mask.copy()

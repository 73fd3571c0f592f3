"""Projection onto dipole fields."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..operators import Window, convolve, dipole_kernel, gaussian
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients

MARGIN = 10.0
"""mm around the mask's box in which sources may lie; what comes from further away, nearer sources explain as well."""

SOURCE_WIDTH = 0.5
"""Voxels; standard deviation of a source. Sharper ones ring at the mask's edge, since a grid cannot hold them."""

DAMPING = 5e-6
"""Of the mean squared weight; penalty of the sources' square. Without it the answer hangs on the iteration at which the
solver stops, which rounding decides; ten times as much leaves some of the background."""


@method(
    stage="background",
    label="PDF",
    cite=("Liu2011",),
    sentence="Background fields were removed by projection onto dipole fields (PDF)",
    volumes=16,
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

    Notes: a source is a Gaussian of half a voxel, not a point, and large sources cost a little (see DAMPING).
    """
    window = Window(mask, grid, MARGIN)
    field = window.cut(total_field)
    kernel = dipole_kernel(window.grid)
    kernel *= gaussian(window.grid, SOURCE_WIDTH)
    inside = window.mask.astype(np.float32) if weights is None else window.cut(weights * mask)
    np.square(inside, out=inside)
    outside = ~window.mask
    damping = np.float32(DAMPING * inside[window.mask].mean())

    def weighted_adjoint(image: np.ndarray) -> np.ndarray:
        image *= inside
        image = convolve(image, kernel)
        image *= outside
        return image

    def normal(image: np.ndarray) -> np.ndarray:
        out = weighted_adjoint(convolve(image, kernel))
        out += damping * image
        return out

    sources = conjugate_gradients(
        normal,
        weighted_adjoint(field.copy()),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0, 0.98, "fitting outside sources"),
    )
    field -= convolve(sources, kernel)
    field *= window.mask
    progress(1.0, "")
    return window.paste(field), mask.copy()

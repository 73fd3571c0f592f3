"""Iterative spherical mean value filtering."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..device import placed
from ..grid import Grid
from ..operators import convolve
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients
from ..spherical_mean import high_pass, window_of_balls


@method(
    stage="background",
    label="iSMV",
    cite=("Wen2014",),
    sentence="Background fields were removed by iterative spherical mean values (iSMV, radius {radius:g} mm)",
    volumes=11,
    on_gpu=True,
)
def ismv(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    radius: Annotated[float, Param("Radius", "mm", 0.5, 40, "of the spherical mean; the mask loses as much")] = 4.0,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 1e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of conjugate gradients", advanced=True)] = 200,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the field that equals its spherical means in the eroded mask and the total field between the two.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool.
    Returns: local_field (x, y, z) float32, ppm, zero outside eroded; eroded (x, y, z) bool.
    Raises: InputError where the mask is empty or no ball fits in it.

    Notes: the paper takes the mean of the mean until it no longer changes; conjugate gradients reach that limit in
    fewer steps.
    """
    window = window_of_balls(mask, grid)
    kernel, eroded = high_pass(window, radius, "iSMV")
    kernel, inside = placed(kernel), placed(eroded)

    def within(image: np.ndarray) -> np.ndarray:
        image = convolve(image, kernel)
        image *= inside
        return image

    local = conjugate_gradients(
        within,
        within(placed(window.cut(total_field))),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.05, 0.98, "spherical means"),
    )
    progress(1.0, "")
    return window.paste(local), window.paste(eroded)

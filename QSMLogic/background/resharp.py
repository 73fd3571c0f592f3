"""SHARP with Tikhonov regularisation at the deconvolution."""

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

LEAST_TRUST = 1e-2
"""Of the mean weight; a voxel that counts less has no say anyway, and its square divides."""


@method(
    stage="background",
    label="RESHARP",
    cite=("Sun2014",),
    sentence="Background fields were removed with RESHARP (radius {radius:g} mm, regularisation {regularization:g})",
    volumes=15.5,
    on_gpu=True,
)
def resharp(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    radius: Annotated[float, Param("Radius", "mm", 0.5, 40, "of the spherical mean; the mask loses as much")] = 5.0,
    regularization: Annotated[
        float, Param("Regularisation", "", 1e-8, 1, "weight of the local field's norm against the data")
    ] = 1e-4,
    weighted: Annotated[bool, Param("Weighted", help="trust the field less where it is noisy")] = False,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 3e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of conjugate gradients", advanced=True)] = 200,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the smallest field whose difference from its spherical mean is that of the total field.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: local_field (x, y, z) float32, ppm, zero outside eroded; eroded (x, y, z) bool.
    Raises: InputError where the mask is empty or no ball fits in it.

    Notes: the same minimum as the paper's, found in the dual: one convolution per iteration instead of two.
    The paper does not weight the data.
    """
    window = window_of_balls(mask, grid)
    kernel, eroded = high_pass(window, radius, "RESHARP")
    squared = placed(kernel * kernel)
    sharpening = 1 / (squared + regularization)
    kernel, inside = placed(kernel), placed(eroded)
    trust = window.cut(weights) if weighted and weights is not None else np.ones(window.grid.shape, np.float32)
    noise = placed(regularization / np.square(np.maximum(trust, LEAST_TRUST)))

    def within(image: np.ndarray, by: np.ndarray) -> np.ndarray:
        image = convolve(image, by)
        image *= inside
        return image

    def normal(image: np.ndarray) -> np.ndarray:
        out = within(image, squared)
        out += noise * image
        return out

    multiplier = conjugate_gradients(
        normal,
        within(placed(window.cut(total_field)), kernel),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.05, 0.98, "undoing the blur"),
        precondition=lambda image: within(image, sharpening),
    )
    local = within(multiplier, kernel)
    progress(1.0, "")
    return window.paste(local), window.paste(eroded)

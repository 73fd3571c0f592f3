"""Background removal by the Laplacian: outside the mask it is chosen so that its means over balls vanish."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..device import placed
from ..grid import Grid
from ..operators import Window, ball, convolve, gradient_squared
from ..phase_laplacian import with_all_neighbours
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients

MARGIN = 1.5
"""Radii around the mask in which the Laplacian is chosen; beyond, everything is repeated."""


@method(
    stage="background",
    label="HARPERELLA",
    cite=("Li2014a",),
    sentence="Background fields were removed by the Laplacian operator (HARPERELLA, radius {radius:g} mm)",
    volumes=17,
    on_gpu=True,
)
def harperella(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    radius: Annotated[
        float, Param("Radius", "mm", 0.5, 40, "of the ball over which the Laplacian's mean is taken")
    ] = 8.0,
    regularization: Annotated[
        float, Param("Regularisation", "", 1e-8, 1, "weight of the Laplacian outside against its means")
    ] = 1e-3,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 3e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of conjugate gradients", advanced=True)] = 200,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the field's Laplacian inside the mask, and choose it outside so that its means over balls are least.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool.
    Returns: local_field (x, y, z) float32, ppm, zero outside eroded; eroded (x, y, z) bool: voxels without a neighbour
    in the mask have no Laplacian. Raises: InputError where none has one.

    Notes: the paper starts from wrapped phase, whose Laplacian is that of the unwrapped phase, which is given here. It
    sets the means over balls (10 mm) to that inside the mask; here they are set to zero, for no magnet has a uniform
    Laplacian, and the ball is smaller, which holds up better across voxel sizes. Its solver is stopped early; here the
    Laplacian outside is regularised instead, so that the answer does not hang on the iteration.
    """
    window = Window(mask, grid, MARGIN * radius)
    eroded = with_all_neighbours(window.mask, "HARPERELLA")
    laplacian = gradient_squared(window.grid)
    source = convolve(window.cut(total_field) * window.mask, laplacian)
    source *= eroded
    mean = ball(window.grid, radius)
    squared, outside = placed(mean * mean), placed(~eroded)
    undone = 1 / (squared + regularization)

    def beyond(image: np.ndarray, by: np.ndarray) -> np.ndarray:
        image = convolve(image, by)
        image *= outside
        return image

    def normal(image: np.ndarray) -> np.ndarray:
        out = beyond(image, squared)
        out += regularization * image
        return out

    source -= conjugate_gradients(
        normal,
        beyond(source, squared),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.05, 0.95, "fitting the Laplacian outside"),
        precondition=lambda image: beyond(image, undone),
    )
    local = convolve(source, np.divide(1, laplacian, out=np.zeros_like(laplacian), where=laplacian > 0))
    local *= eroded
    progress(1.0, "")
    return window.paste(local), window.paste(eroded)

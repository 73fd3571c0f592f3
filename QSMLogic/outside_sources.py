"""The field in a mask that sources outside it explain best."""

from __future__ import annotations

import numpy as np

from .device import copied, fetched, placed
from .grid import Grid
from .operators import Window, convolve, dipole_kernel, gaussian
from .progress import Progress
from .solvers import conjugate_gradients

MARGIN = 10.0
"""mm around the mask's box in which sources may lie; what comes from further away, nearer sources explain as well."""

SOURCE_WIDTH = 0.5
"""Voxels; standard deviation of a source. Sharper ones ring at the mask's edge, since a grid cannot hold them."""

DAMPING = 5e-6
"""Of the mean squared weight; penalty of the sources' square. Without it the answer hangs on the iteration at which the
solver stops, which rounding decides; ten times as much leaves some of the background."""


STARTED, MOST_STEPS = 1.5e-3, 200
"""Fall of the residual at which outside sources are near enough for a joint problem with those inside to start from,
and most steps until there (some fifty are needed). With 1e-2, strong ones near the mask are still missing."""


def without_outside_sources(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    weights: np.ndarray | None,
    *,
    progress: Progress,
    tolerance: float = STARTED,
    iterations: int = MOST_STEPS,
) -> np.ndarray:
    """Return the total field (x, y, z; ppm) less what sources outside the mask explain of it, zero outside the mask.

    mask: (x, y, z) bool; weights: (x, y, z), of the data, or None for equal ones; tolerance, iterations: of conjugate
    gradients. Raises InputError where the mask is empty. Source: Liu2011.
    """
    window = Window(mask, grid, MARGIN)
    field = window.cut(total_field)
    kernel = dipole_kernel(window.grid)
    kernel *= gaussian(window.grid, SOURCE_WIDTH)
    kernel = placed(kernel)
    inside = window.mask.astype(np.float32) if weights is None else window.cut(weights * mask)
    np.square(inside, out=inside)
    damping = DAMPING * float(inside[window.mask].mean())
    inside, outside = placed(inside), placed(~window.mask)

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
        normal, weighted_adjoint(copied(placed(field))), tolerance=tolerance, iterations=iterations, progress=progress
    )
    field -= fetched(convolve(sources, kernel))
    field *= window.mask
    return window.paste(field)

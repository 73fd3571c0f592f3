"""Maximum spherical mean value filtering: what is left of the background is found at the mask's edge."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..operators import Window, convolve
from ..outside_sources import without_outside_sources
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients
from ..spherical_mean import high_pass

SPREAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

DAMPING = 4e-3
"""Of the extension inwards, in units of the high-pass filter: fields smoother than 25 radii are damped, for the few
voxels of the edge do not tell them from the tissue's."""

EXTENSION_TOLERANCE = 1e-3
"""Of the extension inwards; it is smooth and small against the local field."""

EXTENSION_ITERATIONS = 100
"""At most; a dozen to thirty reach the tolerance."""


@method(
    stage="background",
    label="mSMV",
    cite=("Roberts2024", "Liu2011"),
    sentence="Background fields were removed by projection onto dipole fields, and what was left of them at the mask's "
    "edge by maximum spherical mean value filtering (mSMV, radius {radius:g} mm)",
    volumes=17.5,
    on_gpu=True,
)
def msmv(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    radius: Annotated[float, Param("Radius", "mm", 0.5, 40, "of the spherical mean, and depth of the edge")] = 5.0,
    share: Annotated[
        float, Param("Share", "", 0, 1, "of the edge's filtered field that is taken for background")
    ] = 0.5,
    lowest: Annotated[
        float, Param("Lowest", "", 0, 10, "filtered field that is touched, in standard deviations", advanced=True)
    ] = 0.5,
    highest: Annotated[
        float, Param("Highest", "", 0, 100, "filtered field that is touched: above lie veins", advanced=True)
    ] = 4.0,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 1.5e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of the projection", advanced=True)] = 200,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Project onto dipole fields, then take away the harmonic field whose maxima at the edge give it away.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: local_field (x, y, z) float32, ppm, zero outside the mask; the mask, unchanged.
    Raises: InputError where the mask is empty, no ball fits in it, or the lowest is above the highest.

    Notes: the paper returns the filtered field, and takes away what at the edge exceeds 0.01 rad at 3 T. Here the field
    itself is returned: what is taken from the filtered field at the edge is the source of a field that equals its
    spherical means elsewhere, and that field is subtracted. A share is taken, for tissue lies at the edge too. The
    thresholds are in standard deviations of the filtered field where the ball fits, so that they hold for every field
    strength; what exceeds the highest is left, in place of the paper's mask of vessels, which needs R2*.
    """
    if lowest > highest:
        raise InputError(f"mSMV: Lowest = {lowest:g} is above Highest = {highest:g}: lower it.")
    window = Window(mask, grid, radius)
    kernel, inner = high_pass(window, radius, "mSMV")
    local = without_outside_sources(
        total_field,
        mask,
        grid,
        weights,
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0, 0.85, "fitting outside sources"),
    )

    def filtered(field: np.ndarray) -> np.ndarray:
        field = convolve(field, kernel)
        field *= window.mask
        return field

    def damped(field: np.ndarray) -> np.ndarray:
        out = filtered(field)
        out += np.float32(DAMPING) * field
        return out

    left = filtered(window.cut(local))
    size = np.abs(left)
    spread = SPREAD * float(np.median(size[inner]))
    left *= ~inner & (size > lowest * spread) & (size < highest * spread)
    left *= np.float32(share)
    background = conjugate_gradients(
        damped,
        left,
        tolerance=EXTENSION_TOLERANCE,
        iterations=EXTENSION_ITERATIONS,
        progress=part(progress, 0.85, 0.98, "what the edge gives away"),
    )
    local -= window.paste(background)
    local *= mask
    progress(1.0, "")
    return local, mask.copy()

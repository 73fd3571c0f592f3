"""Inversion that also estimates what background removal left in the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from scipy.ndimage import binary_erosion

from ..chosen import chose
from ..device import placed
from ..grid import Grid
from ..misfit import Measured, measured, phase_split, radians_per_ppm
from ..operators import convolve, gradient_squared
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients
from ..total_variation import SHRINKAGE, Exterior, automatic_weight, inverted, variation_split

HARMONIC_TOLERANCE, HARMONIC_ITERATIONS = 1e-2, 50
"""Of conjugate gradients for the harmonic field, which starts close to its end."""

HARMONIC_SHARE = 0.1
"""Of the progress bar in a round."""


@method(
    stage="inversion",
    label="WH-QSM",
    cite=("Milovic2019",),
    sentence="Susceptibility was computed with a nonlinear data term, a total-variation prior and a "
    "weak-harmonic field (WH-QSM, regularisation weight {regularization}, harmonic weight {harmonicity:g} mm4)",
    volumes=19,
    on_gpu=True,
)
def whqsm(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    echo_times: tuple[float, ...] | None = None,
    field_strength: float | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    harmonicity: Annotated[
        float, Param("Harmonic weight", "mm4", 1e-3, 1e6, "of the squared Laplacian of the background left")
    ] = 100.0,
    rounds: Annotated[int, Param("Rounds", "", 1, 20, "of the background, then the map", advanced=True)] = 1,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which ADMM stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Explain the field by a map of little variation and by a background whose Laplacian is small in the mask.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones;
    echo_times s and field_strength T, or None for a linear data term. Returns: chi (x, y, z) float32, ppm, zero outside
    mask. Raises: InputError where the mask is empty.

    Notes: the paper updates both within ADMM. Here the background is at first that of sources outside the mask, which
    is harmonic; each round then finds the best background for the map, and the best map for that background. The
    Laplacian counts where all neighbours lie in the mask.
    """
    data = measured(local_field, mask, grid, weights)
    strength = regularization or chose("regularization", automatic_weight(local_field, mask, grid))
    radians = radians_per_ppm(echo_times, field_strength)

    def mapped(given: Measured, exterior: Exterior, report: Progress) -> np.ndarray:
        return inverted(
            given,
            lambda level: [
                phase_split(level, radians),
                variation_split(level.window.mask, SHRINKAGE, strength / SHRINKAGE),
            ],
            exterior,
            penalty=strength / SHRINKAGE,
            tolerance=tolerance,
            iterations=iterations,
            progress=report,
        ).chi

    chi = mapped(data, "free", part(progress, 0, 1 / (1 + rounds)))
    data = replace(data, field=data.field - convolve(chi * ~data.window.mask, data.kernel))
    for turn in range(1, rounds + 1):
        start, stop = turn / (1 + rounds), (turn + 1) / (1 + rounds)
        middle = start + HARMONIC_SHARE * (stop - start)
        background = data.window.cut(local_field * mask) - data.field
        more = _correction(data, data.misfit(chi), background, harmonicity, part(progress, start, middle))
        data = replace(data, field=data.field - more)
        del more, background, chi
        chi = mapped(data, "zero", part(progress, middle, stop))
    progress(1.0, "")
    return data.window.paste(chi) * mask


def _correction(
    data: Measured, misfit: np.ndarray, background: np.ndarray, harmonicity: float, progress: Progress
) -> np.ndarray:
    """Find what to add to the background, to minimise the squared misfit plus the squared Laplacian."""
    laplacian = placed(np.float32(np.sqrt(harmonicity)) * gradient_squared(data.window.grid))
    inside = placed(binary_erosion(data.window.mask))
    inverse_guess = 1 / (1 + laplacian * laplacian)
    weight = placed(data.weight)

    def weighted(field: np.ndarray) -> np.ndarray:
        out = weight * field
        out *= weight
        return out

    def roughness(field: np.ndarray) -> np.ndarray:
        rough = convolve(field, laplacian)
        rough *= inside
        return convolve(rough, laplacian)

    def normal(field: np.ndarray) -> np.ndarray:
        out = roughness(field)
        out += weighted(field)
        return out

    return conjugate_gradients(
        normal,
        weighted(placed(misfit)) - roughness(background),
        tolerance=HARMONIC_TOLERANCE,
        iterations=HARMONIC_ITERATIONS,
        progress=progress,
        precondition=lambda residual: convolve(residual, inverse_guess),
    )

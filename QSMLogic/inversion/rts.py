"""Rapid two-step inversion."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..device import library, placed
from ..grid import Grid
from ..operators import Window, copies, dipole_kernel, inverse, transform
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import admm, conjugate_gradients
from ..total_variation import SHRINKAGE, variation_split
from ..vectors import multiply, product

DAMPING = 0.05
"""Added to the squared dipole spectrum in the first step's preconditioner; fastest of 0.005 to 0.1."""

FIRST_STEP_SHARE = 0.5
"""Of the progress bar."""


@method(
    stage="inversion",
    label="RTS",
    cite=("Kames2018",),
    sentence="Susceptibility was computed by rapid two-step inversion (RTS, threshold {threshold:g})",
    volumes=16.5,
    on_gpu=True,
)
def rts(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    threshold: Annotated[
        float, Param("Threshold", "", 0.001, 0.66, "below this size of the dipole's spectrum the second step decides")
    ] = 0.07,
    fidelity: Annotated[
        float, Param("Fidelity", "", 1, 1e6, "weight of the first step's spectrum over the variation", advanced=True)
    ] = 1e3,
    first_iterations: Annotated[
        int, Param("Iterations of the first step", "", 1, 1000, "of conjugate gradients", advanced=True)
    ] = 20,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which the second step stops", advanced=True)
    ] = 3e-3,
    iterations: Annotated[
        int, Param("Most iterations", "", 1, 2000, "of ADMM in the second step", advanced=True)
    ] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit the field first, where the dipole tells; then fill the rest of the spectrum so that the variation is least.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: as in the paper the first step is stopped early, which keeps noise out of it; it is preconditioned and
    weighted here, sources may lie outside the mask, and the variation counts in the mask only.
    """
    window = Window(mask, grid, 0.0)
    kernel = dipole_kernel(window.grid)
    squared = window.mask.astype(np.float32) if weights is None else window.cut(weights * mask)
    np.square(squared, out=squared)
    first = _fitted(
        window.cut(local_field),
        squared,
        kernel,
        window.grid,
        tolerance=tolerance,
        iterations=first_iterations,
        progress=part(progress, 0, FIRST_STEP_SHARE, "fitting the field"),
    )
    known = (np.abs(kernel) > np.float32(threshold)) * np.float32(fidelity)
    chi = admm(
        window.grid,
        [variation_split(window.mask, SHRINKAGE, 1 / SHRINKAGE)],
        quadratic=(first * known, known),
        norm_mask=window.mask,
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, FIRST_STEP_SHARE, 1, "least variation"),
    )
    return window.paste(chi) * mask


def _fitted(
    field: np.ndarray,
    squared: np.ndarray,
    kernel: np.ndarray,
    grid: Grid,
    *,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> np.ndarray:
    """Half spectrum of the map that fits the field; squared: the data's weights.

    The iterations are on spectra, where the dipole is a product: of six transforms two are left. They are scaled so
    that frequencies near the dipole's zeros weigh nearly as much as the rest, which is the preconditioner. What stands
    twice in the whole spectrum is stretched, so that lengths and angles are those of images.
    """
    scale = 1 / np.sqrt(kernel * kernel + np.float32(DAMPING))
    stretch = np.sqrt(copies(grid))
    inward, outward, squared = placed(kernel * scale / stretch), placed(kernel * scale * stretch), placed(squared)
    of = library(squared)

    scratch = of.empty_like(inward, dtype=of.complex64)

    def adjoint(image: np.ndarray) -> np.ndarray:
        multiply(image, squared)
        spectrum = transform(image)
        multiply(spectrum, outward)
        return spectrum.view(of.float32)

    found = conjugate_gradients(
        lambda x: adjoint(inverse(product(x.view(of.complex64), inward, scratch), grid.shape)),
        adjoint(placed(field)),
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
    )
    spectrum = found.view(np.complex64)
    multiply(spectrum, scale / stretch)
    return spectrum

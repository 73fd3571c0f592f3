"""From wrapped phase to susceptibility in one step, with a total-generalised-variation prior."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..chosen import chose
from ..grid import Grid
from ..misfit import borrowed, squared_split
from ..phase_laplacian import field_from_laplacian, field_laplacian, with_all_neighbours
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..total_generalized_variation import BEND, Slopes, inverted
from ..total_variation import automatic_weight, centred

EXACT = 1e-3
"""Fall of the residual at which the field with the phase's Laplacian is good enough."""

MOST_CYCLES = 100
"""Of multigrid-preconditioned conjugate gradients; some ten are needed."""


@method(
    stage="single_step",
    label="TGV",
    cite=("Langkammer2015", "Bredies2010"),
    sentence="Susceptibility was computed from wrapped phase in a single step with a total-generalised-variation prior "
    "(TGV-QSM, regularisation weight {regularization}, ratio of the second-order weight {ratio:g})",
    volumes=20,
    on_gpu=True,
)
def tgv(
    phase: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    echo_times: tuple[float, ...],
    field_strength: float,
    *,
    magnitude: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the first order; auto: from the noise")
    ] = None,
    ratio: Annotated[float, Param("Ratio", "", 0.1, 100, "weight of the second order, per voxel side")] = BEND,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the map whose field has the Laplacian of the wrapped phase, without unwrapping or background removal.

    Parameters: phase (x, y, z, echo) rad, wrapped, without an offset; mask (x, y, z) bool; echo_times s; field_strength
    T; magnitude (x, y, z, echo), or None for equal ones; weights (x, y, z), of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, mean zero in inner, zero outside; inner (x, y, z) bool, the mask without its
    outermost voxels. Raises: InputError where no voxel has all its neighbours in the mask.

    Notes: the paper's misfit is the smallest field whose Laplacian is that of the misfit: the same as the misfit of the
    field itself to sources in the mask and any outside it. That problem is solved here by ADMM with transforms, instead
    of primal-dual steps with differences.
    """
    inner = with_all_neighbours(mask, "TGV")
    progress(0.0, "Laplacian of the phase")
    laplacian = field_laplacian(phase, magnitude, mask, grid, echo_times=echo_times, field_strength=field_strength)
    field = field_from_laplacian(
        laplacian, inner, grid, tolerance=EXACT, iterations=MOST_CYCLES, progress=part(progress, 0.1, 0.2)
    )
    del laplacian
    data = borrowed(field, inner, grid, weights)
    strength = regularization or chose("regularization", automatic_weight(field, inner, grid))
    chi = inverted(
        data,
        squared_split,
        Slopes(strength, ratio * grid.voxel_volume ** (1 / 3)),
        "free",
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.2, 0.98),
    )
    progress(1.0, "")
    return centred(data.window.paste(chi), inner), inner

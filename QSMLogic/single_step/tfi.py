"""Total field inversion."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..chosen import chose
from ..edges import EDGES_HELP, without_edges
from ..grid import Grid
from ..misfit import Measured, measured, phase_split, radians_per_ppm
from ..outside_sources import without_outside_sources
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import Split
from ..total_variation import SHRINKAGE, automatic_weight, centred, inverted, variation_split


@method(
    stage="single_step",
    label="TFI",
    cite=("Liu2017",),
    sentence="Susceptibility was computed from the total field, without background removal, by preconditioned total "
    "field inversion (TFI, share of edges {edges:g}, regularisation weight {regularization})",
    volumes=19.5,
    on_gpu=True,
)
def tfi(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    magnitude: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    echo_times: tuple[float, ...] | None = None,
    field_strength: float | None = None,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    edges: Annotated[float, Param("Edges", "", 0, 0.9, EDGES_HELP)] = 0.3,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Find sources inside and outside the mask together; the map's variation counts inside, where there is no edge.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool; magnitude (x, y, z, echo), or None for no edges; weights
    (x, y, z), of the data, or None for equal ones; echo_times s and field_strength T, or None for a linear data term.
    Returns: chi (x, y, z) float32, ppm, mean zero in the mask, zero outside; the mask, unchanged.
    Raises: InputError where the mask is empty.

    Notes: sources outside cost nothing, so that taking away what they explain changes no minimum. That is done first,
    by conjugate gradients, and stands for the paper's preconditioner: strong sources outside are not waited for.
    """
    field = without_outside_sources(
        total_field, mask, grid, weights, progress=part(progress, 0, 0.2, "sources outside")
    )
    progress(0.2, "field in the mask")
    data = measured(field, mask, grid, weights)
    progress(0.21, "noise of the field")
    strength = regularization or chose("regularization", automatic_weight(field, mask, grid))
    radians = radians_per_ppm(echo_times, field_strength)
    progress(0.22, "edges of the magnitude")
    smooth = None if magnitude is None else without_edges(magnitude, data.window, edges)

    def splits_of(level: Measured) -> list[Split]:
        return [
            phase_split(level, radians),
            variation_split(
                level.window.mask, SHRINKAGE, strength / SHRINKAGE, smooth if level.window is data.window else None
            ),
        ]

    found = inverted(
        data,
        splits_of,
        "free",
        penalty=strength / SHRINKAGE,
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.23, 0.98, "sources inside and outside"),
    )
    progress(1.0, "")
    return centred(data.window.paste(found.chi), mask), mask.copy()

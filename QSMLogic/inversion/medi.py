"""Morphology-enabled dipole inversion."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np

from ..chosen import chose
from ..csf import ventricles
from ..device import placed
from ..edges import EDGES_HELP, without_edges
from ..errors import InputError
from ..grid import Grid
from ..misfit import Measured, measured, phase_split, radians_per_ppm
from ..operators import ball, convolve
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import Split
from ..spherical_mean import high_pass, window_of_balls
from ..total_variation import (
    EXTERIOR_HELP,
    SHRINKAGE,
    Exterior,
    Solved,
    automatic_weight,
    inverted,
    variation_split,
)

CSF_ROUNDS = 2
"""Of the map with its fluid held at a level, and then the level from the map."""

OUTLIER = 6.0
"""Times the standard deviation of the misfit, beyond which a voxel is an outlier."""


@method(
    stage="inversion",
    label="MEDI",
    cite=("Liu2012", "Liu2013", "Liu2018"),
    sentence="Susceptibility was computed by nonlinear morphology-enabled dipole inversion "
    "(MEDI, share of edges {edges:g}, regularisation weight {regularization}, sources outside the mask: {exterior})",
    volumes=19.5,
    on_gpu=True,
)
def medi(
    local_field: np.ndarray,
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
    merit: Annotated[bool, Param("Lower outliers", help="repeat with less weight where the misfit is large")] = False,
    smv_radius: Annotated[
        float, Param("SMV radius", "mm", 0, 40, "fields less their means over such balls are compared; 0: as they are")
    ] = 0.0,
    csf_weight: Annotated[
        float, Param("CSF weight", "", 0, 1e4, "holds the ventricles' fluid even and makes it zero; 0: not at all")
    ] = 0.0,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Minimise the misfit of the complex signal plus the map's variation where the magnitude has no edge.

    Parameters: local_field (x, y, z) ppm; mask (x, y, z) bool; magnitude (x, y, z, echo), or None for no edges; weights
    (x, y, z), of the data, or None for equal ones; echo_times s and field_strength T, or None for a linear data term.
    Returns: chi (x, y, z) float32, ppm, zero outside mask. Raises: InputError where the mask is empty.

    Notes: the phase is that between two echoes. The papers' objective is minimised by ADMM instead of Gauss-Newton
    steps on a rounded norm; sources may lie outside the mask, as in TV. The fluid is held to its mean in rounds, each
    with the mean of the one before.
    """
    data = measured(local_field, mask, grid, weights)
    strength = regularization or chose("regularization", automatic_weight(local_field, mask, grid))
    radians = radians_per_ppm(echo_times, field_strength)
    fluid = _fluid(magnitude, mask, grid, echo_times, data) if csf_weight else None
    smooth = None if magnitude is None else without_edges(magnitude, data.window, edges)
    start = None
    if smv_radius:  # no start on a coarser grid: the dipole is whole there
        data, start = _without_means(data, local_field, mask, grid, smv_radius), Solved(data.field, [], exterior)

    def solved(given: Measured, start: Solved | None, report: Progress, *extra: Split) -> Solved:
        return inverted(
            given,
            lambda level: [
                phase_split(level, radians),
                variation_split(
                    level.window.mask, SHRINKAGE, strength / SHRINKAGE, smooth if level.window is given.window else None
                ),
                *extra,
            ],
            exterior if start is None else start.exterior,
            penalty=strength / SHRINKAGE,
            tolerance=tolerance,
            iterations=iterations,
            progress=report,
            after=start,
        )

    steps = 1 + merit + (0 if fluid is None else CSF_ROUNDS)
    found = solved(data, start, part(progress, 0, 1 / steps))
    if merit:
        data = replace(data, weight=_without_outliers(data, found.chi))
        found = solved(data, found, part(progress, 1 / steps, 2 / steps))
    for step in range(1 + merit, steps):
        even = _even_split(fluid, found.chi, csf_weight, strength / SHRINKAGE)
        start = replace(found, states=found.states[:2])
        found = solved(data, start, part(progress, step / steps, (step + 1) / steps), even)
    chi = found.chi if fluid is None else found.chi - found.chi[fluid].mean()
    progress(1.0, "")
    return data.window.paste(chi) * mask


def _fluid(
    magnitude: np.ndarray | None, mask: np.ndarray, grid: Grid, times: tuple[float, ...] | None, data: Measured
) -> np.ndarray:
    """Ventricles in the window, bool."""
    if magnitude is None or times is None or len(times) < 2:
        raise InputError("MEDI: CSF weight needs the magnitude of two echoes or more. Give it, or set CSF weight to 0.")
    found = ventricles(magnitude, mask, grid, times)
    if not found.any():
        raise InputError("MEDI: no fluid is found in the middle of the mask. Set CSF weight to 0.")
    return data.window.cut(found)


def _even_split(fluid: np.ndarray | None, chi: np.ndarray, weight: float, penalty: float) -> Split:
    """Half the weighted squared difference of the fluid's susceptibility from its mean in chi."""
    assert fluid is not None
    share, mean = placed(np.float32(weight / (weight + penalty)) * fluid), float(chi[fluid].mean())
    return Split("identity", penalty, lambda t, place: share[place] * (t - mean))


def _without_means(data: Measured, field: np.ndarray, mask: np.ndarray, grid: Grid, radius: float) -> Measured:
    """Field and dipole less their means over balls; only where a ball lies in the mask does the field count."""
    window = window_of_balls(mask, grid)
    kernel, where = high_pass(window, radius, "MEDI")
    high = window.paste(convolve(window.cut(field * mask), kernel) * where)
    own = data.window
    weight = data.weight * own.cut(window.paste(where))
    return replace(data, field=own.cut(high), weight=weight, kernel=data.kernel * (1 - ball(own.grid, radius)))


def _without_outliers(data: Measured, chi: np.ndarray) -> np.ndarray:
    """Weight divided by the square of how far a weighted misfit lies beyond what is usual."""
    misfit = np.abs(data.misfit(chi))
    misfit *= data.weight
    usual = np.float32(OUTLIER * misfit[data.window.mask].std())
    return data.weight / np.square(np.maximum(misfit / usual, 1)) if usual > 0 else data.weight

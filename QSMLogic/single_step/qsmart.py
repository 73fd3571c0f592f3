"""QSM artefact reduction technique."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..least_squares_dipole import inverted_without_streaks
from ..misfit import Measured, measured
from ..operators import convolve
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..spatial_filter import Widths, without_smooth
from ..vectors import dot
from ..vesselness import vessels_in

PROXIMITY, TISSUE_PROXIMITY = 10.0, 8.0
"""mm; standard deviations of the Gaussians that tell how near the edge is, in the two stages; as many as the paper has
voxels."""

VESSEL_PROXIMITY = 2.0
"""mm; the same for vessels."""

CURVATURE = 1.0
"""As in SDF."""

FOUND, HALFWAY = 0.15, 0.55
"""Of the progress bar, when vessels are found and the first stage is done."""

FILTERED = 0.25
"""Of a stage's progress, when its field is filtered."""

Map = tuple[np.ndarray, np.ndarray]
"""A local field and its susceptibility, ppm."""


@method(
    stage="single_step",
    label="QSMART",
    cite=("Yaghmaie2021", "Frangi1998", "Li2015"),
    sentence="Susceptibility was computed in two stages, of the whole brain and without its vessels, by spatially "
    "dependent filtering and iterative least squares (QSMART, widths {width:g} and {tissue_width:g} mm)",
    volumes=20,
    on_gpu=True,
)
def qsmart(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    magnitude: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    width: Annotated[
        float, Param("Largest width", "mm", 1, 40, "standard deviation of the filter's weights deep in the mask")
    ] = 8.0,
    tissue_width: Annotated[
        float, Param("Width for tissue", "mm", 1, 40, "the same in the stage without vessels")
    ] = 6.0,
    min_width: Annotated[
        float, Param("Smallest width", "mm", 0.1, 20, "at a flat edge of the mask and in vessels")
    ] = 1.0,
    vessel_radius: Annotated[float, Param("Vessel radius", "mm", 0.5, 10, "of the largest vessel sought")] = 3.0,
    threshold: Annotated[
        float, Param("Threshold", "", 0.001, 0.66, "streaks lie below this size of the dipole's spectrum")
    ] = 0.1,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative residual at which a step stops", advanced=True)
    ] = 0.01,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of each step", advanced=True)] = 50,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Take vessels from an inversion of the whole mask, and tissue from one without the vessels.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool; magnitude (x, y, z, echo), any unit; weights (x, y, z),
    of the data, or None for equal ones.
    Returns: chi (x, y, z) float32, ppm, zero outside the mask; the mask, unchanged.
    Raises: InputError where the mask is empty, or the smallest width is above another.

    Notes: the filter and the inversion are those of SDF and iLSQR here, with their departures from the papers. The
    offset of the vessels is fitted to the field in the mask alone. Without vessels the second stage is the map. What is
    dark and thin without being a vessel, such as cerebrospinal fluid in T1-weighted images, is taken for one.
    """

    def stage(widths: Widths, beside: np.ndarray | None, inside: np.ndarray, told: Progress) -> Map:
        local = without_smooth(total_field, mask, grid, widths, beside, progress=part(told, 0, FILTERED, "filtering"))
        chi = inverted_without_streaks(
            local,
            inside,
            grid,
            weights,
            threshold=threshold,
            tolerance=tolerance,
            iterations=iterations,
            progress=part(told, FILTERED, 1),
        )
        return local, chi

    whole = Widths(width, min_width, PROXIMITY, CURVATURE)
    tissue = Widths(tissue_width, min_width, TISSUE_PROXIMITY, CURVATURE, VESSEL_PROXIMITY)
    found = vessels_in(magnitude, mask, grid, vessel_radius, part(progress, 0, FOUND))
    local, chi = stage(whole, None, mask, part(progress, FOUND, HALFWAY, "whole mask"))
    in_vessels = chi[found]
    del chi
    _, chi = stage(tissue, found, mask & ~found, part(progress, HALFWAY, 0.98, "tissue"))
    chi[found] = in_vessels
    chi[found] += _offset(chi, found, measured(local, mask, grid, None))
    progress(1.0, "")
    return chi, mask.copy()


def _offset(chi: np.ndarray, vessels: np.ndarray, data: Measured) -> np.float32:
    """Return by how much (ppm) a map's vessels have to be raised to fit the field best; 0 where there are none."""
    raised = convolve(data.window.cut(vessels.astype(np.float32)), data.kernel)
    raised *= data.window.mask
    energy = dot(raised, raised)
    return np.float32(dot(raised, data.misfit(data.window.cut(chi))) / energy if energy > 0 else 0)

"""The field of a susceptibility map: the forward model."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from ..forward_model import field_of, where_known
from ..grid import Grid
from ..operators import Window
from ..progress import Progress, no_progress
from ..registry import Param, method


@method(
    stage="maps",
    label="Simulated field",
    cite=("Marques2005",),
    sentence="The field of the susceptibility map was simulated by convolution with the unit dipole "
    "(sources: those in the {sources})",
    outputs=("simulated_field",),
    volumes=13,
)
def simulated_field(
    chi: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    eroded_mask: np.ndarray | None = None,
    sources: Annotated[
        Literal["mask", "image"], Param("Sources", help="those in the mask, or all of the image's, outside it as well")
    ] = "mask",
    progress: Progress = no_progress,
) -> np.ndarray:
    """Convolve a susceptibility map with the unit dipole: the field that it makes, as it would be measured.

    Parameters: chi (x, y, z) ppm, any map; mask (x, y, z) bool; eroded_mask (x, y, z), where in the mask chi is known,
    or None for all of it. Returns: simulated_field (x, y, z) float32, ppm, Lorentz sphere included, zero outside mask.
    Raises: InputError where the mask is empty.

    Notes: the dipole is that of all inversions, and does not wrap round. Beside steps of several ppm, as from tissue to
    air, it rings. A susceptibility that is zero in the mean of the brain (referencing) lacks the field of a uniform
    brain.
    """
    where = mask if sources == "mask" else np.ones_like(mask)
    window = Window(where, grid, 0.0)
    progress(0.1, "convolution")
    inside = where_known(where, eroded_mask) if sources == "mask" else where
    field = field_of(window.cut(chi) * window.cut(inside), window.grid)
    progress(0.9, "convolution")
    return window.paste(field) * mask

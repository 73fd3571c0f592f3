"""Susceptibility map-weighted imaging."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from ..progress import Progress, no_progress
from ..registry import Param, method
from ..weighting import echo_choice, echoes_together, falling


@method(
    stage="maps",
    label="SMWI",
    outputs=("smwi",),
    cite=("Gho2014", "Nam2017"),
    sentence="Susceptibility map-weighted images were made with a {weighting} mask that ends at {threshold:g} ppm, of "
    "power {power:g} (echo: {echo})",
    volumes=4,
)
def smwi(
    magnitude: np.ndarray,
    chi: np.ndarray,
    mask: np.ndarray,
    *,
    echo: Annotated[
        int | None, Param("Echo", low=1, help="counted from 1; auto: the root mean square of all echoes", unset="all")
    ] = None,
    weighting: Annotated[Literal["paramagnetic", "diamagnetic"], Param("Weighting", help="what it makes dark")] = (
        "paramagnetic"
    ),
    threshold: Annotated[float, Param("Threshold", "ppm", 0.01, 10, "size of the susceptibility that is black")] = 1.0,
    power: Annotated[float, Param("Power", "", 0, 32, "how often the mask is multiplied")] = 4.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Multiply the magnitude by a mask of the susceptibility, for iron in nuclei (paramagnetic) or calcium.

    Parameters: magnitude (x, y, z, echo), any unit; chi (x, y, z) ppm; mask (x, y, z) bool.
    Returns: smwi (x, y, z) float32, in the magnitude's unit, zero outside the mask. Raises: InputError where there is
    no such echo.

    Source: Gho2014 (mask), Nam2017 (all echoes).
    """
    progress(0, "magnitude")
    image = echoes_together(magnitude, echo_choice(magnitude, echo)) * mask
    progress(0.5, "mask")
    seen = chi if weighting == "paramagnetic" else -chi
    return image * falling(seen, 0, threshold) ** np.float32(power)

"""True SWI: the magnitude, darkened by the susceptibility itself."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..progress import Progress, no_progress
from ..projection import Extreme, projection
from ..registry import Param, method
from ..weighting import echo_choice, echoes_together, falling


@method(
    stage="maps",
    label="tSWI",
    outputs=("tswi", "tswi_projection"),
    cite=("Liu2014",),
    sentence="True susceptibility-weighted images were made with a mask that falls from {low:g} to {high:g} ppm, of "
    "power {power:g} (echo: {echo}), and projected over {thickness:g} mm ({extreme} intensity)",
    volumes=5,
)
def tswi(
    magnitude: np.ndarray,
    chi: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo: Annotated[
        int | None, Param("Echo", low=1, help="counted from 1; auto: the root mean square of all echoes", unset="all")
    ] = None,
    low: Annotated[float, Param("Lower threshold", "ppm", -10, 10, "susceptibility that is not made darker")] = 0.0,
    high: Annotated[float, Param("Upper threshold", "ppm", -10, 10, "susceptibility from which on it is black")] = 0.45,
    power: Annotated[float, Param("Power", "", 0, 32, "how often the mask is multiplied")] = 2.0,
    thickness: Annotated[float, Param("Thickness", "mm", 0, 500, "of the slab that is projected")] = 8.0,
    extreme: Annotated[Extreme, Param("Projection", help="of the lowest or the highest intensity")] = "minimum",
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Multiply the magnitude by a mask of the susceptibility: veins are dark at any angle to the field.

    Parameters: magnitude (x, y, z, echo), any unit; chi (x, y, z) ppm; mask (x, y, z) bool.
    Returns: tswi (x, y, z), in the magnitude's unit, and tswi_projection (x, y, z), of the slab around each slice;
    float32, zero outside the mask.
    Raises: InputError where the upper threshold is not above the lower, or there is no such echo.

    Source: Liu2014, the form of the mask.

    Notes: The numbers are derived here. 0.45 ppm is what venous blood has beside tissue: 4 pi 0.27 ppm between blood
    without oxygen and with all of it, haematocrit 0.44, saturation 0.7. With power 2 a vein that fills half a voxel
    keeps a quarter of its brightness, and noise of 0.01 ppm in the map makes 4 % in the image. The thresholds are
    relative to what is zero in the map. For bleeding, whose susceptibility is above 0.45 ppm, raise the upper
    threshold. Where the map is not known, as at the edge of the brain, it is zero.
    """
    if high <= low:
        raise InputError(f"tSWI: the upper threshold ({high:g} ppm) has to be above the lower ({low:g} ppm).")
    progress(0, "magnitude")
    image = echoes_together(magnitude, echo_choice(magnitude, echo)) * mask
    progress(0.5, "mask")
    image *= falling(chi, low, high) ** np.float32(power)
    return image, projection(image, mask, grid, thickness, extreme)

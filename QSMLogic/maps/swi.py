"""Susceptibility-weighted imaging: the magnitude, darkened by the fine part of the phase."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from ..bias_field import bias_field
from ..grid import Grid
from ..high_pass import LowPass, Shape, UnwrappedHighPass
from ..progress import Progress, no_progress
from ..projection import Extreme, projection
from ..registry import Param, method
from ..weighting import Weighting, echo_choice, phase_weight


@method(
    stage="maps",
    label="SWI",
    outputs=("swi", "swi_phase", "swi_projection"),
    cite=("Haacke2004", "Quinn2014", "Schofield2003", "Reichenbach1997", "Tustison2010"),
    cite_if={
        "Schofield2003": "phase_filter=unwrapped",
        "Reichenbach1997": "phase_filter=homodyne",
        "Tustison2010": "bias_correction",
    },
    sentence="Susceptibility-weighted images were made from the high-pass filtered phase ({phase_filter}; waves of "
    "{wavelength:g} mm halved) with a {weighting} mask of power {power:g} (echo: {echo}) and "
    "projected over {thickness:g} mm ({extreme} intensity)",
    otherwise={
        "bias_correction": "Susceptibility-weighted images were made from the magnitude, corrected for shading by N4, "
        "and the high-pass filtered phase ({phase_filter}; waves of {wavelength:g} mm halved) with a {weighting} mask "
        "of power {power:g} (echo: {echo}) and projected over {thickness:g} mm ({extreme} intensity)"
    },
    volumes=20,
)
def swi(
    phase: np.ndarray,
    magnitude: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo: Annotated[
        int | None, Param("Echo", low=1, help="counted from 1; auto: the mean over all echoes", unset="all")
    ] = None,
    phase_filter: Annotated[
        Literal["unwrapped", "homodyne"],
        Param("Phase filter", help="unwrapped phase less itself smoothed, or the complex image over itself smoothed"),
    ] = "unwrapped",
    window: Annotated[
        Shape, Param("Window", help="of the homodyne filter; unwrapped phase has a Gaussian", advanced=True)
    ] = "hann",
    wavelength: Annotated[
        float, Param("Wavelength", "mm", 2, 200, "of a wave that the filter halves; longer ones are taken out")
    ] = 16.0,
    weighting: Annotated[Weighting, Param("Phase mask", help="what it makes dark")] = "paramagnetic",
    power: Annotated[
        float, Param("Power", "", 0, 32, "how often the mask is multiplied; steepness of the sigmoid")
    ] = 4.0,
    thickness: Annotated[float, Param("Thickness", "mm", 0, 500, "of the slab that is projected")] = 8.0,
    extreme: Annotated[Extreme, Param("Projection", help="of the lowest or the highest intensity")] = "minimum",
    bias_correction: Annotated[bool, Param("Bias correction", help="of the magnitude, by N4")] = False,
    bias_voxel: Annotated[
        float, Param("Voxels of N4", "mm", 1, 20, "to which the magnitude is made coarser for N4", advanced=True)
    ] = 8.0,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multiply the magnitude by a mask of the phase's fine part: veins, iron and blood become dark.

    Parameters: phase (x, y, z, echo) rad, growing with the field; magnitude (x, y, z, echo), any unit; mask (x, y, z)
    bool.
    Returns: swi (x, y, z), in the magnitude's unit; swi_phase (x, y, z) rad, the filtered phase, a mean over the echoes
    used; swi_projection (x, y, z), of the slab around each slice; float32, zero outside the mask.
    Raises: InputError where the mask is empty, there is no such echo, or N4 fails.

    Source: Haacke2004 (mask and power), Reichenbach1997 (homodyne filter), Schofield2003 (unwrapping), Quinn2014 (mean
    over echoes that are each weighted by their own phase), Tustison2010 (N4).

    Notes: The paramagnetic mask falls from 1 at phase 0 to 0 at pi, the diamagnetic one from 0 to -pi, the triangular
    one to both sides; the sigmoid is that of CLEAR-SWI. Scanners use the homodyne filter, which leaves rings where the
    field is steep, as over the sinuses; unwrapped phase has none. A Hann window over the middle 64 of 512 samples of
    0.5 mm halves waves of 16 mm, as does a Gaussian of a standard deviation of 3 mm, or one of 4 mm that is applied
    twice, which is what smooths unwrapped phase. The slab lies across the voxel axis that is nearest to the main field,
    which runs between feet and head in a closed magnet. A vessel's phase is that of its field, which changes sign with
    its angle to the main field and goes on outside it: tSWI, which is made of the susceptibility, is free of both. What
    lies outside the mask is left out: the phase of bone and air is noise, which no filter should draw into the brain,
    and the dark skull would be all that a minimum projection shows. Where sinuses or scalp matter, give a mask that
    holds them. In a run the phase is that without its offset.
    """
    progress(0, "filter")
    chosen = echo_choice(magnitude, echo)
    unwrapped = UnwrappedHighPass(mask, grid, wavelength) if phase_filter == "unwrapped" else None
    low_pass = unwrapped.low_pass if unwrapped else LowPass(mask, grid, wavelength, window)
    cut, inside = low_pass.window.cut, low_pass.window.mask
    image, fine = np.zeros((2, *inside.shape), np.float32)
    for place, number in enumerate(chosen):
        progress((place + 0.1) / (len(chosen) + 1), f"echo {number + 1}")
        strength, angle = cut(magnitude[..., number]), cut(phase[..., number])
        filtered = unwrapped(angle) if unwrapped else low_pass.homodyne(angle, strength)
        image += strength * inside * phase_weight(filtered, inside, weighting, power)
        fine += filtered
    image, fine = (low_pass.window.paste(total / np.float32(len(chosen))) for total in (image, fine))
    if bias_correction:
        progress(len(chosen) / (len(chosen) + 1), "shading")
        image /= bias_field(magnitude[..., 0], mask, grid, bias_voxel)
    return image, fine, projection(image, mask, grid, thickness, extreme)

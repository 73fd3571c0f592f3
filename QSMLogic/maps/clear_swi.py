"""CLEAR-SWI: susceptibility-weighted imaging of many echoes at once, made for 7 T."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..bias_field import bias_field
from ..grid import Grid
from ..high_pass import UnwrappedHighPass
from ..progress import Progress, no_progress, part
from ..projection import Extreme, projection
from ..registry import Param, method
from ..weighting import echoes_together, sigmoid

BRIGHT = 0.8
"""Quantile of the magnitude in the mask that stands for bright tissue, as in the paper's program."""

BEND = 0.5
"""Of bright tissue: where the softplus function bends; what is darker is made darker still."""

SHARPNESS = 2.0
"""Of the bend."""


@method(
    stage="maps",
    label="CLEAR-SWI",
    outputs=("swi", "swi_phase", "swi_projection"),
    cite=("Eckstein2021", "Schofield2003", "Tustison2010"),
    cite_if={"Tustison2010": "bias_correction"},
    sentence="Susceptibility-weighted images were made with CLEAR-SWI from all echoes (Laplacian unwrapping, high-pass "
    "filter that halves waves of {wavelength:g} mm, sigmoid mask of strength {strength:g}; magnitude corrected by N4) "
    "and projected over {thickness:g} mm ({extreme} intensity)",
    otherwise={
        "not bias_correction": "Susceptibility-weighted images were made with CLEAR-SWI from all echoes (Laplacian "
        "unwrapping, high-pass filter that halves waves of {wavelength:g} mm, sigmoid mask of strength {strength:g}; "
        "magnitude not corrected for shading) and projected over {thickness:g} mm ({extreme} intensity)"
    },
    volumes=20,
)
def clear_swi(
    phase: np.ndarray,
    magnitude: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    wavelength: Annotated[
        float, Param("Wavelength", "mm", 2, 200, "of a wave that the filter halves; longer ones are taken out")
    ] = 16.0,
    strength: Annotated[float, Param("Strength", "", 0.1, 32, "of the phase mask")] = 4.0,
    bias_correction: Annotated[bool, Param("Bias correction", help="of the magnitude, by N4")] = True,
    bias_voxel: Annotated[
        float, Param("Voxels of N4", "mm", 1, 20, "to which the magnitude is made coarser for N4", advanced=True)
    ] = 8.0,
    softplus: Annotated[bool, Param("Softplus", help="stretch the contrast of dark tissue")] = True,
    thickness: Annotated[float, Param("Thickness", "mm", 0, 500, "of the slab that is projected")] = 8.0,
    extreme: Annotated[Extreme, Param("Projection", help="of the lowest or the highest intensity")] = "minimum",
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Combine the echoes' phase into one, unwrapped and filtered, and weight their combined, even magnitude by it.

    Parameters: phase (x, y, z, echo) rad, growing with the field; magnitude (x, y, z, echo), any unit; mask (x, y, z)
    bool; echo_times s.
    Returns: swi (x, y, z), in the magnitude's unit; swi_phase (x, y, z) rad, the combined phase as it is at the mean
    echo time; swi_projection (x, y, z), of the slab around each slice; float32, zero outside the mask.
    Raises: InputError where the mask is empty, or where N4 fails.

    Source: Eckstein2021 (the sequence of steps), Schofield2003 (unwrapping), Tustison2010 (N4). Differences: shading is
    corrected by N4; the filter is told in mm and acts along all axes alike; echoes are combined by the precision of
    their phase; the magnitude is the root mean square of the echoes; what is typical is taken in the mask alone.

    Notes: The mask falls from 1 to 0 about the typical positive phase, however small that is: where echoes are so early
    that the phase is noise and ringing, these are what it shows. Take SWI, whose mask is in rad, or tSWI there.
    In a run the phase is that without its offset.
    """
    progress(0, "magnitude")
    even = echoes_together(magnitude, [*range(magnitude.shape[3])]) * mask
    if bias_correction:
        even /= bias_field(even, mask, grid, bias_voxel)
    if softplus:
        even = _bent(even, mask)
    high_pass = UnwrappedHighPass(mask, grid, wavelength)
    fine = _combined_phase(phase, magnitude, high_pass, echo_times, part(progress, 0.3, 0.9))
    weight = sigmoid(fine, high_pass.window.mask, strength)
    image, fine = even * high_pass.window.paste(weight), high_pass.window.paste(fine)
    progress(0.9, "projection")
    return image, fine, projection(image, mask, grid, thickness, extreme)


def _bent(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Softplus function of the image: straight where tissue is bright, flatter where it is dark, 0 at 0."""
    bright = float(np.quantile(image[mask], BRIGHT))
    if bright <= 0:
        return image
    scale = np.float32(SHARPNESS / (BEND * bright))
    zero = np.logaddexp(0, np.float32(-SHARPNESS))
    return (np.logaddexp(0, scale * image - np.float32(SHARPNESS)) - zero) / scale * mask


def _combined_phase(
    phase: np.ndarray,
    magnitude: np.ndarray,
    high_pass: UnwrappedHighPass,
    echo_times: tuple[float, ...],
    progress: Progress,
) -> np.ndarray:
    """Slope of the echoes' filtered phase over echo time, weighted by its precision, times the mean echo time."""
    window = high_pass.window
    total, known = np.zeros((2, *window.mask.shape), np.float32)
    for echo, time in enumerate(echo_times):
        progress(echo / len(echo_times), f"phase of echo {echo + 1}")
        fine = high_pass(window.cut(phase[..., echo]))
        precise = np.square(window.cut(magnitude[..., echo])) * np.float32(time)
        total += precise * fine
        known += precise * np.float32(time)
    np.divide(total, known, out=total, where=known > 0)
    return total * np.float32(np.mean(echo_times))

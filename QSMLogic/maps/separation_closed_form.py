"""Source separation voxel by voxel, in closed form."""

from __future__ import annotations

import numpy as np

from ..forward_model import where_known
from ..progress import Progress, no_progress
from ..registry import method
from ..relaxivity import RELAXIVITY
from ..source_separation import DiaRelaxivity, ParaRelaxivity, closed_form


@method(
    stage="maps",
    label="Source separation, closed form",
    cite=("Shin2021",),
    sentence="Paramagnetic and diamagnetic susceptibility were computed voxel by voxel from susceptibility and R2', "
    "taking a ppm of paramagnetic sources to add {relaxivity_para:g} 1/s and one of diamagnetic sources "
    "{relaxivity_dia:g} 1/s to R2' at 3 T, in proportion to the field strength, nothing else to add to it, and the "
    "susceptibility map to be zero in water",
    outputs=("chi_para", "chi_dia"),
    volumes=4.5,
)
def separation_closed_form(
    chi: np.ndarray,
    r2prime: np.ndarray,
    field_strength: float,
    mask: np.ndarray,
    *,
    eroded_mask: np.ndarray | None = None,
    relaxivity_para: ParaRelaxivity = RELAXIVITY,
    relaxivity_dia: DiaRelaxivity = RELAXIVITY,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve two equations in each voxel: both kinds of sources add up to chi, and both add to R2'.

    Parameters: chi (x, y, z) ppm; r2prime (x, y, z) 1/s; field_strength T; mask (x, y, z) bool; eroded_mask (x, y, z),
    where chi is known, or None for all of the mask. Returns: chi_para >= 0 and chi_dia <= 0, each (x, y, z) float32,
    ppm, zero outside the masks; their sum is chi.

    Notes: what chi lacks, both maps lack. It is taken to be zero in water: a map that is zero in the mean of the brain
    shifts both maps by half of what it is off (reference it to the fluid of the ventricles instead). Noise of R2' goes
    into both maps; where R2' is too small for chi, all of chi is of its own sign. In white matter R2' also depends on
    the direction of the fibres.
    """
    inside = where_known(mask, eroded_mask)
    progress(0.1, "separating")
    para, dia = closed_form(chi, r2prime, field_strength, relaxivity_para, relaxivity_dia)
    return para * inside, dia * inside

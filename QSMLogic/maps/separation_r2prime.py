"""Source separation from the local field and R2'."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..forward_model import where_known
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..relaxivity import RELAXIVITY, relaxivity_at
from ..source_separation import DiaRelaxivity, ParaRelaxivity, RateWeight, separated
from ..total_variation import EXTERIOR_HELP, Exterior


@method(
    stage="maps",
    label="Source separation from R2'",
    cite=("Shin2021", "Huber1964"),
    sentence="Paramagnetic and diamagnetic susceptibility were fitted together to the local field and to R2' (the "
    "model of chi-separation, with a total-variation prior and a robust misfit of R2' by ADMM; regularisation weight "
    "{regularization}, R2' weight {r2prime_weight:g}, sources outside the mask: {exterior}), taking a ppm of "
    "paramagnetic sources to add {relaxivity_para:g} 1/s and one of diamagnetic sources {relaxivity_dia:g} 1/s to R2' "
    "at 3 T, in proportion to the field strength, and nothing else to add to it",
    outputs=("chi_para", "chi_dia"),
    volumes=20,
)
def separation_r2prime(
    local_field: np.ndarray,
    r2prime: np.ndarray,
    field_strength: float,
    mask: np.ndarray,
    grid: Grid,
    *,
    eroded_mask: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    relaxivity_para: ParaRelaxivity = RELAXIVITY,
    relaxivity_dia: DiaRelaxivity = RELAXIVITY,
    regularization: Annotated[
        float | None, Param("Regularisation", "ppm mm", 1e-8, 1, "weight of the total variation; auto: from the noise")
    ] = None,
    r2prime_weight: RateWeight = 1.0,
    exterior: Annotated[Exterior, Param("Outside the mask", help=EXTERIOR_HELP)] = "auto",
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "relative change at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 2000, "of ADMM", advanced=True)] = 300,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the paramagnetic and diamagnetic sources that explain local field and R2' together and vary least.

    Parameters: local_field (x, y, z) ppm; r2prime (x, y, z) 1/s; field_strength T; mask (x, y, z) bool; eroded_mask
    (x, y, z), where the local field is known, or None for all of the mask; weights (x, y, z), of the field, or None for
    equal ones. Returns: chi_para >= 0 and chi_dia <= 0, each (x, y, z) float32, ppm, zero outside the masks.
    Raises: InputError where the mask is empty.

    Notes: the susceptibility is inverted anew, with R2' to help; zero is where R2' is zero, in water. The paper's
    objective is minimised by ADMM; the weight of R2' follows from its noise, and what lies far off the model counts
    less, as in vessels and calcifications it does not hold. In white matter R2' also depends on the direction of the
    fibres.
    """
    return separated(
        local_field,
        r2prime.__getitem__,
        where_known(mask, eroded_mask),
        grid,
        weights=weights,
        relaxivities=(relaxivity_at(field_strength, relaxivity_para), relaxivity_at(field_strength, relaxivity_dia)),
        regularization=regularization,
        r2prime_weight=r2prime_weight,
        exterior=exterior,
        tolerance=tolerance,
        iterations=iterations,
        progress=progress,
    )

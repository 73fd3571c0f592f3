"""Source separation from a gradient echo alone: the local field and R2*."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..forward_model import where_known
from ..grid import Grid
from ..progress import Progress, no_progress
from ..registry import Param, method
from ..relaxivity import R2_PER_TESLA, R2_WITHOUT_FIELD, RELAXIVITY, r2prime_from, relaxivity_at
from ..source_separation import DiaRelaxivity, ParaRelaxivity, RateWeight, separated
from ..total_variation import EXTERIOR_HELP, Exterior


@method(
    stage="maps",
    label="Source separation from R2*",
    cite=("Dimov2022", "Shin2021", "Gelman1999", "Cox2010"),
    sentence="Paramagnetic and diamagnetic susceptibility were fitted together to the local field and to R2' (the "
    "model of chi-separation, with a total-variation prior and a robust misfit of R2' by ADMM; regularisation weight "
    "{regularization}, R2' weight {r2prime_weight:g}, sources outside the mask: {exterior}). R2 was not measured, but "
    "taken to be {r2_without_field:g} + {r2_per_tesla:g} B0 everywhere (1/s, B0 in T), and R2' to be {share:g} times "
    "what R2* has beyond that; a ppm of paramagnetic sources was taken to add {relaxivity_para:g} 1/s and one of "
    "diamagnetic sources {relaxivity_dia:g} 1/s to R2' at 3 T, in proportion to the field strength, and nothing else "
    "to add to it",
    outputs=("chi_para", "chi_dia"),
    volumes=20,
)
def separation_r2star(
    local_field: np.ndarray,
    r2star: np.ndarray,
    field_strength: float,
    mask: np.ndarray,
    grid: Grid,
    *,
    eroded_mask: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    share: Annotated[
        float, Param("Share of R2'", "", 0.05, 1, "of R2* beyond the R2 assumed; 0.5 if R2 grows with iron as R2' does")
    ] = 1.0,
    r2_without_field: Annotated[
        float, Param("R2 without field", "1/s", 0, 50, "R2 of tissue is taken to be this ...")
    ] = R2_WITHOUT_FIELD,
    r2_per_tesla: Annotated[
        float, Param("R2 per tesla", "1/s/T", 0, 10, "... and this times the field strength, everywhere")
    ] = R2_PER_TESLA,
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
    """Assume the R2 that is not measured, and separate sources as from R2'.

    Parameters: local_field (x, y, z) ppm; r2star (x, y, z) 1/s; field_strength T; mask (x, y, z) bool; eroded_mask
    (x, y, z), where the local field is known, or None for all of the mask; weights (x, y, z), of the field, or None for
    equal ones. Returns: chi_para >= 0 and chi_dia <= 0, each (x, y, z) float32, ppm, zero outside the masks.
    Raises: InputError where the mask is empty.

    Notes: that a gradient echo alone may do is Dimov2022's, the model is Shin2021's, the step between is ours: one R2
    for the whole brain, 13 1/s at 3 T. That is tissue's without iron (Gelman1999), and what the program of Shin2021's
    authors takes where R2 is not measured; its growth is Cox2010's, 9 + (0.9 + what lipid and iron add) B0, with 0.5
    for lipid and none for iron. All that R2* has beyond it counts as R2' unless the share is lowered, a number without
    a source. Where R2 is higher, as in nuclei full of iron, both kinds of sources come out too strong; where it is
    lower, as in the cortex and in oedema, too weak: on the built-in head both maps are off in the mean by a fifth to
    two fifths of their variation. Differences between tissues are safer than values; with an R2 map use the separation
    from R2'.
    """
    return separated(
        local_field,
        lambda box: r2prime_from(r2star[box], field_strength, share, r2_without_field, r2_per_tesla),
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

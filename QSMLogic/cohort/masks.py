"""Brain masks made by another program, taken from its data set of derivatives."""

from __future__ import annotations

from pathlib import Path

from ..documents import listed
from ..errors import InputError
from ..io.bids import entities_of
from ..io.nifti import NIFTI_ENDINGS
from .unit import Plan, Unit

BRAIN = "brain"
"""Label of desc of the masks that are taken."""


def mask_of(unit: Unit, plan: Plan) -> Path | None:
    """Return the mask that a unit is given, None where the plan names no data set of masks.

    It is the one with desc-brain, of this subject and session, none of whose entities contradict those of the unit.
    Raises InputError where there is none, or several.
    """
    if plan.masks is None:
        return None
    folders = [f"{key}-{unit.entities[key]}" for key in ("sub", "ses") if unit.entities.get(key)]
    place = plan.masks.joinpath(*folders)
    named = [path for ending in NIFTI_ENDINGS for path in sorted(place.glob(f"*/sub-*_mask{ending}"))]
    fitting = [path for path in named if _fits(path, unit)]
    if len(fitting) != 1:
        said = f"several masks ({listed([path.name for path in fitting])})" if fitting else "no mask (desc-brain_mask)"
        raise InputError(f"{place} holds {said} for {unit.name}: one is needed, on the voxels of its images.")
    return fitting[0]


def _fits(path: Path, unit: Unit) -> bool:
    entities, _ = entities_of(path, ("part", "echo", "desc"))
    return entities_of(path)[0].get("desc") == BRAIN and all(unit.entities.get(k) == v for k, v in entities.items())

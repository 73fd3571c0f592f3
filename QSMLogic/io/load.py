"""From the files a user names to checked data: a scan, or the maps a single stage starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..scan import Scan, checked_echo_times, checked_field_strength, refuse_no_magnitude
from .echoes import read_images
from .facts import acquisition_facts, contradictions
from .nifti import Geometry, read_image, read_labels, read_volume, refuse_other_geometry
from .parameters import Acquisition, gather, refuse_other_echoes
from .sources import Sources

LARGEST_FIELD = 100.0
"""ppm; air against tissue makes some 10 ppm, so a larger field or susceptibility is in another unit (Hz, ppb)."""

READERS = {"labels": read_labels, "unwrapped": read_image}
"""How maps are read that are not a single volume of numbers."""


@dataclass(frozen=True)
class Loaded:
    """What was read: data by the names methods use, the scan where there is phase, and where the voxels lie.

    facts: echo times, field strength and the like, and who said so; "acquisition": more of the scan, as BIDS names it;
    warnings: what looked odd.
    """

    data: dict[str, Any]
    scan: Scan | None
    geometry: Geometry
    facts: dict[str, Any]
    warnings: list[str]


def load(sources: Sources) -> Loaded:
    """Read and check everything a user named. Raises InputError, naming the file, for what cannot be used."""
    known = facts_of(sources)
    warnings = list(known.warnings)
    refuse_other_echoes(sources.phase, sources.magnitude)
    images = read_images(sources, warnings)
    space = None if images.geometry is None else (images.named, images.geometry)
    volumes: dict[str, np.ndarray] = {}
    named = {"given_mask": sources.mask, "labels": sources.labels, **sources.maps}
    for name, path in named.items():
        if path is not None:
            volumes[name], geometry = READERS.get(name, read_volume)(path)
            space = space or (str(path), geometry)
            refuse_other_geometry(*space, str(path), geometry)
    if space is None:
        raise InputError("No image is given: name the input images, such as --phase and --magnitude.")
    grid, odd = known.grid_of(space[1])
    warnings += odd
    scan = None
    data: dict[str, Any] = {"grid": grid}
    if images.phase is not None:
        _refuse_unknown_facts(known)
        scan = Scan(images.phase, images.magnitude, known.echo_times, known.field_strength, grid)  # type: ignore[arg-type]
        names = ("phase", "magnitude", "echo_times", "field_strength", "valid")
        data |= {name: getattr(scan, name) for name in names}
    else:
        data |= _without_phase(images.magnitude, known)
    data |= _finite(volumes, warnings)
    facts = _facts(known, data) | {"acquisition": acquisition_facts(sources)}
    warnings += contradictions(facts["acquisition"], known)
    if images.scale is not None:
        facts["phase_scale"] = images.scale.name
    if images.phase is not None:
        facts["phase_sign"] = sources.phase_sign
    return Loaded({k: v for k, v in data.items() if v is not None}, scan, space[1], facts, warnings)


def facts_of(sources: Sources) -> Acquisition:
    """Return what is known of the scan. Raises InputError where a file says something that makes no sense."""
    images = sources.phase or sources.real or sources.magnitude
    found = sources.acquisition
    headers = None if found is None else {"echo_times": found.echo_times, "field_strength": found.field_strength}
    return gather(images, sources.params, explicit=sources.known, headers=headers)


def _refuse_unknown_facts(known: Acquisition) -> None:
    """Say which option or file would tell what nobody told."""
    told = "(or in --params, or by the BIDS side-car JSON files beside the images)"
    if known.echo_times is None:
        raise InputError(f"The echo times are missing: give them with --echo-times, in seconds, one per echo {told}.")
    if known.field_strength is None:
        raise InputError(f"The field strength is missing: give it with --field-strength, in tesla {told}.")


def _without_phase(magnitude: np.ndarray | None, known: Acquisition) -> dict[str, Any]:
    times, strength = known.echo_times, known.field_strength
    data: dict[str, Any] = {
        "echo_times": None if times is None else checked_echo_times(times, len(times)),
        "field_strength": None if strength is None else checked_field_strength(strength),
    }
    if magnitude is None:
        return data
    valid = np.isfinite(magnitude).all(axis=3)
    magnitude = np.where(valid[..., None], magnitude, np.float32(0))
    refuse_no_magnitude(magnitude)
    if times is not None and len(times) != magnitude.shape[3]:
        raise InputError(
            f"{len(times)} echo times were given for {magnitude.shape[3]} echoes of magnitude: one per echo is needed."
        )
    return data | {"magnitude": magnitude, "valid": valid}


def _finite(volumes: dict[str, np.ndarray], warnings: list[str]) -> dict[str, Any]:
    """Turn what is not finite into zeros outside the mask, and refuse an empty mask."""
    made: dict[str, Any] = {}
    inside: np.ndarray | bool = True
    for name, volume in volumes.items():
        if name in ("given_mask", "labels"):
            continue
        finite = np.isfinite(volume)
        if not finite.any():
            raise InputError(f"The {name.replace('_', ' ')} holds no finite value (all NaN or infinite).")
        made[name] = np.where(finite, volume, np.float32(0))
        inside = inside & (finite if finite.ndim == 3 else finite.all(axis=3))
        largest = float(np.abs(made[name]).max())
        if name in ("total_field", "local_field", "chi") and largest > LARGEST_FIELD:
            warnings.append(f"The {name.replace('_', ' ')} reaches {largest:.3g} ppm: is it in another unit (Hz, ppb)?")
    if "labels" in volumes:
        made["labels"] = volumes["labels"]
    if "given_mask" in volumes:
        mask = np.nan_to_num(volumes["given_mask"]) > 0
        if not mask.any():
            raise InputError("The mask is empty: no voxel is above zero. Give another mask.")
        mask = mask & inside
        if not mask.any():
            raise InputError("No voxel of the mask holds a finite value: give another mask or image.")
        made["given_mask"] = mask
    return made


def _facts(known: Acquisition, data: Mapping[str, Any]) -> dict[str, Any]:
    grid = data["grid"]
    return {
        "shape": list(grid.shape),
        "voxel_size_mm": list(grid.voxel_size),
        "b0_direction": list(grid.b0_direction),
        "echo_times_s": None if known.echo_times is None else list(known.echo_times),
        "field_strength_t": known.field_strength,
        "said_by": {"b0_direction": "the image header", **known.sources},
    }

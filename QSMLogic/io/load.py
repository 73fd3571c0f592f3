"""From the files a user names to checked data: a scan, or the maps a single stage starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..scan import Scan
from .nifti import Geometry, read_echoes, read_image, read_labels, read_volume, refuse_other_geometry
from .nifti_file import holds_integers, scaling
from .parameters import Acquisition, gather, read_sidecar, refuse_other_echoes
from .phase_scale import detect_scale, magnitude_phase, to_radians, turned

LARGEST_FIELD = 100.0
"""ppm; air against tissue makes some 10 ppm, so a larger field is in another unit (Hz)."""

LEAST_TURN = 6.0
"""rad; phase that was wrapped or holds noise spans more, so what spans less is told from radians by its size alone."""

LEAST_SPAN = 0.1
"""rad; noise alone makes the phase of an image span more."""

READERS = {"labels": read_labels, "unwrapped": read_image}
"""How maps are read that are not a single volume of numbers."""


@dataclass(frozen=True)
class Sources:
    """The files and facts a user named; maps are volumes by the name of the data they hold, such as total_field."""

    phase: tuple[Path, ...] = ()
    magnitude: tuple[Path, ...] = ()
    real: tuple[Path, ...] = ()
    imaginary: tuple[Path, ...] = ()
    mask: Path | None = None
    labels: Path | None = None
    maps: Mapping[str, Path] = field(default_factory=dict)
    params: Path | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    phase_scale: str = "auto"
    phase_sign: int = 1

    def files(self) -> tuple[Path, ...]:
        """Return every file, in the order in which they are read."""
        single = (self.mask, self.labels, *self.maps.values(), self.params)
        several = (*self.phase, *self.magnitude, *self.real, *self.imaginary)
        return several + tuple(path for path in single if path is not None)


@dataclass(frozen=True)
class Loaded:
    """What was read: data by the names methods use, the scan where there is phase, and where the voxels lie.

    facts: echo times, field strength and the like, and who said so; warnings: what looked odd.
    """

    data: dict[str, Any]
    scan: Scan | None
    geometry: Geometry
    facts: dict[str, Any]
    warnings: list[str]


def load(sources: Sources) -> Loaded:
    """Read and check everything a user named. Raises InputError, naming the file, for what cannot be used."""
    images = sources.phase or sources.real or sources.magnitude
    known = gather(images, sources.params, explicit=sources.known)
    warnings = list(known.warnings)
    refuse_other_echoes(sources.phase, sources.magnitude)
    phase, magnitude, space = _echoes(sources, warnings)
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
    if phase is not None:
        _refuse_unknown_facts(known)
        scan = Scan(phase, magnitude, known.echo_times, known.field_strength, grid)  # type: ignore[arg-type]
        names = ("phase", "magnitude", "echo_times", "field_strength", "valid")
        data |= {name: getattr(scan, name) for name in names}
    else:
        data |= _without_phase(magnitude, known)
    data |= _finite(volumes, warnings)
    return Loaded({k: v for k, v in data.items() if v is not None}, scan, space[1], _facts(known, data), warnings)


def _echoes(
    sources: Sources, warnings: list[str]
) -> tuple[np.ndarray | None, np.ndarray | None, tuple[str, Geometry] | None]:
    """Return phase (rad) and magnitude (x, y, z, echo), None for what is not given, and the first file's geometry."""
    if bool(sources.real) != bool(sources.imaginary):
        raise InputError("Real and imaginary images are needed together: give both --real and --imaginary.")
    if sources.real and (sources.phase or sources.magnitude):
        raise InputError("Give phase and magnitude, or real and imaginary images, not both.")
    read: dict[str, np.ndarray] = {}
    space = phase_header = None
    for name in ("phase", "magnitude", "real", "imaginary"):
        paths = getattr(sources, name)
        if paths:
            read[name], geometry = read_echoes(paths, name)
            phase_header = geometry.stored if name == "phase" else phase_header
            space = space or (f"{name} {paths[0]}", geometry)
            refuse_other_geometry(*space, f"{name} {paths[0]}", geometry)
    if "real" in read:
        _refuse_other_count(read, "real", "imaginary")
        read["magnitude"], read["phase"] = magnitude_phase(read["real"], read["imaginary"])
    elif "phase" in read:
        read["phase"] = _radians(read["phase"], sources, phase_header, warnings)
    if "phase" in read and sources.phase_sign < 0:
        read["phase"] = turned(read["phase"])
    return read.get("phase"), read.get("magnitude"), space


def _radians(phase: np.ndarray, sources: Sources, header: np.ndarray | None, warnings: list[str]) -> np.ndarray:
    """Return phase in radians by the scale the user named, or the one the headers leave no doubt about."""
    if sources.phase_scale != "auto":
        return _as_named(phase, sources.phase_scale, warnings)
    finite = np.isfinite(phase)
    low, high = (
        float(edge(phase, where=finite, initial=start)) for edge, start in ((np.min, np.inf), (np.max, -np.inf))
    )
    if low >= high:
        return phase
    units = {str(read_sidecar(path).get("Units", "")) for path in sources.phase} - {""} or {""}
    if len(units) > 1:
        raise InputError(f"The side-cars of the phase name different units ({', '.join(sorted(units))}): correct them.")
    stored: dict[str, Any] = {}
    if header is not None:
        slope, intercept = scaling(header)
        stored = {"integer": holds_integers(header), "slope": slope, "intercept": intercept}
    unit = units.pop()
    scale = detect_scale(low, high, units=unit, **stored)
    if not unit and high - low < LEAST_TURN:
        warnings.append(
            f"The phase runs from {low:g} to {high:g} and its header names no unit: it was taken as {scale.name}. "
            "Name its scale with --phase-scale if that is wrong."
        )
    return to_radians(phase, scale)


def _as_named(phase: np.ndarray, scale: str, warnings: list[str]) -> np.ndarray:
    """Return phase in radians by the scale the user named; a scale that leaves almost nothing is told."""
    made = to_radians(phase, scale)
    values = made[np.isfinite(made)]
    span = float(np.ptp(values)) if values.size else 0.0
    if 0 < span < LEAST_SPAN:
        warnings.append(f"By --phase-scale {scale} the phase spans {span:.2g} rad only: is it in another unit?")
    return made


def _refuse_unknown_facts(known: Acquisition) -> None:
    """Say which option or file would tell what nobody told."""
    told = "(or in --params, or by the BIDS side-car JSON files beside the images)"
    if known.echo_times is None:
        raise InputError(f"The echo times are missing: give them with --echo-times, in seconds, one per echo {told}.")
    if known.field_strength is None:
        raise InputError(f"The field strength is missing: give it with --field-strength, in tesla {told}.")


def _refuse_other_count(read: Mapping[str, np.ndarray], one: str, other: str) -> None:
    echoes, others = read[one].shape[3], read[other].shape[3]
    if echoes != others:
        raise InputError(f"{echoes} echoes of {one} but {others} of {other} images are given: they must be as many.")


def _without_phase(magnitude: np.ndarray | None, known: Acquisition) -> dict[str, Any]:
    data = {"echo_times": known.echo_times, "field_strength": known.field_strength}
    if magnitude is None:
        return data
    valid = np.isfinite(magnitude).all(axis=3)
    if not (magnitude[valid] > 0).any():
        raise InputError("The magnitude is zero everywhere: give the magnitude image of the same acquisition.")
    times = known.echo_times
    if times is not None and len(times) != magnitude.shape[3]:
        raise InputError(
            f"{len(times)} echo times were given for {magnitude.shape[3]} echoes of magnitude: one per echo is needed."
        )
    return data | {"magnitude": np.where(valid[..., None], magnitude, np.float32(0)), "valid": valid}


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
        if name in ("total_field", "local_field") and largest > LARGEST_FIELD:
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

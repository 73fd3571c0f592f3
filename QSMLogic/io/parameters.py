"""How the scan was taken: echo times, field strength and B0 direction, from whoever knows them best.

What is said on the command line comes before the parameter file, that before the side-car JSON files that BIDS puts
beside the images, or above them in the data set, and those before the image header.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .nifti import NIFTI_ENDINGS, Geometry

PARAMETER_KEYS = ("TE", "B0", "B0_dir", "voxel_size")
"""What a parameter file may say: echo times (s), field strength (T), B0 direction (voxel axes), voxel size (mm)."""

SAME_VOXEL = 0.01
"""Largest relative difference between the voxel size in a parameter file and in the image's header."""

UNPLACED = (
    "The image's header does not say how the image lies in the scanner (no qform, no sform): "
    "B0 is taken to run along its third axis. Name it with --b0-direction where it does not."
)

SAME_FIELD_AXIS = 2.0
"""Degrees; a B0 direction further from the header's is worth a warning, nearer ones are rounding."""

DATA_SET = "dataset_description.json"
"""Lies in the root of a BIDS data set."""

LARGEST_NUMBER = 1e9
"""Nothing that is said of a scan is as large, in any unit; JSON may hold whole numbers that no float can."""

SAME_ECHO_TIME = 1e-5
"""s; side-cars of magnitude and phase that differ by more belong to different echoes."""


@dataclass(frozen=True)
class Acquisition:
    """Echo times (s), field strength (T), B0 direction (voxel axes), voxel size (mm); None for what nobody said.

    sources: for each of them, who said it; warnings: what looked odd.
    """

    echo_times: tuple[float, ...] | None
    field_strength: float | None
    b0_direction: tuple[float, ...] | None
    voxel_size: tuple[float, ...] | None
    sources: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def grid_of(self, geometry: Geometry) -> tuple[Any, tuple[str, ...]]:
        """Return the grid of an image, with this B0 direction where there is one, and warnings.

        Raises InputError where the voxel size given contradicts the image's header.
        """
        size = geometry.spacing if self.voxel_size is None else self.voxel_size
        if np.abs(np.divide(size, geometry.spacing) - 1).max() > SAME_VOXEL:
            raise InputError(
                f"The voxel size is {_listed(size)} mm in {self.sources['voxel_size']} but "
                f"{_listed(geometry.spacing)} mm in the image's header: correct one, or leave voxel_size out."
            )
        grid = replace(geometry, spacing=size).grid(self.b0_direction)  # type: ignore[arg-type]
        if self.b0_direction is None:
            return grid, _doubts(geometry)
        header = np.array(geometry.direction).reshape(3, 3)[2]
        angle = math.degrees(math.acos(min(1.0, abs(float(np.dot(header, grid.b0_direction))))))
        if angle <= SAME_FIELD_AXIS:
            return grid, ()
        source = self.sources["b0_direction"]
        said = f"B0 direction: the one given ({source}) is used, {angle:.0f} degrees from the image header's."
        return grid, (said,)


def gather(
    images: Sequence[Path],
    params: Path | None = None,
    *,
    explicit: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
) -> Acquisition:
    """Return what is known of a scan.

    Parameters: images: the files of the echoes, whose side-cars are read; params: a parameter file; explicit: values
    named as the fields of `Acquisition`, None where not given; headers: the same, as DICOM headers state them.
    Raises InputError where a file cannot be read or holds something else.
    """
    warnings: list[str] = []
    found: list[tuple[str, dict[str, Any]]] = [("the command line", dict(explicit or {}))]
    if params is not None:
        found.append((str(params), read_params(params, warnings)))
    found.append(("the side-car JSON", read_sidecars(images)))
    found.append(("the DICOM header", dict(headers or {})))
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name in ("echo_times", "field_strength", "b0_direction", "voxel_size"):
        values[name] = None
        for source, content in found:
            if content.get(name) is not None:
                values[name], sources[name] = content[name], source
                break
    return Acquisition(**values, sources=sources, warnings=tuple(warnings))


def read_params(path: Path, warnings: list[str]) -> dict[str, Any]:
    """Read a parameter file: {"TE": [s], "B0": T, "B0_dir": [x, y, z], "voxel_size": [mm]}, each optional."""
    content = _json(path)
    unknown = [key for key in content if key not in PARAMETER_KEYS]
    if unknown:
        warnings.append(f"{path}: ignored {', '.join(unknown)} (known: {', '.join(PARAMETER_KEYS)}).")
    return {
        "echo_times": _numbers(path, content, "TE", "s"),
        "field_strength": _number(path, content, "B0", "T"),
        "b0_direction": _three(path, content, "B0_dir", "voxel axes"),
        "voxel_size": _three(path, content, "voxel_size", "mm"),
    }


def sidecars(image: Path) -> list[Path]:
    """Return the JSON files that speak of an image: the one beside it, then what it inherits in a BIDS data set.

    A file higher up speaks of an image of the same suffix that has all its entities. The nearest comes first.
    """
    name = stem(image)
    if name is None:
        return []
    *entities, suffix = name.split("_")
    found = [path for path in (image.with_name(f"{name}.json"),) if path.is_file()]
    for folder in _data_set(image):
        named = [(path, path.stem.split("_")) for path in folder.glob("*.json") if path not in found]
        above = [(-len(words), path) for path, words in named if words[-1] == suffix and set(words[:-1]) <= {*entities}]
        found += [path for _, path in sorted(above)]
    return found


def stem(image: Path) -> str | None:
    """Return the name of an image without its ending, None where it is no NIfTI file."""
    for ending in sorted(NIFTI_ENDINGS, key=len, reverse=True):
        if image.name.endswith(ending):
            return image.name.removesuffix(ending)
    return None


def _data_set(image: Path) -> list[Path]:
    """Return the folders from that of an image up to the root of its BIDS data set, none where it is in none."""
    folders = [image.parent, *image.parent.absolute().parents]
    roots = [i for i, folder in enumerate(folders) if (folder / DATA_SET).is_file()]
    return folders[: roots[0] + 1] if roots else []


def read_sidecar(image: Path) -> dict[str, Any]:
    """Return what the side-cars of an image say, the nearer ones first to be believed; empty where there is none."""
    content: dict[str, Any] = {}
    for path in reversed(sidecars(image)):
        content |= _json(path)
    return content


def read_sidecars(images: Sequence[Path]) -> dict[str, Any]:
    """Return echo times and field strength of the side-cars of the echoes, where they state them."""
    times: list[float] = []
    strengths: dict[float, Path] = {}
    for image in images:
        contents = [(path, _json(path)) for path in sidecars(image)]
        times += next(filter(None, (_numbers(*said, "EchoTime", "s") for said in contents)), ())
        for path, content in contents:
            strength = _number(path, content, "MagneticFieldStrength", "T")
            if strength is not None:
                strengths[strength] = path
                break
    if len(strengths) > 1:
        told = ", ".join(f"{strength:g} T in {path.name}" for strength, path in strengths.items())
        raise InputError(f"The side-cars name different field strengths ({told}): give the echoes of one scan.")
    complete = len(times) >= len(images) and times
    return {"echo_times": tuple(times) if complete else None, "field_strength": next(iter(strengths), None)}


def refuse_other_echoes(phase: Sequence[Path], magnitude: Sequence[Path]) -> None:
    """Raise InputError where side-cars say that magnitude and phase files are not of the same echoes."""
    for one, other in zip(phase, magnitude, strict=False):
        times = [read_sidecars([path])["echo_times"] for path in (one, other)]
        if None in times or len(times[0]) != len(times[1]):
            continue
        if np.abs(np.subtract(*times)).max() > SAME_ECHO_TIME:
            raise InputError(
                f"The side-car of {one.name} says echo time {_listed(times[0])} s but that of {other.name} "
                f"{_listed(times[1])} s: give phase and magnitude files in the same order."
            )


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a JSON document: {error}.") from None
    if not isinstance(content, dict):
        raise InputError(f'{path}: names and values are needed, such as {{"TE": [0.005, 0.010], "B0": 3}}.')
    return content


def _number(path: Path, content: dict[str, Any], key: str, unit: str) -> float | None:
    numbers = _numbers(path, content, key, unit)
    if numbers is None:
        return None
    if len(numbers) != 1:
        raise InputError(f"{path}: {key} = {content[key]!r}: one number ({unit}) is needed.")
    return numbers[0]


def _three(path: Path, content: dict[str, Any], key: str, unit: str) -> tuple[float, ...] | None:
    numbers = _numbers(path, content, key, unit)
    if numbers is not None and len(numbers) != 3:
        raise InputError(f"{path}: {key} = {content[key]!r}: three numbers ({unit}) are needed.")
    return numbers


def _numbers(path: Path, content: dict[str, Any], key: str, unit: str) -> tuple[float, ...] | None:
    if content.get(key) is None:
        return None
    values = content[key] if isinstance(content[key], list) else [content[key]]
    if not values or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        raise InputError(f"{path}: {key} = {content[key]!r}: numbers ({unit}) are needed.")
    if not all(abs(v) <= LARGEST_NUMBER for v in values):
        raise InputError(f"{path}: {key} = {content[key]!r}: finite numbers ({unit}) are needed.")
    return tuple(float(v) for v in values)


def _doubts(geometry: Geometry) -> tuple[str, ...]:
    """Return why the direction of B0 by an image's header is not certain."""
    if not geometry.placed:
        return (UNPLACED,)
    if geometry.disagreement <= SAME_FIELD_AXIS:
        return ()
    return (
        f"The image's header places the image in two ways (qform and sform) that differ by {geometry.disagreement:.0f} "
        "degrees in the direction of B0: name it with --b0-direction.",
    )


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{n:g}" for n in numbers)

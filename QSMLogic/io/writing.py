"""What a command leaves in its output folder."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..documents import read_document
from .nifti import Geometry, write_image
from .outputs import OutputFolder

FURTHER: Mapping[str, str] = {
    "r2star": "r2starmap",
    "t2star": "t2starmap",
    "r2star_misfit": "r2starmisfit",
    "r2prime": "r2primemap",
    "swi": "swi",
    "swi_phase": "swiphase",
    "swi_projection": "swiprojection",
    "tswi": "tswi",
    "tswi_projection": "tswiprojection",
    "smwi": "smwi",
    "chi_para": "chiparamap",
    "chi_dia": "chidiamap",
    "total_field_hz": "totalfieldhz",
    "local_field_hz": "localfieldhz",
    "local_phase": "localphase",
    "simulated_field": "simulatedfield",
    "field_misfit": "fieldmisfit",
    "voxel_quality": "voxelquality",
}
"""The file of each map that methods of the stage of further maps make, without its ending."""

FILES: Mapping[str, str] = {
    "mask": "mask",
    "eroded_mask": "erodedmask",
    "phase": "phase",
    "unwrapped": "unwrapped",
    "total_field": "totalfield",
    "field_noise": "fieldnoise",
    "residual": "residual",
    "local_field": "localfield",
    "weights": "weights",
    "chi": "chimap",
    **FURTHER,
}
"""The file of each map, without its ending."""

RESULTS = ("mask", "unwrapped", "total_field", "local_field", "chi", *FURTHER)
"""Maps that are always written where they were made; the others are kept on request."""

OPTIONAL = tuple(name for name in FILES if name not in RESULTS)

PROVENANCE = "provenance.json"

PACKED, PLAIN = ENDINGS = ".nii.gz", ".nii"
"""Endings of the images: compressed, or larger but written and read in no time."""


def file_of(name: str, ending: str = PACKED) -> str:
    """Return the file name of a map."""
    return FILES[name] + ending


def sidecar_of(name: str) -> str:
    """Return the file name of a map's side-car."""
    return FILES[name] + ".json"


def sidecar_beside(path: Path) -> Path:
    """Return where the side-car of an image lies, if it has one."""
    return path.with_name(re.sub(r"\.nii(\.gz)?$", "", path.name) + ".json")


def unit_said(path: Path) -> str | None:
    """Return the unit of an image's values that its side-car says; None where there is none, or it says none."""
    content = read_document(sidecar_beside(path)) if sidecar_beside(path).is_file() else None
    said = content.get("Units") if isinstance(content, dict) else None
    return None if said is None else str(said)


def kept(made: Iterable[str], keep: Iterable[str]) -> tuple[str, ...]:
    """Return which of the maps made are written: the results and what the user asked for, by file names or "all"."""
    asked = set(keep)
    wanted = {name for name in FILES if name in RESULTS or "all" in asked or FILES[name] in asked}
    return tuple(name for name in made if name in wanted)


def write_maps(
    out: OutputFolder, maps: Mapping[str, np.ndarray], names: Iterable[str], geometry: Geometry, ending: str = PACKED
) -> None:
    """Write these maps, in the geometry of the input."""
    for name in names:
        write_image(out.path(file_of(name, ending)), maps[name], geometry)


def write_json(out: OutputFolder, name: str, content: Mapping[str, Any]) -> None:
    """Write a JSON file."""
    out.path(name).write_text(as_json(content), "utf-8")


def as_json(content: Mapping[str, Any]) -> str:
    """Return a JSON document, as a person reads it."""
    return json.dumps(content, indent=2, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """Return records as tables, and numpy's numbers as Python's."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value.item() if isinstance(value, np.generic) else str(value)

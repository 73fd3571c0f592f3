"""The names of the files of a unit, as BIDS wants those of derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from .unit import Unit

ORDER = (
    "sub", "ses", "sample", "task", "tracksys", "acq", "nuc", "voi", "ce", "trc", "stain", "rec", "dir", "run", "mod",
    "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split", "recording", "chunk", "atlas", "seg",
    "scale", "res", "den", "label", "desc",
)  # fmt: skip
"""Of the entities in a name, in the standard (schema 1.2)."""

FIELD_MAP = ("sub", "ses", "acq", "run", "chunk", "desc")
"""The entities that the name of a field map may have."""

IMAGE, SIDECAR = ".nii.gz", ".json"

LOGS = "logs"
"""Folder in the root whose contents BIDS leaves open."""


def named(entities: Mapping[str, str]) -> str:
    """Return the name that entities make, without a suffix."""
    return "_".join(f"{key}-{label}" for key, label in entities.items() if label)


def in_order(entities: Mapping[str, str]) -> dict[str, str]:
    """Return entities in the order of the standard; those it does not know come last."""
    known = {key: place for place, key in enumerate(ORDER)}
    return dict(sorted(entities.items(), key=lambda item: known.get(item[0], len(ORDER))))


def anat(unit: Unit, suffix: str, **more: str) -> str:
    """Return the path of an image among the anatomical ones, relative to the data set; more: further entities."""
    return _path(unit.entities, "anat", in_order({**unit.entities, **more}), suffix)


def fmap(unit: Unit, suffix: str, **more: str) -> str:
    """Return the path of an image among the field maps, relative to the data set.

    BIDS allows these fewer entities: the others join the label of acq. It also takes a magnitude image for that of
    every field map that has its entities: where they are within those of another acquisition, the suffix joins as well.
    """
    entities = {**unit.entities, **more}
    others = [key for key in entities if key not in FIELD_MAP]
    words = [unit.candidate.description] * unit.within + [key.capitalize() + entities[key] for key in others]
    joined = entities.get("acq", "") + "".join(words)
    kept = {key: label for key, label in {**entities, "acq": joined}.items() if key in FIELD_MAP}
    return _path(unit.entities, "fmap", in_order(kept), suffix)


def log(unit: Unit, name: str) -> str:
    """Return the path of a file that says how the maps of a unit were made, relative to the data set."""
    return str(PurePosixPath(LOGS, unit.name, name))


def report(unit: Unit) -> str:
    """Return the path of the report of a unit, relative to the data set."""
    return f"{unit.name}.html"


def sidecar(image: str) -> str:
    """Return the path of the side-car of an image."""
    return image.removesuffix(IMAGE) + SIDECAR


def _path(unit: Mapping[str, str], datatype: str, entities: Mapping[str, str], suffix: str) -> str:
    folders = [f"{key}-{unit[key]}" for key in ("sub", "ses") if unit.get(key)]
    return str(PurePosixPath(*folders, datatype, f"{named(entities)}_{suffix}{IMAGE}"))

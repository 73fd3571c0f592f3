"""The images in DICOM files that a map was made of: which of them show a slice, and what they say of the patient."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..bounded import BoundedFile
from ..candidate import Candidate, Stack
from ..nifti import Geometry
from .finding import dicom_files, find_dicom
from .headers import unreadable as errors

IDENTITY = ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "SeriesNumber"]

ONE_FRAME = "1.2.840.10008.5.1.4.1.1.4"
"""Class of the images that have one frame in a file."""

DAMAGED = "{} is a damaged DICOM file. Export it again."


@dataclass(frozen=True)
class Reference:
    """A frame of an image: its file's classes and instances; frame counts from 1, 0 where the file holds one only."""

    sop_class: str
    instance: str
    series: str
    frame: int


@dataclass(frozen=True)
class Source:
    """Header of the first image of the first series, geometry of all, and for every slice the frames that show it."""

    header: Any
    geometry: Geometry
    slices: tuple[tuple[Reference, ...], ...]


def onto(image: np.ndarray, geometry: Geometry, other: Geometry) -> tuple[np.ndarray, str]:
    """Return an image (x, y, z) with its axes in the order and direction of another geometry.

    Files converted from DICOM often run the other way along an axis. Returns the image, and in words how its voxels
    differ from those of the other geometry all the same; empty where they are the same.
    """
    mine, theirs = np.array(geometry.direction).reshape(3, 3), np.array(other.direction).reshape(3, 3)
    along = theirs.T @ mine
    order = np.abs(along).argmax(axis=1)
    if sorted(order) != [0, 1, 2]:
        return image, "axes turned against each other"
    signs = np.sign(along[range(3), order])
    shape, spacing = np.array(geometry.shape)[order], np.array(geometry.spacing)[order]
    axes = mine[:, order]
    first = np.array(geometry.origin) + axes @ np.where(signs < 0, (shape - 1) * spacing, 0)
    turned = Geometry(
        tuple(shape.tolist()), tuple(spacing.tolist()), tuple(first.tolist()), tuple((axes * signs).ravel().tolist())
    )
    flipped = tuple(axis for axis in range(3) if signs[axis] < 0)
    return np.flip(np.transpose(image, order), flipped), turned.difference(other)


def on_same_voxels(candidate: Candidate, geometry: Geometry) -> bool:
    """Whether an acquisition in DICOM files lies on the voxels of a map."""
    return bool(_matching(candidate, geometry))


def source_of(files: Sequence[Path], geometry: Geometry) -> Source:
    """Return the images among DICOM files that lie on the voxels of a map.

    Raises InputError where none does, where they are of several acquisitions, or cannot be read.
    """
    unreadable: list[str] = []
    found = find_dicom(dicom_files(files, unreadable), unreadable)
    matching = [candidate for candidate in found if on_same_voxels(candidate, geometry)]
    if not matching:
        raise InputError(_differs(found, geometry, unreadable))
    if len(matching) > 1:
        raise InputError(
            f"{len(matching)} acquisitions lie on the voxels of the map: give the DICOM files of the one it was made "
            f"of ({'; '.join(candidate.title for candidate in matching)})."
        )
    stacks = _matching(matching[0], geometry)
    paths = list(dict.fromkeys(frame.path for stack in stacks for frame in stack.frames))
    identities = {path: _identity(path) for path in paths}
    _refuse_nameless(identities)
    slices = []
    for k in range(stacks[0].geometry.shape[2]):
        frames = [stack.frames[k] for stack in stacks]
        slices.append(tuple(_reference(identities[frame.path], frame.index) for frame in frames))
    lowest = min(paths, key=lambda path: _series_number(identities[path]))
    return Source(_read(lowest), stacks[0].geometry, tuple(slices))


def _matching(candidate: Candidate, geometry: Geometry) -> list[Stack]:
    stacks = [volume for volumes in candidate.volumes.values() for volume in volumes if isinstance(volume, Stack)]
    empty = np.empty((0, 0, 0))
    return [stack for stack in stacks if not onto(empty, geometry, stack.geometry)[1]]


def _differs(found: Sequence[Candidate], geometry: Geometry, broken: Sequence[str]) -> str:
    stacks = [v for c in found for volumes in c.volumes.values() for v in volumes if isinstance(v, Stack)]
    if not stacks:
        why = " ".join([*(candidate.problem for candidate in found), *broken][:1])
        return f"The DICOM files hold no gradient-echo acquisition that the map could be linked to. {why}".strip()
    _, difference = onto(np.empty((0, 0, 0)), geometry, stacks[0].geometry)
    return (
        f"The map does not lie on the voxels of the DICOM images: {difference}. Give the DICOM files that it was made "
        "of, or resample it to them."
    )


def _identity(path: Path) -> dict[str, str]:
    """Return what an image is called by, and its series, empty where it does not say that."""
    header = _read(path, IDENTITY)
    try:
        return {word: str(header.get(word) or "") for word in IDENTITY}
    except errors():
        raise InputError(DAMAGED.format(path.name)) from None


def _read(path: Path, tags: Sequence[str] | None = None) -> Any:
    """Return a header, or some elements of it."""
    from pydicom import dcmread  # noqa: PLC0415 (an extra, and slow to load)

    try:
        with warnings.catch_warnings(), BoundedFile(path) as file:
            warnings.simplefilter("ignore")
            return dcmread(file, stop_before_pixels=True, specific_tags=None if tags is None else list(tags))
    except errors():
        raise InputError(DAMAGED.format(path.name)) from None


def _series_number(identity: Mapping[str, str]) -> int:
    said = identity["SeriesNumber"]
    return int(said[:12]) if said.isdecimal() else 0


def _refuse_nameless(identities: Mapping[Path, Mapping[str, str]]) -> None:
    """Refuse images that cannot be referred to."""
    for path, identity in identities.items():
        lacking = [word for word in IDENTITY[:4] if not identity[word]]
        if lacking:
            raise InputError(f"{path.name} has no {lacking[0]}, which a link to it needs. Export it again.")


def _reference(identity: Mapping[str, str], index: int) -> Reference:
    frame = 0 if identity["SOPClassUID"] == ONE_FRAME else index + 1
    return Reference(identity["SOPClassUID"], identity["SOPInstanceUID"], identity["SeriesInstanceUID"], frame)

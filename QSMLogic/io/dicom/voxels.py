"""The voxels of an acquisition in DICOM files, scaled slice by slice as the headers say."""

from __future__ import annotations

import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...memory import check_memory
from ..bounded import BoundedFile
from ..candidate import Candidate, Frame, Stack
from ..nifti import Geometry
from .headers import unreadable
from .signs import mend_signs
from .unpacking import unpacked


@dataclass(frozen=True)
class Voxels:
    """Values (x, y, z, echo) by part, and what the headers of the phase say of its scale.

    units: the words for its unit; scalings: slope and intercept of all its slices.
    """

    values: dict[str, np.ndarray]
    geometry: Geometry
    units: frozenset[str]
    scalings: frozenset[tuple[float, float]]


def read_volumes(candidate: Candidate, said: list[str]) -> Voxels:
    """Read the volumes of an acquisition; what was done to them is added to said.

    Raises InputError, naming the file.
    """
    stacks: dict[str, tuple[Stack, ...]] = {part: v for part, v in candidate.volumes.items() if v}  # type: ignore[misc]
    geometry = next(iter(stacks.values()))[0].geometry
    shapes = {part: (len(volumes), *geometry.shape[::-1]) for part, volumes in stacks.items()}
    check_memory(sum(int(np.prod(shape)) for shape in shapes.values()) * np.dtype(np.float32).itemsize)
    values = {part: np.empty(shape, np.float32) for part, shape in shapes.items()}
    wanted: dict[Path, list[tuple[Frame, np.ndarray]]] = defaultdict(list)
    for part, volumes in stacks.items():
        for echo, stack in enumerate(volumes):
            for place, frame in enumerate(stack.frames):
                wanted[frame.path].append((frame, values[part][echo, place]))
    for path, frames in wanted.items():
        _fill(path, frames)
    turned = {part: np.transpose(array, (3, 2, 1, 0)) for part, array in values.items()}
    said += candidate.warnings
    phase = [frame for stack in stacks.get("phase", ()) for frame in stack.frames]
    units = frozenset(frame.units for frame in phase) - {""}
    if str(candidate.facts.get("Manufacturer", "")).upper().startswith("GE"):
        mend_signs(turned, units, said)
    return Voxels(turned, geometry, units, frozenset((frame.slope, frame.intercept) for frame in phase))


def _fill(path: Path, frames: list[tuple[Frame, np.ndarray]]) -> None:
    """Write the scaled values of a file's slices to their places."""
    stored = _stored(path)
    for frame, place in frames:
        if frame.index >= len(stored) or stored.shape[1:] != place.shape:
            raise InputError(f"{path.name} holds other voxels than its header says: it is damaged. Export it again.")
        place[...] = (stored[frame.index] * frame.slope + frame.intercept) / frame.private_scale


def _stored(path: Path) -> np.ndarray:
    """Return what a file holds as it is stored, (frame, row, column)."""
    from pydicom import dcmread  # noqa: PLC0415 (an extra, and slow to load)

    try:
        with warnings.catch_warnings(), BoundedFile(path) as file:
            warnings.simplefilter("ignore")
            content = dcmread(file)
            compressed = content.file_meta.TransferSyntaxUID.is_compressed
            check_memory(int(content.Rows) * int(content.Columns) * int(content.get("NumberOfFrames") or 1) * 2)
            if compressed and not _unpacks(content):
                return unpacked(path, content)
            pixels = content.pixel_array
    except InputError:
        raise
    except unreadable():
        raise InputError(f"{path.name} is damaged: its voxels cannot be read. Export it again.") from None
    return pixels if pixels.ndim == 3 else pixels[None]


def _unpacks(content: Any) -> bool:
    """Whether pydicom itself, or what is installed beside it, can unpack the voxels."""
    try:
        return content.pixel_array is not None
    except (NotImplementedError, RuntimeError):
        return False

"""A folder of DICOM, BIDS or other NIfTI files as volumes of a scene: one per echo, for phase and for magnitude.

Volumes of NIfTI files are what Slicer makes of the files, and remember them; the others hold phase in radians.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from QSMLogic.errors import InputError
from QSMLogic.progress import no_progress

from .acquisition import Acquisition, remember
from .scenes import allOrNothing, freeTitle, placeInFolder
from .volumes import LPS_FROM_RAS, UNITS_ATTRIBUTE, addVolume

if TYPE_CHECKING:
    from QSMLogic.io.candidate import Candidate
    from QSMLogic.io.nifti import Geometry
    from QSMLogic.io.sources import Sources
    from QSMLogic.progress import Progress

PARTS = ("phase", "magnitude")

UNITS = {"radians": "rad", "milliradians": "mrad", "degrees": "deg"}
"""The unit that phase volumes name, by the scale of their values."""


def find(path: str | Path, progress: Progress = no_progress) -> list[Candidate]:
    """Return the acquisitions in a folder, the usable ones first: show their titles and let a person choose.

    Raises InputError, naming what was seen, where there is none.
    """
    from QSMLogic.io.acquisitions import find_acquisitions  # noqa: PLC0415 (imports SimpleITK: not while Slicer starts)

    return find_acquisitions(path, progress)


def load(scene: Any, candidate: Candidate) -> Acquisition:
    """Load an acquisition into volumes, in a folder of the subject hierarchy; on failure the scene is as before.

    Phase whose scale is not certain keeps its values: phaseScale is "auto" then, and a warning says so.
    Raises InputError where the acquisition cannot be used, or a file cannot be read.
    """
    from QSMLogic.io.facts import acquisition_facts  # noqa: PLC0415 (see above)
    from QSMLogic.io.load import facts_of  # noqa: PLC0415
    from QSMLogic.io.parameters import refuse_other_echoes  # noqa: PLC0415
    from QSMLogic.io.sources import Sources  # noqa: PLC0415

    sources = Sources().of(candidate)
    known = facts_of(sources)
    refuse_other_echoes(sources.phase, sources.magnitude)
    warnings = list(known.warnings)
    read = _read(sources, warnings)
    times = known.echo_times or ()
    if times and len(times) != read.values["phase"].shape[3]:
        warnings.append(f"{len(times)} echo times are stated for another number of echoes: give them by hand.")
        times = ()
    names = [f"{part} {echo + 1}" for part, values in read.values.items() for echo in range(values.shape[3])]
    title = freeTitle(scene, candidate.name, names)
    with allOrNothing(scene):
        nodes = {part: _addEchoes(scene, lambda echo, part=part: title(f"{part} {echo}"), part, read) for part in PARTS}
        for node in nodes["phase"]:
            node.SetAttribute(UNITS_ATTRIBUTE, UNITS.get(read.scale))
        item = placeInFolder(scene, candidate.name, [*nodes["magnitude"], *nodes["phase"]], nodes["phase"][0])
        loaded = Acquisition(
            candidate.name,
            nodes["phase"],
            nodes["magnitude"],
            times,
            known.field_strength,
            known.b0_direction,
            read.scale,
            tuple(warnings),
            item,
        )
        remember(loaded, acquisition_facts(sources), _slices(candidate))
    return loaded


def place(geometry: Geometry) -> Any:
    """Return a volume without voxels, in no scene, that lies where an image lies, for `addVolume` to be like."""
    node = slicer.vtkMRMLScalarVolumeNode()
    axes = LPS_FROM_RAS[:3, :3] @ np.array(geometry.direction).reshape(3, 3)
    node.SetIJKToRASDirections(axes.tolist())
    node.SetSpacing(*geometry.spacing)
    node.SetOrigin(*(LPS_FROM_RAS[:3, :3] @ geometry.origin))
    return node


def _slices(candidate: Candidate) -> dict[str, list[tuple[Path, ...]]]:
    """Return the DICOM files of every part and echo; those of real and imaginary images stand in for both parts."""
    from QSMLogic.io.candidate import Stack  # noqa: PLC0415 (see above)

    files = {
        part: [tuple(dict.fromkeys(frame.path for frame in volume.frames)) for volume in volumes]
        for part, volumes in candidate.volumes.items()
        if all(isinstance(volume, Stack) for volume in volumes)
    }
    other = files.get("real", [])
    return {part: files.get(part, other) for part in PARTS if part in files or other}


@dataclass(frozen=True)
class _Read:
    """Values (x, y, z, echo) by part, where they lie, the scale of the phase, and the files that hold these values."""

    values: dict[str, np.ndarray]
    geometry: Geometry
    scale: str
    files: dict[str, Sequence[Path]]


def _read(sources: Sources, warnings: list[str]) -> _Read:
    from QSMLogic.io.archive import archives_of  # noqa: PLC0415
    from QSMLogic.io.echoes import images_of, read_stored  # noqa: PLC0415 (see above)
    from QSMLogic.io.phase_scale import SCALES  # noqa: PLC0415

    stored = read_stored(sources, warnings)
    geometry: Any = stored.geometry
    if len({values.shape[3] for values in stored.values.values()}) > 1:
        raise InputError("Phase and magnitude have different numbers of echoes: give those of one acquisition.")
    paths = {part: getattr(sources, part) for part in PARTS}
    files = {
        part: paths[part]
        for part, values in stored.values.items()
        if len(paths.get(part, ())) == values.shape[3] and not archives_of(paths[part])  # unpacked files go with Slicer
    }
    try:
        images = images_of(stored, sources, warnings)
    except InputError as error:
        if "phase" not in stored.values:
            raise
        warnings.append(str(error))
        return _Read(stored.values, geometry, "auto", files)
    scale = "radians" if images.scale is None else images.scale.name
    if "phase" in files and scale in SCALES:
        return _Read(stored.values, geometry, scale, files)
    made = {
        part: values
        for part, values in (("phase", images.phase), ("magnitude", images.magnitude))
        if values is not None
    }
    return _Read(made, geometry, "radians", {part: paths for part, paths in files.items() if part != "phase"})


def _addEchoes(scene: Any, title: Callable[[int], str], part: str, read: _Read) -> tuple[Any, ...]:
    """Add the volumes of a part, none where there is none."""
    if part not in read.values:
        return ()
    files = read.files.get(part, ())
    if files:
        return tuple(_addFile(scene, title(i + 1), path) for i, path in enumerate(files))
    echoes, like = np.moveaxis(read.values[part], 3, 0), place(read.geometry)
    return tuple(addVolume(scene, title(i + 1), echo, like) for i, echo in enumerate(echoes))


def _addFile(scene: Any, name: str, path: Path) -> Any:
    """Add a volume as Slicer reads it from a file, which the volume remembers."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path.absolute()))
    storage.SetSingleFile(True)  # not the other echoes, whose names differ by a number
    if not storage.ReadData(node):
        raise InputError(f"Slicer cannot read {path}.")
    node.SetAndObserveStorageNodeID(storage.GetID())
    node.CreateDefaultDisplayNodes()
    return node

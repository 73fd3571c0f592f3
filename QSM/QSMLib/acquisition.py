"""What was loaded, and how its volumes remember it: saved with the scene, and found again from any of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from .volumes import nodesOf

ATTRIBUTE = "QSM.acquisition"
"""Attribute of an image: of which acquisition, part and echo it is, and what is known of them, as JSON."""

INSTANCES_ATTRIBUTE = "DICOM.instanceUIDs"
"""Attribute by which Slicer's other modules find the headers of a volume."""


@dataclass(frozen=True)
class Acquisition:
    """What was loaded, and what is to be known of it.

    phases, magnitudes: a scalar volume per echo; echoTimes: s, empty where nothing says them; fieldStrength: T, None
    where nothing says it; b0Direction: voxel axes, None for the patient's z axis; phaseScale: as a Request has it;
    warnings: what looked odd; folderItem: item of the subject hierarchy; labels: a segmentation of regions; truth: a
    volume of the true susceptibility. The last two are those of a phantom.
    """

    name: str
    phases: tuple[Any, ...]
    magnitudes: tuple[Any, ...]
    echoTimes: tuple[float, ...]
    fieldStrength: float | None
    b0Direction: tuple[float, ...] | None = None
    phaseScale: str = "radians"
    warnings: tuple[str, ...] = ()
    folderItem: int = 0
    labels: Any = None
    truth: Any = None


def remember(acquisition: Acquisition, facts: Mapping[str, Any], files: Mapping[str, Sequence[Sequence[Path]]]) -> None:
    """Write into every image what is known of its acquisition. facts: of the header; files: by part, of every echo."""
    shared = {
        "id": uuid4().hex,
        "name": acquisition.name,
        "field_strength": acquisition.fieldStrength,
        "b0_direction": acquisition.b0Direction,
        "phase_scale": acquisition.phaseScale,
        "warnings": acquisition.warnings,
        "facts": dict(facts),
    }
    for part, nodes in (("phase", acquisition.phases), ("magnitude", acquisition.magnitudes)):
        for echo, node in enumerate(nodes):
            own = {
                "part": part,
                "echo": echo,
                "echo_time": acquisition.echoTimes[echo] if acquisition.echoTimes else None,
                "files": [str(path) for path in files[part][echo]] if part in files else [],
            }
            node.SetAttribute(ATTRIBUTE, json.dumps(shared | own, default=str))


def remembered(node: Any) -> dict[str, Any]:
    """Return what an image knows of its acquisition, nothing where it was not loaded as one."""
    try:
        held = json.loads((node and node.GetAttribute(ATTRIBUTE)) or "{}")
    except ValueError:  # a scene edited by hand
        return {}
    return held if isinstance(held, dict) else {}


def acquisitionOf(scene: Any, node: Any) -> Acquisition | None:
    """Return the acquisition that an image was loaded with; None where there was none, or not all of it is left."""
    known = remembered(node)
    parts: dict[str, dict[int, Any]] = {"phase": {}, "magnitude": {}}
    for other in nodesOf(scene, "vtkMRMLScalarVolumeNode"):
        held = remembered(other)
        if known and held.get("id") == known["id"]:
            parts[held["part"]].setdefault(held["echo"], other)  # a clone comes after its original
    phases, magnitudes = parts["phase"], parts["magnitude"]
    echoes = range(len(phases))
    if not phases or sorted(phases) != list(echoes) or (magnitudes and sorted(magnitudes) != list(echoes)):
        return None
    times = [remembered(phases[echo])["echo_time"] for echo in echoes]
    direction = known["b0_direction"]
    return Acquisition(
        known["name"],
        tuple(phases[echo] for echo in echoes),
        tuple(magnitudes[echo] for echo in sorted(magnitudes)),
        () if None in times else tuple(times),
        known["field_strength"],
        None if direction is None else tuple(direction),
        known["phase_scale"],
        tuple(known["warnings"]),
    )


def sourceFiles(nodes: Sequence[Any]) -> list[Path]:
    """Return the DICOM files that images were read from, each once, in their order; none where they are not known."""
    return [Path(path) for path in dict.fromkeys(file for node in nodes for file in remembered(node).get("files", ()))]

"""What a run left in its folder, as nodes: all of them, or none."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from QSMLogic.commands.run import TEXTS
from QSMLogic.errors import InputError
from QSMLogic.io.nifti import read_image
from QSMLogic.io.writing import FURTHER, PLAIN, PROVENANCE, file_of
from QSMLogic.report.page import REPORT as PAGE_FILE
from QSMLogic.report.windows import window
from QSMLogic.roi import Reference
from QSMLogic.settings import Settings

from .labels import labelNames
from .scenes import allOrNothing, freeTitle, placeInFolder
from .volumes import Segment, addSegmentation, addVolume, geometryOf, nameOf, shownNode

if TYPE_CHECKING:
    from .request import Request

MAP_ATTRIBUTE = "QSM.map"
"""Attribute of every map: its name in the pipeline."""

UNIT_ATTRIBUTE = "QSM.unit"
"""Attribute of every map: its unit, empty for numbers without one."""

REFERENCE_ATTRIBUTE = "QSM.reference"
"""Attribute of chi that has a reference: what is zero in it, as JSON of a QSMLogic.roi.Reference."""

PROVENANCE_ATTRIBUTE = "QSM.provenance"
"""Attribute of every map: where it comes from, as JSON."""

MASK_ROLE, REPORT_ROLE, PAGE_ROLE, SOURCE_ROLE = "QSM.mask", "QSM.report", "QSM.page", "QSM.source"
"""References of every map to the segmentation of its masks, to the text that says how it was made, to the page with
pictures that does, and to the images it was made of."""

MASKS = {"mask": ("Mask", (0.2, 0.7, 0.9)), "eroded_mask": ("Eroded mask", (0.95, 0.75, 0.2))}
"""Names and colours of the segments, by the maps they hold; the maps are valid in the eroded mask."""

CODES = {
    "ppm": ("[ppm]", "parts per million"),
    "rad": ("rad", "radian"),
    "1/s": ("/s", "per second"),
    "s": ("s", "second"),
    "ms": ("ms", "millisecond"),
    "Hz": ("Hz", "hertz"),
    "": ("1", "no units"),
}
"""Code of UCUM and its meaning, by unit."""

SCHEME = "99SLICERQSM"
"""Of codes for quantities: the standard has none for them."""

METHODS, REFERENCES, SETTINGS = TEXTS
REPORT, PAGE = "report", "report page"
PAGE_ENDING = "html"


@dataclass
class Outputs:
    """What a run made.

    nodes: by the names of the maps; "mask" is a segmentation, and a map with one volume per echo has numbered names
    ("unwrapped 1"); folderItem: the item of the subject hierarchy that holds them; report, page: text nodes, the second
    of HTML; settings: as run; seconds: of computation; tables: of the regions, where some were given; request: what was
    asked for.
    """

    chi: Any
    nodes: dict[str, Any]
    folderItem: int
    report: Any
    page: Any
    provenance: dict[str, Any]
    methodsText: str
    references: str
    settings: Settings
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    reference: Reference | None = None
    request: Any = None
    tables: Any = None


@dataclass(frozen=True)
class _Found:
    """What the folder holds."""

    maps: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    provenance: dict[str, Any]
    texts: dict[str, str]

    @property
    def reference(self) -> Reference | None:
        held = self.provenance["reference"]
        return None if held is None else Reference(**held)


def loadOutputs(scene: Any, folder: Path, request: Request) -> Outputs:
    """Make nodes of what a run left in a folder; on failure the scene is as before.

    Raises InputError where something cannot be read.
    """
    found = _read(folder, request)
    title = freeTitle(scene, request.title, [*found.maps, "mask", REPORT, PAGE])
    like = request.phases[0]
    with allOrNothing(scene):
        nodes = {name: _addMap(scene, title(name), name, image, like) for name, image in found.maps.items()}
        if found.masks:
            shown = next(iter(nodes.values()), shownNode(like, scene))
            nodes["mask"] = _addMasks(scene, title("mask"), found.masks, like, shown)
        report = _addReport(scene, title(REPORT), found)
        page = addDocument(scene, title(PAGE), found.texts[PAGE_FILE], PAGE_ENDING)
        references = {MASK_ROLE: nodes.get("mask"), REPORT_ROLE: report, PAGE_ROLE: page}
        for name, node in nodes.items():
            _describe(node, name, found, references)
            _referToImages(node, request)
        folderItem = placeInFolder(scene, title("QSM"), [*nodes.values(), report, page], shownNode(like, scene))
    return Outputs(
        chi=nodes.get("chi"),
        nodes=nodes,
        folderItem=folderItem,
        report=report,
        page=page,
        provenance=found.provenance,
        methodsText=found.texts[METHODS],
        references=found.texts[REFERENCES],
        settings=Settings.read(folder / SETTINGS),
        warnings=list(found.provenance["warnings"]),
        seconds=found.provenance["seconds"],
        reference=found.reference,
        request=request,
    )


def _read(folder: Path, request: Request) -> _Found:
    masks = [name for name in MASKS if name in request.keep or "mask" in request.keep]
    maps: dict[str, np.ndarray] = {}
    for name in request.settings.makes:
        if name in (*request.keep, *FURTHER) and name not in MASKS:
            maps |= _echoes(name, _image(folder, name, request.phases[0]))
    return _Found(
        maps,
        {name: _image(folder, name, request.phases[0])[..., 0] > 0 for name in masks},
        _provenance(folder, request),
        {name: (folder / name).read_text("utf-8") for name in TEXTS} | {PAGE_FILE: _page(folder)},
    )


def _image(folder: Path, name: str, like: Any) -> np.ndarray:
    """Return a map (x, y, z, echo). Raises InputError where the volume it was computed on is another by now."""
    image, place = read_image(_file(folder, name))
    if place.difference(geometryOf(like)):
        raise InputError(f"{nameOf(like)} was changed during the run, and the maps no longer fit it: run again.")
    return image


def _file(folder: Path, name: str) -> Path:
    """Return the file of a map, compressed or not."""
    plain = folder / file_of(name, PLAIN)
    return plain if plain.exists() else folder / file_of(name)


def _echoes(name: str, image: np.ndarray) -> dict[str, np.ndarray]:
    """Return one volume (x, y, z) per echo, by numbered names where there are several."""
    echoes = image.shape[3]
    return {name if echoes == 1 else f"{name} {echo + 1}": image[..., echo] for echo in range(echoes)}


def _provenance(folder: Path, request: Request) -> dict[str, Any]:
    """Return the record of the run, with the names of the nodes in place of the folder its files lay in."""
    text = (folder / PROVENANCE).read_text("utf-8")
    inside = json.dumps(f"{folder.parent}{os.sep}", ensure_ascii=False)[1:-1]
    nodes = {
        "phase": [nameOf(node) for node in request.phases],
        "magnitude": [nameOf(node) for node in request.magnitudes],
        "mask": request.mask and nameOf(request.mask),
        "mask_segments": _segmentNames(request.mask, request.maskSegments),
        "labels": request.labels and nameOf(request.labels),
        "r2": request.r2 and nameOf(request.r2),
    }
    record = json.loads(text.replace(inside, ""))
    if record["reference"] and request.labels:
        label = request.settings.referencing.parameters.get("label")
        record["reference"]["name"] = labelNames(request.labels).get(label, record["reference"]["name"])
    return record | {"nodes": {role: held for role, held in nodes.items() if held}}


def _page(folder: Path) -> str:
    """Return the page, without the folder that its files lay in."""
    return (folder / PAGE_FILE).read_text("utf-8").replace(html.escape(f"{folder.parent}{os.sep}"), "")


def _segmentNames(node: Any, segments: Sequence[str]) -> list[str]:
    held = (node.GetSegmentation().GetSegment(segment) for segment in segments)
    return [segment.GetName() for segment in held if segment is not None]


def _addMap(scene: Any, title: str, name: str, image: np.ndarray, like: Any) -> Any:
    node = addVolume(scene, title, image, like)
    shown = window(_kind(name))
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(*shown.limits(image))
    node.SetVoxelValueQuantity(_code(_kind(name), SCHEME, shown.title))
    unit, meaning = CODES[shown.unit]
    node.SetVoxelValueUnits(_code(unit, "UCUM", meaning))
    node.SetAttribute(UNIT_ATTRIBUTE, shown.unit)
    return node


def _addMasks(scene: Any, title: str, masks: Mapping[str, np.ndarray], like: Any, shown: Any) -> Any:
    """Add the masks as a segmentation that is not shown yet: it would hide the maps."""
    segments = [Segment(name, *MASKS[name], mask) for name, mask in masks.items()]
    node = addSegmentation(scene, title, segments, like, shown)
    node.GetDisplayNode().SetVisibility(False)
    return node


def _addReport(scene: Any, title: str, found: _Found) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", title)
    parts = {
        "": found.texts[METHODS],
        "Settings (TOML)": found.texts[SETTINGS],
        "References (BibTeX)": found.texts[REFERENCES],
    }
    text = "\n\n".join(f"{heading}\n\n{part}".strip() for heading, part in parts.items())
    node.SetText(text, vtk.VTK_ENCODING_UTF_8)
    return node


def addDocument(scene: Any, title: str, text: str, ending: str) -> Any:
    """Add a text that is saved as a file by itself, with this ending, such as "html"."""
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", title)
    storage = scene.AddNewNodeByClass("vtkMRMLTextStorageNode")
    storage.SetSupportedReadFileExtensions([ending])
    storage.SetSupportedWriteFileExtensions([ending])
    node.SetAndObserveStorageNodeID(storage.GetID())
    node.SetText(text, vtk.VTK_ENCODING_UTF_8)
    return node


def _describe(node: Any, name: str, found: _Found, references: Mapping[str, Any]) -> None:
    """Write into a node which map it is and where it comes from."""
    node.SetAttribute(MAP_ATTRIBUTE, _kind(name))
    node.SetAttribute(PROVENANCE_ATTRIBUTE, json.dumps(found.provenance))
    if name == "chi" and found.reference is not None:
        node.SetAttribute(REFERENCE_ATTRIBUTE, json.dumps(asdict(found.reference)))
    for role, other in references.items():
        if other is not None and other is not node:
            node.SetNodeReferenceID(role, other.GetID())


def _referToImages(node: Any, request: Request) -> None:
    """Let a map know its images; those of a sequence are not in the scene by themselves."""
    for image in (*request.magnitudes, *request.phases):
        if image.GetScene() is node.GetScene():
            node.AddNodeReferenceID(SOURCE_ROLE, image.GetID())


def _kind(name: str) -> str:
    """Return the name of a map without the number of its echo."""
    return name.partition(" ")[0]


def _code(value: str, scheme: str, meaning: str) -> Any:
    code = slicer.vtkCodedEntry()
    code.SetValueSchemeMeaning(value, scheme, meaning)
    return code

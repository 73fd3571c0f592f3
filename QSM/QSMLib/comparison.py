"""Two maps of one subject compared by `qsm compare` in a child process: a difference map, a table, and a figure."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
import vtk

from QSMLogic.commands.compare import DIFFERENCE, FIGURE, TABLE
from QSMLogic.errors import InputError
from QSMLogic.io.nifti import read_image, write_image
from QSMLogic.io.writing import PROVENANCE

from .acquisition import remembered
from .display import DIVERGING, setColours
from .labels import labelNames, labelsOn, refuseNoLabels
from .maps import imagesOf, maskOf, unitOf
from .results import UNIT_ATTRIBUTE, addDocument
from .scenes import allOrNothing
from .tables import placeBeside
from .volumes import addVolume, arrayOf, geometryOf, nameOf, refuseNoImage

FIGURE_ENDING = "svg"

LABEL_COLUMNS = ("label", "voxels")
"""Columns of whole numbers."""


@dataclass(frozen=True, eq=False)
class CompareRequest:
    """What is to be compared.

    first, second: volumes of one unit; the differences are second less first, on the voxels of the first; regions: a
    segmentation or label volume of any geometry, or None; register: bring the second to the first by a rigid
    registration, of the magnitudes that both maps were made of where these are known, else of the maps.
    Raises InputError where a node cannot be used.
    """

    first: Any
    second: Any
    regions: Any = None
    register: bool = True

    def __post_init__(self) -> None:
        """Check what costs nothing to check."""
        for node, which in ((self.first, "first"), (self.second, "second")):
            if node is None:
                raise InputError(f"Choose the {which} map.")
            refuseNoImage(node)
        if self.first is self.second:
            raise InputError("The first map is the second too: choose two.")
        one, other = unitOf(self.first), unitOf(self.second)
        if one != other:
            said = f"{nameOf(self.first)} is in {one or 'no unit'}, {nameOf(self.second)} in {other or 'no unit'}"
            raise InputError(f"{said}: choose maps of one kind.")
        if self.regions is not None:
            refuseNoLabels(self.regions, "regions")


@dataclass(frozen=True)
class Compared:
    """The difference as a volume, the agreement as a table, and the Bland-Altman figure (SVG) as a text node.

    said: bias and limits in words; warnings: what speaks against the registration.
    """

    difference: Any
    table: Any
    figure: Any
    said: str
    warnings: list[str]


def writeComparison(request: CompareRequest, folder: Path) -> list[str]:
    """Write what `qsm compare` needs into a folder, and return the words of the command, without its output."""
    first, second = request.first, request.second
    guides = [_magnitudeOf(node) if request.register else None for node in (first, second)]
    files = {
        "mask": (maskOf(first), first),
        "second-mask": (maskOf(second), second),
    }
    if None not in guides:
        files["magnitude"] = (arrayOf(guides[0]), first)
        files["second-magnitude"] = (arrayOf(guides[1]), second)
    words = ["compare", _write(folder / "first.nii", arrayOf(first), first)]
    words += [_write(folder / "second.nii", arrayOf(second), second)]
    words += ["--register", "rigid" if request.register else "none", "--unit", unitOf(first)]
    if request.regions is not None:
        labels, names = labelsOn(request.regions, first)
        files["labels"] = (labels, first)
        names = names or labelNames(request.regions)
        (folder / "names.json").write_text(json.dumps({str(label): name for label, name in names.items()}), "utf-8")
        words += ["--names", str(folder / "names.json")] if names else []
    for name, (array, place) in files.items():
        words += [f"--{name}", _write(folder / f"{name}.nii", array, place)]
    return words


def loadComparison(scene: Any, folder: Path, request: CompareRequest) -> Compared:
    """Make nodes of what `qsm compare` left in a folder; on failure the scene is as before."""
    first, second = request.first, request.second
    image, place = read_image(folder / DIFFERENCE)
    if place.difference(geometryOf(first)):
        raise InputError(f"{nameOf(first)} was changed meanwhile, and the difference no longer fits it: start again.")
    record = json.loads((folder / PROVENANCE).read_text("utf-8"))
    title = f"{nameOf(second)} less {nameOf(first)}"
    with allOrNothing(scene):
        made = addVolume(scene, scene.GenerateUniqueName(title), image[..., 0], first)
        made.SetAttribute(UNIT_ATTRIBUTE, unitOf(first))
        setColours(scene, made, DIVERGING)
        table = _addTable(scene, f"agreement of {title}", folder / TABLE)
        figure = (folder / FIGURE).read_text("utf-8")
        drawn = addDocument(scene, scene.GenerateUniqueName(f"Bland-Altman of {title}"), figure, FIGURE_ENDING)
        for node in (made, table, drawn):
            placeBeside(scene, node, first)
    return Compared(made, table, drawn, _words(record, unitOf(first)), list(record["warnings"]))


def _magnitudeOf(node: Any) -> Any:
    """Return the first magnitude that a map was made of, None where it is not known or lies elsewhere."""
    images = (image for image in imagesOf(node) if remembered(image).get("part") == "magnitude")
    return next((image for image in images if not geometryOf(image).difference(geometryOf(node))), None)


def _write(path: Path, array: Any, like: Any) -> str:
    write_image(path, array, geometryOf(like))
    return str(path)


def _words(record: Any, unit: str) -> str:
    """Return bias and limits of the voxels and of the regions' means as sentences."""
    said = []
    for name, found in record["agreement"].items():
        if found["sd"] is not None:
            said.append(
                f"{found['pairs']} {name}: bias {found['difference']:.3g}, 95 % limits of agreement "
                f"{found['lower']:.3g} to {found['upper']:.3g}, repeatability {found['repeatability']:.3g} {unit}."
            )
    moved = record["movement"]
    if moved is not None:
        said.append(f"The second lay up to {moved['shift']:.2g} mm and {moved['degrees']:.2g} degrees elsewhere.")
    return " ".join(said)


def _addTable(scene: Any, name: str, path: Path) -> Any:
    """Add a table node with the columns of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    node = slicer.vtkMRMLTableNode()
    node.SetName(scene.GenerateUniqueName(name))
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    for title in rows[0]:
        values = [row[title] for row in rows]
        column = vtk.vtkIntArray() if title in LABEL_COLUMNS else vtk.vtkDoubleArray()
        if title in ("name", "unit"):
            column = vtk.vtkStringArray()
        column.SetName(title)
        for value in values:
            column.InsertNextValue(value if title in ("name", "unit") else _number(value, title in LABEL_COLUMNS))
        node.AddColumn(column)
    return scene.AddNode(node)


def _number(text: str, whole: bool) -> float:
    return int(text) if whole else float(text or "nan")

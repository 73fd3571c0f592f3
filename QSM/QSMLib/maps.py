"""What the module knows of a volume that is a map: its unit, where it is valid, and what is zero in it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from QSMLogic.methods import METHODS
from QSMLogic.roi import Reference

from .labels import maskOn
from .results import (
    MAP_ATTRIBUTE,
    MASK_ROLE,
    PAGE_ROLE,
    PROVENANCE_ATTRIBUTE,
    REFERENCE_ATTRIBUTE,
    REPORT_ROLE,
    SOURCE_ROLE,
    UNIT_ATTRIBUTE,
)
from .volumes import arrayOf, nameOf

SUSCEPTIBILITY, PPM = "chi", "ppm"

ERODED_MASK = "eroded_mask"
IN_ERODED_MASK = ("local_field", "chi")
"""Maps of the pipeline that end where background removal does; further ones tell by what they are made from."""


def unitOf(node: Any) -> str:
    """Return the unit of a volume's values as a table shows it, such as "ppm"; empty where there is none."""
    if node is None:
        return ""
    if node.GetAttribute(UNIT_ATTRIBUTE) is not None:
        return node.GetAttribute(UNIT_ATTRIBUTE)
    units = node.GetVoxelValueUnits()
    return (units.GetCodeValue() or "").strip("[]") if units is not None else ""


def isMap(node: Any) -> bool:
    """Say whether a volume is a map of this module, or another one in ppm."""
    return node.GetAttribute(MAP_ATTRIBUTE) is not None or unitOf(node) == PPM


def isSusceptibility(node: Any) -> bool:
    """Say whether the zero of a volume can be chosen: of other maps of this module and in other units it is fixed."""
    name = node.GetAttribute(MAP_ATTRIBUTE)
    return unitOf(node) in ("", PPM) if name is None else name == SUSCEPTIBILITY


def referenceOf(node: Any) -> Reference | None:
    """Return what is zero in a susceptibility map; None where it is as the inversion left it, or nothing is known."""
    text = node.GetAttribute(REFERENCE_ATTRIBUTE)
    return Reference(**json.loads(text)) if text else None


def provenanceOf(node: Any) -> dict[str, Any]:
    """Return the record of the run that made a map, nothing where there was none."""
    text = None if node is None else node.GetAttribute(PROVENANCE_ATTRIBUTE)
    return json.loads(text) if text else {}


def pageOf(node: Any) -> str:
    """Return the report of the run that made a map as an HTML document, an empty text where there is none."""
    page = None if node is None else node.GetNodeReference(PAGE_ROLE)
    return "" if page is None else page.GetText() or ""


def imagesOf(node: Any) -> list[Any]:
    """Return the images that a map was made of, those that are still in the scene."""
    count = 0 if node is None else node.GetNumberOfNodeReferences(SOURCE_ROLE)
    found = (node.GetNthNodeReference(SOURCE_ROLE, i) for i in range(count))
    return [image for image in found if image is not None]


def maskOf(node: Any, given: Any = None) -> np.ndarray:
    """Return where a map is valid, (x, y, z) bool: in the given mask, else in its run's, else where it is not 0."""
    if given is not None:
        return maskOn(given, node)
    masks = node.GetNodeReference(MASK_ROLE)
    wanted = ERODED_MASK if _endsWithField(node.GetAttribute(MAP_ATTRIBUTE)) else "mask"
    if masks is not None and masks.GetSegmentation().GetSegment(wanted) is not None:
        return maskOn(masks, node, (wanted,))
    values = arrayOf(node)
    return np.isfinite(values) & (values != 0)


def _endsWithField(name: str | None) -> bool:
    """Tell whether a map is known only where the background was removed."""
    makers = [method for method in METHODS["maps"].values() if name in method.outputs]
    return name in IN_ERODED_MASK or any(ERODED_MASK in method.inputs for method in makers)


def describeLike(node: Any, other: Any, reference: Reference | None) -> None:
    """Give a map that was made from another all that is known of that one, and its own reference."""
    for name in other.GetAttributeNames():
        node.SetAttribute(name, other.GetAttribute(name))
    node.SetAttribute(REFERENCE_ATTRIBUTE, json.dumps(asdict(reference)) if reference else None)
    zero = f"relative to {reference.name}" if reference else "without a reference"
    node.SetDescription(f"{nameOf(other)}, {zero} (set after the run)")
    for role in (MASK_ROLE, REPORT_ROLE, PAGE_ROLE):
        node.SetNodeReferenceID(role, other.GetNodeReferenceID(role))
    for image in imagesOf(other):
        node.AddNodeReferenceID(SOURCE_ROLE, image.GetID())
    node.SetVoxelValueQuantity(other.GetVoxelValueQuantity())
    node.SetVoxelValueUnits(other.GetVoxelValueUnits())
    display, shown = node.GetDisplayNode(), other.GetDisplayNode()
    if shown is not None:
        display.CopyContent(shown)
        display.SetAndObserveColorNodeID(shown.GetColorNodeID())

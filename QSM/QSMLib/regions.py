"""The regions that can be measured: what a segmentation or label volume holds, on the voxels of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from QSMLogic.errors import InputError

from .labels import labelNames, labelsOn, refuseNoLabels, regionsOn
from .volumes import arrayOf, nameOf

GREY = (0.5, 0.5, 0.5)
"""Colour of a region that has none."""


class Choice(NamedTuple):
    """A region to choose: its label, what names it without doubt (segment ID, or label as text), name and colour."""

    label: int
    id: str
    name: str
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Regions:
    """Regions on the voxels of a map. owner: what to call the node they are of.

    parts: label images (x, y, z) that share no label. Together they hold every region whole; where regions overlap,
    one image could not.
    """

    choices: tuple[Choice, ...]
    parts: tuple[np.ndarray, ...]
    owner: str

    def find(self, which: str) -> Choice:
        """Return a region by its ID or name. Raises InputError where none or several fit."""
        found = [c for c in self.choices if c.id == which] or [c for c in self.choices if c.name == which]
        if not found:
            there = ", ".join(choice.name for choice in self.choices)
            raise InputError(f"{self.owner} has no region called {which}: choose one of those it has ({there}).")
        if len(found) > 1:
            raise InputError(f"{self.owner} has {len(found)} regions called {which}: give them different names.")
        return found[0]

    def voxels(self, label: int) -> np.ndarray:
        """Return where a region is, (x, y, z) bool."""
        return np.logical_or.reduce([part == label for part in self.parts])


def choicesOf(node: Any) -> tuple[Choice, ...]:
    """Return the regions of a segmentation, or the labels that a volume holds; empty for no node or none of these."""
    if node is None or not node.IsA("vtkMRMLSegmentationNode"):
        return _choicesOfVolume(node)
    segmentation = node.GetSegmentation()
    segments = [(id, segmentation.GetSegment(id)) for id in segmentation.GetSegmentIDs()]
    return tuple(Choice(n, id, s.GetName(), tuple(s.GetColor())) for n, (id, s) in enumerate(segments, 1))


def findRegions(node: Any, like: Any) -> Regions:
    """Return every region of a segmentation or label volume on the voxels of a map (nearest neighbour).

    The node may lie anywhere and be under any transform. Raises InputError where it holds no region.
    """
    if node is None:
        raise InputError("No regions are chosen: choose a segmentation or a label volume.")
    refuseNoLabels(node, "regions")
    choices = choicesOf(node)
    if not choices:
        raise InputError(f"{nameOf(node)} holds no region, all of it is 0: choose another volume.")
    segmentation = node.IsA("vtkMRMLSegmentationNode")
    parts = _parts(node, like) if segmentation else [labelsOn(node, like)[0]]
    return Regions(choices, tuple(parts), nameOf(node))


def _parts(node: Any, like: Any) -> list[np.ndarray]:
    """Return as few label images as hold every segment whole, the most often one."""
    parts: list[np.ndarray] = []
    taken: list[np.ndarray] = []
    for region in regionsOn(node, like):
        place = next((i for i, where in enumerate(taken) if not (where & region.mask).any()), len(parts))
        if place == len(parts):
            parts.append(np.zeros_like(region.mask, np.int32))
            taken.append(np.zeros_like(region.mask))
        taken[place] |= region.mask
        np.copyto(parts[place], region.label, where=region.mask)
    return parts


def _choicesOfVolume(node: Any) -> tuple[Choice, ...]:
    if node is None or not node.IsA("vtkMRMLScalarVolumeNode") or node.GetImageData() is None:
        return ()
    values = np.unique(arrayOf(node))
    labels = [int(value) for value in values if np.isfinite(value) and value != 0 and value == int(value)]
    names, display = labelNames(node), node.GetDisplayNode()
    colours = display and display.GetColorNode() and display.GetColorNode().GetLookupTable()
    return tuple(Choice(n, str(n), names.get(n, f"label {n}"), _colour(colours, n)) for n in labels)


def _colour(table: Any, label: int) -> tuple[float, float, float]:
    if not table or not 0 <= label < table.GetNumberOfTableValues():
        return GREY
    return tuple(table.GetTableValue(label)[:3])

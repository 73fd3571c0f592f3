"""How results are looked at: the magnitude behind, a map over it, in every slice view of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk

from QSMLogic.report.windows import Window, window

from .colours import TAG, divergingColours
from .results import MAP_ATTRIBUTE
from .volumes import arrayOf, nodesOf

GREY, DIVERGING = "grey", "diverging"

GREY_ID = "vtkMRMLColorTableNodeGrey"
"""Of Slicer's own table."""

CHOSEN_ATTRIBUTE = "QSM.coloursChosen"
"""Attribute of a display node whose colours are no longer those that Slicer gives every volume."""

FIELDS = ("total_field", "local_field", "total_field_hz", "local_field_hz", "simulated_field", "field_misfit")
"""Maps that are shown in diverging colours unless other ones are asked for."""

LEGEND_SIZE = (0.1, 0.35)
"""Parts of a view's width and height; Slicer's own size hides more of the image."""

LABEL_FORMAT = "%.2g"
"""Of the numbers beside a colour legend: 0.05 ppm and 60 1/s both want two digits."""


@dataclass(frozen=True)
class Shown:
    """What the slice views show: a map, the background behind it (each may be None), and how."""

    map: Any
    background: Any
    opacity: float = 1.0
    linked: bool = True


def showMap(
    scene: Any,
    mapNode: Any,
    background: Any = None,
    *,
    opacity: float = 1.0,
    threshold: tuple[float, float] | None = None,
    colours: Any = None,
    linked: bool = True,
    fit: bool = False,
) -> None:
    """Show a map over a background volume in all slice views; without a background the map takes its place.

    opacity: of the map, 0 to 1. threshold: lowest and highest value shown; None: all are. colours: "grey", "diverging"
    or a colour node; None: those it was given before, at first grey, and diverging for the field maps. linked: moving
    one view moves those like it. fit: centre the views on the volume.
    """
    mapNode.CreateDefaultDisplayNodes()
    setColours(scene, mapNode, colours or coloursOf(mapNode))
    setThreshold(mapNode, threshold)
    behind, over = (background, mapNode) if background not in (None, mapNode) else (mapNode, None)
    for view in _compositeNodes(scene):
        view.SetBackgroundVolumeID(behind.GetID())
        view.SetForegroundVolumeID(over.GetID() if over else None)
        view.SetForegroundOpacity(opacity)
        view.SetLinkedControl(linked)
    _showLegend(scene, mapNode)
    if fit:
        fitViews(scene, behind)


def hideMap(scene: Any, background: Any = None) -> None:
    """Take the map away; the background stays, or this one is shown."""
    for view in _compositeNodes(scene):
        view.SetForegroundVolumeID(None)
        if background is not None:
            view.SetBackgroundVolumeID(background.GetID())
    _showLegend(scene, None)


def shownMap(scene: Any) -> Shown:
    """Return what the first slice view shows; a volume with nothing over it is the map if it has been one before."""
    views = _compositeNodes(scene)
    if not views:
        return Shown(None, None)
    layers = (views[0].GetBackgroundVolumeID(), views[0].GetForegroundVolumeID())
    behind, over = (scene.GetNodeByID(layer or "") for layer in layers)
    if over is None and _isMap(behind):
        behind, over = None, behind
    covers = over is not None and behind is not None  # else the opacity is of nothing: 0 in a new scene
    opacity = views[0].GetForegroundOpacity() if covers else 1.0
    return Shown(over, behind, opacity, bool(views[0].GetLinkedControl()))


def setOpacity(scene: Any, opacity: float) -> None:
    """Set the opacity of the map in all slice views, 0 to 1."""
    for view in _compositeNodes(scene):
        view.SetForegroundOpacity(opacity)


def setLinked(scene: Any, linked: bool) -> None:
    """Link the slice views, or let each move by itself."""
    for view in _compositeNodes(scene):
        view.SetLinkedControl(linked)


def setThreshold(mapNode: Any, threshold: tuple[float, float] | None) -> None:
    """Show the values from the lowest to the highest of `threshold` only; None: all."""
    display = mapNode.GetDisplayNode()
    display.SetAutoThreshold(False)
    if threshold is not None:
        display.SetThreshold(*threshold)
    display.SetApplyThreshold(threshold is not None)


def thresholdOf(mapNode: Any) -> tuple[float, float] | None:
    """Return the lowest and highest value shown; None where all are."""
    display = mapNode.GetDisplayNode()
    if display is None or not display.GetApplyThreshold():
        return None
    return display.GetLowerThreshold(), display.GetUpperThreshold()


def setColours(scene: Any, mapNode: Any, colours: Any) -> None:
    """Give a map its colours: "grey", "diverging" or a colour node. New colours bring their window with them."""
    known = {GREY: lambda: scene.GetNodeByID(GREY_ID), DIVERGING: lambda: divergingColours(scene)}
    node = known[colours]() if isinstance(colours, str) else colours
    display = mapNode.GetDisplayNode()
    display.SetAttribute(CHOSEN_ATTRIBUTE, "1")
    if display.GetColorNodeID() != node.GetID() or display.GetAutoWindowLevel():
        display.SetAndObserveColorNodeID(node.GetID())
        resetWindow(mapNode)


def coloursOf(mapNode: Any) -> Any:
    """Return "grey", "diverging" or the colour node of a map; those it will have where it was not shown yet."""
    display = mapNode.GetDisplayNode()
    if display is None or display.GetAttribute(CHOSEN_ATTRIBUTE) is None:
        return DIVERGING if mapNode.GetAttribute(MAP_ATTRIBUTE) in FIELDS else GREY
    node = display.GetColorNode()
    if node is None or node.GetID() == GREY_ID:
        return GREY
    return DIVERGING if _isDiverging(node) else node


def resetWindow(mapNode: Any) -> None:
    """Show a map with its own grey scale; where its colours diverge, from as far below zero as above."""
    low, high = windowOf(mapNode).limits(arrayOf(mapNode))
    display = mapNode.GetDisplayNode()
    if _isDiverging(display.GetColorNode()):
        high = max(abs(low), abs(high))
        low = -high
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(low, high)


def windowOf(mapNode: Any) -> Window:
    """Return title, unit and grey scale of the map a node holds; of any other volume, those of its values."""
    return window(mapNode.GetAttribute(MAP_ATTRIBUTE) or mapNode.GetName())


def showMask(segmentation: Any, visible: bool = True) -> None:
    """Show a mask as an outline, so that the image in it stays free; or hide it."""
    segmentation.CreateDefaultDisplayNodes()
    display = segmentation.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetVisibility(visible)


def isMaskShown(segmentation: Any) -> bool:
    """Say whether a mask is shown."""
    display = segmentation.GetDisplayNode()
    return display is not None and bool(display.GetVisibility())


def fitViews(scene: Any, volumeNode: Any) -> None:
    """Centre every slice view on a volume, with all of it in sight."""
    bounds = [0.0] * 6
    volumeNode.GetRASBounds(bounds)
    extent = np.diff(np.reshape(bounds, (3, 2)), axis=1)[:, 0]
    centre = _middleVoxel(volumeNode)
    for view in nodesOf(scene, "vtkMRMLSliceNode"):
        toRas = view.GetSliceToRAS()
        axes = slicer.util.arrayFromVTKMatrix(toRas)[:3, :3]
        across, up = (np.abs(axes).T @ extent)[:2]
        columns, rows = view.GetDimensions()[:2]
        perPixel = max(across / max(columns, 1), up / max(rows, 1))
        for row in range(3):
            toRas.SetElement(row, 3, centre[row])
        view.SetFieldOfView(perPixel * columns, perPixel * rows, view.GetFieldOfView()[2])
        view.SetSliceOrigin(0, 0, 0)
        view.UpdateMatrices()


def _middleVoxel(volumeNode: Any) -> np.ndarray:
    """Return where the voxel nearest the centre lies: a view between two slices would show a mean of both."""
    toRas, toWorld = vtk.vtkMatrix4x4(), vtk.vtkGeneralTransform()
    volumeNode.GetIJKToRASMatrix(toRas)
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(volumeNode.GetParentTransformNode(), None, toWorld)
    voxel = [size // 2 for size in volumeNode.GetImageData().GetDimensions()]
    return np.array(toWorld.TransformPoint(toRas.MultiplyPoint((*voxel, 1))[:3]))


def _showLegend(scene: Any, mapNode: Any) -> None:
    """Show what the colours of this map mean, and of no other."""
    for legend in nodesOf(scene, "vtkMRMLColorLegendDisplayNode"):
        if legend.GetAttribute(MAP_ATTRIBUTE) is not None:
            legend.SetVisibility(False)
    if mapNode is None:
        return
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(mapNode)
    shown = windowOf(mapNode)
    if legend.GetAttribute(MAP_ATTRIBUTE) is None:  # new: later a user may have changed it
        legend.SetSize(*LEGEND_SIZE)
    legend.SetAttribute(MAP_ATTRIBUTE, shown.title)
    legend.SetTitleText(f"{shown.title} [{shown.unit}]" if shown.unit else shown.title)
    legend.SetLabelFormat(LABEL_FORMAT)
    legend.SetVisibility(True)


def _isMap(node: Any) -> bool:
    display = node and node.GetDisplayNode()
    return display is not None and display.GetAttribute(CHOSEN_ATTRIBUTE) is not None


def _isDiverging(colours: Any) -> bool:
    return colours is not None and colours.GetAttribute(TAG) is not None


def _compositeNodes(scene: Any) -> list[Any]:
    return nodesOf(scene, "vtkMRMLSliceCompositeNode")

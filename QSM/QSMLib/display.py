"""How results are looked at: the magnitude behind, a map over it, in every slice view of a scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk

from QSMLogic.report.windows import Window, window

from .colours import divergingColours
from .results import MAP_ATTRIBUTE
from .volumes import arrayOf

GREY, DIVERGING = "grey", "diverging"

FIELDS = ("total_field", "local_field")
"""Maps that are shown in diverging colours unless other ones are asked for."""

LABEL_FORMAT = "%.2g"
"""Of the numbers beside a colour legend: 0.05 ppm and 60 1/s both want two digits."""


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
    or a colour node; None: grey, and diverging for the field maps. linked: moving one view moves those like it.
    fit: centre the views on the volume.
    """
    mapNode.CreateDefaultDisplayNodes()
    setColours(scene, mapNode, colours or defaultColours(mapNode))
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


def hideMap(scene: Any) -> None:
    """Take the map away; the background stays."""
    for view in _compositeNodes(scene):
        view.SetForegroundVolumeID(None)
    _showLegend(scene, None)


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


def setColours(scene: Any, mapNode: Any, colours: Any) -> None:
    """Give a map its colours: "grey", "diverging" or a colour node. New colours bring their window with them."""
    known = {GREY: lambda: scene.GetNodeByID("vtkMRMLColorTableNodeGrey"), DIVERGING: lambda: divergingColours(scene)}
    node = known[colours]() if isinstance(colours, str) else colours
    display = mapNode.GetDisplayNode()
    if display.GetColorNodeID() != node.GetID() or display.GetAutoWindowLevel():
        display.SetAndObserveColorNodeID(node.GetID())
        resetWindow(mapNode)


def resetWindow(mapNode: Any) -> None:
    """Show a map with its own grey scale; where its colours diverge, from as far below zero as above."""
    low, high = windowOf(mapNode).limits(arrayOf(mapNode))
    display = mapNode.GetDisplayNode()
    if divergingColours(mapNode.GetScene(), make=False) == display.GetColorNode() is not None:
        high = max(abs(low), abs(high))
        low = -high
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(low, high)


def windowOf(mapNode: Any) -> Window:
    """Return title, unit and grey scale of the map a node holds; of any other volume, those of its values."""
    return window(mapNode.GetAttribute(MAP_ATTRIBUTE) or mapNode.GetName())


def defaultColours(mapNode: Any) -> str:
    """Return the colours a map is shown in unless other ones are asked for."""
    return DIVERGING if mapNode.GetAttribute(MAP_ATTRIBUTE) in FIELDS else GREY


def showMask(segmentation: Any, visible: bool = True) -> None:
    """Show a mask as an outline, so that the image in it stays free; or hide it."""
    segmentation.CreateDefaultDisplayNodes()
    display = segmentation.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetVisibility(visible)


def fitViews(scene: Any, volumeNode: Any) -> None:
    """Centre every slice view on a volume, with all of it in sight."""
    bounds = [0.0] * 6
    volumeNode.GetRASBounds(bounds)
    extent = np.diff(np.reshape(bounds, (3, 2)), axis=1)[:, 0]
    centre = _middleVoxel(volumeNode)
    for view in _nodes(scene, "vtkMRMLSliceNode"):
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
    for legend in _nodes(scene, "vtkMRMLColorLegendDisplayNode"):
        if legend.GetAttribute(MAP_ATTRIBUTE) is not None:
            legend.SetVisibility(False)
    if mapNode is None:
        return
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(mapNode)
    shown = windowOf(mapNode)
    legend.SetAttribute(MAP_ATTRIBUTE, shown.title)
    legend.SetTitleText(f"{shown.title} [{shown.unit}]" if shown.unit else shown.title)
    legend.SetLabelFormat(LABEL_FORMAT)
    legend.SetVisibility(True)


def _compositeNodes(scene: Any) -> list[Any]:
    return _nodes(scene, "vtkMRMLSliceCompositeNode")


def _nodes(scene: Any, kind: str) -> list[Any]:
    return [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]

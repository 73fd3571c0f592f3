"""Veins and nuclei in the 3-D views: a map as a cloud by one fixed transfer function, and regions as surfaces.

The state is that of the display nodes: it is saved with the scene.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from .maps import isSusceptibility
from .results import MAP_ATTRIBUTE
from .volumes import nodesOf

OPACITY = ((0.0, 0.0), (0.1, 0.0), (0.2, 0.4), (0.4, 0.9))
"""ppm, opacity; straight lines between, level beyond. Below 0.1 ppm, where tissue and most of the noise are, nothing is
drawn; veins and the nuclei that hold most iron lie above."""

COLOURS = ((0.1, (0.45, 0.1, 0.05)), (0.2, (0.9, 0.45, 0.1)), (0.4, (1.0, 0.95, 0.8)))
"""ppm and red, green, blue: from dark red to nearly white."""

AMBIENT, DIFFUSE, SPECULAR = 0.3, 0.7, 0.2
"""Of the light on the cloud; a shaded one shows its shape."""

OWN = "QSM.rendering"
"""Attribute of a display node that shows a map in 3-D for this module."""

RENDERED = ("chi", "chi_para")
"""Maps of the module whose sources are positive numbers in ppm."""


def canShow3D(node: Any) -> bool:
    """Say whether the transfer function, which is in ppm, suits a volume."""
    if node is None or node.GetImageData() is None:
        return False
    name = node.GetAttribute(MAP_ATTRIBUTE)
    return name in RENDERED if name is not None else isSusceptibility(node)


def show3D(scene: Any, mapNode: Any, logic: Any, visible: bool = True) -> None:
    """Show a map in the 3-D views, in place of any other that was shown so, or take it away.

    logic: that of Slicer's module Volume Rendering, on the same scene.
    """
    for display in nodesOf(scene, "vtkMRMLVolumeRenderingDisplayNode"):
        if display.GetAttribute(OWN) is not None:
            display.SetVisibility(False)
    if not visible:
        return
    display = logic.CreateDefaultVolumeRenderingNodes(mapNode)  # does not make them twice
    if display.GetAttribute(OWN) is None:  # later a user may have changed the function
        display.SetAttribute(OWN, "1")
        _setFunction(display.GetVolumePropertyNode())
    display.SetVisibility(True)
    _showView(scene)


def isShown3D(mapNode: Any) -> bool:
    """Say whether a map is shown in the 3-D views."""
    shown = (mapNode.GetNthDisplayNode(i) for i in range(mapNode.GetNumberOfDisplayNodes()))
    return any(d is not None and d.GetAttribute(OWN) is not None and bool(d.GetVisibility()) for d in shown)


def showSurfaces(scene: Any, segmentation: Any, visible: bool = True) -> None:
    """Show the segments as surfaces in the 3-D views, or take them away; they stay as they are in the slices."""
    segmentation.CreateDefaultDisplayNodes()
    if visible:
        segmentation.CreateClosedSurfaceRepresentation()
        segmentation.GetDisplayNode().SetVisibility(True)
        _showView(scene)
    segmentation.GetDisplayNode().SetVisibility3D(visible)


def areSurfacesShown(segmentation: Any) -> bool:
    """Say whether segments are shown as surfaces."""
    display = segmentation.GetDisplayNode()
    there = segmentation.GetSegmentation().ContainsRepresentation(
        slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    )
    return display is not None and there and bool(display.GetVisibility() and display.GetVisibility3D())


def _setFunction(node: Any) -> None:
    """Give a volume property the transfer function of this module."""
    opacity, colours = vtk.vtkPiecewiseFunction(), vtk.vtkColorTransferFunction()
    for value, part in OPACITY:
        opacity.AddPoint(value, part)
    for value, colour in COLOURS:
        colours.AddRGBPoint(value, *colour)
    node.SetScalarOpacity(opacity)
    node.SetColor(colours)
    light = node.GetVolumeProperty()
    light.ShadeOn()
    light.SetInterpolationTypeToLinear()
    light.SetAmbient(AMBIENT)
    light.SetDiffuse(DIFFUSE)
    light.SetSpecular(SPECULAR)


def _showView(scene: Any) -> None:
    """Choose a layout with a 3-D view where the one that is chosen has none."""
    if not any(view.IsMappedInLayout() for view in nodesOf(scene, "vtkMRMLViewNode")):
        layout = next(iter(nodesOf(scene, "vtkMRMLLayoutNode")), None)
        if layout is not None:
            layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

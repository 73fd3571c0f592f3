"""How a map is looked at: over which image, how opaque, between which values, in which colours. It works at once.

The state is that of the slice views and of the map's own display: it is saved with the scene.
"""

from __future__ import annotations

import math
from typing import Any

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from .. import display, figure, rendering
from ..reproduce import fileName
from ..results import MASK_ROLE
from ..volumes import shownNode
from .editors import narrow
from .section import Section
from .windows import lookAtAll, savePath

OTHER = "other"
"""Entry of the menu of colours beside the module's own."""

STEPS = 500
"""Of the threshold, from the lowest to the highest value of a map."""


class ShowSection(Section):
    """The section Show."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make the widgets."""
        super().__init__(frame, panel)
        form = qt.QFormLayout(frame)
        self.mapMenu = self._volumeMenu("showMapSelector", _("Volume that is shown: a map of a run, or any other."))
        form.addRow(_("Map:"), self.mapMenu)
        self.behindMenu = self._volumeMenu("showBehindSelector", _("Volume behind the map, such as the magnitude."))
        form.addRow(_("Behind:"), self.behindMenu)
        self.opacity = ctk.ctkSliderWidget()
        self.opacity.name = "showOpacitySlider"
        self.opacity.toolTip = _("How much the map covers what lies behind it.")
        self.opacity.maximum, self.opacity.singleStep, self.opacity.decimals = 1.0, 0.05, 2
        form.addRow(_("Opacity:"), self.opacity)
        self._addThreshold(form)
        self._addColours(form)
        self._addSwitches(form)
        self._connect()

    def refresh(self) -> None:
        """Show how the slice views are."""
        shown = display.shownMap(self.panel.scene)
        self.mapMenu.setCurrentNode(shown.map)
        self.behindMenu.setCurrentNode(shown.background)
        self.opacity.value = shown.opacity
        self.opacity.enabled = shown.map is not None and shown.background is not None
        self.linked.checked = shown.linked
        for widget in (self.thresholded, self.colours, self.resetButton, self.fitButton, self.figureButton):
            widget.enabled = shown.map is not None
        masks = _masksOf(shown.map)
        self.outline.enabled = masks is not None
        self.outline.checked = masks is not None and display.isMaskShown(masks)
        self.inSpace.enabled = rendering.canShow3D(shown.map)
        self.inSpace.checked = self.inSpace.enabled and rendering.isShown3D(shown.map)
        self.inSpace.toolTip = (
            _("Show what has more than 0.1 ppm, veins and nuclei, in the 3-D view.")
            if self.inSpace.enabled
            else _("Only a map of susceptibility can be shown in 3-D.")
        )
        self._refreshThreshold(shown.map)
        self._refreshColours(shown.map)

    def resultsChanged(self, outputs: Any) -> None:
        """Show chi over the magnitude of the run."""
        if outputs.chi is None:
            return
        scene = self.panel.scene
        display.showMap(scene, outputs.chi, _behind(outputs.request.magnitudes, scene), linked=True, fit=True)
        if "mask" in outputs.nodes:
            display.showMask(outputs.nodes["mask"], self.outline.checked)
        self.panel.refresh()

    def _volumeMenu(self, name: str, text: str) -> Any:
        menu = narrow(slicer.qMRMLNodeComboBox())
        menu.name = name
        menu.toolTip = text
        menu.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        menu.addEnabled = menu.removeEnabled = False
        menu.noneEnabled = True
        menu.setMRMLScene(self.panel.scene)
        return menu

    def _addThreshold(self, form: Any) -> None:
        self.thresholded = qt.QCheckBox()
        self.thresholded.name = "showThresholdCheckBox"
        self.range = ctk.ctkRangeWidget()
        self.range.name = "showThresholdRange"
        for widget in (self.thresholded, self.range):
            widget.toolTip = _("Show the map only where its value is between these two.")
        row = qt.QHBoxLayout()
        row.addWidget(self.thresholded)
        row.addWidget(self.range, 1)
        form.addRow(_("Threshold:"), row)

    def _addColours(self, form: Any) -> None:
        self.colours = narrow(qt.QComboBox())
        self.colours.name = "showColoursComboBox"
        self.colours.addItem(_("Grey"), display.GREY)
        self.colours.addItem(_("Blue, white, red"), display.DIVERGING)
        self.colours.addItem(_("Other"), OTHER)
        self.otherColours = narrow(slicer.qMRMLColorTableComboBox())
        self.otherColours.name = "showOtherColoursSelector"
        self.otherColours.setMRMLScene(self.panel.scene)
        self.resetButton = qt.QPushButton(_("Reset window"))
        self.resetButton.name = "showResetButton"
        self.resetButton.toolTip = _("Show the map with its own window again, such as -0.1 to 0.2 ppm for chi.")
        row = qt.QHBoxLayout()
        row.addWidget(self.colours, 1)
        row.addWidget(self.otherColours, 1)
        row.addWidget(self.resetButton)
        form.addRow(_("Colours:"), row)

    def _addSwitches(self, form: Any) -> None:
        self.linked = qt.QCheckBox(_("Linked views"))
        self.linked.name = "showLinkedCheckBox"
        self.linked.toolTip = _("What is chosen or moved in one slice view is so in all of them.")
        self.outline = qt.QCheckBox(_("Outline of the mask"))
        self.outline.name = "showMaskCheckBox"
        self.outline.toolTip = _("Draw the edge of the mask that the map was computed in.")
        self.inSpace = qt.QCheckBox(_("In 3-D"))
        self.inSpace.name = "show3DCheckBox"
        self.fitButton = qt.QPushButton(_("Fit views"))
        self.fitButton.name = "showFitButton"
        self.fitButton.toolTip = _("Centre the slice views on the map.")
        row = qt.QHBoxLayout()
        row.addWidget(self.linked)
        row.addWidget(self.outline)
        row.addWidget(self.inSpace)
        row.addStretch(1)
        form.addRow(row)
        self.figureButton = qt.QPushButton(_("Save figure..."))
        self.figureButton.name = "showFigureButton"
        self.figureButton.toolTip = _("Write the maps of this run, where the views cut them, in fixed greys as a PNG.")
        buttons = qt.QHBoxLayout()
        buttons.addWidget(self.fitButton)
        buttons.addWidget(self.figureButton)
        form.addRow(buttons)

    def _connect(self) -> None:
        connect, scene = self.panel.connect, self.panel.scene
        connect(self.mapMenu, "nodeActivated(vtkMRMLNode*)", self._chooseVolumes)
        connect(self.behindMenu, "nodeActivated(vtkMRMLNode*)", self._chooseVolumes)
        connect(self.opacity, "valueChanged(double)", lambda: display.setOpacity(scene, self.opacity.value))
        connect(self.thresholded, "toggled(bool)", self._setThreshold)
        connect(self.range, "valuesChanged(double,double)", self._setThreshold)
        connect(self.colours, "currentIndexChanged(int)", self._chooseColours)
        connect(self.otherColours, "nodeActivated(vtkMRMLNode*)", self._chooseColours)
        connect(self.resetButton, "clicked()", lambda: display.resetWindow(self.mapMenu.currentNode()))
        connect(self.linked, "toggled(bool)", lambda: display.setLinked(scene, self.linked.checked))
        connect(self.outline, "toggled(bool)", self._showOutline)
        connect(self.inSpace, "toggled(bool)", self._show3D)
        connect(self.figureButton, "clicked()", self._saveFigure)
        connect(self.fitButton, "clicked()", lambda: display.fitViews(scene, self.mapMenu.currentNode()))

    def _chooseVolumes(self) -> None:
        node, behind = self.mapMenu.currentNode(), self.behindMenu.currentNode()
        if node is None:
            display.hideMap(self.panel.scene, behind)
        else:
            threshold = display.thresholdOf(node)
            options = {"opacity": self.opacity.value, "linked": self.linked.checked, "threshold": threshold}
            display.showMap(self.panel.scene, node, behind, **options)
        self.panel.refresh()

    def _setThreshold(self) -> None:
        limits = (self.range.minimumValue, self.range.maximumValue)
        display.setThreshold(self.mapMenu.currentNode(), limits if self.thresholded.checked else None)
        self.range.enabled = self.thresholded.checked

    def _chooseColours(self) -> None:
        chosen = self.colours.itemData(self.colours.currentIndex)
        if chosen == OTHER:
            self.otherColours.visible = True
            chosen = self.otherColours.currentNode()
        if chosen is not None:
            display.setColours(self.panel.scene, self.mapMenu.currentNode(), chosen)
        if chosen in (display.GREY, display.DIVERGING):
            self.otherColours.visible = False

    def _showOutline(self) -> None:
        display.showMask(_masksOf(self.mapMenu.currentNode()), self.outline.checked)

    def _show3D(self) -> None:
        with slicer.util.WaitCursor():
            logic = slicer.modules.volumerendering.logic()
            rendering.show3D(self.panel.scene, self.mapMenu.currentNode(), logic, self.inSpace.checked)
        lookAtAll()

    def _saveFigure(self) -> None:
        node = self.mapMenu.currentNode()
        path = savePath(self.frame, _("Save the figure"), fileName(node.GetName()), figure.ENDING)
        if path is None:
            return
        maps = figure.mapsOfRun(self.panel.scene, node)
        with slicer.util.WaitCursor():
            figure.writeFigure(path, self.panel.scene, maps, self.behindMenu.currentNode())
        self.panel.say(_("Saved {path}.").format(path=path))

    def _refreshThreshold(self, node: Any) -> None:
        limits = display.thresholdOf(node) if node is not None else None
        self.thresholded.checked = limits is not None
        self.range.enabled = limits is not None
        if node is None or node.GetImageData() is None:
            return
        low, high = node.GetImageData().GetScalarRange()
        decimals = max(0, 1 - math.floor(math.log10((high - low) / STEPS))) if high > low else 1
        self.range.decimals = decimals
        self.range.singleStep = 10.0**-decimals
        self.range.setRange(_rounded(low, decimals, math.floor), _rounded(high, decimals, math.ceil))
        self.range.setValues(*(limits or (self.range.minimum, self.range.maximum)))

    def _refreshColours(self, node: Any) -> None:
        chosen = display.coloursOf(node) if node is not None else display.GREY
        own = isinstance(chosen, str)
        self.colours.setCurrentIndex(self.colours.findData(chosen if own else OTHER))
        self.otherColours.visible = not own
        if not own:
            self.otherColours.setCurrentNode(chosen)


def _behind(magnitudes: tuple[Any, ...], scene: Any) -> Any:
    """Return the first image that can be shown: not removed during the run, and no sequence that no browser shows."""
    shown = (shownNode(node, scene) for node in magnitudes)
    return next((n for n in shown if scene.IsNodePresent(n) and n.IsA("vtkMRMLScalarVolumeNode")), None)


def _masksOf(node: Any) -> Any:
    """Return the segmentation of the masks that a map was computed in."""
    return node.GetNodeReference(MASK_ROLE) if node is not None else None


def _rounded(value: float, decimals: int, towards: Any) -> float:
    """Return a number with so many decimals that does not shut the value out."""
    return towards(value * 10**decimals) / 10**decimals

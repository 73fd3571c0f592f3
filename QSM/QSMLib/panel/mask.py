"""Where to compute: masking methods, or a segmentation or label volume."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError

from ..needs import asks
from ..parameters import METHODS_MASK, NODE_MASK
from ..regions import choicesOf
from ..stored import Together
from ..volumes import shownNode
from .section import Section
from .steps_form import MaskingForm

EDITOR = "SegmentEditor"
"""Singleton tag of the Segment Editor's node, and the module's name."""

LIST_ROWS, ROW_HEIGHT = 5, 20
"""Segments shown at once, and pixels of each."""


class MaskSection(Section):
    """The mask."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Connect the widgets."""
        super().__init__(frame, panel)
        self.masking = MaskingForm(panel, self.ui.maskingFrame)
        self.ui.maskSourceComboBox.addItem(_("Automatic"), METHODS_MASK)
        self.ui.maskSourceComboBox.addItem(_("Segmentation or label volume"), NODE_MASK)
        panel.connect(self.ui.maskSourceComboBox, "currentIndexChanged(int)", self._chooseSource)
        panel.connect(self.ui.maskSelector, "nodeActivated(vtkMRMLNode*)", self._chooseNode)
        panel.connect(self.ui.maskSegmentsList, "itemChanged(QListWidgetItem*)", self._chooseSegments)
        panel.connect(self.ui.editMaskButton, "clicked()", self._edit)

    def refresh(self) -> None:
        """Show the mask."""
        parameters = self.panel.parameters
        sources, node = self.ui.maskSourceComboBox, parameters.mask
        sources.setCurrentIndex(sources.findData(parameters.maskSource))
        self.ui.maskSelector.setCurrentNode(node)
        for widget in (self.ui.maskNodeLabel, self.ui.maskSelector):
            widget.visible = parameters.needsMask
        segments = segmentsOf(node) if parameters.needsMask else []
        for widget in (self.ui.maskSegmentsLabel, self.ui.maskSegmentsList):
            widget.visible = len(segments) > 1
        self._showSegments(segments, parameters.maskSegments)
        self.ui.editMaskButton.visible = parameters.needsMask
        self.ui.maskingFrame.visible = parameters.maskSource == METHODS_MASK or asks(parameters.settings, "given_mask")
        self.masking.refresh()

    def _showSegments(self, segments: list[tuple[str, str]], chosen: tuple[str, ...]) -> None:
        box = self.ui.maskSegmentsList
        if [box.item(i).data(qt.Qt.UserRole) for i in range(box.count)] != [identity for identity, _name in segments]:
            box.clear()
            for identity, _name in segments:
                item = qt.QListWidgetItem()
                item.setData(qt.Qt.UserRole, identity)
                item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
                box.addItem(item)
            box.setFixedHeight(min(len(segments), LIST_ROWS) * ROW_HEIGHT + 6)
        for i, (identity, name) in enumerate(segments):
            box.item(i).setText(name)
            box.item(i).setCheckState(qt.Qt.Checked if identity in chosen else qt.Qt.Unchecked)

    def _chooseSource(self) -> None:
        sources = self.ui.maskSourceComboBox
        self.panel.parameters.maskSource = sources.itemData(sources.currentIndex)

    def _chooseNode(self) -> None:
        with Together(self.panel.parameters.node):
            self.panel.parameters.mask = self.ui.maskSelector.currentNode()
            self.panel.parameters.maskSegments = ()

    def _chooseSegments(self) -> None:
        box = self.ui.maskSegmentsList
        items = [box.item(i) for i in range(box.count)]
        chosen = [item.data(qt.Qt.UserRole) for item in items if item.checkState() == qt.Qt.Checked]
        self.panel.parameters.maskSegments = chosen

    def _edit(self) -> None:
        """Open the Segment Editor on the mask, with the magnitude behind it."""
        node = self.panel.parameters.mask
        if node is None:
            node = self._newSegmentation()
        elif not node.IsA("vtkMRMLSegmentationNode"):
            raise InputError("Only a segmentation can be edited: convert the label volume in the module Data.")
        openInEditor(self.panel.scene, node, self._image())

    def _newSegmentation(self) -> Any:
        """Make an empty segmentation on the voxels of the image, and take it as the mask."""
        image = self._image()
        node = self.panel.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", _("Mask"))
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(image)
        node.SetAndObserveTransformNodeID(image.GetTransformNodeID())
        node.GetSegmentation().AddEmptySegment("", _("Mask"))
        self.panel.parameters.mask = node
        return node

    def _image(self) -> Any:
        phases, magnitudes = self.panel.parameters.images(self.panel.scene)
        return shownNode((magnitudes or phases)[0], self.panel.scene)


def segmentsOf(node: Any) -> list[tuple[str, str]]:
    """Return ID and name of every segment; none of a label volume, whose labels are taken together."""
    if node is None or not node.IsA("vtkMRMLSegmentationNode"):
        return []
    return [(choice.id, choice.name) for choice in choicesOf(node)]


def openInEditor(scene: Any, segmentation: Any, image: Any) -> None:
    """Open the Segment Editor on a segmentation, with an image behind it."""
    editor = editorNode(scene)
    editor.SetAndObserveSegmentationNode(segmentation)
    editor.SetAndObserveSourceVolumeNode(image)
    slicer.util.selectModule(EDITOR)


def editorNode(scene: Any) -> Any:
    """Return the node that keeps the Segment Editor's choices; its module makes the same where there is none."""
    node = scene.GetSingletonNode(EDITOR, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag(EDITOR)
        node = scene.AddNode(node)
    return node

"""Slicer's module Segment Editor, as far as another module sends a person there."""

import qt


class qMRMLSegmentEditorWidget(qt.QWidget):
    """Knows the segmentation and the volume it was given."""

    _segmentation = _volume = None

    def setSegmentationNode(self, node) -> None:
        """Take the segmentation."""
        self._segmentation = node

    def segmentationNode(self):
        """Return it."""
        return self._segmentation

    def setSourceVolumeNode(self, node) -> None:
        """Take the volume to draw on."""
        self._volume = node

    def sourceVolumeNode(self):
        """Return it."""
        return self._volume


class SegmentEditor:
    """The module, its widget, and the widget in Python, in one."""

    name = title = "SegmentEditor"

    def __init__(self) -> None:
        self.editor = qMRMLSegmentEditorWidget()

    def logic(self) -> None:
        """Return None: nobody asks."""

    def widgetRepresentation(self):
        """Return the widget."""
        return self

    def self(self):
        """Return the widget in Python."""
        return self

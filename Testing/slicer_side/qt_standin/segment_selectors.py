"""Widgets that list the segments of a segmentation."""

import qt
import slicer
from PySide6.QtCore import Property, Signal

from slicer_side.qt_standin.mrml_base import Observing, qMRMLWidget
from slicer_side.qt_standin.node_selectors import qMRMLNodeComboBox
from slicer_side.qt_standin.properties import stored


class Segments(Observing):
    """Follows the segments of one segmentation."""

    _node = None

    def _follow(self, node) -> None:
        self.unobserve()
        self._node = node
        if node is not None:
            kind = slicer.vtkSegmentation
            for event in (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified, kind.SegmentsOrderModified):
                self.observe(node.GetSegmentation(), event, "_refill")
        self._refill()

    def _ids(self) -> tuple[str, ...]:
        return tuple(self._node.GetSegmentation().GetSegmentIDs()) if self._node is not None else ()

    def _name(self, segment_id: str) -> str:
        return self._node.GetSegmentation().GetSegment(segment_id).GetName()


class qMRMLSegmentSelectorWidget(qMRMLWidget, Segments):
    """A segmentation, and one or several of its segments."""

    currentNodeChanged = Signal((object,), (bool,))
    currentSegmentChanged = Signal(str)
    segmentSelectionChanged = Signal("QStringList")

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        row = qt.QVBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._nodes = qMRMLNodeComboBox(self)
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._nodes.addEnabled = False
        self._box = qt.QComboBox(self)
        row.addWidget(self._nodes)
        row.addWidget(self._box)
        self._current, self._selected = "", []
        self._nodes.currentNodeChanged.connect(self._node_changed)
        self._box.activated.connect(lambda i: self._choose(self._box.itemData(i)))

    def _node_changed(self, node) -> None:
        self._follow(node)
        self.currentNodeChanged[object].emit(node)
        self.currentNodeChanged[bool].emit(node is not None)

    def _refill(self) -> None:
        ids = self._ids()
        self._box.clear()
        if self.noneEnabled:
            self._box.addItem("None", "")
        for one in ids:
            self._box.addItem(self._name(one), one)
        kept = [one for one in self._selected if one in ids]
        if kept != self._selected:
            self.setSelectedSegmentIDs(kept)
        self._choose(self._current if self._current in ids or self.noneEnabled else next(iter(ids), ""))

    def _choose(self, segment_id: str) -> None:
        segment_id = segment_id if segment_id in self._ids() else ""
        self._box.setCurrentIndex(self._box.findData(segment_id))
        if segment_id != self._current:
            self._current = segment_id
            self.currentSegmentChanged.emit(segment_id)

    noneEnabled = stored(bool, "noneEnabled", False, _refill)
    editEnabled = stored(bool, "editEnabled", False)
    multiSelection = stored(bool, "multiSelection", False)
    horizontalLayout = stored(bool, "horizontalLayout", False)
    selectNodeUponCreation = stored(bool, "selectNodeUponCreation", False)
    segmentationNodeSelectorVisible = Property(
        bool, lambda self: not self._nodes.isHidden(), lambda self, on: self._nodes.setVisible(on)
    )

    def setMRMLScene(self, scene) -> None:
        """Take the scene."""
        super().setMRMLScene(scene)
        self._nodes.setMRMLScene(scene)

    def currentNode(self):
        """Return the segmentation."""
        return self._nodes.currentNode()

    def currentNodeID(self) -> str:
        """Return its ID."""
        return self._nodes.currentNodeID

    def setCurrentNode(self, node) -> None:
        """Choose the segmentation."""
        self._nodes.setCurrentNode(node)

    def setCurrentNodeID(self, node_id: str) -> None:
        """Choose it by its ID."""
        self._nodes.setCurrentNodeID(node_id)

    def currentSegmentID(self) -> str:
        """Return the one segment."""
        return self._current

    def setCurrentSegmentID(self, segment_id: str) -> None:
        """Choose it."""
        self._choose(segment_id)

    def segmentIDs(self) -> tuple[str, ...]:
        """Return all segments."""
        return self._ids()

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        """Return the chosen segments."""
        return tuple(self._selected) if self.multiSelection else ((self._current,) if self._current else ())

    def setSelectedSegmentIDs(self, segment_ids) -> None:
        """Choose several."""
        self._selected = [one for one in self._ids() if one in segment_ids]
        self.segmentSelectionChanged.emit(self._selected)


class qMRMLSegmentsTableView(qMRMLWidget, Segments):
    """The segments of a segmentation as a table, of which rows can be chosen."""

    selectionChanged = Signal(object, object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._table = qt.QTableWidget(self)
        self._table.setColumnCount(1)
        self._table.setHorizontalHeaderLabels(["Name"])
        self._table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        row = qt.QVBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._table)
        self._table.selectionModel().selectionChanged.connect(self.selectionChanged)

    def _refill(self) -> None:
        kept = self.selectedSegmentIDs()
        self._shown = self._ids()
        self._table.setRowCount(len(self._shown))
        for row, one in enumerate(self._shown):
            self._table.setItem(row, 0, qt.QTableWidgetItem(self._name(one)))
        self.setSelectedSegmentIDs(kept)

    _shown = ()
    selectionMode = stored(int, "selectionMode", 3)
    headerVisible = stored(bool, "headerVisible", True)
    visibilityColumnVisible = stored(bool, "visibilityColumnVisible", True)
    colorColumnVisible = stored(bool, "colorColumnVisible", True)
    opacityColumnVisible = stored(bool, "opacityColumnVisible", True)
    statusColumnVisible = stored(bool, "statusColumnVisible", False)
    readOnly = stored(bool, "readOnly", False)
    filterBarVisible = stored(bool, "filterBarVisible", False)
    segmentCount = Property(int, lambda self: len(self._shown))

    def segmentationNode(self):
        """Return the segmentation."""
        return self._node

    def setSegmentationNode(self, node) -> None:
        """Show the segments of this one."""
        self._follow(node)

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        """Return the segments of the chosen rows."""
        rows = {index.row() for index in self._table.selectedIndexes()}
        return tuple(one for row, one in enumerate(self._shown) if row in rows)

    def setSelectedSegmentIDs(self, segment_ids) -> None:
        """Choose the rows of these segments."""
        self._table.clearSelection()
        for row, one in enumerate(self._shown):
            if one in segment_ids:
                self._table.item(row, 0).setSelected(True)

    def clearSelection(self) -> None:
        """Choose no row."""
        self._table.clearSelection()

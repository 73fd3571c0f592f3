"""Combo boxes of nodes, bound to the scene."""

import qt
import slicer
from PySide6.QtCore import Property, Signal

from slicer_side.qt_standin.mrml_base import Observing
from slicer_side.qt_standin.properties import stored


class qMRMLNodeComboBox(qt.QWidget, Observing):
    """One node of the scene, or none."""

    currentNodeChanged = Signal((object,), (bool,))
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene = self._current = None
        self._nodes, self._attributes = [], []
        self._box = self._make_box()
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._box.activated.connect(self._activate)
        self.enabled = False

    def _make_box(self):
        return qt.QComboBox(self)

    def _refresh(self) -> None:
        """List the nodes anew; where the chosen one has gone, take its neighbour, as Slicer does."""
        if self._scene is not None and self._scene.IsBatchProcessing():
            return
        before = self._nodes
        position = before.index(self._current) if self._current in before else None
        self.unobserve()
        self._nodes = self._listed()
        self._observe_all()
        new = self._current
        if position is None and not self.noneEnabled and self._nodes:
            new = self._nodes[0]
        elif new not in self._nodes:
            new = (
                self._nodes[min(position or 0, len(self._nodes) - 1)] if self._nodes and position is not None else None
            )
        self._fill()
        self._choose(new)
        for node in self._nodes:
            if node not in before:
                self.nodeAdded.emit(node)

    def _listed(self) -> list:
        if self._scene is None:
            return []
        every = [self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes())]
        return [node for node in every if self._fits(node)]

    def _fits(self, node) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if not any(node.IsA(t) if self.showChildNodeTypes else node.GetClassName() == t for t in self.nodeTypes):
            return False
        if any(node.IsA(kind) for kind in self.hideChildNodeTypes):
            return False
        for kind, name, value in self._attributes:
            if node.IsA(kind) and (node.GetAttribute(name) is None or value not in (None, node.GetAttribute(name))):
                return False
        return True

    def _observe_all(self) -> None:
        scene = self._scene
        if scene is None:
            return
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent):
            self.observe(scene, event, "_refresh")
        for node in self._nodes:
            self.observe(node, "ModifiedEvent", "_rename")

    def _rename(self) -> None:
        shift = int(self.noneEnabled)
        for row, node in enumerate(self._nodes):
            if self._box.itemText(row + shift) != node.GetName():
                self._box.setItemText(row + shift, node.GetName())

    def _fill(self) -> None:
        before = self._box.blockSignals(True)
        self._box.clear()
        for name in [self.noneDisplay] * self.noneEnabled + [node.GetName() for node in self._nodes]:
            self._box.addItem(name)
        if self.addEnabled and self.nodeTypes:
            self._box.insertSeparator(self._box.count)
            self._box.addItem(f"Create new {self._label()}")
        self._box.blockSignals(before)

    def _label(self) -> str:
        return self.baseName or self._scene_tag(self.nodeTypes[0])

    def _scene_tag(self, kind: str) -> str:
        return self._scene.GetTagByClassName(kind) if self._scene is not None else kind

    def _choose(self, node) -> None:
        before = self._box.blockSignals(True)
        row = self._nodes.index(node) + int(self.noneEnabled) if node in self._nodes else int(self.noneEnabled) - 1
        self._box.setCurrentIndex(row)
        self._box.blockSignals(before)
        if node is not self._current:
            self._current = node
            self.currentNodeChanged[object].emit(node)
            self.currentNodeChanged[bool].emit(node is not None)
            self.currentNodeIDChanged.emit(node.GetID() if node else "")

    def _activate(self, row: int) -> None:
        row -= int(self.noneEnabled)
        if row < len(self._nodes):
            self._choose(self._nodes[row] if row >= 0 else None)
            self.nodeActivated.emit(self._current)
        else:
            self.addNode()

    nodeTypes = stored("QStringList", "nodeTypes", [], _refresh)
    hideChildNodeTypes = stored("QStringList", "hideChildNodeTypes", [], _refresh)
    showHidden = stored(bool, "showHidden", False, _refresh)
    showChildNodeTypes = stored(bool, "showChildNodeTypes", True, _refresh)
    noneEnabled = stored(bool, "noneEnabled", False, _refresh)
    addEnabled = stored(bool, "addEnabled", True, _refresh)
    removeEnabled = stored(bool, "removeEnabled", True)
    renameEnabled = stored(bool, "renameEnabled", False)
    editEnabled = stored(bool, "editEnabled", False)
    selectNodeUponCreation = stored(bool, "selectNodeUponCreation", True)
    noneDisplay = stored(str, "noneDisplay", "None", _refresh)
    baseName = stored(str, "baseName", "")
    interactionNodeSingletonTag = stored(str, "interactionNodeSingletonTag", "")
    currentNodeID = Property(
        str,
        lambda self: self._current.GetID() if self._current else "",
        lambda self, node_id: self.setCurrentNodeID(node_id),
    )

    def mrmlScene(self):
        """Return the scene."""
        return self._scene

    def setMRMLScene(self, scene) -> None:
        """List the nodes of this scene from now on."""
        if scene is not self._scene:
            self._scene = scene
            self.enabled = scene is not None
            self._refresh()

    def addAttribute(self, kind: str, name: str, value=None) -> None:
        """List only nodes with this attribute."""
        self._attributes.append((kind, name, value))
        self._refresh()

    def removeAttribute(self, kind: str, name: str) -> None:
        """List nodes without this attribute again."""
        self._attributes = [entry for entry in self._attributes if entry[:2] != (kind, name)]
        self._refresh()

    def nodeCount(self) -> int:
        """Return how many nodes are listed."""
        return len(self._nodes)

    def nodeFromIndex(self, index: int):
        """Return one of them."""
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def currentNode(self):
        """Return the chosen node."""
        return self._current

    def setCurrentNode(self, node) -> None:
        """Choose a node, by itself or by its ID; None for none."""
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node) if self._scene is not None and node else None
        if node is not None and not isinstance(node, slicer.vtkMRMLNode):
            raise ValueError(f"qMRMLNodeComboBox.setCurrentNode cannot take {node!r}")
        self._choose(node if node in self._nodes else None)

    def setCurrentNodeID(self, node_id: str) -> None:
        """Choose the node with this ID."""
        self.setCurrentNode(node_id)

    def setCurrentNodeIndex(self, index: int) -> None:
        """Choose the node at this place."""
        self._choose(self.nodeFromIndex(index))

    def addNode(self, kind: str | None = None):
        """Make a node, as the entry "Create new" does."""
        kind = kind or self.nodeTypes[0]
        name = self._scene.GenerateUniqueName(self.baseName or self._scene_tag(kind))
        node = self._scene.AddNewNodeByClass(kind, name)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        """Take the chosen node out of the scene."""
        self._scene.RemoveNode(self._current)


class _TickedBox(qt.QComboBox):
    """Shows the entries that are ticked, as ctkCheckableComboBox does."""

    def paintEvent(self, _event) -> None:
        entries = (self.model().item(row) for row in range(self.model().rowCount()))
        option = qt.QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = ", ".join(e.text() for e in entries if e.checkState() == qt.Qt.Checked)
        painter = qt.QStylePainter(self)
        painter.drawComplexControl(qt.QStyle.CC_ComboBox, option)
        painter.drawControl(qt.QStyle.CE_ComboBoxLabel, option)
        painter.end()


class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """Several nodes of the scene."""

    checkedNodesChanged = Signal()

    def _make_box(self):
        self._ticked = []
        box = _TickedBox(self)
        box.model().itemChanged.connect(self._tick)
        return box

    def _fill(self) -> None:
        gone = [node for node in self._ticked if node not in self._nodes]
        self._ticked = [node for node in self._ticked if node in self._nodes]
        super()._fill()
        before = self._box.model().blockSignals(True)
        for row, node in enumerate(self._nodes):
            item = self._box.model().item(row + int(self.noneEnabled))
            item.setCheckable(True)
            item.setCheckState(qt.Qt.Checked if node in self._ticked else qt.Qt.Unchecked)
        self._box.model().blockSignals(before)
        if gone:
            self.checkedNodesChanged.emit()

    def _tick(self, item) -> None:
        row = item.row() - int(self.noneEnabled)
        if not 0 <= row < len(self._nodes):
            return
        node, on = self._nodes[row], item.checkState() == qt.Qt.Checked
        if on != (node in self._ticked):
            (self._ticked.append if on else self._ticked.remove)(node)
            self.checkedNodesChanged.emit()

    def checkedNodes(self) -> tuple:
        """Return the ticked nodes in the order of the list."""
        return tuple(node for node in self._nodes if node in self._ticked)

    def uncheckedNodes(self) -> tuple:
        """Return the others."""
        return tuple(node for node in self._nodes if node not in self._ticked)

    def checkState(self, node):
        """Say whether a node is ticked."""
        return qt.Qt.Checked if node in self._ticked else qt.Qt.Unchecked

    def setCheckState(self, node, state) -> None:
        """Tick a node or not."""
        if node in self._nodes:
            self._box.model().item(self._nodes.index(node) + int(self.noneEnabled)).setCheckState(state)

    def check(self, node) -> None:
        """Tick a node."""
        self.setCheckState(node, qt.Qt.Checked)

    def uncheck(self, node) -> None:
        """Untick a node."""
        self.setCheckState(node, qt.Qt.Unchecked)

    def allChecked(self) -> bool:
        """Say whether all are ticked."""
        return len(self._ticked) == len(self._nodes)

    def noneChecked(self) -> bool:
        """Say whether none is."""
        return not self._ticked


class qMRMLColorTableComboBox(qMRMLNodeComboBox):
    """A colour table of the scene."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.nodeTypes = ["vtkMRMLColorTableNode", "vtkMRMLProceduralColorNode"]
        self.showHidden = True  # as Slicer's own tables are
        self.addEnabled = self.removeEnabled = False

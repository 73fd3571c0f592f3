"""Views of tables, plots and the subject hierarchy, as far as the panel uses them."""

import qt
from PySide6.QtCore import Property, Signal

from slicer_side.qt_standin.mrml_base import Observing
from slicer_side.qt_standin.numbers import ctkRangeWidget, ctkSliderWidget
from slicer_side.qt_standin.properties import stored


class WithScene:
    """Remembers the scene."""

    _scene = None

    def mrmlScene(self):
        """Return the scene."""
        return self._scene

    def setMRMLScene(self, scene) -> None:
        """Take the scene."""
        if scene is not self._scene:
            self._scene = scene
            if hasattr(self, "mrmlSceneChanged"):
                self.mrmlSceneChanged.emit(scene)


class qMRMLTableView(qt.QTableView, WithScene, Observing):
    """The cells of a table node."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._node = None
        self.setModel(qt.QStandardItemModel(self))

    def _refill(self) -> None:
        model, node = self.model(), self._node
        model.clear()
        if node is None:
            return
        columns = range(node.GetNumberOfColumns())
        header = [node.GetColumnName(column) for column in columns]
        if node.GetUseColumnTitleAsColumnHeader():
            header = [node.GetColumnTitle(name) or name for name in header]
        lines = [[node.GetCellText(row, column) for column in columns] for row in range(node.GetNumberOfRows())]
        if node.GetUseColumnNameAsColumnHeader() or node.GetUseColumnTitleAsColumnHeader():
            model.setHorizontalHeaderLabels(header)
        else:
            lines.insert(0, header)
        for line in lines:
            model.appendRow([qt.QStandardItem(text) for text in line])

    transposed = stored(bool, "transposed", False)
    firstRowLocked = stored(bool, "firstRowLocked", False)
    firstColumnLocked = stored(bool, "firstColumnLocked", False)

    def mrmlTableNode(self):
        """Return the table node."""
        return self._node

    def setMRMLTableNode(self, node) -> None:
        """Show this table node, and what changes in it."""
        self.unobserve()
        self._node = node
        if node is not None:
            self.observe(node, "ModifiedEvent", "_refill")
        self._refill()


class qMRMLPlotView(qt.QWidget, WithScene):
    """A chart; the stand-in knows which one but does not draw it."""

    mrmlSceneChanged = Signal(object)
    _node = None

    def setMRMLPlotViewNode(self, node) -> None:
        """Show what this view node names."""
        self._node = node

    def mrmlPlotViewNode(self):
        """Return the view node."""
        return self._node

    def fitToContent(self) -> None:
        """Do nothing."""


class qMRMLSubjectHierarchyTreeView(qt.QTreeView, WithScene, Observing):
    """The subject hierarchy as a tree of which one item is chosen."""

    currentItemChanged = Signal(int)
    currentNodeChanged = Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._item = 0
        self.setModel(qt.QStandardItemModel(self))
        self.selectionModel().currentChanged.connect(lambda index, _: self._chosen(index.data(qt.Qt.UserRole) or 0))

    def _chosen(self, item: int) -> None:
        if item != self._item:
            self._item = item
            self.currentItemChanged.emit(item)
            self.currentNodeChanged.emit(self.currentNode())

    def _refill(self) -> None:
        self.model().clear()
        hierarchy = self.subjectHierarchyNode()
        if hierarchy is not None:
            self._add(hierarchy, self._root or hierarchy.GetSceneItemID(), self.model().invisibleRootItem())

    def _add(self, hierarchy, item: int, parent) -> None:
        import vtk

        children = vtk.vtkIdList()
        hierarchy.GetItemChildren(item, children)
        for child in (children.GetId(i) for i in range(children.GetNumberOfIds())):
            row = qt.QStandardItem(hierarchy.GetItemName(child))
            row.setData(child, qt.Qt.UserRole)
            parent.appendRow(row)
            self._add(hierarchy, child, row)

    _root = 0
    multiSelection = stored(bool, "multiSelection", False)
    nodeTypes = stored("QStringList", "nodeTypes", [])
    levelFilter = stored("QStringList", "levelFilter", [])
    nameFilter = stored(str, "nameFilter", "")
    contextMenuEnabled = stored(bool, "contextMenuEnabled", True)
    editMenuActionVisible = stored(bool, "editMenuActionVisible", True)
    visibilityColumnVisible = stored(bool, "visibilityColumnVisible", True)
    idColumnVisible = stored(bool, "idColumnVisible", False)
    colorColumnVisible = stored(bool, "colorColumnVisible", True)
    transformColumnVisible = stored(bool, "transformColumnVisible", True)
    descriptionColumnVisible = stored(bool, "descriptionColumnVisible", False)

    def setMRMLScene(self, scene) -> None:
        """Show the hierarchy of this scene."""
        super().setMRMLScene(scene)
        self.unobserve()
        hierarchy = self.subjectHierarchyNode()
        if hierarchy is not None:
            for event in ("SubjectHierarchyItemAddedEvent", "SubjectHierarchyItemRemovedEvent"):
                self.observe(hierarchy, getattr(hierarchy, event), "_refill")
        self._refill()

    def subjectHierarchyNode(self):
        """Return the hierarchy."""
        return self._scene.GetSubjectHierarchyNode() if self._scene is not None else None

    def setRootItem(self, item: int) -> None:
        """Show what lies under this item."""
        self._root = item
        self._refill()

    def currentItem(self) -> int:
        """Return the chosen item, 0 for none."""
        return self._item

    def currentNode(self):
        """Return the chosen item's node."""
        hierarchy = self.subjectHierarchyNode()
        return hierarchy.GetItemDataNode(self._item) if hierarchy is not None and self._item else None

    def setCurrentItem(self, item: int) -> None:
        """Choose an item."""
        self._chosen(item)

    def setCurrentNode(self, node) -> None:
        """Choose a node's item."""
        self._chosen(self.subjectHierarchyNode().GetItemByDataNode(node) if node is not None else 0)


class qMRMLSliderWidget(ctkSliderWidget, WithScene):
    """A slider that knows the scene's units."""

    quantity = stored(str, "quantity", "")
    unitAwareProperties = stored(int, "unitAwareProperties", 0)


class qMRMLRangeWidget(ctkRangeWidget, WithScene):
    """A range that knows the scene's units."""

    quantity = stored(str, "quantity", "")
    unitAwareProperties = Property(int, lambda self: 0)

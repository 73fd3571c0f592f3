"""The view of a table."""

import qt
from PySide6.QtCore import Signal

from slicer_side.qt_standin.mrml_base import Observing, WithScene
from slicer_side.qt_standin.properties import stored


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

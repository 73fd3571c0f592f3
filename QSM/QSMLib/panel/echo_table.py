"""The editable table of echoes: echo time in ms, phase and magnitude."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError

from ..acquisition import remembered
from ..parameters import SEQUENCES, Echo
from ..stored import Together
from .editors import narrow
from .numerals import scaledNumber, scaledText

TIME, PHASE, MAGNITUDE = range(3)
"""Columns."""

MILLI = 3
"""Power of ten from s to ms."""

TIME_WIDTH, ROW_HEIGHT, MOST_ROWS = 64, 26, 8
"""Pixels of the first column and of a row; the table scrolls where there are more rows."""


class EchoTable:
    """Shows the echoes of the parameters in a QTableWidget, and changes them."""

    def __init__(self, table: Any, panel: Any) -> None:
        """Give the table its columns."""
        self.table, self.panel = table, panel
        self._menus: list[tuple[Any, Any]] = []
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("TE (ms)"), _("Phase"), _("Magnitude")])
        header = table.horizontalHeader()
        for column in (PHASE, MAGNITUDE):
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
        header.setSectionResizeMode(TIME, qt.QHeaderView.Fixed)
        table.setColumnWidth(TIME, TIME_WIDTH)
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        panel.connect(table, "cellChanged(int,int)", self._timesEdited)

    def refresh(self) -> None:
        """Show the echoes."""
        rows = self.panel.parameters.echoes
        while len(self._menus) > len(rows):
            self._menus.pop()
            self.table.setRowCount(len(self._menus))
        while len(self._menus) < len(rows):
            self._addRow()
        for i, (row, menus) in enumerate(zip(rows, self._menus, strict=True)):
            text = "" if row.time is None else scaledText(row.time, MILLI)
            if self.table.item(i, TIME).text() != text:
                self.table.item(i, TIME).setText(text)
            for menu, node in zip(menus, (row.phase, row.magnitude), strict=True):
                menu.setCurrentNode(node)
                menu.toolTip = node.GetName() if node else ""  # the column is narrow
        sequences = self.panel.parameters.inputKind == SEQUENCES
        for column in (PHASE, MAGNITUDE):
            self.table.setColumnHidden(column, sequences)
        self._fitHeight()

    def selected(self, otherwise: int | None) -> int | None:
        """Return the row that is selected."""
        row = self.table.currentRow()
        return row if 0 <= row < len(self._menus) else otherwise

    def select(self, row: int) -> None:
        """Select a row."""
        self.table.setCurrentCell(row, TIME)

    def _addRow(self) -> None:
        row = len(self._menus)
        self.table.setRowCount(row + 1)
        self.table.setItem(row, TIME, qt.QTableWidgetItem(""))
        menus = self._newMenu(row, "phase"), self._newMenu(row, "magnitude")
        self._menus.append(menus)
        for column, menu in zip((PHASE, MAGNITUDE), menus, strict=True):
            self.table.setCellWidget(row, column, menu)

    def _newMenu(self, row: int, kind: str) -> Any:
        menu = narrow(slicer.qMRMLNodeComboBox())
        menu.name = f"echo{row}_{kind}"
        menu.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        menu.showChildNodeTypes = False
        menu.addEnabled = menu.removeEnabled = False
        menu.noneEnabled = True
        menu.setMRMLScene(self.panel.scene)
        self.panel.connect(menu, "nodeActivated(vtkMRMLNode*)", lambda: self._choose(row, kind, menu))
        return menu

    def _choose(self, row: int, kind: str, menu: Any) -> None:
        """Take an image; one that remembers how it was acquired says what nobody has said yet."""
        parameters, node = self.panel.parameters, menu.currentNode()
        rows, known = list(parameters.echoes), remembered(node)
        time = known.get("echo_time") if rows[row].time is None else rows[row].time
        rows[row] = replace(rows[row], **{kind: node, "time": time})
        with Together(parameters.node):
            parameters.echoes = rows
            if parameters.fieldStrength is None:
                parameters.fieldStrength = known.get("field_strength")

    def _timesEdited(self) -> None:
        """Read the column of echo times; several in one cell fill the rows below."""
        rows = list(self.panel.parameters.echoes)
        for i in range(len(rows)):
            words = re.split(r"[\s;]+", self.table.item(i, TIME).text().strip())
            if [scaledText(rows[i].time, MILLI) if rows[i].time is not None else ""] == words:
                continue
            times = [_timeOf(word) for word in words]
            rows += [Echo()] * (i + len(times) - len(rows))
            for place, time in enumerate(times, start=i):
                rows[place] = replace(rows[place], time=time)
            break
        self.panel.parameters.echoes = self._sorted(rows)

    def _sorted(self, rows: list[Echo]) -> list[Echo]:
        """Return the rows by rising echo time once every one is known; sequences keep the order of their data."""
        if self.panel.parameters.inputKind == SEQUENCES or any(row.time is None for row in rows):
            return rows
        return sorted(rows, key=lambda row: row.time)

    def _fitHeight(self) -> None:
        rows = min(max(len(self._menus), 1), MOST_ROWS)
        self.table.setFixedHeight(self.table.horizontalHeader().height + rows * ROW_HEIGHT + 4)


def _timeOf(word: str) -> float | None:
    """Return the time in s of a text in ms; None of an empty one."""
    if not word:
        return None
    time = scaledNumber(word, -MILLI, _("Echo time (ms)"))
    if time <= 0:
        raise InputError(f"Echo time = {word} ms: a positive number is needed.")
    return time

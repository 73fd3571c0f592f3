"""How good a run's maps are, its report as a page, and a map as DICOM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..display import shownMap
from ..export import dicomSources, exportDicom
from ..maps import pageOf, provenanceOf
from ..reproduce import fileName
from ..results import MAP_ATTRIBUTE, PAGE_ENDING
from .section import COLOURS, Section, messageLabel
from .windows import openDocument

TABLE_HEIGHT, ROW_HEIGHT = 142, 22
"""Pixels; enough for five measures."""

NAMES = {
    "about": "report_about",
    "warnings": "report_warnings",
    "table": "report_table",
    "openButton": "report_open",
    "exportButton": "report_export",
    "databaseBox": "report_database",
}
"""Names of the widgets in Qt, by which scripts find them."""


class ReportSection(Section):
    """What is known of the map that is shown."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make the widgets."""
        super().__init__(frame, panel)
        column = qt.QVBoxLayout(frame)
        self.about, self.warnings = messageLabel(), messageLabel()
        self.warnings.styleSheet = COLOURS["warning"]
        self.table = _table()
        self.openButton = qt.QPushButton(_("Open report"))
        self.openButton.toolTip = _("Show pictures of every stage, settings and methods text in the browser.")
        self.exportButton = qt.QPushButton(_("Export as DICOM..."))
        self.databaseBox = qt.QCheckBox(_("Add it to Slicer's DICOM database too"))
        self.databaseBox.toolTip = _("Copy the exported series into the database of the module DICOM.")
        buttons, export = qt.QHBoxLayout(), qt.QHBoxLayout()
        for widget in (self.about, self.warnings, self.table):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addLayout(export)
        buttons.addWidget(self.openButton)
        buttons.addWidget(self.exportButton)
        export.addStretch(1)
        export.addWidget(self.databaseBox)
        for attribute, name in NAMES.items():
            getattr(self, attribute).name = name
        panel.connect(self.openButton, "clicked()", self._open)
        panel.connect(self.exportButton, "clicked()", self._export)

    def refresh(self) -> None:
        """Show what is known of the map."""
        node = self._map()
        record = provenanceOf(node)
        self.about.text = _("Quality of {map}:").format(map=node.GetName()) if node else _("Show a map of a run.")
        warnings = [_("Warning: {text}").format(text=text) for text in record.get("warnings", ())]
        self.warnings.text = "\n".join(warnings)
        self.warnings.visible = bool(warnings)
        self._showMeasures(record.get("quality", {}))
        self.openButton.enabled = bool(pageOf(node))
        exportable = node is not None and bool(dicomSources(node, _fileOf))
        self.exportButton.enabled = self.databaseBox.enabled = exportable
        self.exportButton.toolTip = (
            _("Write the map as a DICOM series in the study of its images, in a new folder.")
            if exportable
            else _("Only a map of images that were loaded from DICOM can become a series of their study.")
        )

    def _map(self) -> Any:
        """Return the map that is shown, None for any other volume."""
        shown = shownMap(self.panel.scene).map
        return shown if shown is not None and shown.GetAttribute(MAP_ATTRIBUTE) is not None else None

    def _showMeasures(self, measures: Mapping[str, Mapping[str, Any]]) -> None:
        self.table.visible = bool(measures)
        self.table.setRowCount(len(measures))
        for row, measure in enumerate(measures.values()):
            value = measure["value"]
            said = _("not known") if value is None else f"{value:.4g} {measure['unit']}".strip()
            for column, text in enumerate((measure["label"], said)):
                self.table.setItem(row, column, qt.QTableWidgetItem(text))

    def _open(self) -> None:
        node = self._map()
        openDocument(fileName(node.GetName()), pageOf(node), PAGE_ENDING)

    def _export(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self.frame, _("Folder for the DICOM series"))
        if not folder:
            return
        with slicer.util.WaitCursor():
            files = exportDicom(self._map(), Path(folder), _fileOf)
            place = files[0].parent
            said = _("Wrote {count} DICOM files to {folder}.").format(count=len(files), folder=place)
            if self.databaseBox.checked:
                said = f"{said} {_importInto(_database(), place)}"
        self.panel.say(said)


def _database() -> Any:
    """Return Slicer's DICOM database, None where there is none."""
    database = getattr(slicer, "dicomDatabase", None)
    return database if database is not None and database.isOpen else None


def _fileOf(instance: str) -> str:
    database = _database()
    return "" if database is None else database.fileForInstance(instance)


def _importInto(database: Any, folder: Path) -> str:
    """Copy a series into the database, and say what became of it."""
    if database is None:
        return _("Slicer's DICOM database is not open: open the module DICOM, and import the folder there.")
    from DICOMLib import DICOMUtils  # noqa: PLC0415 (a module of Slicer, there where a database is)

    if not DICOMUtils.importDicom(str(folder), database, True):
        return _("It could not be added to Slicer's DICOM database.")
    return _("It was added to Slicer's DICOM database.")


def _table() -> Any:
    table = qt.QTableWidget()
    table.setColumnCount(2)
    table.setHorizontalHeaderLabels([_("Measure"), _("Value")])
    table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
    table.horizontalHeader().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.setFixedHeight(TABLE_HEIGHT)
    return table

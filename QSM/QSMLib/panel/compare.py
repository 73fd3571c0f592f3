"""Compare: two maps of one subject, two time points or two reconstructions."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..comparison import FIGURE_ENDING, CompareRequest
from ..display import showMap
from ..reproduce import fileName
from ..stored import Stored, StoredNode, StoredSwitch, Together, Values
from .child_section import CommandSection
from .measure import Choices as Measured
from .windows import openDocument

TABLE_HEIGHT = 110
"""Pixels; enough for three rows."""


class Choices(Values):
    """What is chosen in this section, kept in the panel's parameter node."""

    compareFirst = StoredNode()
    compareSecond = StoredNode()
    compareTable = StoredNode()
    compareFigure = StoredNode()
    compareRegister = StoredSwitch(True)
    compareSaid = Stored("")
    compareBad = StoredSwitch(False)

    @property
    def found(self) -> tuple[str, bool] | None:
        """Bias and limits, and whether there is a warning with them; None before a comparison."""
        return None if self.compareTable is None else (self.compareSaid, self.compareBad)


class CompareSection(CommandSection):
    """The comparison."""

    name = "compare"
    choicesClass = Choices

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make and connect the widgets."""
        super().__init__(frame, panel)
        toolTip = _("A map; the differences are second less first, on the voxels of the first.")
        for role, label in (("compareFirst", _("First map:")), ("compareSecond", _("Second map:"))):
            self.form.addRow(label, self.newSelector(role, ["vtkMRMLScalarVolumeNode"], toolTip))
        self.register = qt.QCheckBox(_("Register the second to the first"))
        self.register.toolTip = _("For two scans. Not for two reconstructions of one scan, which lie on each other.")
        self.register.name = "compareRegister"
        self.form.addRow("", self.register)
        panel.connect(self.register, "toggled(bool)", self._chooseRegister)
        self.addButtons(_("Compare"), _("Second less first, voxel by voxel and in the regions of Measure."))
        self.tableView = slicer.qMRMLTableView()
        self.tableView.name = "compare_table"
        self.tableView.setFixedHeight(TABLE_HEIGHT)
        self.column.addWidget(self.tableView)
        self.figureButton = self.addButton("figure", _("Open Bland-Altman figure"), self._openFigure)

    def refresh(self) -> None:
        """Show the choice, and what can be done with it."""
        super().refresh()
        chosen = self.choices
        self.register.checked = chosen.compareRegister
        self.tableView.setMRMLScene(self.panel.scene)
        self.tableView.setMRMLTableNode(chosen.compareTable)
        self.tableView.visible = chosen.compareTable is not None
        self.figureButton.enabled = chosen.compareFigure is not None

    def cleanup(self) -> None:
        """End what is under way, and let go of the scene."""
        super().cleanup()
        self.tableView.setMRMLTableNode(None)
        self.tableView.setMRMLScene(None)

    def request(self) -> CompareRequest:
        """Return what Compare will do; InputError with the one thing that is missing."""
        chosen = self.choices
        regions = Measured(chosen.node).measureRegions
        return CompareRequest(chosen.compareFirst, chosen.compareSecond, regions, chosen.compareRegister)

    def begin(self, request: CompareRequest) -> Any:
        """Start the comparison."""
        return self.panel.logic.startComparison(request)

    def take(self, job: Any) -> None:
        """Show the difference and the agreement."""
        with slicer.util.WaitCursor():
            found = self.panel.logic.collectComparison(job)
        with Together(self.panel.parameters.node):
            chosen = self.choices
            chosen.compareTable, chosen.compareFigure = found.table, found.figure
            chosen.compareSaid, chosen.compareBad = " ".join([found.said, *found.warnings]), bool(found.warnings)
        showMap(self.panel.scene, found.difference)
        text = _("Compared: {name}.").format(name=found.difference.GetName())
        self.panel.sayDone(text, found.warnings)

    def _chooseRegister(self) -> None:
        self.choices.compareRegister = self.register.checked

    def _openFigure(self) -> None:
        figure = self.choices.compareFigure
        openDocument(fileName(figure.GetName()), figure.GetText(), FIGURE_ENDING)

"""Compare: two maps of one subject, two time points or two reconstructions."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError

from ..comparison import FIGURE_ENDING, CompareRequest
from ..display import showMap
from ..reproduce import fileName
from ..stored import Stored, StoredNode, Together
from .editors import narrow
from .measure import Choices as Measured
from .section import COLOURS, Section
from .waiting import Waiting
from .windows import openDocument

TABLE_HEIGHT = 110
"""Pixels; enough for three rows."""


class Choices:
    """What is chosen in this section, kept in the panel's parameter node."""

    compareFirst = StoredNode()
    compareSecond = StoredNode()
    compareTable = StoredNode()
    compareFigure = StoredNode()
    compareRegister = Stored(True, lambda text: text == "yes", lambda on: "yes" if on else "no")
    compareSaid = Stored("")
    compareBad = Stored(False, lambda text: text == "yes", lambda bad: "yes" if bad else "no")

    def __init__(self, node: Any) -> None:
        """Wrap the parameter node."""
        self.node = node


class CompareSection(Section):
    """The comparison."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make and connect the widgets."""
        super().__init__(frame, panel)
        self.waiting = Waiting(panel, self._told, self._take)
        column = qt.QVBoxLayout(frame)
        form = qt.QFormLayout()
        form.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
        column.addLayout(form)
        self.selectors = {role: self._selector(role) for role in ("compareFirst", "compareSecond")}
        form.addRow(_("First map:"), self.selectors["compareFirst"])
        form.addRow(_("Second map:"), self.selectors["compareSecond"])
        self.register = qt.QCheckBox(_("Register the second to the first"))
        self.register.toolTip = _("For two scans. Not for two reconstructions of one scan, which lie on each other.")
        form.addRow("", self.register)
        self.applyButton, self.cancelButton = qt.QPushButton(_("Compare")), qt.QPushButton(_("Cancel"))
        self.figureButton = qt.QPushButton(_("Open Bland-Altman figure"))
        self.said = qt.QLabel()
        self.said.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
        self.said.setTextFormat(qt.Qt.PlainText)
        self.said.wordWrap = True
        self.tableView = slicer.qMRMLTableView()
        self.tableView.setFixedHeight(TABLE_HEIGHT)
        buttons = qt.QHBoxLayout()
        buttons.addWidget(self.applyButton)
        buttons.addWidget(self.cancelButton)
        column.addLayout(buttons)
        for widget in (self.said, self.tableView, self.figureButton):
            column.addWidget(widget)
        self._connect()

    @property
    def choices(self) -> Choices:
        """What is chosen."""
        return Choices(self.panel.parameters.node)

    def refresh(self) -> None:
        """Show the choice, and what can be done with it."""
        chosen = self.choices
        for role, selector in self.selectors.items():
            selector.setMRMLScene(self.panel.scene)
            selector.setCurrentNode(getattr(chosen, role))
        self.register.checked = chosen.compareRegister
        running, missing = self.waiting.job is not None, ""
        try:
            self._request()
        except InputError as error:
            missing = str(error)
        self.applyButton.enabled = not running and not missing
        self.applyButton.toolTip = missing or _("Second less first, voxel by voxel and in the regions of Measure.")
        self.cancelButton.enabled = running
        table = chosen.compareTable
        if not running:
            self.said.text = chosen.compareSaid if table is not None else missing
            self.said.styleSheet = COLOURS["warning" if chosen.compareBad and table is not None else "info"]
        self.tableView.setMRMLScene(self.panel.scene)
        self.tableView.setMRMLTableNode(table)
        self.tableView.visible = table is not None
        self.figureButton.enabled = chosen.compareFigure is not None

    def cancel(self) -> bool:
        """End what is under way."""
        return self.waiting.cancel()

    def cleanup(self) -> None:
        """End what is under way, and let go of the scene."""
        self.cancel()
        self.tableView.setMRMLTableNode(None)
        for widget in (*self.selectors.values(), self.tableView):
            widget.setMRMLScene(None)

    def _selector(self, role: str) -> Any:
        selector = narrow(slicer.qMRMLNodeComboBox())
        selector.name = f"{role}Selector"
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        selector.showChildNodeTypes = selector.addEnabled = selector.removeEnabled = False
        selector.noneEnabled = True
        selector.toolTip = _("A map; the differences are second less first, on the voxels of the first.")
        self.panel.connect(selector, "nodeActivated(vtkMRMLNode*)", lambda: self._choose(role))
        return selector

    def _connect(self) -> None:
        self.register.name, self.said.name, self.tableView.name = "compareRegister", "compare_said", "compare_table"
        self.panel.connect(self.register, "toggled(bool)", self._chooseRegister)
        actions = {"apply": self._start, "cancel": self._askedToCancel, "figure": self._openFigure}
        for name, action in actions.items():
            button = getattr(self, f"{name}Button")
            button.name = f"compare_{name}"
            self.panel.connect(button, "clicked()", action)

    def _choose(self, role: str) -> None:
        setattr(self.choices, role, self.selectors[role].currentNode())

    def _chooseRegister(self) -> None:
        self.choices.compareRegister = self.register.checked

    def _request(self) -> CompareRequest:
        chosen = self.choices
        regions = Measured(chosen.node).measureRegions
        return CompareRequest(chosen.compareFirst, chosen.compareSecond, regions, chosen.compareRegister)

    def _start(self) -> None:
        self.waiting.refuseSecond()
        request = self._request()
        self.applyButton.enabled = False  # the wait cursor lets events through
        with slicer.util.WaitCursor():
            job = self.panel.logic.startComparison(request)
        self.waiting.start(job)
        self.panel.refresh()

    def _told(self, job: Any) -> None:
        self.said.styleSheet = COLOURS["info"]
        self.said.text = f"{round(100 * job.fraction)} %  {job.message}"

    def _take(self, job: Any) -> None:
        with slicer.util.WaitCursor():
            found = self.panel.logic.collectComparison(job)
        with Together(self.panel.parameters.node):
            chosen = self.choices
            chosen.compareTable, chosen.compareFigure = found.table, found.figure
            chosen.compareSaid, chosen.compareBad = " ".join([found.said, *found.warnings]), bool(found.warnings)
        showMap(self.panel.scene, found.difference)
        text = _("Compared: {name}.").format(name=found.difference.GetName())
        self.panel.say(" ".join([text, *found.warnings]), "warning" if found.warnings else "info")

    def _askedToCancel(self) -> None:
        if self.cancel():
            self.panel.say(_("Cancelled; nothing was changed."))
            self.panel.refresh()

    def _openFigure(self) -> None:
        figure = self.choices.compareFigure
        openDocument(fileName(figure.GetName()), figure.GetText(), FIGURE_ENDING)

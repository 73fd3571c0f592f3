"""Sections that compute in a child process while Slicer stays awake: Apply, Cancel, progress and the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError

from ..stored import Values
from .editors import narrow
from .section import COLOURS, Section, messageLabel
from .waiting import Waiting


class ChildSection(Section):
    """A section with one child process at a time. Its class says what is asked for, begun, told and taken."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make what waits for the child."""
        super().__init__(frame, panel)
        self.waiting = Waiting(panel, self.tell, self.take)

    @property
    def job(self) -> Any:
        """The child under way, None where there is none."""
        return self.waiting.job

    def request(self) -> Any:
        """Return what is to be computed; InputError with the one thing that is missing."""
        raise NotImplementedError

    def begin(self, request: Any) -> Any:
        """Start the child, and return its job."""
        raise NotImplementedError

    def tell(self, job: Any) -> None:
        """Show how far the child is."""
        raise NotImplementedError

    def take(self, job: Any) -> None:
        """Make nodes of what a child left that ended well."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to compute."""
        self.waiting.refuseSecond()
        request = self.request()
        self.applyButton.enabled = False  # the wait cursor lets events through
        with slicer.util.WaitCursor():
            job = self.begin(request)
        self.waiting.start(job)
        self.panel.refresh()

    def cancel(self) -> bool:
        """End the child at once; return whether there was one."""
        return self.waiting.cancel()

    def cleanup(self) -> None:
        """End the child."""
        self.cancel()

    def useButtons(self, applyButton: Any, cancelButton: Any) -> None:
        """Let these two buttons begin and end the child."""
        self.applyButton, self.cancelButton = applyButton, cancelButton
        self.panel.connect(applyButton, "clicked()", self.start)
        self.panel.connect(cancelButton, "clicked()", self._askedToCancel)

    def refreshButtons(self, missing: str, purpose: str) -> None:
        """Let both be clicked when they can be; Apply says what is missing, else what it is for."""
        running = self.job is not None
        self.applyButton.enabled = not running and not missing
        self.applyButton.toolTip = missing or purpose
        self.cancelButton.enabled = running

    def _askedToCancel(self) -> None:
        if self.cancel():
            self.panel.say(_("Cancelled; nothing was changed."))
            self.panel.refresh()


class CommandSection(ChildSection):
    """A section that carries out a command on the nodes that are chosen in it, and says in words what was found.

    Its class makes the rows of the form, then calls addButtons, then adds what comes below them.
    """

    name: str
    """What the names of its buttons and of its line of text begin with in Qt."""

    choicesClass: type[Values]
    """Has a value for every role of a selector, and `found`: what is said of the result, and whether that is a warning;
    None where there is no result."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make the form."""
        super().__init__(frame, panel)
        self.selectors: dict[str, Any] = {}
        self.column = qt.QVBoxLayout(frame)
        self.form = qt.QFormLayout()
        self.form.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
        self.column.addLayout(self.form)

    @property
    def choices(self) -> Any:
        """What is chosen."""
        return self.choicesClass(self.panel.parameters.node)

    def refresh(self) -> None:
        """Show the choice, what is missing in it, and what was found."""
        chosen = self.choices
        for role, selector in self.selectors.items():
            selector.setMRMLScene(self.panel.scene)
            selector.setCurrentNode(getattr(chosen, role))
        missing = self._missing()
        self.refreshButtons(missing, self.purpose)
        if self.job is None:
            text, bad = chosen.found or (missing, False)
            self.said.text = text
            self.said.styleSheet = COLOURS["warning" if bad else "info"]

    def cleanup(self) -> None:
        """End the child, and let go of the scene."""
        super().cleanup()
        for selector in self.selectors.values():
            selector.setMRMLScene(None)

    def tell(self, job: Any) -> None:
        """Show how far the child is."""
        self.said.styleSheet = COLOURS["info"]
        self.said.text = f"{round(100 * job.fraction)} %  {job.message}"

    def newSelector(self, role: str, classes: list[str], toolTip: str) -> Any:
        """Return a menu of the nodes of these classes; what is chosen there is the choice of that role."""
        selector = self.selectors[role] = narrow(slicer.qMRMLNodeComboBox())
        selector.name = f"{role}Selector"
        selector.nodeTypes = classes
        selector.showChildNodeTypes = selector.addEnabled = selector.removeEnabled = False
        selector.noneEnabled = True
        selector.toolTip = toolTip
        self.panel.connect(
            selector, "nodeActivated(vtkMRMLNode*)", lambda: setattr(self.choices, role, selector.currentNode())
        )
        return selector

    def addButtons(self, apply: str, purpose: str) -> None:
        """Add Apply, with this text and what it is for, Cancel, and the line that says what goes on or was found."""
        self.purpose = purpose
        self.useButtons(self._named("apply", qt.QPushButton(apply)), self._named("cancel", qt.QPushButton(_("Cancel"))))
        self.said = self._named("said", messageLabel())
        row = qt.QHBoxLayout()
        row.addWidget(self.applyButton)
        row.addWidget(self.cancelButton)
        self.column.addLayout(row)
        self.column.addWidget(self.said)

    def addButton(self, name: str, text: str, action: Callable[[], None]) -> Any:
        """Add a button below, and return it."""
        button = self._named(name, qt.QPushButton(text))
        self.panel.connect(button, "clicked()", action)
        self.column.addWidget(button)
        return button

    def _named(self, name: str, widget: Any) -> Any:
        widget.name = f"{self.name}_{name}"
        return widget

    def _missing(self) -> str:
        """Return what is missing in the choice, in a sentence; empty where nothing is."""
        try:
            self.request()
        except InputError as error:
            return str(error)
        return ""

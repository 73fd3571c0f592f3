"""Apply, Cancel, progress and messages: the run goes on in a child process while Slicer stays awake."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError
from QSMLogic.memory import GIBIBYTE, available_memory

from ..as_python import asPython
from ..reproduce import asCommand
from ..request import AUTOMATIC
from .child_section import ChildSection

FULL = 1000
"""Steps of the progress bar."""


class RunSection(ChildSection):
    """The run."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Connect the widgets."""
        super().__init__(frame, panel)
        self.ui.progressBar.maximum = FULL
        self.useButtons(self.ui.applyButton, self.ui.cancelButton)
        panel.connect(self.ui.copyLogButton, "clicked()", self._copyLog)
        panel.connect(self.ui.copyCommandButton, "clicked()", self._copyCommand)
        panel.connect(self.ui.copyPythonButton, "clicked()", self._copyPython)

    def refresh(self) -> None:
        """Say what is missing, and how much memory the run needs."""
        missing, memory = "", ""
        try:
            request = self.request()
            memory = _memoryText(self.panel.logic.memoryNeeded(request))
        except InputError as error:
            missing = str(error)
        self.refreshButtons(missing, _("Compute the maps."))
        self.ui.readyLabel.text = missing or memory
        self.ui.progressBar.visible = self.job is not None
        for button in (self.ui.copyCommandButton, self.ui.copyPythonButton):
            button.enabled = not missing

    def request(self) -> Any:
        """Return what Apply will run; InputError with the one thing that is missing."""
        request = self.panel.parameters.request()
        if request.phaseScale == AUTOMATIC and self.panel.scales.of(request.phases) is None:
            raise InputError("The values of the phase do not tell its units: choose them under Input, Phase units.")
        return request

    def begin(self, request: Any) -> Any:
        """Start the run."""
        job = self.panel.logic.start(request)
        self.panel.say(_("Computing..."))
        return job

    def tell(self, job: Any) -> None:
        """Show how far the run is."""
        bar = self.ui.progressBar
        bar.value = round(FULL * job.fraction)
        bar.format = f"%p % {job.message.partition(':')[0]}"

    def take(self, job: Any) -> None:
        """Make nodes of the maps, and tell every section of them."""
        with slicer.util.WaitCursor():
            outputs = self.panel.logic.collect(job)
        made = ", ".join(node.GetName() for node in outputs.nodes.values())
        text = _("Done in {seconds:.0f} s: {made}.").format(seconds=outputs.seconds, made=made)
        self.panel.sayDone(text, outputs.warnings)
        self.panel.resultsChanged(outputs)

    def _copyLog(self) -> None:
        self._copy(self.ui.logText.plainText)

    def _copyPython(self) -> None:
        self._copy(asPython(self.request(), self.panel.scene))
        self.panel.say(_("The Python code was copied: paste it into Slicer's Python console."))

    def _copyCommand(self) -> None:
        with slicer.util.WaitCursor():
            text, files = asCommand(self.request())
        self._copy(text)
        said = _("The command was copied: paste it into a terminal.")
        where = _("Its input files are in {folder}.").format(folder=files[0].parent) if files else ""
        self.panel.say(f"{said} {where}".strip())

    @staticmethod
    def _copy(text: str) -> None:
        qt.QApplication.clipboard().setText(text)


def _memoryText(needed: int) -> str:
    free = available_memory()
    text = _("Memory: about {needed:.1f} GiB").format(needed=needed / GIBIBYTE)
    if free is None:
        return f"{text}."
    text = _("{text} of {free:.1f} GiB free.").format(text=text, free=free / GIBIBYTE)
    return f'<span style="color: #c0392b;">{text}</span>' if needed > free else text

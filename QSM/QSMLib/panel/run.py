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
from .section import Section

INTERVAL = 100
"""ms between two looks at the run."""

FULL = 1000
"""Steps of the progress bar."""


class RunSection(Section):
    """The run."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Connect the widgets."""
        super().__init__(frame, panel)
        self.job: Any = None
        self._logged = 0
        self.timer = qt.QTimer()
        self.timer.setInterval(INTERVAL)
        self.timer.connect("timeout()", lambda: panel.act(self._poll))
        self.ui.progressBar.maximum = FULL
        panel.connect(self.ui.applyButton, "clicked()", self.start)
        panel.connect(self.ui.cancelButton, "clicked()", self._askedToCancel)
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
        running = self.job is not None
        self.ui.readyLabel.text = missing or memory
        self.ui.applyButton.enabled = not missing and not running
        self.ui.applyButton.toolTip = missing or _("Compute the maps.")
        self.ui.cancelButton.enabled = running
        self.ui.progressBar.visible = running
        for button in (self.ui.copyCommandButton, self.ui.copyPythonButton):
            button.enabled = not missing

    def request(self) -> Any:
        """Return what Apply will run; InputError with the one thing that is missing."""
        request = self.panel.parameters.request()
        if request.phaseScale == AUTOMATIC and self.panel.scales.of(request.phases) is None:
            raise InputError("The values of the phase do not tell its units: choose them under Input, Phase units.")
        return request

    def start(self) -> None:
        """Begin a run."""
        if self.job is not None:
            raise InputError("A run is under way: wait for it, or cancel it.")
        request, self._logged = self.request(), 0
        self.ui.applyButton.enabled = False  # the wait cursor lets events through
        with slicer.util.WaitCursor():
            self.job = self.panel.logic.start(request)
        self.panel.say(_("Computing..."))
        self.timer.start()
        self._showProgress()
        self.panel.refresh()

    def cancel(self) -> bool:
        """End a run at once; return whether there was one."""
        if self.job is None:
            return False
        job = self._ended()
        job.cancel()
        return True

    def cleanup(self) -> None:
        """End a run."""
        self.cancel()

    def _askedToCancel(self) -> None:
        if self.cancel():
            self.panel.say(_("Cancelled; nothing was changed."))
            self.panel.refresh()

    def _poll(self) -> None:
        running = self.job.poll()
        self._showProgress()
        for line in self.job.log[self._logged :]:
            self.panel.log(line)
        self._logged = len(self.job.log)
        if not running:
            self._finish(self._ended())
            self.panel.refresh()

    def _ended(self) -> Any:
        self.timer.stop()
        job, self.job = self.job, None
        return job

    def _finish(self, job: Any) -> None:
        if job.error:
            job.close()
            raise InputError(job.error)
        with slicer.util.WaitCursor():
            outputs = self.panel.logic.collect(job)
        made = ", ".join(node.GetName() for node in outputs.nodes.values())
        text = _("Done in {seconds:.0f} s: {made}.").format(seconds=outputs.seconds, made=made)
        self.panel.say(" ".join([text, *outputs.warnings]), "warning" if outputs.warnings else "info")
        self.panel.resultsChanged(outputs)

    def _showProgress(self) -> None:
        bar = self.ui.progressBar
        bar.value = round(FULL * self.job.fraction)
        bar.format = f"%p % {self.job.message.partition(':')[0]}"

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

"""The panel as a whole: it ties the parameter node to the sections, and shows messages."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from QSMLogic.errors import InputError

from ..parameters import Parameters
from .atlas import AtlasSection
from .compare import CompareSection
from .facts import FactsSection
from .inputs import InputSection
from .loading import LoadingSection
from .mask import MaskSection
from .measure import MeasureSection
from .methods import MethodSection
from .output import OutputSection
from .report import ReportSection
from .run import RunSection
from .scale_cache import ScaleCache
from .section import COLOURS
from .show import ShowSection

LAST = -1.0
"""Priority of an observer: after the widgets that list the nodes of the scene."""


class Panel(VTKObservationMixin):
    """Everything in the panel, made of the widgets of QSM.ui.

    What the user changes goes into the parameter node; a change of the node, whoever made it, is shown in the panel.
    """

    def __init__(self, ui: Any, logic: Any, scene: Any) -> None:
        """Fill the sections. ui: the widgets of QSM.ui by name; logic: a `Logic` on the same scene."""
        super().__init__()
        self.ui, self.logic, self.scene = ui, logic, scene
        self.parameters = Parameters.ofScene(scene)
        self.scales = ScaleCache()
        self.sections: list[Any] = []
        self._following = False
        self._closing = False
        self.runSection = RunSection(ui.runFrame, self)
        self.sections = [
            LoadingSection(ui.inputCollapsibleButton, self),
            InputSection(ui.inputCollapsibleButton, self),
            FactsSection(ui.inputCollapsibleButton, self),
            MaskSection(ui.maskCollapsibleButton, self),
            MethodSection(ui.methodCollapsibleButton, self),
            OutputSection(ui.outputCollapsibleButton, self),
            self.runSection,
            ShowSection(ui.showCollapsibleButton, self),
            ReportSection(ui.reportCollapsibleButton, self),
            AtlasSection(ui.atlasCollapsibleButton, self),
            CompareSection(ui.compareCollapsibleButton, self),
            MeasureSection(ui.measureCollapsibleButton, self),
        ]
        self.say("")
        self._observe()
        self.refresh()

    def enter(self) -> None:
        """Show what has changed while another module was open."""
        self._follow()
        for section in self.sections:
            self.act(section.entered)

    def exit(self) -> None:
        """Leave the panel as it is: a run goes on while another module is open."""

    def cleanup(self) -> None:
        """End a run, and let go of scene, timers and widgets. Does nothing a second time."""
        self.removeObservers()
        self._closing = True  # a reload hides these widgets; Slicer keeps them, and they keep telling of the scene
        if self.sections:
            slicer.app.disconnect("aboutToQuit()", self.cleanup)
        for section in self.sections:
            section.cleanup()
        self.sections = []

    def say(self, text: str, kind: str = "info") -> None:
        """Show a message (kind: info, warning or error), and add it to the log."""
        self.ui.messageLabel.text = text
        self.ui.messageLabel.styleSheet = COLOURS[kind]
        self.ui.messageLabel.visible = bool(text)
        if text:
            self.log(text)

    def sayDone(self, text: str, warnings: Sequence[str]) -> None:
        """Show what was done, and the warnings that came with it."""
        self.say(" ".join([text, *warnings]), "warning" if warnings else "info")

    def log(self, text: str) -> None:
        """Add a line to the log."""
        self.ui.logText.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")

    def connect(self, widget: Any, signal: str, action: Callable[[], None]) -> None:
        """Call an action when the user changes a widget, but not when the panel itself does.

        Of a menu of nodes, nodeActivated is the signal: currentNodeChanged also comes when the chosen node is removed
        and its neighbour takes its place, and does not come between two nodes of one name.
        """
        widget.connect(signal, lambda *_arguments: self.act(action))

    def act(self, action: Callable[[], None]) -> None:
        """Carry out what the user asked for; where that is refused, say why and show the state as it was."""
        if self._following or self._closing or self.scene.IsBatchProcessing():
            return
        try:
            action()
        except InputError as error:
            self.say(str(error), "error")
        except Exception as error:  # the top of this front end: no traceback reaches the user
            logging.exception("QSM")
            self.say(_("Unexpected error: {error}. The log says more.").format(error=error or type(error)), "error")
            self.log(traceback.format_exc())
        else:
            return
        self.refresh()

    def changeSettings(self, **changes: Any) -> None:
        """Replace parts of the settings; the description of where they began no longer holds."""
        self.parameters.settings = replace(self.parameters.settings, description="", **changes)

    def refresh(self) -> None:
        """Show the state of node and scene in every section."""
        if self._following:
            return
        self._following = True
        try:
            for section in self.sections:
                self._refreshOne(section)
        finally:
            self._following = False

    def resultsChanged(self, outputs: Any) -> None:
        """Tell every section of new results."""
        for section in self.sections:
            section.resultsChanged(outputs)

    def _refreshOne(self, section: Any) -> None:
        try:
            section.refresh()
        except InputError as error:
            # such as settings in a scene of a later version: the other sections still work
            self.say(str(error), "error")

    def _observe(self) -> None:
        events = slicer.vtkMRMLScene
        self.addObserver(self.parameters.node, vtk.vtkCommand.ModifiedEvent, self._onChanged)
        self.addObserver(self.scene, events.StartCloseEvent, self._onStartClose)
        self.addObserver(self.scene, events.EndCloseEvent, self._onEndClose)
        self.addObserver(self.scene, events.NodeRemovedEvent, self._onChanged, priority=LAST)
        self.addObserver(self.scene, events.EndImportEvent, self._onEndBatch, priority=LAST)
        self.addObserver(self.scene, events.EndBatchProcessEvent, self._onEndBatch, priority=LAST)
        slicer.app.connect("aboutToQuit()", self.cleanup)

    def _follow(self) -> None:
        """Follow the parameter node of the scene, which may be another one now."""
        parameters = Parameters.ofScene(self.scene)
        if parameters.node is not self.parameters.node:
            self.removeObserver(self.parameters.node, vtk.vtkCommand.ModifiedEvent, self._onChanged)
            self.addObserver(parameters.node, vtk.vtkCommand.ModifiedEvent, self._onChanged)
            self.parameters = parameters
        self.refresh()

    def _onChanged(self, _caller: Any = None, _event: Any = None) -> None:
        if not self._closing and not self.scene.IsBatchProcessing():
            self.refresh()

    def _onStartClose(self, _caller: Any = None, _event: Any = None) -> None:
        self._closing = True
        ended = [section.cancel() for section in self.sections]
        if any(ended):
            self.say(_("Cancelled: the scene was closed."))

    def _onEndClose(self, _caller: Any = None, _event: Any = None) -> None:
        self._closing = False
        self._follow()

    def _onEndBatch(self, _caller: Any = None, _event: Any = None) -> None:
        if not self._closing:
            self._follow()

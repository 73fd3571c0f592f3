"""The images and the table of echoes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slicer.i18n import tr as _

from QSMLogic.errors import InputError

from ..parameters import SEQUENCES, VOLUMES, Echo
from ..stored import Together
from ..volumes import echoTimesOf
from .echo_table import EchoTable
from .section import Section


class InputSection(Section):
    """One volume per echo or 4-D sequences, and the echo times."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Connect the widgets."""
        super().__init__(frame, panel)
        self.table = EchoTable(self.ui.echoTable, panel)
        self.ui.inputKindComboBox.addItem(_("One volume per echo"), VOLUMES)
        self.ui.inputKindComboBox.addItem(_("4-D sequences"), SEQUENCES)
        panel.connect(self.ui.inputKindComboBox, "currentIndexChanged(int)", self._chooseKind)
        panel.connect(self.ui.phaseSequenceSelector, "nodeActivated(vtkMRMLNode*)", self._choosePhase)
        panel.connect(self.ui.magnitudeSequenceSelector, "nodeActivated(vtkMRMLNode*)", self._chooseMagnitude)
        panel.connect(self.ui.addEchoButton, "clicked()", self._add)
        panel.connect(self.ui.removeEchoButton, "clicked()", self._remove)
        panel.connect(self.ui.echoUpButton, "clicked()", lambda: self._move(-1))
        panel.connect(self.ui.echoDownButton, "clicked()", lambda: self._move(1))

    def refresh(self) -> None:
        """Show the images and the echo times."""
        parameters = self.panel.parameters
        kinds, sequences = self.ui.inputKindComboBox, parameters.inputKind == SEQUENCES
        kinds.setCurrentIndex(kinds.findData(parameters.inputKind))
        self.ui.phaseSequenceSelector.setCurrentNode(parameters.phaseSequence)
        self.ui.magnitudeSequenceSelector.setCurrentNode(parameters.magnitudeSequence)
        for kind in ("phase", "magnitude"):
            getattr(self.ui, f"{kind}SequenceLabel").visible = sequences
            getattr(self.ui, f"{kind}SequenceSelector").visible = sequences
        self.ui.echoButtons.visible = not sequences
        self.table.refresh()

    def _chooseKind(self) -> None:
        parameters, kinds = self.panel.parameters, self.ui.inputKindComboBox
        with Together(parameters.node):
            parameters.inputKind = kinds.itemData(kinds.currentIndex)
            self._fitRows()

    def _choosePhase(self) -> None:
        parameters = self.panel.parameters
        with Together(parameters.node):
            parameters.phaseSequence = self.ui.phaseSequenceSelector.currentNode()
            self._fitRows()

    def _fitRows(self) -> None:
        """Make as many rows as a sequence has volumes, with its echo times where it knows them."""
        parameters, sequence = self.panel.parameters, self.panel.parameters.phaseSequence
        if parameters.inputKind != SEQUENCES or sequence is None:
            return
        count = sequence.GetNumberOfDataNodes()
        rows = [*parameters.echoes, *[Echo()] * count][:count]
        times = echoTimesOf(sequence) or [row.time for row in rows]
        parameters.echoes = [replace(row, time=time) for row, time in zip(rows, times, strict=True)]

    def _chooseMagnitude(self) -> None:
        self.panel.parameters.magnitudeSequence = self.ui.magnitudeSequenceSelector.currentNode()

    def _add(self) -> None:
        self.panel.parameters.echoes = (*self.panel.parameters.echoes, Echo())

    def _remove(self) -> None:
        rows = list(self.panel.parameters.echoes)
        if not rows:
            raise InputError("The table has no echo to remove.")
        rows.pop(self.table.selected(len(rows) - 1))
        self.panel.parameters.echoes = rows

    def _move(self, step: int) -> None:
        """Exchange the images of two echoes; the echo times stay in their rising order."""
        rows = list(self.panel.parameters.echoes)
        here = self.table.selected(None)
        if here is None:
            raise InputError("Select the echo to move: click on its echo time.")
        there = here + step
        if 0 <= there < len(rows):
            one, other = rows[here], rows[there]
            rows[here] = Echo(one.time, other.phase, other.magnitude)
            rows[there] = Echo(other.time, one.phase, one.magnitude)
            self.panel.parameters.echoes = rows
            self.table.select(there)

"""Menus of methods with their parameters: one method of a stage, or the steps that make the mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import qt
from slicer.i18n import tr as _

from QSMLogic.methods import METHODS, STAGES
from QSMLogic.settings import COMBINE, Step

from .parameter_form import ParameterForm, methodHelp, newForm, newLabel, newMenu


class StepForm:
    """A menu of a stage's methods, and the parameters of the one that is chosen. changed(step) tells of a change."""

    def __init__(self, name: str, stage: str, panel: Any, changed: Callable[[Step], None]) -> None:
        """Make the widgets; what the form is called is the beginning of their names."""
        self.stage, self.panel, self.changed = stage, panel, changed
        self.step: Step | None = None
        self.menu = newMenu(f"{name}_method")
        self.menu.connect("currentIndexChanged(int)", lambda *_arguments: panel.act(self._choose))
        self.parameters = ParameterForm(name, panel, self._change)

    def show(self, step: Step) -> None:
        """Show a method and its parameters."""
        self.step = step
        methods = METHODS[self.stage]
        if [self.menu.itemData(i) for i in range(self.menu.count)] != list(methods):
            self.menu.clear()
            for name, method in methods.items():
                self.menu.addItem(method.label, name)
                self.menu.setItemData(self.menu.count - 1, methodHelp(method), qt.Qt.ToolTipRole)
        self.menu.setCurrentIndex(self.menu.findData(step.method))
        self.menu.toolTip = methodHelp(methods[step.method])
        self.parameters.show(methods[step.method].parameters, step.parameters)

    def _choose(self) -> None:
        assert self.step is not None
        chosen = self.menu.itemData(self.menu.currentIndex)
        if chosen != self.step.method:
            self.changed(replace(self.step, method=chosen, parameters={}))

    def _change(self, name: str, value: Any) -> None:
        assert self.step is not None
        if self.step.parameters[name] != value:
            self.changed(replace(self.step, parameters=self.step.parameters | {name: value}))


class StageForm:
    """The method of a stage that has one."""

    def __init__(self, stage: str, panel: Any, layout: Any) -> None:
        """Make the widgets and add them to a layout."""
        self.stage, self.panel = stage, panel
        self.form = StepForm(stage, stage, panel, self._change)
        row = qt.QWidget()
        layout.addWidget(row)
        label = newLabel(STAGES[stage].label)
        label.text = f"<b>{STAGES[stage].label}</b>"
        newForm(row).addRow(label, self.form.menu)
        layout.addWidget(self.form.parameters.widget)

    def refresh(self) -> None:
        """Show the settings."""
        self.form.show(getattr(self.panel.parameters.settings, self.stage))

    def _change(self, step: Step) -> None:
        self.panel.changeSettings(**{self.stage: step})


class MaskingForm:
    """The steps that make the mask: each has a method, and says how it joins the mask before it."""

    def __init__(self, panel: Any, frame: Any) -> None:
        """Make the frame's layout and the button that adds a step."""
        self.panel = panel
        self.rows: list[_MaskingRow] = []
        self.layout = qt.QVBoxLayout(frame)
        self.layout.setContentsMargins(0, 0, 0, 0)
        self.addButton = qt.QToolButton()
        self.addButton.text, self.addButton.name = _("Add step"), "addMaskingStepButton"
        self.addButton.toolTip = _("Add a method that changes the mask, or joins another one.")
        self.addButton.connect("clicked()", lambda: panel.act(self._add))
        self.layout.addWidget(self.addButton)

    def refresh(self) -> None:
        """Show the settings."""
        steps = self.panel.parameters.settings.masking
        while len(self.rows) > len(steps):
            self.rows.pop().remove()
        while len(self.rows) < len(steps):
            row = _MaskingRow(len(self.rows), self)
            self.layout.insertWidget(len(self.rows), row.widget)
            self.rows.append(row)
        for row, step in zip(self.rows, steps, strict=True):
            row.show(step, removable=len(steps) > 1)

    def replaceStep(self, index: int, *instead: Step) -> None:
        """Put steps in the place of one."""
        steps = self.panel.parameters.settings.masking
        self.panel.changeSettings(masking=(*steps[:index], *instead, *steps[index + 1 :]))

    def _add(self) -> None:
        last = self.panel.parameters.settings.masking[-1]
        self.replaceStep(len(self.rows) - 1, last, Step(_changingMethod(), {}))


class _MaskingRow:
    """One step of the mask."""

    def __init__(self, index: int, owner: MaskingForm) -> None:
        self.owner, self.index = owner, index
        name = f"masking{index}"
        self.form = StepForm(name, "masking", owner.panel, lambda step: owner.replaceStep(index, step))
        self.combine = newMenu(f"{name}_combine")
        for way in COMBINE:
            self.combine.addItem(way.capitalize(), way)
        self.combine.toolTip = _("How this mask joins the one before.")
        self.combineLabel = newLabel(_("Joined by"), self.combine.toolTip)
        self.combine.connect("currentIndexChanged(int)", lambda *_arguments: owner.panel.act(self._combine))
        self.button = qt.QToolButton()
        self.button.text, self.button.name = _("Remove"), f"{name}_remove"
        self.button.toolTip = _("Remove this step.")
        self.button.connect("clicked()", lambda: owner.panel.act(lambda: owner.replaceStep(index)))
        self.widget = self._arranged()

    def show(self, step: Step, removable: bool) -> None:
        """Show a step."""
        self.form.show(step)
        makesOne = "mask" not in METHODS["masking"][step.method].inputs
        for widget in (self.combineLabel, self.combine):
            widget.visible = self.index > 0 and makesOne
        self.combine.setCurrentIndex(self.combine.findData(step.combine))
        self.button.visible = removable

    def remove(self) -> None:
        """Take the row away."""
        self.widget.hide()
        self.widget.deleteLater()

    def _arranged(self) -> Any:
        widget, rows, line = qt.QWidget(), qt.QWidget(), qt.QWidget()
        box = qt.QVBoxLayout(widget)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(rows)
        box.addWidget(self.form.parameters.widget)
        form, beside = newForm(rows), qt.QHBoxLayout(line)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.form.menu, 1)
        beside.addWidget(self.button)
        form.addRow(newLabel(_("Method") if self.index == 0 else _("Then")), line)
        form.addRow(self.combineLabel, self.combine)
        return widget

    def _combine(self) -> None:
        assert self.form.step is not None
        self.owner.replaceStep(
            self.index, replace(self.form.step, combine=self.combine.itemData(self.combine.currentIndex))
        )


def _changingMethod() -> str:
    """Return a method that changes the mask before it: adding it does not ask for another decision first."""
    return next((name for name, method in METHODS["masking"].items() if "mask" in method.inputs), "bet")

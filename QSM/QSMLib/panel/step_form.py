"""A menu of a stage's methods with the parameters of the chosen one; several of them: steps_form.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import qt
from slicer.i18n import tr as _

from QSMLogic.methods import METHODS, STAGES
from QSMLogic.settings import CHAIN, Step

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
        """Show the settings; a stage that the single step stands in for is greyed, without its parameters."""
        settings = self.panel.parameters.settings
        self.form.show(getattr(settings, self.stage))
        used = self.stage in settings.stages or self.stage not in CHAIN
        self.form.menu.enabled = used
        self.form.parameters.widget.visible = used and bool(self.form.parameters.editors)
        if not used:
            single = METHODS["single_step"][settings.single_step.method].label
            self.form.menu.toolTip = _("Not used: {method}, the single step, stands in for it.").format(method=single)

    def _change(self, step: Step) -> None:
        self.panel.changeSettings(**{self.stage: step})

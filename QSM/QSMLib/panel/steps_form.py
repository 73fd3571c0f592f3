"""Several methods of a stage one below the other: the steps that make the mask, and the further maps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import qt
from slicer.i18n import tr as _

from QSMLogic.methods import METHODS
from QSMLogic.settings import COMBINE, Step

from .parameter_form import methodHelp, newForm, newLabel, newMenu
from .step_form import StepForm


class StepsForm:
    """The steps of a stage, each with its parameters. They can be removed, and moved before the one above."""

    fewest = 0
    """So many steps have to stay."""

    def __init__(self, stage: str, panel: Any, frame: Any) -> None:
        """Make the frame's layout."""
        self.stage, self.panel = stage, panel
        self.rows: list[_Row] = []
        self.layout = qt.QVBoxLayout(frame)
        self.layout.setContentsMargins(0, 0, 0, 0)
        self.first = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are set."""
        return getattr(self.panel.parameters.settings, self.stage)

    def refresh(self) -> None:
        """Show the settings."""
        steps = self.steps
        while len(self.rows) > len(steps):
            self.rows.pop().remove()
        while len(self.rows) < len(steps):
            row = _Row(len(self.rows), self)
            self.layout.insertWidget(self.first + len(self.rows), row.widget)
            self.rows.append(row)
        for row, step in zip(self.rows, steps, strict=True):
            row.show(step, removable=len(steps) > self.fewest)

    def replaceStep(self, index: int, *instead: Step) -> None:
        """Put steps in the place of one."""
        self.change(*self.steps[:index], *instead, *self.steps[index + 1 :])

    def moveUp(self, index: int) -> None:
        """Let a step change places with the one above it."""
        above, step = self.steps[index - 1 : index + 1]
        self.change(*self.steps[: index - 1], step, above, *self.steps[index + 1 :])

    def change(self, *steps: Step) -> None:
        """Take other steps."""
        self.panel.changeSettings(**{self.stage: steps})


class MaskingForm(StepsForm):
    """The steps that make the mask: each has a method, and says how it joins the mask before it."""

    fewest = 1

    def __init__(self, panel: Any, frame: Any) -> None:
        """Add the button that adds a step."""
        super().__init__("masking", panel, frame)
        button = _button("addMaskingStepButton", _("Add step"), panel, self._add)
        button.toolTip = _("Add a method that changes the mask, or joins another one.")
        self.layout.addWidget(button)

    def _add(self) -> None:
        self.change(*self.steps, Step(_changingMethod(), {}))


class MapsForm(StepsForm):
    """The further maps: as many methods as wanted, or none."""

    def __init__(self, panel: Any, frame: Any) -> None:
        """Add the menu that adds a map."""
        super().__init__("maps", panel, frame)
        self.adder = newMenu("addMapMenu")
        self.adder.toolTip = _("R2*, susceptibility-weighted images and others, made in the same run beside chi.")
        top = qt.QWidget()
        newForm(top).addRow(newLabel(_("Further maps"), self.adder.toolTip), self.adder)
        self.layout.addWidget(top)
        self.first = 1
        panel.connect(self.adder, "currentIndexChanged(int)", self._add)

    def refresh(self) -> None:
        """Show the settings, and what can be added."""
        methods = METHODS["maps"]
        if [self.adder.itemData(i) for i in range(self.adder.count)] != ["", *methods]:
            self.adder.clear()
            self.adder.addItem(_("Add a map..."), "")
            for name, method in methods.items():
                self.adder.addItem(method.label, name)
                self.adder.setItemData(self.adder.count - 1, methodHelp(method), qt.Qt.ToolTipRole)
        self.adder.setCurrentIndex(0)
        super().refresh()

    def _add(self) -> None:
        chosen = self.adder.itemData(self.adder.currentIndex)
        if chosen:
            self.change(*self.steps, Step(chosen, {}))


class _Row:
    """One step."""

    def __init__(self, index: int, owner: StepsForm) -> None:
        self.owner, self.index = owner, index
        name, panel = f"{owner.stage}{index}", owner.panel
        self.form = StepForm(name, owner.stage, panel, lambda step: owner.replaceStep(index, step))
        self.combine = newMenu(f"{name}_combine")
        for way in COMBINE:
            self.combine.addItem(way.capitalize(), way)
        self.combine.toolTip = _("How this mask joins the one before.")
        self.combineLabel = newLabel(_("Joined by"), self.combine.toolTip)
        self.combine.connect("currentIndexChanged(int)", lambda *_arguments: panel.act(self._combine))
        self.upButton = _button(f"{name}_up", _("Up"), panel, lambda: owner.moveUp(index))
        self.upButton.toolTip = _("Carry this step out before the one above.")
        self.button = _button(f"{name}_remove", _("Remove"), panel, lambda: owner.replaceStep(index))
        self.button.toolTip = _("Remove this step.")
        self.widget = self._arranged()

    def show(self, step: Step, removable: bool) -> None:
        """Show a step."""
        self.form.show(step)
        joins = self.owner.stage == "masking" and "mask" not in METHODS["masking"][step.method].inputs
        for widget in (self.combineLabel, self.combine):
            widget.visible = self.index > 0 and joins
        self.combine.setCurrentIndex(self.combine.findData(step.combine))
        self.upButton.visible = self.index > 0
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
        beside.addWidget(self.upButton)
        beside.addWidget(self.button)
        form.addRow(newLabel(self._title()), line)
        form.addRow(self.combineLabel, self.combine)
        return widget

    def _title(self) -> str:
        if self.owner.stage == "maps":
            return _("Map {number}").format(number=self.index + 1)
        return _("Method") if self.index == 0 else _("Then")

    def _combine(self) -> None:
        assert self.form.step is not None
        self.owner.replaceStep(
            self.index, replace(self.form.step, combine=self.combine.itemData(self.combine.currentIndex))
        )


def _button(name: str, text: str, panel: Any, action: Any) -> Any:
    button = qt.QToolButton()
    button.name, button.text = name, text
    button.connect("clicked()", lambda: panel.act(action))
    return button


def _changingMethod() -> str:
    """Return a method that changes the mask before it: adding it does not ask for another decision first."""
    return next((name for name, method in METHODS["masking"].items() if "mask" in method.inputs), "bet")

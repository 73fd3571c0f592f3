"""One widget per kind of parameter: a switch, a menu, a whole number, a number, a text, and each of them left open.

An editor has `widget`, `value()` and `setValue(value)`, and calls `changed()` when the user has changed it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from QSMLogic.documents import AUTOMATIC
from QSMLogic.registry import Parameter

from .numerals import decimalsOf, isWide, numberOf, numberText, stepOf

LARGEST_COUNT = 2**31 - 1
"""A spin box holds 32 bits."""


def editorFor(parameter: Parameter, changed: Callable[[], None]) -> Any:
    """Return the editor of a parameter."""
    if parameter.optional and AUTOMATIC not in parameter.choices:
        return OptionalEditor(parameter, changed)
    return _plainEditor(parameter, changed)


def _plainEditor(parameter: Parameter, changed: Callable[[], None]) -> Any:
    if parameter.kind is bool:
        return SwitchEditor(parameter, changed)
    if parameter.choices:
        return ChoiceEditor(parameter, changed)
    if parameter.kind is int:
        return CountEditor(parameter, changed)
    if parameter.kind is str:
        return TextEditor(parameter, changed)
    if isWide(parameter.info.low, parameter.info.high):
        return NumberEditor(parameter, changed)
    return StepEditor(parameter, changed)


class SwitchEditor:
    """A check box."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        """Make the widget."""
        self.widget = qt.QCheckBox()
        self.widget.connect("toggled(bool)", lambda *_arguments: changed())

    def value(self) -> bool:
        """Return what it shows."""
        return bool(self.widget.checked)

    def setValue(self, value: bool) -> None:
        """Show a value."""
        self.widget.checked = value


class ChoiceEditor:
    """A menu of the words that are allowed."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        """Make the widget."""
        self.widget = narrow(qt.QComboBox())
        for choice in parameter.choices:
            self.widget.addItem(choice, choice)
        self.widget.connect("currentIndexChanged(int)", lambda *_arguments: changed())

    def value(self) -> str:
        """Return what it shows."""
        return self.widget.itemData(self.widget.currentIndex)

    def setValue(self, value: str) -> None:
        """Show a value."""
        self.widget.setCurrentIndex(self.widget.findData(value))


class CountEditor:
    """A box for whole numbers."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        """Make the widget."""
        low, high = parameter.info.low, parameter.info.high
        self.widget = narrow(qt.QSpinBox())
        self.widget.minimum = -LARGEST_COUNT if low is None else int(low)
        self.widget.maximum = LARGEST_COUNT if high is None else int(high)
        self.widget.suffix = _suffix(parameter)
        self.widget.keyboardTracking = False
        self.widget.connect("valueChanged(int)", lambda *_arguments: changed())

    def value(self) -> int:
        """Return what it shows."""
        return int(self.widget.value)

    def setValue(self, value: int) -> None:
        """Show a value."""
        self.widget.value = value


class StepEditor:
    """A box for numbers, with steps; it gets the decimals that a value needs."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        """Make the widget."""
        info = parameter.info
        step = stepOf(parameter.default, info.low, info.high)
        self.decimals = max(decimalsOf(number) for number in (step, info.low, info.high, parameter.default or 0.0))
        self.widget = narrow(qt.QDoubleSpinBox())
        self.widget.decimals = self.decimals + 1  # one more than the steps need may be typed
        self.widget.minimum, self.widget.maximum = info.low, info.high
        self.widget.singleStep = step
        self.widget.suffix = _suffix(parameter)
        self.widget.keyboardTracking = False
        self.widget.connect("valueChanged(double)", lambda *_arguments: changed())

    def value(self) -> float:
        """Return what it shows."""
        return float(self.widget.value)

    def setValue(self, value: float) -> None:
        """Show a value."""
        self.widget.decimals = max(self.widget.decimals, decimalsOf(value))
        self.widget.value = value


class NumberEditor:
    """A line for a number of any size."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        """Make the widget."""
        self.label, self.shown = parameter.info.label, ""
        self.widget = qt.QWidget()
        row = qt.QHBoxLayout(self.widget)
        row.setContentsMargins(0, 0, 0, 0)
        self.line = narrow(qt.QLineEdit())
        row.addWidget(self.line)
        if parameter.info.unit:
            row.addWidget(qt.QLabel(parameter.info.unit))
        self.line.connect("editingFinished()", lambda *_arguments: changed() if self.line.text != self.shown else None)

    def value(self) -> float:
        """Return what it shows; InputError where that is no number."""
        return numberOf(self.line.text, self.label)

    def setValue(self, value: float) -> None:
        """Show a value."""
        self.shown = self.line.text = numberText(value)


class TextEditor:
    """A line for a text."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        """Make the widget."""
        self.widget = narrow(qt.QLineEdit())
        self.widget.connect("editingFinished()", lambda *_arguments: changed())

    def value(self) -> str:
        """Return what it shows."""
        return self.widget.text

    def setValue(self, value: str) -> None:
        """Show a value."""
        self.widget.text = value


class OptionalEditor:
    """An editor with a check box that leaves the value to the method (None)."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        """Make the widget."""
        self.editor = _plainEditor(parameter, changed)
        self.editor.setValue(_beginning(parameter))
        self.automatic = qt.QCheckBox(_("auto"))
        self.automatic.toolTip = _("Leave the value to the method.")
        self.widget = qt.QWidget()
        row = qt.QHBoxLayout(self.widget)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.editor.widget, 1)
        row.addWidget(self.automatic)
        self.automatic.connect("toggled(bool)", lambda *_arguments: changed())

    def value(self) -> Any:
        """Return what it shows, None where it is left open."""
        return None if self.automatic.checked else self.editor.value()

    def setValue(self, value: Any) -> None:
        """Show a value."""
        self.automatic.checked = value is None
        self.editor.widget.enabled = value is not None
        if value is not None:
            self.editor.setValue(value)


def narrow(widget: Any) -> Any:
    """Let a widget become as narrow as the panel, whatever it shows."""
    widget.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
    return widget


def _suffix(parameter: Parameter) -> str:
    return f" {parameter.info.unit}" if parameter.info.unit else ""


def _beginning(parameter: Parameter) -> Any:
    """Return the value that is shown first when the user no longer leaves it open: in the middle of the range."""
    low, high = parameter.info.low, parameter.info.high
    if parameter.choices or parameter.kind in (bool, str):
        return parameter.choices[0] if parameter.choices else parameter.kind()
    if low is None or high is None:
        return parameter.kind(low or high or 0)
    if isWide(low, high):
        return parameter.kind((low * high) ** 0.5)
    return parameter.kind((low + high) / 2)

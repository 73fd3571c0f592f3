"""The parameters of one method, made from its record in the register: nothing about a method is typed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _

from QSMLogic.registry import Method, Parameter
from QSMLogic.report.bibliography import references

from .editors import editorFor, narrow
from .numerals import numberText

LABEL_WIDTH = 120
"""Pixels; the labels of all forms are equally wide, so that the fields stand in one column."""

GROUP_MARGIN = 4
"""Pixels between the frame of a group and what is in it."""


class ParameterForm:
    """Labelled editors of parameters, the advanced ones folded.

    changed(name, value) is called when the user has changed one; it may raise InputError. The editors are found by the
    names of their widgets: the form's name, an underscore and the parameter's.
    """

    def __init__(self, name: str, panel: Any, changed: Callable[[str, Any], None]) -> None:
        """Make an empty form."""
        self.name, self.panel, self.changed = name, panel, changed
        self.widget = qt.QWidget()
        self.layout = qt.QVBoxLayout(self.widget)
        self.layout.setContentsMargins(0, 0, 0, 0)
        self.editors: dict[str, Any] = {}
        self._shown: tuple[Parameter, ...] | None = None
        self._content: Any = None

    def show(self, parameters: Sequence[Parameter], values: Mapping[str, Any]) -> None:
        """Show parameters with their values; editors are made anew only where the parameters are others."""
        if self._shown != tuple(parameters):
            self._shown = tuple(parameters)
            self._rebuild()
        for name, editor in self.editors.items():
            editor.setValue(values[name])

    def _rebuild(self) -> None:
        if self._content is not None:
            self._content.hide()
            self._content.deleteLater()
        self._content, self.editors = qt.QWidget(), {}
        box = qt.QVBoxLayout(self._content)
        box.setContentsMargins(0, 0, 0, 0)
        assert self._shown is not None
        simple = [p for p in self._shown if not p.info.advanced]
        advanced = [p for p in self._shown if p.info.advanced]
        if simple:
            rows = qt.QWidget()
            box.addWidget(rows)
            self._addRows(simple, newForm(rows))
        if advanced:
            group = ctk.ctkCollapsibleGroupBox()
            group.title = _("Advanced")
            group.name = f"{self.name}_advanced"
            box.addWidget(group)
            self._addRows(advanced, newForm(group, margin=GROUP_MARGIN))
            group.collapsed = True
        self.layout.addWidget(self._content)
        self.widget.visible = bool(self._shown)

    def _addRows(self, parameters: Sequence[Parameter], form: Any) -> None:
        for parameter in parameters:
            editor = self.editors[parameter.name] = editorFor(
                parameter, lambda name=parameter.name: self._changed(name)
            )
            editor.widget.name = f"{self.name}_{parameter.name}"
            editor.widget.toolTip = parameterHelp(parameter)
            form.addRow(newLabel(parameter.info.label, editor.widget.toolTip), editor.widget)

    def _changed(self, name: str) -> None:
        self.panel.act(lambda: self.changed(name, self.editors[name].value()))


def newForm(widget: Any, margin: int = 0) -> Any:
    """Give a widget a layout of labels and fields.

    A layout is made for its widget, not given to it later: what is added before belongs to Python alone, and goes.
    """
    form = qt.QFormLayout(widget)
    form.setContentsMargins(margin, margin, margin, margin)
    form.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
    return form


def newLabel(text: str, toolTip: str = "") -> Any:
    """Return the label of a field."""
    label = qt.QLabel(f"{text}:")
    label.wordWrap = True
    label.setFixedWidth(LABEL_WIDTH)
    label.toolTip = toolTip
    return label


def newMenu(name: str) -> Any:
    """Return an empty combo box."""
    menu = narrow(qt.QComboBox())
    menu.name = name
    return menu


def parameterHelp(parameter: Parameter) -> str:
    """Return what a person needs to know of a parameter: help, range and default."""
    facts = []
    if parameter.kind in (int, float):
        unit = f" {parameter.info.unit}" if parameter.info.unit else ""
        facts.append(_("Allowed: {range}.").format(range=parameter.range_text() + unit))
    facts.append(_("Default: {value}.").format(value=_shown(parameter.default)))
    explained = f"{parameter.info.label}: {parameter.info.help}." if parameter.info.help else ""
    return " ".join([explained, *facts]).strip()


def methodHelp(method: Method) -> str:
    """Return what a method does, and the papers it comes from."""
    cited = [references()[key].printed() for key in method.cite if key in references()]
    return "\n\n".join([f"{method.label}: {method.summary}", *cited])


def _shown(value: Any) -> str:
    if value is None:
        return _("auto")
    return numberText(value) if isinstance(value, float) else str(value)

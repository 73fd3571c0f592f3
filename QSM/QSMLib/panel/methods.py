"""Preset, methods and parameters, and the settings file."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from QSMLogic.methods import STAGES
from QSMLogic.registry import SEVERAL
from QSMLogic.settings import OPTIONS, Settings, preset_names

from ..needs import asks, takes
from ..parameters import CUSTOM
from .parameter_form import ParameterForm
from .section import Section
from .step_form import StageForm
from .steps_form import MapsForm

FILES = "TOML (*.toml);;JSON (*.json)"
"""Kinds of settings files, as a file dialog has them."""


class MethodSection(Section):
    """How the maps are computed; the masking methods are in the section of the mask."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make a form for each stage, and connect the widgets."""
        super().__init__(frame, panel)
        layout = qt.QVBoxLayout(self.ui.stagesFrame)
        layout.setContentsMargins(0, 0, 0, 0)
        self.stages = [StageForm(stage, panel, layout) for stage in STAGES if stage not in SEVERAL]
        self.maps = MapsForm(panel, self.ui.mapsFrame)
        self.options = ParameterForm("pipeline", panel, self._changeOption)
        layout.addWidget(self.options.widget)
        for name in preset_names():
            self.ui.presetComboBox.addItem(name, name)
            self.ui.presetComboBox.setItemData(
                self.ui.presetComboBox.count - 1, Settings.preset(name).description, qt.Qt.ToolTipRole
            )
        self.ui.presetComboBox.addItem(_("from a file"), CUSTOM)
        panel.connect(self.ui.presetComboBox, "currentIndexChanged(int)", self._choosePreset)
        panel.connect(self.ui.resetPresetButton, "clicked()", self._choosePreset)
        panel.connect(self.ui.labelsSelector, "nodeActivated(vtkMRMLNode*)", self._chooseLabels)
        panel.connect(self.ui.r2Selector, "nodeActivated(vtkMRMLNode*)", self._chooseR2)
        panel.connect(self.ui.importSettingsButton, "clicked()", self._import)
        panel.connect(self.ui.exportSettingsButton, "clicked()", self._export)

    def refresh(self) -> None:
        """Show the settings."""
        parameters, presets = self.panel.parameters, self.ui.presetComboBox
        presets.setCurrentIndex(presets.findData(parameters.preset))
        settings = parameters.settings
        for stage in self.stages:
            stage.refresh()
        self.maps.refresh()
        self.options.show(OPTIONS, {option.name: getattr(settings, option.name) for option in OPTIONS})
        changed = parameters.settingsChanged
        self.ui.resetPresetButton.visible = changed
        self.ui.presetDescriptionLabel.text = self._description(settings, changed)
        self.ui.labelsSelector.setCurrentNode(parameters.labels)
        for widget in (self.ui.labelsLabel, self.ui.labelsSelector):
            widget.visible = asks(settings, "labels")
        self.ui.r2Selector.setCurrentNode(parameters.r2)
        for widget in (self.ui.r2Label, self.ui.r2Selector):
            widget.visible = takes(settings, "r2")

    def _description(self, settings: Settings, changed: bool) -> str:
        if self.panel.parameters.preset == CUSTOM:
            return settings.description
        said = Settings.preset(self.panel.parameters.preset).description
        return _("{description}. <b>Changed.</b>").format(description=said) if changed else f"{said}."

    def _choosePreset(self) -> None:
        chosen = self.ui.presetComboBox.itemData(self.ui.presetComboBox.currentIndex)
        if chosen == CUSTOM:
            self._import()
            self.panel.refresh()
        else:
            self.panel.parameters.choosePreset(chosen)

    def _changeOption(self, name: str, value: Any) -> None:
        if getattr(self.panel.parameters.settings, name) != value:
            self.panel.changeSettings(**{name: value})

    def _chooseLabels(self) -> None:
        self.panel.parameters.labels = self.ui.labelsSelector.currentNode()

    def _chooseR2(self) -> None:
        self.panel.parameters.r2 = self.ui.r2Selector.currentNode()

    def _import(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self.frame, _("Import settings"), "", "TOML, JSON (*.toml *.json)")
        if path:
            self.panel.parameters.importSettings(path)
            self.panel.say(_("The settings of {path} were read.").format(path=path))

    def _export(self) -> None:
        path = qt.QFileDialog.getSaveFileName(self.frame, _("Export settings"), "settings.toml", FILES)
        if path:
            self.panel.parameters.exportSettings(path)
            self.panel.say(_("The settings were written to {path}.").format(path=path))

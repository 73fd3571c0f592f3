"""What the images may not say: field strength, direction of the main field, units and sign of the phase."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from QSMLogic.errors import InputError
from QSMLogic.io.phase_scale import SCALES

from ..request import AUTOMATIC
from ..volumes import gridOf
from .numerals import numberOf, numberText
from .section import Section

OTHER = "other"
"""Entry of the menu of units beside the scales and the automatic one."""

RANGES = {"siemens": "0..4095", "siemens_signed": "-4096..4094"}
"""Scales that a user knows by the values in the image."""

SHOWN_DIGITS = 4
"""Digits of a direction computed from the image."""


class FactsSection(Section):
    """Facts of the acquisition."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Connect the widgets."""
        super().__init__(frame, panel)
        self._openedAt = ""  # the scale while "other" is chosen and its number is not yet typed
        menu = self.ui.phaseScaleComboBox
        menu.addItem(_("automatic"), AUTOMATIC)
        for name in SCALES:
            menu.addItem(scaleLabel(name), name)
        menu.addItem(_("other"), OTHER)
        panel.connect(self.ui.fieldStrengthEdit, "editingFinished()", self._setStrength)
        panel.connect(self.ui.b0FromImageCheckBox, "toggled(bool)", self._chooseDirection)
        panel.connect(self.ui.b0DirectionEdit, "editingFinished()", self._setDirection)
        panel.connect(menu, "currentIndexChanged(int)", self._chooseScale)
        panel.connect(self.ui.phaseTurnEdit, "editingFinished()", self._setTurn)
        panel.connect(self.ui.phaseSignCheckBox, "toggled(bool)", self._setSign)

    def refresh(self) -> None:
        """Show the facts."""
        parameters = self.panel.parameters
        strength = parameters.fieldStrength
        self.ui.fieldStrengthEdit.text = "" if strength is None else numberText(strength)
        self._showDirection(parameters.b0Direction)
        self._showScale(parameters.phaseScale)
        self.ui.phaseSignCheckBox.checked = parameters.phaseSign < 0

    def _phases(self) -> tuple:
        """Return the phase nodes, none where they are not yet chosen."""
        try:
            return self.panel.parameters.images(self.panel.scene)[0]
        except InputError:
            return ()

    def _imageDirection(self) -> tuple[float, float, float] | None:
        try:
            return next((gridOf(node).b0_direction for node in self._phases()), None)
        except InputError:
            return None

    def _showDirection(self, chosen: tuple[float, ...] | None) -> None:
        self.ui.b0FromImageCheckBox.checked = chosen is None
        self.ui.b0DirectionEdit.enabled = chosen is not None
        if chosen is not None:
            text = " ".join(numberText(number) for number in chosen)
        else:
            computed = self._imageDirection() or ()
            text = " ".join(numberText(round(number, SHOWN_DIGITS) + 0.0) for number in computed)
        self.ui.b0DirectionEdit.text = text

    def _showScale(self, scale: str) -> None:
        menu = self.ui.phaseScaleComboBox
        custom = scale == self._openedAt or menu.findData(scale) < 0
        menu.setCurrentIndex(menu.findData(OTHER if custom else scale))
        self.ui.phaseTurnEdit.visible = custom
        self.ui.phaseTurnEdit.text = scale if custom and menu.findData(scale) < 0 else ""
        detected = self._detectedLabel() if scale == AUTOMATIC else ""
        menu.setItemText(0, _("automatic: {units}").format(units=detected) if detected else _("automatic"))

    def _detectedLabel(self) -> str:
        phases = self._phases()
        if not phases or any(node.GetImageData() is None for node in phases):
            return ""
        scale = self.panel.scales.of(phases)
        return _("not certain, choose") if scale is None else scaleLabel(scale.name)

    def _setStrength(self) -> None:
        text = self.ui.fieldStrengthEdit.text.strip()
        self.panel.parameters.fieldStrength = numberOf(text, _("Field strength (T)")) if text else None

    def _chooseDirection(self) -> None:
        fromImage = self.ui.b0FromImageCheckBox.checked
        direction = self._imageDirection() or (0.0, 0.0, 1.0)
        self.panel.parameters.b0Direction = None if fromImage else direction

    def _setDirection(self) -> None:
        if self.panel.parameters.b0Direction is None:
            return
        words = self.ui.b0DirectionEdit.text.replace(";", " ").split()
        if len(words) != 3:
            raise InputError("B0 direction: three numbers with spaces between are needed, such as 0 0.1 0.99.")
        self.panel.parameters.b0Direction = [numberOf(word, _("B0 direction")) for word in words]

    def _chooseScale(self) -> None:
        menu = self.ui.phaseScaleComboBox
        chosen = menu.itemData(menu.currentIndex)
        self._openedAt = self.panel.parameters.phaseScale if chosen == OTHER else ""
        if chosen != OTHER:
            self.panel.parameters.phaseScale = chosen
        self.panel.refresh()

    def _setTurn(self) -> None:
        text = self.ui.phaseTurnEdit.text
        if not text.strip():
            return
        turn = numberOf(text, _("Units per turn"))
        if turn <= 0:
            raise InputError(f"Units per turn = {numberText(turn)}: a positive number is needed.")
        self._openedAt = ""
        self.panel.parameters.phaseScale = numberText(turn)

    def _setSign(self) -> None:
        self.panel.parameters.phaseSign = -1 if self.ui.phaseSignCheckBox.checked else 1


def scaleLabel(name: str) -> str:
    """Return how a scale is called in the menu."""
    return _("{range} per turn").format(range=RANGES[name]) if name in RANGES else name

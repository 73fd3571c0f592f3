"""Which maps become volumes, and what they are called."""

from __future__ import annotations

from typing import Any

import qt

from QSMLogic.io.writing import FILES, FURTHER

from ..echo_names import scanName
from .section import Section

RESULT = "chi"
"""The map that is always kept."""

COLUMNS = 2


class OutputSection(Section):
    """Name and maps."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make a check box for each map."""
        super().__init__(frame, panel)
        self.boxes: dict[str, Any] = {}
        layout = qt.QGridLayout(self.ui.keepFrame)
        layout.setContentsMargins(0, 0, 0, 0)
        for i, name in enumerate(name for name in FILES if name not in FURTHER):
            box = self.boxes[name] = qt.QCheckBox(mapLabel(name))
            box.name = f"keep_{name}"
            box.enabled = name != RESULT
            panel.connect(box, "toggled(bool)", self._choose)
            layout.addWidget(box, i // COLUMNS, i % COLUMNS)
        panel.connect(self.ui.nameEdit, "editingFinished()", self._setName)

    def refresh(self) -> None:
        """Show the choice."""
        parameters = self.panel.parameters
        for name, box in self.boxes.items():
            box.checked = name == RESULT or name in parameters.keep
        self.ui.nameEdit.text = parameters.name
        first = next((echo.phase for echo in parameters.echoes if echo.phase), parameters.phaseSequence)
        self.ui.nameEdit.placeholderText = scanName(first.GetName()) if first else ""

    def _choose(self) -> None:
        self.panel.parameters.keep = [name for name, box in self.boxes.items() if box.checked]

    def _setName(self) -> None:
        self.panel.parameters.name = self.ui.nameEdit.text.strip()


def mapLabel(name: str) -> str:
    """Return how a map is called: "Total field"."""
    return "Susceptibility (chi)" if name == RESULT else name.replace("_", " ").capitalize()

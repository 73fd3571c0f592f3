"""What every section of the panel has."""

from __future__ import annotations

from typing import Any

import qt

COLOURS = {"info": "", "warning": "color: #b9770e;", "error": "color: #c0392b;"}
"""Style of a message by its kind; both colours can be read on a light and on a dark panel."""


class Section:
    """A part of the panel. It is made once, shows the state when asked, and lets go at the end."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Remember the frame that holds the section's widgets, and the panel."""
        self.frame, self.panel, self.ui = frame, panel, panel.ui

    def refresh(self) -> None:
        """Show the state of parameter node and scene."""

    def entered(self) -> None:
        """Take note that the panel is shown again."""

    def resultsChanged(self, outputs: Any) -> None:
        """Take note of the results of a run."""

    def cancel(self) -> bool:
        """End what is under way; return whether there was something."""
        return False

    def cleanup(self) -> None:
        """Let go of timers, observers and jobs."""


def messageLabel() -> Any:
    """Return a label for sentences: as wide as the panel, and as many lines as they need."""
    label = qt.QLabel()
    label.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
    label.setTextFormat(qt.Qt.PlainText)  # names and headers of any origin speak in them
    label.wordWrap = True
    return label

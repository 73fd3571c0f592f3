"""Dialogues and views that several sections use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError


def savePath(parent: Any, title: str, name: str, ending: str) -> Path | None:
    """Ask for a file to write, and return its path, with its ending; None where nothing was chosen.

    Raises InputError where the dialogue could not ask about a file that exists, as its ending was not typed.
    """
    asked = qt.QFileDialog.getSaveFileName(parent, title, f"{name}{ending}", f"{_('Files')} (*{ending})")
    if not asked:
        return None
    path = Path(asked if asked.lower().endswith(ending) else asked + ending)
    if str(path) != asked and path.exists():
        raise InputError(f"{path} exists already: choose another name.")
    return path


def openDocument(name: str, text: str, ending: str) -> None:
    """Show a document in the system's browser. Raises InputError where that cannot be done."""
    path = Path(slicer.app.temporaryPath, f"{name}.{ending}")
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"The document cannot be written to {path}: {error.strerror}.") from None
    if not qt.QDesktopServices.openUrl(qt.QUrl(path.as_uri())):
        raise InputError(f"No browser could be opened: the document is in {path}.")


def lookAtAll() -> None:
    """Turn the 3-D views to everything in them."""
    layouts = slicer.app.layoutManager()
    if layouts is not None:  # there is none without a main window
        layouts.resetThreeDViews()

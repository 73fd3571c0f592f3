"""Dialogues and browsers wait for a person: in a test they are refused, unless the test puts its answer in their place.

PythonQt returns the path alone from QFileDialog, where PySide adds the filter: an answer has to be just that.
"""

from types import ModuleType

ASKING = {
    "QFileDialog": ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"),
    "QInputDialog": ("getText", "getMultiLineText", "getInt", "getDouble", "getItem"),
    "QMessageBox": ("about", "critical", "information", "question", "warning"),
    "QColorDialog": ("getColor",),
    "QDialog": ("exec", "exec_"),
    "QDesktopServices": ("openUrl",),
}


def refuse_dialogs(qt: ModuleType) -> None:
    """Let everything that asks a person fail the test."""
    for kind, functions in ASKING.items():
        for function in functions:
            name = f"qt.{kind}.{function}"

            def refuse(*_, name=name, **__):
                raise RuntimeError(f"{name} would have waited for a person")

            setattr(getattr(qt, kind), function, refuse if kind == "QDialog" else staticmethod(refuse))

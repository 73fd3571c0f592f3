"""Modules `qt`, `ctk` and `PythonQt`, and the qMRML widgets of `slicer`, on PySide6 without a display."""

import importlib
import sys
from types import ModuleType

from slicer_side.qt_standin.dialogs import refuse_dialogs
from slicer_side.qt_standin.pythonqt import make_qt

CTK = ("numbers", "folding")
MRML = ("mrml_base", "node_selectors", "mrml_views")


def classes(names: tuple[str, ...], prefixes: tuple[str, ...]) -> dict[str, type]:
    """Return the widget classes that these files define."""
    found = {}
    for name in names:
        module = importlib.import_module(f"{__name__}.{name}")
        for key, value in vars(module).items():
            if key.startswith(prefixes) and isinstance(value, type):
                found[key] = value
    return found


def say(_kind, _context, text: str) -> None:
    """Print what Qt has to say, but for what it says of every window that has no screen."""
    if "propagateSizeHints" not in text:
        print(text, file=sys.stderr)


def install(settings_folder: str) -> ModuleType:
    """Make the modules importable and start Qt; once per process. Return `qt`."""
    if "qt" in sys.modules:
        return sys.modules["qt"]
    qt = sys.modules["qt"] = make_qt()
    refuse_dialogs(qt)
    qt.qInstallMessageHandler(say)
    qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
    for scope in (qt.QSettings.UserScope, qt.QSettings.SystemScope):
        qt.QSettings.setPath(qt.QSettings.IniFormat, scope, settings_folder)
    qt.QCoreApplication.setOrganizationName("NA-MIC")
    qt.QCoreApplication.setApplicationName("Slicer")
    qt.application = qt.QApplication.instance() or qt.QApplication(["Slicer", "-style", "fusion"])
    ctk = sys.modules["ctk"] = ModuleType("ctk")
    vars(ctk).update(classes(CTK, ("ctk",)))
    import slicer

    widgets = classes(MRML, ("qMRML", "qSlicer"))
    vars(slicer).update(widgets)
    loader = importlib.import_module(f"{__name__}.loader").QUiLoader
    loader.custom = {**vars(ctk), **widgets}
    loader.custom = {name: kind for name, kind in loader.custom.items() if isinstance(kind, type)}
    qt.QUiLoader = loader
    pythonqt = sys.modules["PythonQt"] = ModuleType("PythonQt")
    pythonqt.Qt = pythonqt.QtCore = pythonqt.QtGui = qt
    return qt

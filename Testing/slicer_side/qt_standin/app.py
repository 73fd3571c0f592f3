"""slicer.app with Qt: signals, modules, settings, and a record of what would have asked a person."""

import time

import qt
import slicer
from PySide6.QtCore import Signal


class ModuleManager(qt.QObject):
    """The loaded modules."""

    moduleLoaded = Signal(str)
    moduleAboutToBeUnloaded = Signal(str)

    def module(self, name: str):
        """Return a loaded module, None where there is none of this name."""
        every = (module for module in vars(slicer.modules).values() if hasattr(module, "logic"))
        return next((module for module in every if getattr(module, "name", None) == name), None)


class Application(qt.QObject):
    """slicer.app: what is not said here, the application without Qt or Qt's own says."""

    startupCompleted = Signal()
    aboutToQuit = Signal()
    mrmlSceneChanged = Signal(object)
    popups: list[str] | None = None
    selected_module = ""

    def __init__(self, world) -> None:
        super().__init__()
        self._without_qt = world.app
        self._modules = ModuleManager()
        self._settings = qt.QSettings()
        self.popups = []

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        for other in (self._without_qt, qt.QApplication.instance()):
            if hasattr(other, name):
                return getattr(other, name)
        raise AttributeError(f"slicer.app has no {name}: not in the stand-in at least")

    def moduleManager(self) -> ModuleManager:
        """Return the loaded modules."""
        return self._modules

    def processEvents(self) -> None:
        """Let Qt go on."""
        qt.QApplication.processEvents()

    def settings(self):
        """Return Slicer's settings: a file that the tests remove."""
        return self._settings

    userSettings = settings

    def mainWindow(self) -> None:
        """Return None: there is no main window."""


def record_popups(app: Application) -> None:
    """Keep the text of what would pop up and answer as Slicer does while it is tested: yes."""

    def display(_level, text, answer, **_options):
        app.popups.append(text)
        return answer

    def box(text, parent=None, **_options):
        app.popups.append(text)
        return qt.QMessageBox.Ok

    slicer.util._messageDisplay, slicer.util.messageBox = display, box
    slicer.util.delayDisplay = lambda text, *_, **__: app.processEvents()


def select_module(name) -> None:
    """Leave the module that is shown and enter another one, as the main window does."""
    app = slicer.app
    for one, event in ((app.selected_module, "exit"), (getattr(name, "name", name), "enter")):
        module = app.moduleManager().module(one)
        if event == "enter" and module is None:
            raise RuntimeError(f"there is no module {one}")
        if hasattr(module, "widgetRepresentation"):
            handler = getattr(module.widgetRepresentation().self(), event, None)
            if handler is not None:
                handler()
    app.selected_module = getattr(name, "name", name)


def wait_until(condition, seconds: float = 30.0) -> bool:
    """Let Qt go on until the condition holds; return whether it does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        qt.QApplication.processEvents(qt.QEventLoop.AllEvents, 20)
        time.sleep(0.002)
    return True

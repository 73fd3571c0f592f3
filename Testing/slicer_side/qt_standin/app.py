"""slicer.app with Qt: signals, modules, layout, settings, and a record of what would have asked a person."""

import time

import qt
import slicer
from PySide6.QtCore import Property, Signal


class ModuleManager(qt.QObject):
    """The loaded modules."""

    moduleLoaded = Signal(str)
    moduleAboutToBeUnloaded = Signal(str)

    def module(self, name: str):
        """Return a loaded module, None where there is none of this name."""
        every = (module for module in vars(slicer.modules).values() if hasattr(module, "logic"))
        return next((module for module in every if getattr(module, "name", None) == name), None)

    def modulesNames(self) -> tuple[str, ...]:
        """Return the names of all."""
        return tuple(module.name for module in vars(slicer.modules).values() if hasattr(module, "logic"))


class SliceWidget:
    """The parts of one slice view that code asks its widget for."""

    def __init__(self, logic) -> None:
        self._logic = logic

    def sliceLogic(self):
        """Return the view's logic."""
        return self._logic

    def mrmlSliceNode(self):
        """Return the view's node."""
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        """Return the node that names its volumes."""
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        """Show all of the volume."""
        self._logic.FitSliceToBackground()

    def setSliceOrientation(self, orientation: str) -> None:
        """Turn the view."""
        self._logic.GetSliceNode().SetOrientation(orientation)


class LayoutManager(qt.QObject):
    """Which views are shown; it changes the layout's node, as Slicer's does."""

    layoutChanged = Signal(int)

    def __init__(self, world) -> None:
        super().__init__()
        self._world = world

    def _node(self):
        return self._world.layout_logic.GetLayoutNode()

    def setLayout(self, layout: int) -> None:
        """Choose a layout."""
        if layout != self._node().GetViewArrangement():
            self._node().SetViewArrangement(layout)
            self.layoutChanged.emit(layout)

    layout = Property(int, lambda self: self._node().GetViewArrangement(), setLayout)
    threeDViewCount = Property(int, lambda self: 1)

    def layoutLogic(self):
        """Return the layout's logic."""
        return self._world.layout_logic

    def sliceViewNames(self) -> tuple[str, ...]:
        """Return the names of the slice views."""
        return tuple(self._world.slice_logics)

    def sliceWidget(self, name: str):
        """Return one of them."""
        return SliceWidget(self._world.slice_logics[name]) if name in self._world.slice_logics else None

    def mrmlSliceLogics(self):
        """Return their logics."""
        return self._world.logic.GetSliceLogics()

    def threeDWidget(self, _which) -> None:
        """Return None: the 3-D view of the tests is no widget."""

    tableWidget = plotWidget = threeDWidget

    def resetSliceViews(self) -> None:
        """Fit every slice view."""
        for logic in self._world.slice_logics.values():
            logic.FitSliceToBackground()

    def resetThreeDViews(self) -> None:
        """Do nothing."""


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
        self._layout = LayoutManager(world)
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

    def layoutManager(self) -> LayoutManager:
        """Return the layout."""
        return self._layout

    def processEvents(self) -> None:
        """Let Qt go on."""
        qt.QApplication.processEvents()

    def settings(self):
        """Return Slicer's settings: a file that the tests remove."""
        return self._settings

    userSettings = settings

    def mainWindow(self) -> None:
        """Return None: there is no main window."""

    def restart(self) -> None:
        """Refuse."""
        raise RuntimeError("a test wanted to restart Slicer")


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

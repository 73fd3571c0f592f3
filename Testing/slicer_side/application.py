"""Loads scripted modules as Slicer does: the file as it is, then module, widget and setup()."""

import importlib.util
import sys
from pathlib import Path

import slicer

from slicer_side import qt_standin
from slicer_side.scene import fresh_scene, world

ROOT = Path(__file__).parents[2]


def start():
    """Return slicer.app with Qt, over an empty scene."""
    fresh_scene()
    qt_standin.install(world().app.temporaryPath)
    from slicer_side.qt_standin import app
    from slicer_side.qt_standin.segment_editor import SegmentEditor

    slicer.app = app.Application(world())  # a new one: nothing of an earlier test hangs on its signals
    slicer.qSlicerScriptedLoadableModule = ScriptedModule
    slicer.util.selectModule = app.select_module
    slicer.util.selectedModule = lambda: slicer.app.selected_module
    slicer.modules.segmenteditor = slicer.modules.SegmentEditorWidget = SegmentEditor()
    app.record_popups(slicer.app)
    slicer.app.settings().clear()
    return slicer.app


class ScriptedModule:
    """A scripted module as slicer.modules.<name> shows it, and what its Python class describes itself on."""

    title = helpText = acknowledgementText = ""
    hidden, icon, index = False, None, -1

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.name = path.stem
        self.categories, self.dependencies, self.contributors, self.associatedNodeTypes = [], [], [], []
        self._widget = None
        source = import_source(path)
        instance = getattr(source, self.name)(self)
        setattr(slicer.modules, f"{self.name}Instance", instance)
        setattr(slicer.modules, self.name.lower(), self)
        if hasattr(instance, "setup"):
            instance.setup()

    def logic(self):
        """Return Slicer's own logic of a scripted module, which does nothing."""
        return slicer.vtkSlicerScriptedLoadableModuleLogic()

    def widgetRepresentation(self):
        """Return the widget that the panel lies in; make it when it is first asked for."""
        if self._widget is None:
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self):
        """Return a new one."""
        import qt

        widget = slicer.qSlicerScriptedLoadableModuleWidget()
        widget.setLayout(qt.QVBoxLayout())
        widget.setMRMLScene(slicer.mrmlScene)
        widget.set_up_with(self._set_up)
        return widget

    def _set_up(self, widget) -> None:
        python = getattr(sys.modules[self.name], f"{self.name}Widget")(widget)
        widget.become(python)
        setattr(slicer.modules, f"{self.name}Widget", python)
        python.setup()


def import_source(path: Path):
    """Run a module's file, with its folder on the path, as Slicer does."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_module(name: str, root: Path = ROOT):
    """Load a module, by default of this repository, and show it; return its widget in Python."""
    module = ScriptedModule(root / name / f"{name}.py")
    slicer.app.moduleManager().moduleLoaded.emit(name)
    slicer.app.startupCompleted.emit()
    slicer.util.selectModule(name)
    return module.widgetRepresentation().self()


def unload_module(name: str) -> None:
    """Do what Slicer does with a module when it exits."""
    import qt

    module = getattr(slicer.modules, name.lower(), None)
    if module is None:
        return
    slicer.app.aboutToQuit.emit()
    slicer.app.moduleManager().moduleAboutToBeUnloaded.emit(name)
    widget = module._widget
    for key in (name.lower(), f"{name}Instance", f"{name}Widget"):
        if hasattr(slicer.modules, key):
            delattr(slicer.modules, key)
    if widget is not None:
        widget.hide()
        widget.deleteLater()
        qt.QApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)

"""What every widget with a scene does."""

import weakref

import qt
import shiboken6
from PySide6.QtCore import Signal


class Observing:
    """Observers on VTK objects that end with the widget."""

    def observe(self, thing, event, method: str) -> None:
        """Call the widget's method of this name after the event, for as long as the widget is alive."""
        mine = weakref.ref(self)

        def called(*_):
            widget = mine()
            if widget is not None and shiboken6.isValid(widget):
                getattr(widget, method)()

        self.__dict__.setdefault("_observed", []).append((thing, thing.AddObserver(event, called)))

    def unobserve(self) -> None:
        """End them all."""
        for thing, tag in self.__dict__.get("_observed", []):
            thing.RemoveObserver(tag)
        self._observed = []


class WithScene:
    """Remembers the scene."""

    _scene = None

    def mrmlScene(self):
        """Return the scene."""
        return self._scene

    def setMRMLScene(self, scene) -> None:
        """Take the scene."""
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


class qMRMLWidget(qt.QWidget, WithScene):
    """A widget that knows the scene."""

    mrmlSceneChanged = Signal(object)


class qSlicerWidget(qMRMLWidget):
    """The same with Slicer's logic."""


class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """What a scripted module's panel lies in; `self()` is the Python object."""

    def self(self):
        """Return the module's widget in Python."""
        return self._python

    def reload(self) -> None:
        """Make the module's widget in Python anew."""
        self._set_up(self)

    def set_up_with(self, set_up) -> None:
        """Make it with this function, which gets this widget (not in Slicer)."""
        self._set_up = set_up
        self.reload()

    def become(self, python) -> None:
        """Take the module's widget in Python (not in Slicer)."""
        self._python = python

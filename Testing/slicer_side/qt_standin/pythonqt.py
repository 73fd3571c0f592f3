"""PySide6 made to behave as PythonQt does in Slicer; where PythonQt refuses something, so does this.

Properties are attributes, an attribute that does not exist cannot be set, `connect("clicked(bool)", f)` checks that the
signal exists, and a slot gets as many arguments as it takes. Import this before a class of PySide6 is used.
"""

import inspect
import os
import re
from types import ModuleType

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import shiboken6
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

METHODS = {"sizeHint", "minimumSizeHint", "spacing", "layout", "parent"}
"""Virtual or ordinary functions of the name of a property: PythonQt users call them, and C++ looks them up."""
MODULES = (QtCore, QtGui, QtWidgets, QtUiTools)
_connections: dict[int, list[tuple]] = {}


class QtProperty:
    """A Qt property as an attribute of objects; on the class it stays what it was, such as a static function."""

    def __init__(self, name: str, on_class) -> None:
        self.name, self.on_class = name, on_class

    def __get__(self, instance, owner=None):
        if instance is None:
            return self.on_class
        value = instance.property(self.name)
        return tuple(value) if isinstance(value, list) else value

    def __set__(self, instance, value) -> None:
        set_property(instance, self.name, value)


def is_wrapped(kind: type) -> bool:
    """Say whether this is a class of Qt, CTK or Slicer and not one that a module derived from it."""
    return kind.__module__.startswith(("PySide6", "slicer_side.qt_standin"))


def adapt(kind: type) -> None:
    """Give one class of Qt the ways of PythonQt."""
    meta = kind.staticMetaObject
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        if name not in METHODS and (index >= meta.propertyOffset() or name in vars(kind)):
            setattr(kind, name, QtProperty(name, getattr(kind, name, None)))
    kind.__setattr__ = set_attribute


def set_attribute(self, name: str, value) -> None:
    """Set an attribute; on an object of Qt, CTK or Slicer only one that it has."""
    if isinstance(value, QtWidgets.QWidget) and name == value.property("objectName"):
        return  # PySide's loader of .ui files hangs the children on the root: PythonQt's does not
    if not name.startswith("_") and is_wrapped(type(self)) and not hasattr(type(self), name):
        raise AttributeError(f"{self.className()} has no property {name}")
    if isinstance(inspect.getattr_static(type(self), name, None), QtCore.Property):
        set_property(self, name, value)
    else:
        plain_set(self, name, value)


def set_property(widget, name: str, value) -> None:
    """Set a property; what Qt cannot convert is an error, and so is None, which PySide takes for empty."""
    if value is None or not widget.setProperty(name, list(value) if isinstance(value, tuple) else value):
        raise TypeError(f"{widget.className()}.{name} cannot be {value!r}")


plain_set = shiboken6.Shiboken.Object.__setattr__


def limited(slot, given: int):
    """Return the slot so that it can be called with more arguments than it takes."""
    try:
        parameters = list(inspect.signature(slot).parameters.values())
    except (TypeError, ValueError):
        return lambda *arguments: slot(*arguments[:given])
    if not any(p.kind == p.VAR_POSITIONAL for p in parameters):
        given = min(given, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))
    return lambda *arguments: slot(*arguments[:given])


def find_signal(sender, signature: str):
    """Return the signal of this signature, such as "clicked(bool)", and the number of its arguments."""
    name, arguments = re.fullmatch(r"\s*2?(\w+)\((.*)\)\s*", signature).groups()
    arguments = arguments.replace("const ", "").replace("&", "").replace(" ", "")
    in_python = re.sub(r"vtk\w+\*", "PyObject", arguments)
    meta = sender.metaObject()
    if meta.indexOfSignal(f"{name}({in_python})") < 0:
        raise ValueError(f"{sender.className()} has no signal {signature}")
    count = len(arguments.split(",")) if arguments else 0
    signal = getattr(sender, name)
    if in_python == "bool":
        signal = signal[bool]
    elif in_python == "PyObject":
        signal = signal[object]
    return signal, count


def connect(sender, signature: str, *target) -> bool:
    """Connect by signature to a function, or to a receiver and the signature of its slot."""
    slot = target[0] if len(target) == 1 else getattr(target[0], re.match(r"1?(\w+)", target[1])[1])
    signal, count = find_signal(sender, signature)
    called = limited(slot, count)
    signal.connect(called)
    _connections.setdefault(id(sender), []).append((signature, slot, called))
    return True


def disconnect(sender, signature: str, *target) -> bool:
    """Undo a connection by signature."""
    slot = target[0] if len(target) == 1 else getattr(target[0], re.match(r"1?(\w+)", target[1])[1])
    made = _connections.get(id(sender), [])
    for entry in made:
        if entry[0] == signature and entry[1] == slot:
            find_signal(sender, signature)[0].disconnect(entry[2])
            made.remove(entry)
            return True
    return False


def adapt_object() -> None:
    """Give QObject, and so everything, the attributes that only PythonQt has."""
    plain_get = QtCore.QObject.__getattribute__
    static_connect = {"connect": connect, "disconnect": disconnect}

    def get_attribute(self, name):
        if name in static_connect and type(self).__name__ != "SignalInstance":
            return lambda *arguments: static_connect[name](self, *arguments)
        return plain_get(self, name)

    QtCore.QObject.__getattribute__ = get_attribute
    QtCore.QObject.name = QtProperty("objectName", None)
    QtCore.QObject.className = lambda self: self.metaObject().className()
    QtCore.QObject.delete = lambda self: shiboken6.delete(self)  # noqa: PLW0108 (what is built in binds to nothing)


def make_qt() -> ModuleType:
    """Return the module `qt`: all of Qt in one flat namespace, with the ways of PythonQt."""
    qt = ModuleType("qt")
    for module in MODULES:
        for name in dir(module):
            if not name.startswith("_"):
                setattr(qt, name, getattr(module, name))
    kinds = {v for v in vars(qt).values() if isinstance(v, type) and issubclass(v, QtCore.QObject)}
    for kind in sorted(kinds, key=lambda kind: len(kind.__mro__)):
        adapt(kind)
    adapt_object()
    return qt

"""Loads .ui files with CTK's and Slicer's widgets in them, and insists that every property in them exists."""

from typing import ClassVar
from xml.etree import ElementTree

import qt


class QUiLoader(qt.QUiLoader):
    """Qt's loader with the stand-ins registered."""

    custom: ClassVar[dict[str, type]] = {}

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        for kind in self.custom.values():
            self.registerCustomWidget(kind)

    def load(self, file, parent=None):
        """Return the widget that an open file describes."""
        tree = ElementTree.fromstring(bytes(file.readAll().data()))
        used = {widget.get("class") for widget in tree.iter("widget")}
        unknown = sorted(kind for kind in used if kind not in self.custom and not hasattr(qt, kind))
        if unknown:
            raise RuntimeError(f"no stand-in for {', '.join(unknown)}")
        later = self._take_connections(tree)
        buffer = qt.QBuffer(self)
        buffer.setData(ElementTree.tostring(tree))
        buffer.open(qt.QIODevice.ReadOnly)
        root = super().load(buffer, parent)
        if root is None:
            raise RuntimeError(self.errorString())
        self._check_properties(tree, root)
        for connection in later:
            sender, receiver = (find(root, connection[end]) for end in ("sender", "receiver"))
            sender.connect(connection["signal"], receiver, connection["slot"])
        return root

    @staticmethod
    def _take_connections(tree) -> list[dict]:
        """Take the connections out: Qt does not find the slots that are written in Python."""
        taken = []
        for group in tree.iter("connections"):
            for connection in list(group):
                taken.append({part.tag: part.text for part in connection})
                group.remove(connection)
        return taken

    @staticmethod
    def _check_properties(tree, root) -> None:
        for entry in tree.iter("widget"):
            widget = find(root, entry.get("name"))
            for item in entry.findall("property"):
                if widget.metaObject().indexOfProperty(item.get("name")) < 0 and item.get("stdset") != "0":
                    raise RuntimeError(f"{entry.get('class')} {entry.get('name')} has no property {item.get('name')}")


def find(root, name: str):
    """Return the widget of this name."""
    widget = root if root.objectName == name else root.findChild(qt.QObject, name)
    if widget is None:
        raise RuntimeError(f"the .ui file has no widget {name}")
    return widget

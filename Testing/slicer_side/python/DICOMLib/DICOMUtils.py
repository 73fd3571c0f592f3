"""What the DICOM module does with its plugins, and a database of headers that counts the files it opens."""

from pathlib import Path

import pydicom
import slicer

SERIES = "0020,000E"


class Database:
    """slicer.dicomDatabase: values of headers, as text."""

    isOpen = True

    def __init__(self) -> None:
        self.opened: list[str] = []
        self._values: dict[str, dict[str, str]] = {}

    def insert(self, path) -> None:
        """Take in a file: what plugins ask for is kept from then on."""
        header = pydicom.dcmread(path, stop_before_pixels=True)
        elements = (element for element in header if element.VR != "SQ")
        self._values[str(path)] = {f"{e.tag.group:04X},{e.tag.element:04X}": text_of(e.value) for e in elements}

    def fileValue(self, path, tag) -> str:
        """Return a value of a file's header, an empty text where it has none."""
        if not isinstance(path, str):
            raise TypeError(f"fileValue wants a text, and got {path!r}")
        if path not in self._values:
            self.opened.append(path)
            self.insert(path)
        return self._values[path].get(tag.upper(), "")

    def filesForSeries(self, uid) -> tuple[str, ...]:
        """Return the files of a series; PythonQt gives lists of texts as tuples."""
        return tuple(path for path in self._values if self.fileValue(path, SERIES) == uid)

    def series(self) -> list[str]:
        """Return every series (the stand-in's own function)."""
        return list(dict.fromkeys(values.get(SERIES, "") for values in self._values.values()))


def text_of(value) -> str:
    """Return a value as the database keeps it."""
    return "\\".join(map(str, value)) if isinstance(value, pydicom.multival.MultiValue) else str(value or "")


def importDicom(folder, dicomDatabase=None, copyFiles=False) -> bool:
    """Take the files of a folder into the database."""
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and pydicom.misc.is_dicom(path):
            (dicomDatabase or slicer.dicomDatabase).insert(path)
    return True


def getLoadablesFromFileLists(fileLists, pluginClassNames=None, messages=None, progressCallback=None, instances=None):
    """Return what every plugin can load of the files, and whether that is anything."""
    found = {}
    for name in pluginClassNames or list(slicer.modules.dicomPlugins):
        plugin = slicer.modules.dicomPlugins[name]()
        found[plugin] = plugin.examineForImport(fileLists) or plugin.examine(fileLists)
    return found, any(found.values())


def selectHighestConfidenceLoadables(loadablesByPlugin) -> None:
    """Select, for the series of each loadable's first file, those of the highest confidence and no other."""
    by_series = {}
    for loadable in (one for several in loadablesByPlugin.values() for one in several):
        by_series.setdefault(slicer.dicomDatabase.fileValue(loadable.files[0], SERIES), []).append(loadable)
    for several in by_series.values():
        best = max(loadable.confidence for loadable in several)
        for loadable in several:
            loadable.selected = loadable.confidence == best


def loadLoadables(loadablesByPlugin, messages=None, progressCallback=None) -> list[str]:
    """Load what is selected, and return the IDs of the new nodes; what cannot be loaded is named in messages."""
    before = {slicer.mrmlScene.GetNthNode(i).GetID() for i in range(slicer.mrmlScene.GetNumberOfNodes())}
    for plugin, loadables in loadablesByPlugin.items():
        for loadable in (one for one in loadables if one.selected):
            loadable.loadSuccess = bool(plugin.load(loadable))
            if not loadable.loadSuccess and messages is not None:
                messages.append(f"Could not load: {loadable.name} as a {plugin.loadType}")
    every = [slicer.mrmlScene.GetNthNode(i).GetID() for i in range(slicer.mrmlScene.GetNumberOfNodes())]
    return [one for one in every if one not in before]

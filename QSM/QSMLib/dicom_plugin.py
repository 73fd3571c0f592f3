"""The acquisitions among the series that are selected in Slicer's DICOM module, offered there for loading."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import slicer
from DICOMLib import DICOMLoadable, DICOMPlugin
from slicer.i18n import tr as _

from QSMLogic.errors import InputError

from .acquisition import INSTANCES_ATTRIBUTE, Acquisition, sourceFiles

if TYPE_CHECKING:
    from QSMLogic.io.candidate import Candidate

TAGS = {
    "modality": "0008,0060",
    "sequence": "0018,0020",
    "pulse": "0018,9008",  # this and the next of enhanced files
    "planar": "0018,9018",
    "series": "0020,000E",
    "instance": "0008,0018",
}
"""What the plugin asks the database for, which keeps these values from the import of the files on."""

SURE, OFFERED, UNUSABLE = 0.7, 0.4, 0.1
"""Confidence. Slicer preselects, per series, the loadables of the highest one; its plain reader of volumes has 0.5."""


class DICOMQSMPluginClass(DICOMPlugin):
    """Reads gradient-echo phase and magnitude, of one series or of several, with the reader of `qsm run`."""

    def __init__(self, scene: Any) -> None:
        """Load into this scene."""
        super().__init__()
        self.scene = scene
        self.loadType = _("QSM acquisition")
        self.tags |= TAGS

    def examineForImport(self, fileLists: Iterable[Sequence[str]]) -> list[Any]:
        """Return a loadable per acquisition in the files of the selected series, which are looked at together."""
        files = [str(path) for series in fileLists if self._mayHoldPhase(series) for path in series]
        found = self.getCachedLoadables(files)
        if found is None:
            found = self._examine(files) if files else []
            self.cacheLoadables(files, found)
        return found

    def load(self, loadable: Any) -> bool:
        """Load an acquisition into volumes in a folder under its study; return whether that could be done."""
        from . import folders  # noqa: PLC0415 (imports the reader: not while Slicer starts)
        from .display import fitViews, hideMap  # noqa: PLC0415

        try:
            loaded = folders.load(self.scene, loadable.candidate)
        except InputError as error:
            logging.error("QSM: %s", error)
            return False
        self._placeUnderStudy(loadable, loaded)
        shown = (loaded.magnitudes or loaded.phases)[0]
        hideMap(self.scene, shown)
        fitViews(self.scene, shown)
        return True

    def _mayHoldPhase(self, series: Sequence[str]) -> bool:
        """Tell from the first header of a series, without a file being read where the database has its values.

        Long series of functional and diffusion images are left out so: spin echoes, and echo-planar images that do not
        call themselves gradient echoes too.
        """
        if not series:
            return False
        said = {name: self._value(series[0], name).upper() for name in ("modality", "sequence", "pulse", "planar")}
        gradient = not said["sequence"] or "GR" in said["sequence"].split("\\")
        return said["modality"] == "MR" and gradient and said["pulse"] != "SPIN" and said["planar"] != "YES"

    def _examine(self, files: Sequence[str]) -> list[Any]:
        from QSMLogic.io.dicom.finding import find_in_files  # noqa: PLC0415 (imports pydicom)

        return [self._loadable(one) for one in find_in_files(files) if set(one.volumes) != {"magnitude"}]

    def _loadable(self, candidate: Candidate) -> Any:
        loadable = DICOMLoadable()
        loadable.files = [str(path) for path in candidate.files()]
        loadable.name = candidate.title
        loadable.tooltip = _("Phase and magnitude of every echo, in rad and as stored, for the module QSM")
        loadable.warning = " ".join(filter(None, (candidate.problem, *candidate.warnings)))
        loadable.confidence = self._confidence(candidate)
        loadable.selected = loadable.confidence == SURE
        loadable.candidate = candidate
        return loadable

    def _confidence(self, candidate: Candidate) -> float:
        """Be sure where a series holds several volumes: Slicer's plain reader would make one volume of them."""
        if candidate.problem:
            return UNUSABLE
        series = {self._value(path, "series") for path in map(str, candidate.files())}
        return SURE if sum(map(len, candidate.volumes.values())) > len(series) else OFFERED

    def _placeUnderStudy(self, loadable: Any, loaded: Acquisition) -> None:
        """Move the folder of the volumes under patient and study, which Slicer makes where there are none yet."""
        nodes = (*loaded.magnitudes, *loaded.phases)
        for node in nodes:
            instances = (self._value(str(path), "instance") for path in sourceFiles([node]))
            node.SetAttribute(INSTANCES_ATTRIBUTE, " ".join(dict.fromkeys(instances)))
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        self.addSeriesInSubjectHierarchy(loadable, nodes[0])
        first = hierarchy.GetItemByDataNode(nodes[0])
        hierarchy.SetItemParent(loaded.folderItem, hierarchy.GetItemParent(first))
        hierarchy.SetItemParent(first, loaded.folderItem)

    @staticmethod
    def _value(path: str, tag: str) -> str:
        return slicer.dicomDatabase.fileValue(path, TAGS[tag])

"""Base classes of a DICOM plugin, with the interface of Slicer's own."""

import slicer

NAMES = slicer.vtkMRMLSubjectHierarchyConstants


class DICOMLoadable:
    """Something that can be loaded, as the table of the DICOM browser shows it."""

    def __init__(self) -> None:
        self.files, self.name = [], "Unknown"
        self.tooltip, self.warning = "No further information available", ""
        self.selected, self.confidence = False, 0.5


class DICOMPlugin:
    """What the DICOM module asks: which files can be loaded, and as what."""

    def __init__(self) -> None:
        self.loadType = "Generic DICOM"
        self.loadableCache = {}
        self.tags = {"seriesDescription": "0008,103E", "seriesNumber": "0020,0011", "frameOfReferenceUID": "0020,0052"}

    def getCachedLoadables(self, files):
        """Return what was found in these files before, None where they are new."""
        return self.loadableCache.get(tuple(files))

    def cacheLoadables(self, files, loadables) -> None:
        """Keep what was found."""
        self.loadableCache[tuple(files)] = loadables

    def examineForImport(self, fileLists):
        """Return nothing: a plugin says what."""
        return []

    def examine(self, fileLists):
        """Ask again by the old name, as Slicer does where the answer was empty."""
        return self.examineForImport(fileLists)

    def addSeriesInSubjectHierarchy(self, loadable, node) -> None:
        """Put a node under its study and patient, which are made where they are new."""

        def said(tag):
            return slicer.dicomDatabase.fileValue(loadable.files[0], tag)

        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        patient, study, series = said("0010,0020"), said("0020,000D"), said("0020,000E")
        hierarchy.SetItemUID(item, NAMES.GetDICOMUIDName(), series)
        hierarchy.SetItemUID(item, NAMES.GetDICOMInstanceUIDName(), " ".join(map(said_of("0008,0018"), loadable.files)))
        new = not hierarchy.GetItemByUID(NAMES.GetDICOMUIDName(), study)
        slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(hierarchy, patient, study, series)
        if new:
            made = hierarchy.GetItemByUID(NAMES.GetDICOMUIDName(), study)
            hierarchy.SetItemName(made, said("0008,1030") or "No study description")
            hierarchy.SetItemName(hierarchy.GetItemParent(made), said("0010,0010") or "No name")


def said_of(tag):
    """Return what reads a value of a file."""
    return lambda file: slicer.dicomDatabase.fileValue(file, tag) or "Unknown"

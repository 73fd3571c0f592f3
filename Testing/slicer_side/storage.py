"""Loading and saving: the part of Slicer's qSlicerCoreIOManager that slicer.util calls."""

from pathlib import Path

import slicer

ENDINGS = {
    ".seg.nrrd": "SegmentationFile",
    ".seg.nhdr": "SegmentationFile",
    ".seq.nrrd": "SequenceFile",
    ".mrb": "SceneFile",
    ".mrml": "SceneFile",
    ".csv": "TableFile",
    ".tsv": "TableFile",
    ".h5": "TransformFile",
    ".tfm": "TransformFile",
}
"""The type that Slicer's most confident reader gives a file of this ending; anything else is a volume."""

LABELS, SINGLE_FILE = 1, 8  # vtkSlicerVolumesLogic::LoadingOptions


class CoreIOManager:
    """Reads and writes nodes of the given scene with the modules' own logics."""

    def __init__(self, scene, modules) -> None:
        self._scene, self._modules = scene, modules

    def fileType(self, path) -> str:
        """Return Slicer's name of what the file holds."""
        return next((kind for end, kind in ENDINGS.items() if str(path).lower().endswith(end)), "VolumeFile")

    def fileWriterFileType(self, node) -> str:
        """Return the type that a node is written as: only scenes matter here."""
        return "SceneFile" if node.IsA("vtkMRMLScene") else "NodeFile"

    def loadNodes(self, kind: str, properties: dict, loaded, messages=None) -> bool:
        """Load a file; what came of it is added to the collection `loaded`."""
        path = str(properties["fileName"])
        name = properties.get("name") or Path(path).name.split(".")[0]
        if kind == "SceneFile":
            return self._load_scene(path, bool(properties.get("clear", False)))
        if kind == "VolumeFile":
            node = self._load_volume(path, name, properties)
        elif kind == "SegmentationFile":
            node = self._modules.segmentations.logic().LoadSegmentationFromFile(path, True, name)
        elif kind == "SequenceFile":
            node = self._modules.sequences.logic().AddSequence(path)
        elif kind == "TableFile":
            node = self._modules.tables.logic().AddTable(path, name)
        elif kind == "TransformFile":
            node = self._modules.transforms.logic().AddTransform(path, self._scene)
        else:
            raise NotImplementedError(f"the stand-in has no reader for {kind}")
        if node is not None:
            loaded.AddItem(node)
        return node is not None

    def saveNodes(self, kind: str, properties: dict, messages=None) -> bool:
        """Write the scene, or the node with the ID in `properties`."""
        path = str(properties["fileName"])
        if kind == "SceneFile":
            return self._save_scene(path)
        node = self._scene.GetNodeByID(properties["nodeID"])
        node.AddDefaultStorageNode(path)
        storage = node.GetStorageNode()
        storage.SetFileName(path)
        if "useCompression" in properties:
            storage.SetUseCompression(properties["useCompression"])
        return bool(storage.WriteData(node))

    def _load_volume(self, path: str, name: str, properties: dict):
        options = LABELS * bool(properties.get("labelmap")) + SINGLE_FILE * bool(properties.get("singleFile"))
        node = self._modules.volumes.logic().AddArchetypeVolume(path, name, options)
        if node is not None and properties.get("show", True):
            logic = slicer.app.applicationLogic()
            label = node.IsA("vtkMRMLLabelMapVolumeNode")
            selection = logic.GetSelectionNode()
            (selection.SetActiveLabelVolumeID if label else selection.SetActiveVolumeID)(node.GetID())
            logic.PropagateVolumeSelection()
        return node

    def _load_scene(self, path: str, clear: bool) -> bool:
        if path.lower().endswith(".mrb"):
            return bool(self._scene.ReadFromMRB(path, clear))
        self._scene.SetURL(path)
        return bool(self._scene.Connect() if clear else self._scene.Import())

    def _save_scene(self, path: str) -> bool:
        if path.lower().endswith(".mrb"):
            return bool(self._scene.WriteToMRB(path))
        if not path.lower().endswith(".mrml"):
            return bool(self._scene.SaveSceneToSlicerDataBundleDirectory(path))
        self._scene.SetURL(path)
        self._scene.SetRootDirectory(str(Path(path).parent))
        return bool(self._scene.Commit(path))

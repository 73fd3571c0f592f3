"""A scene with the logics and nodes that Slicer makes when it starts: enough for code without Qt."""

import atexit
import json
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import slicer
import vtk

from slicer_side.hierarchy import follow_nodes
from slicer_side.storage import CoreIOManager
from slicer_side.vtk_errors import VTK_ERRORS

PYTHON = Path(__file__).parent / "python"
"""Python modules that Slicer brings and the wheel lacks; those in its folder `slicer` belong to that package."""

LOGICS = {
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",  # first: segmentations ask it
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Texts": "vtkSlicerTextsLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Annotations": "vtkSlicerAnnotationModuleLogic",
}
SLICE_VIEWS = ("Red", "Green", "Yellow")
VERSION = "5.12.4"


class Module:
    """A loaded module as slicer.modules.<name> shows it."""

    def __init__(self, name: str, logic) -> None:
        self.name = self.title = name
        self._logic = logic

    def logic(self):
        """Return the module's logic."""
        return self._logic


class Application:
    """slicer.app as far as code without Qt needs it."""

    applicationName = "Slicer"
    applicationVersion = VERSION
    majorVersion, minorVersion = (int(part) for part in VERSION.split(".")[:2])

    def __init__(self, scene, logic, modules) -> None:
        self._scene, self._logic, self._modules = scene, logic, modules
        self.temporaryPath = tempfile.mkdtemp(prefix="slicer-side-")
        self.defaultScenePath = self.temporaryPath
        self._io = CoreIOManager(scene, modules)

    def mrmlScene(self):
        """Return the scene."""
        return self._scene

    def applicationLogic(self):
        """Return the application's logic."""
        return self._logic

    def coreIOManager(self) -> CoreIOManager:
        """Return what loads and saves."""
        return self._io

    def layoutManager(self) -> None:
        """Return None, as Slicer does without a main window."""

    def testingEnabled(self) -> bool:
        """Say that no dialogue may wait for a person."""
        return True

    def commandOptions(self) -> SimpleNamespace:
        """Return the options of Slicer's command line."""
        return SimpleNamespace(noMainWindow=True, testingEnabled=True, runPythonAndExit=False)

    def processEvents(self) -> None:
        """Do nothing: there are no events without Qt."""

    def pauseRender(self) -> None:
        """Do nothing: views are rendered when a picture is asked for."""

    def resumeRender(self) -> None:
        """Do nothing."""

    def translate(self, context: str, text: str) -> str:
        """Return the text: the tests run in English."""
        return text


class World:
    """Everything that must live as long as the scene is used."""

    def __init__(self) -> None:
        VTK_ERRORS.install()
        self.scene = slicer.vtkMRMLScene()
        self.logic = slicer.vtkSlicerApplicationLogic()
        self.logic.SetMRMLScene(self.scene)
        self.modules = ModuleType("slicer.modules")
        self.app = Application(self.scene, self.logic, self.modules)
        self.logic.SetTemporaryPath(self.app.temporaryPath)
        self._add_logics()
        self._add_cache()
        self.layout_logic = slicer.vtkMRMLLayoutLogic()
        self.slice_logics = {name: self._new_logic(slicer.vtkMRMLSliceLogic) for name in SLICE_VIEWS}
        self.logic.SetSliceLogics(self._collection(self.slice_logics.values()))
        self.logic.SetViewLogics(vtk.vtkCollection())
        follow_nodes(self.scene)

    def refill(self) -> None:
        """Empty the scene, singletons too, and add what Slicer adds when it starts."""
        self.layout_logic.SetMRMLScene(None)
        for logic in self.slice_logics.values():
            logic.SetSliceNode(None)
        self.scene.Clear(True)
        self.scene.SetURL("")
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        self.logic.SetMRMLScene(None)  # setting it anew adds its selection and interaction nodes
        self.logic.SetMRMLScene(self.scene)
        self.modules.colors.logic().AddDefaultColorNodes()
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self.layout_logic.SetMRMLScene(self.scene)  # adds the layout and the views' nodes
        self.layout_logic.GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        for name, logic in self.slice_logics.items():
            logic.SetSliceNode(self.scene.GetNodeByID(f"vtkMRMLSliceNode{name}"))
        self.scene.GetSubjectHierarchyNode()

    def close(self) -> None:
        """Remove the files of the session."""
        shutil.rmtree(self.app.temporaryPath, ignore_errors=True)

    def _add_logics(self) -> None:
        for name, kind in LOGICS.items():
            logic = getattr(slicer, kind)()
            if name == "Colors":
                self.logic.SetColorLogic(logic)
            if name == "Terminologies":
                logic.SetModuleShareDirectory(write_terminologies(Path(self.app.temporaryPath)))
            logic.SetMRMLApplicationLogic(self.logic)
            logic.SetMRMLScene(self.scene)
            self.logic.SetModuleLogic(name, logic)
            setattr(self.modules, name.lower(), Module(name, logic))

    def _add_cache(self) -> None:
        """Add what reading a .mrb file needs: a place for remote files."""
        self._remote, self._data = slicer.vtkMRMLRemoteIOLogic(), slicer.vtkDataIOManagerLogic()
        for logic in (self._remote, self._data):
            logic.SetMRMLApplicationLogic(self.logic)
            logic.SetMRMLScene(self.scene)
        self._remote.GetCacheManager().SetRemoteCacheDirectory(self.app.temporaryPath)
        self._data.SetAndObserveDataIOManager(self._remote.GetDataIOManager())
        self._remote.AddDataIOToScene()

    def _new_logic(self, kind):
        logic = kind()
        logic.SetMRMLApplicationLogic(self.logic)
        logic.SetMRMLScene(self.scene)
        return logic

    @staticmethod
    def _collection(items):
        collection = vtk.vtkCollection()
        for item in items:
            collection.AddItem(item)
        return collection


def write_terminologies(folder: Path) -> str:
    """Write the three word lists that Slicer ships and the wheel lacks, with nothing but tissue in them."""
    tissue = {"CodeMeaning": "Tissue", "CodingSchemeDesignator": "SCT", "CodeValue": "85756007"}
    category = tissue | {"showAnatomy": True, "Type": [tissue | {"recommendedDisplayRGBValue": [128, 174, 128]}]}
    for file, title in {
        "SegmentationCategoryTypeModifier-SlicerGeneralAnatomy": (
            "Segmentation category and type - 3D Slicer General Anatomy list"
        ),
        "SegmentationCategoryTypeModifier-DICOM-Master": "Segmentation category and type - DICOM master list",
    }.items():
        words = {"SegmentationCategoryTypeContextName": title, "SegmentationCodes": {"Category": [category]}}
        (folder / f"{file}.term.json").write_text(json.dumps(words), encoding="utf-8")
    regions = {
        "AnatomicContextName": "Anatomic codes - DICOM master list",
        "AnatomicCodes": {"AnatomicRegion": [tissue]},
    }
    (folder / "AnatomicRegionAndModifier-DICOM-Master.term.json").write_text(json.dumps(regions), encoding="utf-8")
    return str(folder)


_world: list[World] = []


def world() -> World:
    """Return the one world of this process; make it where there is none, and hang it into the package `slicer`."""
    if not _world:
        made = World()
        atexit.register(made.close)
        slicer.mrmlScene, slicer.app, slicer.modules = made.scene, made.app, made.modules
        sys.modules["slicer.modules"] = made.modules
        slicer.__path__.append(str(PYTHON / "slicer"))
        sys.path.append(str(PYTHON))
        _world.append(made)
    return _world[0]


def fresh_scene():
    """Return the scene as Slicer has it when it has just started."""
    world().refill()
    VTK_ERRORS.take()
    return slicer.mrmlScene

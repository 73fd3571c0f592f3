"""Base classes of a scripted module, with the interface and the order of events of Slicer's own."""

import importlib
import unittest
from pathlib import Path

import slicer

__all__ = [
    "ScriptedLoadableModule",
    "ScriptedLoadableModuleLogic",
    "ScriptedLoadableModuleTest",
    "ScriptedLoadableModuleWidget",
]


def name_without(ending: str, instance) -> str:
    """Return the module's name: that of the class without its ending."""
    return type(instance).__name__.removesuffix(ending)


class ScriptedLoadableModule:
    """The module: its title, help and tests. `parent` is what Slicer shows in its list of modules."""

    def __init__(self, parent) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title = parent.helpText = parent.acknowledgementText = ""
        parent.categories, parent.dependencies, parent.contributors = [], [], []
        if not hasattr(slicer, "selfTests"):
            slicer.selfTests = {}
        slicer.selfTests[self.moduleName] = self.runTest

    def resourcePath(self, name: str) -> str:
        """Return the path of a file in the module's Resources."""
        return str(Path(self.parent.path).parent / "Resources" / name)

    def getDefaultModuleDocumentationLink(self, docPage=None) -> str:
        """Return the sentence with a link that ends a module's help."""
        return f"<p>For more information, see the <a>{docPage or self.moduleName}</a>.</p>"

    def runTest(self, msec: int = 100, **options) -> None:
        """Run the test class of the module."""
        case = getattr(importlib.import_module(type(self).__module__), f"{self.moduleName}Test")()
        case.messageDelay = msec
        case.runTest(**options)


class ScriptedLoadableModuleWidget:
    """The module's panel in Python; `parent` is the widget it lies in."""

    def __init__(self, parent=None) -> None:
        self.moduleName = name_without("Widget", self)
        self.developerMode = slicer.util.settingsValue("Developer/DeveloperMode", False, converter=slicer.util.toBool)
        self.parent = parent
        self.layout = parent.layout()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def resourcePath(self, name: str) -> str:
        """Return the path of a file in the module's Resources."""
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / name)

    def setup(self) -> None:
        """Build what developers see."""
        self.setupDeveloperSection()

    def setupDeveloperSection(self) -> None:
        """Do nothing: the tests are no developers."""

    def cleanup(self) -> None:
        """Do nothing unless a module says what."""

    def _onModuleAboutToBeUnloaded(self, name: str) -> None:
        if name == self.moduleName:
            self.cleanup()
            slicer.app.moduleManager().disconnect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def onReload(self) -> None:
        """Reload the module, as the developers' button does."""
        slicer.util.reloadScriptedModule(self.moduleName)


class ScriptedLoadableModuleLogic:
    """The module's logic with its parameter node."""

    def __init__(self, parent=None) -> None:
        self.moduleName = name_without("Logic", self)
        self.isSingletonParameterNode = True

    def getParameterNode(self):
        """Return the module's parameter node of the scene; make it where there is none."""
        scene = slicer.mrmlScene
        if self.isSingletonParameterNode:
            node = scene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node is not None:
                node.SetAttribute("ModuleName", self.moduleName)
                return node
        elif self.getAllParameterNodes():
            return self.getAllParameterNodes()[0]
        return scene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self) -> list:
        """Return every parameter node of the module."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self):
        """Return a new parameter node that is not yet in the scene."""
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """The module's self-test."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.moduleTestNames = [name for name in dir(self) if name.startswith("test")]
        self.messageDelay = 100

    def delayDisplay(self, message: str, requestedDelay=None, msec=None) -> None:
        """Let Qt go on; Slicer shows the message meanwhile."""
        slicer.app.processEvents()

    def runTest(self) -> None:
        """Run every test of the class."""
        for name in self.moduleTestNames:
            self.setUp()
            getattr(self, name)()
            self.tearDown()

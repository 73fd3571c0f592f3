"""The QSM module of 3D Slicer: wiring only; what it computes lies in QSMLogic, what it shows in QSMLib."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

_SOURCES = Path(__file__).resolve().parents[1]
if (_SOURCES / "QSMLogic").is_dir() and str(_SOURCES) not in sys.path:
    sys.path.append(str(_SOURCES))  # run from a checkout; an installed extension has QSMLogic beside this file

from QSMLib import HOMEPAGE, offers  # noqa: E402
from QSMLib.logic import Logic  # noqa: E402


class QSM(ScriptedLoadableModule):
    """What the list of modules shows, and what is offered to other modules."""

    def __init__(self, parent: Any) -> None:
        """Describe the module."""
        super().__init__(parent)
        parent.title = _("QSM")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.contributors = ["SlicerQSM contributors"]
        parent.helpText = _(
            "From the phase of a gradient-echo scan to a map of magnetic susceptibility in ppm, and from the map to a "
            'table of regions. For research, not a medical device. <a href="{homepage}">Documentation</a>'
        ).format(homepage=HOMEPAGE)
        parent.acknowledgementText = _(
            "Please cite SlicerQSM ({homepage}) and the papers of the methods used: each run writes the text for a "
            "methods section, with its references. What to report follows the consensus of the ISMRM "
            "Electro-Magnetic Tissue Properties study group (doi:10.1002/mrm.30006)."
        ).format(homepage=HOMEPAGE)
        offers.toDicom(slicer.modules, lambda: slicer.mrmlScene)
        slicer.app.connect("startupCompleted()", lambda: offers.toModules(slicer.mrmlScene))


class QSMWidget(ScriptedLoadableModuleWidget):
    """The panel."""

    def setup(self) -> None:
        """Build the panel."""
        from QSMLib.panel.panel import Panel  # noqa: PLC0415 (not while Slicer starts)

        super().setup()
        widget = slicer.util.loadUI(self.resourcePath("UI/QSM.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = QSMLogic()
        self.panel = Panel(slicer.util.childWidgetVariables(widget), self.logic, slicer.mrmlScene)

    def enter(self) -> None:
        """Show the panel."""
        self.panel.enter()

    def exit(self) -> None:
        """Leave the panel; a run goes on."""
        self.panel.exit()

    def cleanup(self) -> None:
        """Leave nothing running."""
        self.panel.cleanup()

    def onReload(self) -> None:
        """Load every file anew, for developers: Slicer by itself loads this one."""
        for name in [name for name in sys.modules if name.partition(".")[0] in ("QSMLib", "QSMLogic")]:
            del sys.modules[name]
        super().onReload()


class QSMLogic(Logic, ScriptedLoadableModuleLogic):
    """The pipeline on volume nodes: `slicer.util.getModuleLogic("QSM").run(...)`, or `QSMLogic().run(...)`."""

    def __init__(self, scene: Any = None) -> None:
        """Work on a scene, by default on Slicer's."""
        Logic.__init__(self, scene or slicer.mrmlScene, f"3D Slicer {slicer.app.applicationVersion}")
        ScriptedLoadableModuleLogic.__init__(self)


class QSMTest(ScriptedLoadableModuleTest):
    """The self-test of the module."""

    def runTest(self) -> None:
        """Compute the susceptibility of a small phantom and measure it."""
        from QSMLib.selftest import testPhantom  # noqa: PLC0415

        testPhantom(QSMLogic())

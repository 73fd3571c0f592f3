"""The QSM module of 3D Slicer: wiring only; what it computes lies in QSMLogic."""

from __future__ import annotations

import sys
from pathlib import Path

import qt
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

_SOURCES = Path(__file__).resolve().parents[1]
if (_SOURCES / "QSMLogic").is_dir() and str(_SOURCES) not in sys.path:
    sys.path.append(str(_SOURCES))  # run from a checkout; an installed extension has QSMLogic beside this file

from QSMLib.volumes import add_map, scan_of_nodes  # noqa: E402

from QSMLogic import __version__  # noqa: E402

EXAMPLE = "slicer.modules.qsm.widgetRepresentation().self().logic.run(magnitudes, phases, echo_times, field_strength)"


class QSM(ScriptedLoadableModule):
    """What the list of modules shows."""

    def __init__(self, parent) -> None:  # noqa: ANN001
        """Describe the module."""
        super().__init__(parent)
        parent.title = "QSM"
        parent.categories = ["Quantification"]
        parent.dependencies = []
        parent.contributors = ["SlicerQSM contributors"]
        parent.helpText = "Quantitative susceptibility mapping: from gradient-echo phase to magnetic susceptibility."
        parent.acknowledgementText = "The methods are those of the papers that each run lists in its methods text."


class QSMWidget(ScriptedLoadableModuleWidget):
    """The panel: for now, what the module is and how it is run from the Python console."""

    def setup(self) -> None:
        """Build the panel."""
        super().setup()
        self.logic = QSMLogicOfModule()
        text = f"SlicerQSM {__version__}. This module has no controls yet: run it from the Python console.\n\n{EXAMPLE}"
        label = qt.QLabel(text)
        label.wordWrap = True
        label.setTextInteractionFlags(qt.Qt.TextSelectableByMouse)
        self.layout.addWidget(label)
        button = qt.QPushButton("Copy the command")
        button.clicked.connect(lambda: qt.QApplication.clipboard().setText(EXAMPLE))
        self.layout.addWidget(button)
        self.layout.addStretch(1)


class QSMLogicOfModule(ScriptedLoadableModuleLogic):
    """The pipeline on volume nodes."""

    def run(self, magnitudes: list, phases: list, echo_times: list[float], field_strength: float, settings=None):  # noqa: ANN001, ANN201
        """Compute susceptibility and return its volume node, in ppm.

        magnitudes, phases: one scalar volume node per echo (magnitudes may be empty), phase in rad; echo_times: s;
        field_strength: T; settings: QSMLogic.settings.Settings, the default preset where it is not given.
        """
        from QSMLogic import pipeline  # noqa: PLC0415 (imports scipy: not while Slicer starts)
        from QSMLogic.settings import Settings  # noqa: PLC0415

        scan = scan_of_nodes(magnitudes, phases, echo_times, field_strength)
        result = pipeline.run(scan, settings or Settings.preset())
        return add_map("chi", result.maps["chi"], phases[0])


class QSMTest(ScriptedLoadableModuleTest):
    """The self-test of the module."""

    def runTest(self) -> None:
        """Compute the susceptibility of a small phantom."""
        from QSMLib.selftest import test_phantom  # noqa: PLC0415

        test_phantom(QSMLogicOfModule())

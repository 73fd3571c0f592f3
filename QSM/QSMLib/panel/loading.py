"""The first line of Input: a folder, the sample data, or what the scene already holds, put into the table at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError

from .. import folders, samples
from ..acquisition import Acquisition, acquisitionOf
from ..display import fitViews, hideMap
from ..echo_names import scansByName
from ..parameters import VOLUMES, Echo
from ..stored import Together
from ..volumes import nodesOf
from .section import COLOURS, Section


class LoadingSection(Section):
    """Buttons that fill the table of echoes."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Connect the buttons."""
        super().__init__(frame, panel)
        self.candidates: list[Any] = []
        panel.connect(self.ui.loadFolderButton, "clicked()", self._askFolder)
        panel.connect(self.ui.loadFileButton, "clicked()", self._askFile)
        panel.connect(self.ui.candidatesComboBox, "currentIndexChanged(int)", self._showCandidate)
        panel.connect(self.ui.loadCandidateButton, "clicked()", self._loadChosen)
        panel.connect(self.ui.sampleDataButton, "clicked()", self._loadSample)
        panel.connect(self.ui.findEchoesButton, "clicked()", self._findInScene)
        self.ui.candidatesFrame.hide()
        self.ui.candidateLabel.hide()

    def loadFolder(self, path: str | Path) -> None:
        """Load the acquisition of a folder, an archive or a DICOM file; where several can be used, offer them."""
        with slicer.util.WaitCursor():
            self.candidates = folders.find(path)
        self.ui.candidatesComboBox.clear()
        for candidate in self.candidates:
            self.ui.candidatesComboBox.addItem(candidate.title)
        self.ui.candidatesFrame.visible = len(self.candidates) > 1
        self._showCandidate()
        usable = [candidate for candidate in self.candidates if not candidate.problem]
        if len(usable) == 1 or len(self.candidates) == 1:
            self._load(self.candidates[0])  # those that can be used come first
        else:
            self.panel.say(_("There are several acquisitions: choose one and load it."))

    def entered(self) -> None:
        """Take what the DICOM module has loaded, where nothing is chosen yet."""
        if self.panel.parameters.echoes:
            return
        for node in reversed(nodesOf(self.panel.scene, "vtkMRMLScalarVolumeNode")):
            loaded = acquisitionOf(self.panel.scene, node)
            if loaded is not None:
                self._fill(loaded, _("Found {name}.").format(name=loaded.name))
                return

    def take(self, acquisition: Acquisition, said: str = "") -> None:
        """Put an acquisition into the panel and show it; say so, in these words or others, and what looked odd."""
        self._fill(acquisition, said or _("Loaded {name}.").format(name=acquisition.name))
        shown = (acquisition.magnitudes or acquisition.phases)[0]
        hideMap(self.panel.scene, shown)
        fitViews(self.panel.scene, shown)

    def _fill(self, acquisition: Acquisition, said: str) -> None:
        parameters, count = self.panel.parameters, len(acquisition.phases)
        times = acquisition.echoTimes or [None] * count
        magnitudes = acquisition.magnitudes or [None] * count
        with Together(parameters.node):
            parameters.inputKind = VOLUMES
            parameters.echoes = [Echo(*row) for row in zip(times, acquisition.phases, magnitudes, strict=True)]
            parameters.fieldStrength = acquisition.fieldStrength
            parameters.b0Direction = acquisition.b0Direction
            parameters.phaseScale, parameters.phaseSign = acquisition.phaseScale, 1
            parameters.labels, parameters.name = acquisition.labels, acquisition.name
        self.panel.sayDone(said, acquisition.warnings)

    def _askFolder(self) -> None:
        path = qt.QFileDialog.getExistingDirectory(self.frame, _("Folder with DICOM or BIDS images"))
        if path:
            self.loadFolder(path)

    def _askFile(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            self.frame, _("Zip or tar file of a folder, or a DICOM file"), "", f"{_('All files')} (*)"
        )
        if path:
            self.loadFolder(path)

    def _showCandidate(self) -> None:
        """Say of the acquisition that is chosen in the list why it cannot be used, or what is odd."""
        index = self.ui.candidatesComboBox.currentIndex
        chosen = self.candidates[index] if 0 <= index < len(self.candidates) else None
        said = " ".join(filter(None, (chosen.problem, *chosen.warnings))) if chosen else ""
        self.ui.candidateLabel.text = said
        self.ui.candidateLabel.styleSheet = COLOURS["warning"]
        self.ui.candidateLabel.visible = bool(said) and len(self.candidates) > 1

    def _loadChosen(self) -> None:
        self._load(self.candidates[self.ui.candidatesComboBox.currentIndex])

    def _load(self, candidate: Any) -> None:
        with slicer.util.WaitCursor():
            acquisition = folders.load(self.panel.scene, candidate)
        self.take(acquisition)

    def _loadSample(self) -> None:
        with slicer.util.WaitCursor():
            acquisition = samples.loadSample(self.panel.scene)
        self.take(acquisition)

    def _findInScene(self) -> None:
        nodes = nodesOf(self.panel.scene, "vtkMRMLScalarVolumeNode")
        volumes = [node for node in nodes if node.GetClassName() == "vtkMRMLScalarVolumeNode"]
        scans = scansByName([node.GetName() for node in volumes])
        if not scans:
            raise InputError("No volume of the scene has a name with phase in it: choose the images in the table.")
        scan, found = scans.popitem()
        loaded = acquisitionOf(self.panel.scene, volumes[found[0][0]])
        if loaded is not None:
            self.take(loaded, _("Found {name}.").format(name=loaded.name))
            return
        times = [echo.time for echo in self.panel.parameters.echoes]
        times += [None] * (len(found) - len(times))
        rows = [
            Echo(time, volumes[phase], None if magnitude is None else volumes[magnitude])
            for time, (phase, magnitude) in zip(times, found, strict=False)
        ]
        with Together(self.panel.parameters.node):
            self.panel.parameters.inputKind = VOLUMES
            self.panel.parameters.echoes = rows
        text = _("{count} echoes of {scan} were found: check them and their echo times.")
        others = _("Other scans in the scene: {names}.").format(names=", ".join(scans)) if scans else ""
        self.panel.say(f"{text.format(count=len(rows), scan=scan)} {others}".strip())

"""Atlas: the labels of any atlas on the images of a subject, to be looked at, corrected by hand, and measured."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from QSMLogic.errors import InputError
from QSMLogic.registration import LEVELS

from ..atlas import AtlasRequest
from ..display import showMask
from ..stored import Stored, StoredNode, Together
from ..volumes import shownNode
from .editors import narrow
from .mask import openInEditor
from .measure import Choices as Measured
from .section import COLOURS, Section
from .waiting import Waiting

VOLUME, LABELS, SEGMENTATION = "vtkMRMLScalarVolumeNode", "vtkMRMLLabelMapVolumeNode", "vtkMRMLSegmentationNode"

KINDS = {
    "atlasImage": [VOLUME],
    "atlasMask": [SEGMENTATION, LABELS],
    "atlasTemplate": [VOLUME],
    "atlasTemplateMask": [SEGMENTATION, LABELS],
    "atlasLabels": [LABELS, SEGMENTATION],
}
"""Classes of the nodes that can be chosen, by the role of the choice."""

IMAGES = "NIfTI, NRRD (*.nii *.nii.gz *.nrrd);;(*)"
TABLES = "CSV, TSV, JSON (*.csv *.tsv *.txt *.json);;(*)"


class Choices:
    """What is chosen in this section, kept in the panel's parameter node."""

    atlasImage = StoredNode()
    atlasMask = StoredNode()
    atlasTemplate = StoredNode()
    atlasTemplateMask = StoredNode()
    atlasLabels = StoredNode()
    atlasResult = StoredNode()
    atlasNames = Stored("")
    atlasLevel = Stored(LEVELS[-1])
    atlasSaid = Stored("")
    atlasBad = Stored(False, lambda text: text == "yes", lambda bad: "yes" if bad else "no")

    def __init__(self, node: Any) -> None:
        """Wrap the parameter node."""
        self.node = node


class AtlasSection(Section):
    """An atlas carried over to the images of a subject."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make and connect the widgets."""
        super().__init__(frame, panel)
        self.waiting = Waiting(panel, self._told, self._take)
        column = qt.QVBoxLayout(frame)
        form = qt.QFormLayout()
        form.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
        column.addLayout(form)
        self.selectors: dict[str, Any] = {}
        for role, label in _selectorLabels().items():
            self._addSelector(form, role, label)
        self.names = narrow(qt.QLineEdit())
        self.names.name = "atlasNamesEdit"
        self.names.toolTip = _("Table (CSV, TSV) or JSON file with the names of the labels; empty: their own names.")
        self._addRow(form, _("Names:"), self.names, "atlasNames")
        panel.connect(self.names, "editingFinished()", self._typeNames)
        self.levels = narrow(qt.QComboBox())
        self.levels.name = "atlasLevelComboBox"
        self.levels.toolTip = _("How freely the template is moved: each goes on from the one before.")
        for level, label in _levelLabels().items():
            self.levels.addItem(label, level)
        form.addRow(_("Fit:"), self.levels)
        panel.connect(self.levels, "currentIndexChanged(int)", self._chooseLevel)
        self._addButtons(column)

    @property
    def choices(self) -> Choices:
        """What is chosen."""
        return Choices(self.panel.parameters.node)

    def refresh(self) -> None:
        """Show the choice, and what can be done with it."""
        chosen = self.choices
        for role, selector in self.selectors.items():
            selector.setMRMLScene(self.panel.scene)
            selector.setCurrentNode(getattr(chosen, role))
        self.names.text = chosen.atlasNames
        self.levels.setCurrentIndex(max(0, self.levels.findData(chosen.atlasLevel)))
        running = self.waiting.job is not None
        missing = ""
        try:
            self._request()
        except InputError as error:
            missing = str(error)
        self.applyButton.enabled = not running and not missing
        self.applyButton.toolTip = missing or _("Fit the template to the image, and draw its labels there.")
        self.cancelButton.enabled = running
        if not running:
            self.said.text = chosen.atlasSaid if chosen.atlasResult is not None else missing
            self.said.styleSheet = COLOURS["warning" if chosen.atlasBad and chosen.atlasResult is not None else "info"]
        self.editButton.enabled = chosen.atlasResult is not None

    def resultsChanged(self, outputs: Any) -> None:
        """Take the images and the mask of a run as those to fit to."""
        if not outputs.request.magnitudes or "mask" not in outputs.nodes:
            return
        with Together(self.panel.parameters.node):
            image = shownNode(outputs.request.magnitudes[0], self.panel.scene)
            self.choices.atlasImage = image if image.IsA(VOLUME) else None
            self.choices.atlasMask = outputs.nodes["mask"]

    def cancel(self) -> bool:
        """End what is under way."""
        return self.waiting.cancel()

    def cleanup(self) -> None:
        """End what is under way, and let go of the scene."""
        self.cancel()
        for selector in self.selectors.values():
            selector.setMRMLScene(None)

    def _addSelector(self, form: Any, role: str, label: str) -> None:
        selector = self.selectors[role] = narrow(slicer.qMRMLNodeComboBox())
        selector.name = f"{role}Selector"
        selector.nodeTypes = KINDS[role]
        selector.showChildNodeTypes = False
        selector.addEnabled = selector.removeEnabled = False
        selector.noneEnabled = True
        selector.toolTip = _selectorHelp()[role]
        self._addRow(form, label, selector, role)
        self.panel.connect(selector, "nodeActivated(vtkMRMLNode*)", lambda: self._choose(role))

    def _addRow(self, form: Any, label: str, widget: Any, role: str) -> None:
        """Add a field, with a button beside it where it can be read from a file."""
        load = {"atlasTemplate": self._loadTemplate, "atlasLabels": self._loadLabels, "atlasNames": self._loadNames}
        row = qt.QHBoxLayout()
        row.addWidget(widget, 1)
        if role in load:
            button = qt.QToolButton()
            button.text, button.name, button.toolTip = "...", f"{role}Button", _("Read it from a file.")
            self.panel.connect(button, "clicked()", load[role])
            row.addWidget(button)
        form.addRow(label, row)

    def _addButtons(self, column: Any) -> None:
        self.applyButton = qt.QPushButton(_("Carry over"))
        self.cancelButton = qt.QPushButton(_("Cancel"))
        self.cancelButton.toolTip = _("End the registration at once.")
        self.editButton = qt.QPushButton(_("Correct in Segment Editor"))
        self.editButton.toolTip = _("Open the labels there, over the image.")
        row = qt.QHBoxLayout()
        row.addWidget(self.applyButton)
        row.addWidget(self.cancelButton)
        self.said = qt.QLabel()
        self.said.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
        self.said.setTextFormat(qt.Qt.PlainText)
        self.said.wordWrap = True
        column.addLayout(row)
        column.addWidget(self.said)
        column.addWidget(self.editButton)
        actions = {"apply": self._start, "cancel": self._askedToCancel, "edit": self._edit}
        for name, action in actions.items():
            button = getattr(self, f"{name}Button")
            button.name = f"atlas_{name}"
            self.panel.connect(button, "clicked()", action)
        self.said.name = "atlas_said"

    def _choose(self, role: str) -> None:
        setattr(self.choices, role, self.selectors[role].currentNode())

    def _chooseLevel(self) -> None:
        self.choices.atlasLevel = self.levels.itemData(self.levels.currentIndex)

    def _typeNames(self) -> None:
        self.choices.atlasNames = self.names.text.strip()

    def _loadNames(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self.frame, _("Names of the labels"), "", TABLES)
        if path:
            self.choices.atlasNames = path

    def _loadTemplate(self) -> None:
        self._load("atlasTemplate", _("Template of the atlas"), {})

    def _loadLabels(self) -> None:
        self._load("atlasLabels", _("Labels of the atlas"), {"labelmap": True})

    def _load(self, role: str, title: str, properties: dict[str, Any]) -> None:
        path = qt.QFileDialog.getOpenFileName(self.frame, title, "", IMAGES)
        if not path:
            return
        with slicer.util.WaitCursor():
            try:
                node = slicer.util.loadVolume(path, {"show": False, "singleFile": True} | properties)
            except RuntimeError:
                raise InputError(f"Slicer cannot read {path}: choose a NIfTI or NRRD image.") from None
        setattr(self.choices, role, node)

    def _request(self) -> AtlasRequest:
        chosen = self.choices
        return AtlasRequest(
            image=chosen.atlasImage,
            mask=chosen.atlasMask,
            template=chosen.atlasTemplate,
            labels=chosen.atlasLabels,
            templateMask=chosen.atlasTemplateMask,
            names=chosen.atlasNames,
            level=chosen.atlasLevel,
        )

    def _start(self) -> None:
        self.waiting.refuseSecond()
        request = self._request()
        self.applyButton.enabled = False  # the wait cursor lets events through
        with slicer.util.WaitCursor():
            job = self.panel.logic.startAtlas(request)
        self.waiting.start(job)
        self.panel.refresh()

    def _told(self, job: Any) -> None:
        self.said.styleSheet = COLOURS["info"]
        self.said.text = f"{round(100 * job.fraction)} %  {job.message}"

    def _take(self, job: Any) -> None:
        with slicer.util.WaitCursor():
            carried = self.panel.logic.collectAtlas(job)
        with Together(self.panel.parameters.node):
            chosen = self.choices
            chosen.atlasResult = Measured(chosen.node).measureRegions = carried.segmentation
            chosen.atlasSaid, chosen.atlasBad = " ".join([carried.said, *carried.warnings]), bool(carried.warnings)
        showMask(carried.segmentation)
        text = _("Carried over: {name}. Look at it before you measure.").format(name=carried.segmentation.GetName())
        self.panel.say(" ".join([text, *carried.warnings]), "warning" if carried.warnings else "info")

    def _askedToCancel(self) -> None:
        if self.cancel():
            self.panel.say(_("Cancelled; nothing was changed."))
            self.panel.refresh()

    def _edit(self) -> None:
        openInEditor(self.panel.scene, self.choices.atlasResult, self.choices.atlasImage)


def _levelLabels() -> dict[str, str]:
    return {"rigid": _("Rigid"), "affine": _("Rigid, affine"), "bspline": _("Rigid, affine, free (B-spline)")}


def _selectorLabels() -> dict[str, str]:
    return {
        "atlasImage": _("Image:"),
        "atlasMask": _("Brain:"),
        "atlasTemplate": _("Template:"),
        "atlasTemplateMask": _("Its brain:"),
        "atlasLabels": _("Labels:"),
    }


def _selectorHelp() -> dict[str, str]:
    return {
        "atlasImage": _("Magnitude, or a T1 image in the same place, that the template is fitted to."),
        "atlasMask": _("Where the brain is in that image: a segmentation or label volume."),
        "atlasTemplate": _("Image of the atlas."),
        "atlasTemplateMask": _("Where the brain is in the template; none: the template is 0 outside."),
        "atlasLabels": _("Regions of the atlas, in the space of its template."),
    }

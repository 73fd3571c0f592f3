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
from ..stored import Stored, StoredNode, StoredSwitch, Together, Values
from ..volumes import shownNode
from .child_section import CommandSection
from .editors import narrow
from .mask import openInEditor
from .measure import Choices as Measured

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


class Choices(Values):
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
    atlasBad = StoredSwitch(False)

    @property
    def found(self) -> tuple[str, bool] | None:
        """How well the template fits, and whether that speaks against the labels; None without labels."""
        return None if self.atlasResult is None else (self.atlasSaid, self.atlasBad)


class AtlasSection(CommandSection):
    """An atlas carried over to the images of a subject."""

    name = "atlas"
    choicesClass = Choices

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make and connect the widgets."""
        super().__init__(frame, panel)
        for role, label in _selectorLabels().items():
            self._addRow(label, self.newSelector(role, KINDS[role], _selectorHelp()[role]), role)
        self.names = narrow(qt.QLineEdit())
        self.names.name = "atlasNamesEdit"
        self.names.toolTip = _("Table (CSV, TSV) or JSON file with the names of the labels; empty: their own names.")
        self._addRow(_("Names:"), self.names, "atlasNames")
        panel.connect(self.names, "editingFinished()", self._typeNames)
        self.levels = narrow(qt.QComboBox())
        self.levels.name = "atlasLevelComboBox"
        self.levels.toolTip = _("How freely the template is moved: each goes on from the one before.")
        for level, label in _levelLabels().items():
            self.levels.addItem(label, level)
        self.form.addRow(_("Fit:"), self.levels)
        panel.connect(self.levels, "currentIndexChanged(int)", self._chooseLevel)
        self.addButtons(_("Carry over"), _("Fit the template to the image, and draw its labels there."))
        self.cancelButton.toolTip = _("End the registration at once.")
        self.editButton = self.addButton("edit", _("Correct in Segment Editor"), self._edit)
        self.editButton.toolTip = _("Open the labels there, over the image.")

    def refresh(self) -> None:
        """Show the choice, and what can be done with it."""
        super().refresh()
        chosen = self.choices
        self.names.text = chosen.atlasNames
        self.levels.setCurrentIndex(max(0, self.levels.findData(chosen.atlasLevel)))
        self.editButton.enabled = chosen.atlasResult is not None

    def resultsChanged(self, outputs: Any) -> None:
        """Take the images and the mask of a run as those to fit to."""
        if not outputs.request.magnitudes or "mask" not in outputs.nodes:
            return
        with Together(self.panel.parameters.node):
            image = shownNode(outputs.request.magnitudes[0], self.panel.scene)
            self.choices.atlasImage = image if image.IsA(VOLUME) else None
            self.choices.atlasMask = outputs.nodes["mask"]

    def request(self) -> AtlasRequest:
        """Return what Carry over will do; InputError with the one thing that is missing."""
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

    def begin(self, request: AtlasRequest) -> Any:
        """Start the registration."""
        return self.panel.logic.startAtlas(request)

    def take(self, job: Any) -> None:
        """Show the labels, and let them be measured."""
        with slicer.util.WaitCursor():
            carried = self.panel.logic.collectAtlas(job)
        with Together(self.panel.parameters.node):
            chosen = self.choices
            chosen.atlasResult = Measured(chosen.node).measureRegions = carried.segmentation
            chosen.atlasSaid, chosen.atlasBad = " ".join([carried.said, *carried.warnings]), bool(carried.warnings)
        showMask(carried.segmentation)
        text = _("Carried over: {name}. Look at it before you measure.").format(name=carried.segmentation.GetName())
        self.panel.sayDone(text, carried.warnings)

    def _addRow(self, label: str, widget: Any, role: str) -> None:
        """Add a field, with a button beside it where it can be read from a file."""
        load = {"atlasTemplate": self._loadTemplate, "atlasLabels": self._loadLabels, "atlasNames": self._loadNames}
        row = qt.QHBoxLayout()
        row.addWidget(widget, 1)
        if role in load:
            button = qt.QToolButton()
            button.text, button.name, button.toolTip = "...", f"{role}Button", _("Read it from a file.")
            self.panel.connect(button, "clicked()", load[role])
            row.addWidget(button)
        self.form.addRow(label, row)

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

"""Measure: maps in regions, as a table, a CSV file and a chart; and a new zero for a susceptibility map."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..maps import isSusceptibility, referenceOf
from ..measurement import MEAN, NONE, Measurement, measure, rereference
from ..regions import Choice, choicesOf
from ..rendering import areSurfacesShown, showSurfaces
from ..reproduce import fileName
from ..stored import Stored, StoredNode, Together, Values
from .reference_box import showReferences
from .section import Section
from .windows import lookAtAll, savePath

MAP_ROLE = "measureMaps"
"""References of the parameter node to the maps to measure."""

CSV = ".csv"

TABLE_HEIGHT = 160
"""Pixels; enough for five regions."""


NAMES = {
    "mapsSelector": "measure_maps",
    "regionsSelector": "measure_regions",
    "referenceBox": "measure_reference",
    "measureButton": "measure_apply",
    "referenceLabel": "measure_said",
    "tableView": "measure_table",
    "saveButton": "measure_save",
    "chartButton": "measure_chart",
    "rereferenceButton": "measure_rereference",
    "surfaces": "measure_surfaces",
}
"""Names of the widgets in Qt, by which scripts find them."""


class Choices(Values):
    """What is chosen in this section, kept in the panel's parameter node."""

    measureRegions = StoredNode()
    measureReference = Stored(NONE)

    @property
    def maps(self) -> list[Any]:
        """The maps to measure."""
        found = [
            self.node.GetNthNodeReference(MAP_ROLE, i) for i in range(self.node.GetNumberOfNodeReferences(MAP_ROLE))
        ]
        return [node for node in found if node is not None]

    @maps.setter
    def maps(self, nodes: Any) -> None:
        with Together(self.node):
            self.node.RemoveNodeReferenceIDs(MAP_ROLE)
            for node in nodes:
                self.node.AddNodeReferenceID(MAP_ROLE, node.GetID())


class MeasureSection(Section):
    """The measurement."""

    def __init__(self, frame: Any, panel: Any) -> None:
        """Make and connect the widgets."""
        super().__init__(frame, panel)
        self.measurement: Measurement | None = None
        self.table: Any = None
        self.charts: list[Any] = []
        self._known: tuple[Any, tuple[Choice, ...]] = (None, ())
        self._makeSelectors()
        self._makeResults()
        panel.connect(self.mapsSelector, "checkedNodesChanged()", self._chooseMaps)
        panel.connect(self.regionsSelector, "nodeActivated(vtkMRMLNode*)", self._chooseRegions)
        panel.connect(self.referenceBox, "currentIndexChanged(int)", self._chooseReference)
        panel.connect(self.surfaces, "toggled(bool)", self._showSurfaces)
        panel.connect(self.measureButton, "clicked()", self._measure)
        panel.connect(self.saveButton, "clicked()", self._save)
        panel.connect(self.chartButton, "clicked()", self._showChart)
        panel.connect(self.rereferenceButton, "clicked()", self._rereference)

    @property
    def choices(self) -> Choices:
        """What is chosen."""
        return Choices(self.panel.parameters.node)

    def refresh(self) -> None:
        """Show the choice, and what can be done with it."""
        for selector in (self.mapsSelector, self.regionsSelector, self.tableView):
            selector.setMRMLScene(self.panel.scene)
        chosen = self.choices
        maps, regions = chosen.maps, chosen.measureRegions
        for node in self.mapsSelector.checkedNodes():
            if node not in maps:
                self.mapsSelector.uncheck(node)
        for node in maps:
            self.mapsSelector.check(node)
        self.regionsSelector.setCurrentNode(regions)
        showReferences(self.referenceBox, self._regions(), chosen.measureReference)
        self.surfaces.enabled = regions is not None and regions.IsA("vtkMRMLSegmentationNode")
        self.surfaces.checked = self.surfaces.enabled and areSurfacesShown(regions)
        self.measureButton.enabled = bool(maps) and regions is not None
        self.measureButton.toolTip = _("Measure the maps in the regions.") if maps else _("Choose a map.")
        self.rereferenceButton.enabled = chosen.measureReference != NONE and any(isSusceptibility(n) for n in maps)
        self._showResults()

    def resultsChanged(self, outputs: Any) -> None:
        """Take the new susceptibility map as the one to measure."""
        if outputs.chi is not None:
            self.choices.maps = [outputs.chi]

    def cleanup(self) -> None:
        """Let go of the scene."""
        self.tableView.setMRMLTableNode(None)
        for selector in (self.mapsSelector, self.regionsSelector, self.tableView):
            selector.setMRMLScene(None)

    def _makeSelectors(self) -> None:
        self.column = qt.QVBoxLayout(self.frame)
        form = qt.QFormLayout()
        self.column.addLayout(form)
        form.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
        self.mapsSelector = slicer.qMRMLCheckableNodeComboBox()
        self.mapsSelector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.mapsSelector.showChildNodeTypes = False
        self.mapsSelector.toolTip = _("Volumes to measure: tick one or several.")
        self.regionsSelector = slicer.qMRMLNodeComboBox()
        self.regionsSelector.nodeTypes = ["vtkMRMLSegmentationNode", "vtkMRMLLabelMapVolumeNode"]
        self.regionsSelector.toolTip = _("Segmentation or label volume; it may have another geometry than the maps.")
        for selector in (self.mapsSelector, self.regionsSelector):
            selector.addEnabled = selector.removeEnabled = False
        self.regionsSelector.noneEnabled = True
        self.referenceBox = qt.QComboBox()
        self.referenceBox.toolTip = _("What becomes zero in susceptibility maps; the zero of other maps is fixed.")
        for box in (self.mapsSelector, self.regionsSelector, self.referenceBox):
            box.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)  # a long name leaves the panel narrow
        self.surfaces = qt.QCheckBox(_("Regions in 3-D"))
        self.surfaces.toolTip = _("Show the segments as surfaces in the 3-D view.")
        self.measureButton = qt.QPushButton(_("Measure"))
        form.addRow(_("Maps:"), self.mapsSelector)
        form.addRow(_("Regions:"), self.regionsSelector)
        form.addRow("", self.surfaces)
        form.addRow(_("Reference:"), self.referenceBox)
        self.column.addWidget(self.measureButton)

    def _makeResults(self) -> None:
        self.tableView = slicer.qMRMLTableView()
        self.tableView.setMinimumHeight(TABLE_HEIGHT)
        self.referenceLabel = qt.QLabel()
        self.referenceLabel.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
        self.referenceLabel.wordWrap = True
        self.saveButton = qt.QPushButton(_("Save CSV..."))
        self.chartButton = qt.QPushButton(_("Show chart"))
        self.chartButton.toolTip = _("Mean and SD of every region, in a chart view.")
        self.rereferenceButton = qt.QPushButton(_("New map with this reference"))
        self.rereferenceButton.toolTip = _("Add a susceptibility map that is zero there; the old one stays as it is.")
        buttons = qt.QHBoxLayout()
        buttons.addWidget(self.saveButton)
        buttons.addWidget(self.chartButton)
        self.column.addWidget(self.referenceLabel)
        self.column.addWidget(self.tableView)
        self.column.addLayout(buttons)
        self.column.addWidget(self.rereferenceButton)
        for attribute, name in NAMES.items():
            getattr(self, attribute).name = name

    def _regions(self) -> tuple[Choice, ...]:
        """Return the regions; those of a label volume are looked for once, as long as its voxels stay the same."""
        node = self.choices.measureRegions
        if node is None or node.IsA("vtkMRMLSegmentationNode"):
            return choicesOf(node)
        image = node.GetImageData()
        key = (node, image and image.GetMTime(), node.GetDisplayNode() and node.GetDisplayNode().GetColorNode())
        if self._known[0] != key:
            self._known = (key, choicesOf(node))
        return self._known[1]

    def _showResults(self) -> None:
        if self.table is not None and self.table.GetScene() is None:  # taken out of the scene
            self.measurement, self.table = None, None
        self.tableView.setMRMLTableNode(self.table)
        there = self.measurement is not None
        self.referenceLabel.text = "\n".join(_saidOf(self.measurement)) if there else ""
        for widget in (self.referenceLabel, self.tableView):
            widget.visible = there
        self.saveButton.enabled = self.chartButton.enabled = there

    def _chooseMaps(self) -> None:
        self.choices.maps = self.mapsSelector.checkedNodes()

    def _chooseRegions(self) -> None:
        with Together(self.panel.parameters.node):
            self.choices.measureRegions = self.regionsSelector.currentNode()
            if self.choices.measureReference not in (NONE, MEAN, *(choice.id for choice in self._regions())):
                self.choices.measureReference = NONE

    def _chooseReference(self) -> None:
        self.choices.measureReference = self.referenceBox.itemData(self.referenceBox.currentIndex)

    def _showSurfaces(self) -> None:
        with slicer.util.WaitCursor():
            showSurfaces(self.panel.scene, self.choices.measureRegions, self.surfaces.checked)
        lookAtAll()

    def _measure(self) -> None:
        chosen, scene = self.choices, self.panel.scene
        with slicer.util.WaitCursor():
            found = measure(scene, _named(chosen.maps), chosen.measureRegions, reference=chosen.measureReference)
            self.table = found.tableNode(scene)
        self.measurement, self.charts = found, []
        self.panel.say(_("Measured: {table}.").format(table=self.table.GetName()))
        self.refresh()

    def _save(self) -> None:
        path = savePath(self.frame, _("Save the table"), fileName(self.table.GetName()), CSV)
        if path is None:
            return
        self.measurement.writeCsv(path, overwrite=True)  # the dialogue has asked
        self.panel.say(_("Saved {path}.").format(path=path))

    def _showChart(self) -> None:
        if not self.charts or any(chart.GetScene() is None for chart in self.charts):
            self.charts = [self.measurement.chartNode(self.panel.scene, name) for name in self.measurement.tables]
        slicer.modules.plots.logic().ShowChartInLayout(self.charts[0])

    def _rereference(self) -> None:
        chosen = self.choices
        maps = [node for node in chosen.maps if isSusceptibility(node)]
        with slicer.util.WaitCursor():
            made = [rereference(self.panel.scene, n, chosen.measureRegions, chosen.measureReference) for n in maps]
        self.panel.say(_("Added {names}.").format(names=", ".join(node.GetName() for node in made)))


def _named(maps: list[Any]) -> dict[str, Any]:
    """Return the maps by name; one whose name another one has is told from it by its ID."""
    names = [node.GetName() for node in maps]
    return {n if names.count(n) == 1 else f"{n} ({node.GetID()})": node for n, node in zip(names, maps, strict=True)}


def _saidOf(measurement: Measurement) -> list[str]:
    """Return a sentence per map on what is zero in it."""
    said = []
    for name, table in measurement.tables.items():
        zero = table.reference
        if zero is None:
            before = referenceOf(measurement.maps[name])
            text = _("{map}: as it is, relative to {reference}.") if before else _("{map}: as it is.")
            said.append(text.format(map=name, reference=before and before.name))
            continue
        text = _("{map}: {reference} = 0; it had mean {mean:.3g}, SD {sd:.3g} {unit} ({voxels} voxels).")
        values = {"mean": zero.mean, "sd": zero.sd, "unit": table.unit, "voxels": zero.voxels}
        said.append(text.format(map=name, reference=zero.name, **values))
    return said

"""The plugin of Segment Statistics: one segment of a susceptibility map or another map, measured as `qsm roi` does."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from SegmentStatisticsPlugins import SegmentStatisticsPluginBase
from slicer.i18n import tr as _

from QSMLogic.errors import InputError

NONE = "none"
"""No reference, as `measurement` calls it."""

ON = "True"
"""How the parameter node of Segment Statistics stores a tick."""


class Measure(NamedTuple):
    """One measurement: its name in tables (not translated), a title and what it is.

    code: of the way it was derived, in DICOM; quantity, unit: of what is no value of the map.
    """

    name: str
    title: str
    description: str
    code: tuple[str, str, str] | None = None
    quantity: tuple[str, str, str] | None = None
    unit: tuple[str, str, str] | None = None


class QSMSegmentStatisticsPlugin(SegmentStatisticsPluginBase):
    """Statistics inside the mask of a map, and relative to a reference.

    Volumes that are no map of this module or in ppm are left alone, unless the parameter `everyVolume` is set: Slicer's
    own plugin measures them. The parameter `reference` is `none`, `mean` or a segment's ID.
    """

    def __init__(self) -> None:
        """State the measurements."""
        super().__init__()
        self.name = "Quantitative Susceptibility Mapping"
        self.title = _("Quantitative Susceptibility Mapping")
        self.measures = measures()
        self.keys = list(self.measures)
        self.defaultKeys = list(self.measures)

    def parameter(self, name: str) -> str:
        """Return a parameter of this plugin."""
        return self.getParameterNode().GetParameter(self.toLongKey(name))

    def flag(self, name: str) -> bool:
        """Say whether a parameter of this plugin is ticked."""
        return self.parameter(name) == ON

    def setParameter(self, name: str, value: str) -> None:
        """Set a parameter of this plugin."""
        self.getParameterNode().SetParameter(self.toLongKey(name), value)

    def setDefaultParameters(self, parameterNode: Any, overwriteExisting: bool = False) -> None:
        """Measure everything, without a reference."""
        super().setDefaultParameters(parameterNode, overwriteExisting)
        for name, value in {"reference": NONE, "everyVolume": str(False)}.items():
            if overwriteExisting or not parameterNode.GetParameter(self.toLongKey(name)):
                parameterNode.SetParameter(self.toLongKey(name), value)

    def createDefaultOptionsWidget(self) -> None:
        """Add this plugin's own choices to those that every plugin has."""
        from .panel.statistics_options import StatisticsOptions  # noqa: PLC0415 (Qt: only where there is a widget)

        super().createDefaultOptionsWidget()
        self.options = StatisticsOptions(self)

    def updateGuiFromParameterNode(self, caller: Any = None, event: Any = None) -> None:
        """Show the parameters."""
        super().updateGuiFromParameterNode(caller, event)
        if self.parameterNode:
            self.options.refresh()

    def node(self, parameter: str) -> Any:
        """Return the node that Segment Statistics works on: `Segmentation` or `ScalarVolume`; None for none."""
        parameters = self.getParameterNode()
        id = parameters.GetParameter(parameter)
        return parameters.GetScene().GetNodeByID(id) if id else None

    def computeStatistics(self, segmentID: str) -> dict[str, float]:
        """Return the requested measurements of a segment by key; what does not exist is left out."""
        requested = self.getRequestedKeys()
        segmentation, volume = self.node("Segmentation"), self.node("ScalarVolume")
        if not requested or segmentation is None or not self._measures(volume):
            return {}
        from .measurement import measureSegment  # noqa: PLC0415 (imports SimpleITK: not while Slicer starts)

        try:
            found = measureSegment(volume, segmentation, segmentID, self.parameter("reference"))
        except InputError as problem:  # the other plugins' numbers are good all the same
            logging.warning("%s: %s", self.name, problem)
            return {}
        return {key: found[key] for key in requested if found.get(key) is not None}

    def getMeasurementInfo(self, key: str) -> dict[str, str] | None:
        """Return name, description, unit and codes of a measurement."""
        measure = self.measures.get(key)
        if measure is None:
            return None
        from .maps import unitOf  # noqa: PLC0415 (see above)

        volume = self.node("ScalarVolume")
        quantity = _entry(measure.quantity) or _held(volume, "GetVoxelValueQuantity")
        unit = _entry(measure.unit) or _held(volume, "GetVoxelValueUnits")
        return self.createMeasurementInfo(
            name=measure.name,
            title=measure.title,
            description=measure.description,
            units=measure.unit[0] if measure.unit else unitOf(volume),
            quantityDicomCode=quantity.GetAsString() if quantity else None,
            unitsDicomCode=unit.GetAsString() if unit else None,
            derivationDicomCode=self.createCodedEntry(*measure.code, True) if measure.code else None,
        )

    def _measures(self, volume: Any) -> bool:
        from .maps import isMap  # noqa: PLC0415 (see above)

        return volume is not None and (isMap(volume) or self.flag("everyVolume"))


def measures() -> dict[str, Measure]:
    """Return the measurements by key: fields of a table's row, relative to the reference too, and of the reference."""
    count = {"quantity": ("nvoxels", "99QIICR", "Number of voxels"), "unit": ("voxels", "UCUM", "voxels")}
    volume = {"quantity": ("118565006", "SCT", "Volume"), "unit": ("mm3", "UCUM", "cubic millimeter")}
    mean, sd = ("373098007", "SCT", "Mean"), ("386136009", "SCT", "Standard Deviation")
    median = ("373099004", "SCT", "Median")
    return {
        "mean": Measure("QSM mean", _("QSM mean"), _("Mean of the map in the segment."), mean),
        "sd": Measure("QSM SD", _("QSM SD"), _("Standard deviation of the map, of the sample (n - 1)."), sd),
        "median": Measure("QSM median", _("QSM median"), _("Median of the map in the segment."), median),
        "q1": Measure("QSM 1st quartile", _("QSM 1st quartile"), _("A quarter of the values are below.")),
        "q3": Measure("QSM 3rd quartile", _("QSM 3rd quartile"), _("A quarter of the values are above.")),
        "minimum": Measure("QSM minimum", _("QSM minimum"), _("Smallest value."), ("255605001", "SCT", "Minimum")),
        "maximum": Measure("QSM maximum", _("QSM maximum"), _("Largest value."), ("56851009", "SCT", "Maximum")),
        "volume": Measure("QSM volume", _("QSM volume"), _("Of the map's voxels in the segment."), **volume),
        "voxels": Measure("QSM voxels", _("QSM voxels"), _("Voxels of the map that were measured."), **count),
        "excluded": Measure("QSM excluded", _("QSM excluded voxels"), _("Voxels that hold no number."), **count),
        "relative_mean": Measure("QSM relative mean", _("QSM relative mean"), _("Mean less the reference's."), mean),
        "relative_median": Measure(
            "QSM relative median", _("QSM relative median"), _("Median less the mean of the reference."), median
        ),
        "relative_q1": Measure(
            "QSM relative 1st quartile", _("QSM relative 1st quartile"), _("Less the mean of the reference.")
        ),
        "relative_q3": Measure(
            "QSM relative 3rd quartile", _("QSM relative 3rd quartile"), _("Less the mean of the reference.")
        ),
        "relative_minimum": Measure(
            "QSM relative minimum", _("QSM relative minimum"), _("Less the mean of the reference.")
        ),
        "relative_maximum": Measure(
            "QSM relative maximum", _("QSM relative maximum"), _("Less the mean of the reference.")
        ),
        "reference_mean": Measure("QSM reference mean", _("QSM reference mean"), _("Mean of the reference."), mean),
        "reference_sd": Measure("QSM reference SD", _("QSM reference SD"), _("SD of the reference."), sd),
    }


def _entry(code: tuple[str, str, str] | None) -> Any:
    return SegmentStatisticsPluginBase.createCodedEntry(*code) if code else None


def _held(volume: Any, getter: str) -> Any:
    return getattr(volume, getter)() if volume is not None else None

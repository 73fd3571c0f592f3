"""The logic of Slicer's module Segment Statistics as its plugins meet it: without the plugins Slicer brings itself."""

import slicer
import vtk
from SegmentStatisticsPlugins import SegmentStatisticsPluginBase
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

COLUMNS = {int: "vtkLongArray", float: "vtkDoubleArray"}


class SegmentStatisticsLogic(ScriptedLoadableModuleLogic):
    """Asks every registered plugin about every segment."""

    registeredPlugins: list = []  # noqa: RUF012 (shared by all, as in Slicer)
    segmentColumnName = "Segment"

    @staticmethod
    def registerPlugin(plugin) -> None:
        """Take a plugin, given as an instance, once."""
        every = SegmentStatisticsLogic.registeredPlugins
        if isinstance(plugin, SegmentStatisticsPluginBase) and type(plugin) not in every:
            every.append(type(plugin))

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.isSingletonParameterNode = False
        self.plugins = [kind() for kind in self.registeredPlugins]
        self.parameterNode = None
        self.reset()

    def getParameterNode(self):
        """Return the parameter node; make it where there is none."""
        if self.parameterNode is None:
            self.setParameterNode(super().getParameterNode())
        return self.parameterNode

    def setParameterNode(self, node) -> None:
        """Take a parameter node and give it to every plugin."""
        self.parameterNode = node
        if not node.GetParameter("visibleSegmentsOnly"):
            node.SetParameter("visibleSegmentsOnly", "True")
        for plugin in self.plugins:
            plugin.setParameterNode(node)

    def reset(self) -> None:
        """Forget the results."""
        self.keys = [self.segmentColumnName, *(p.toLongKey(key) for p in self.plugins for key in p.keys)]
        self._statistics = {"SegmentIDs": [], "MeasurementInfo": {}}

    def getStatistics(self) -> dict:
        """Return the results by segment and long key."""
        return self._statistics

    def computeStatistics(self) -> None:
        """Ask the plugins about the segments, with a segmentation whose transform is hardened."""
        self.reset()
        node = self.getParameterNode()
        segmentation = slicer.mrmlScene.GetNodeByID(node.GetParameter("Segmentation"))
        ids = vtk.vtkStringArray()
        if node.GetParameter("visibleSegmentsOnly") == "True":
            segmentation.GetDisplayNode().GetVisibleSegmentIDs(ids)
        else:
            segmentation.GetSegmentation().GetSegmentIDs(ids)
        hardened = None
        if segmentation.GetParentTransformNode() is not None:
            hardened = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "hardened")
            hardened.CopyContent(segmentation)
            hardened.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())
            hardened.HardenTransform()
            node.SetParameter("Segmentation", hardened.GetID())
        try:
            for index in range(ids.GetNumberOfValues()):
                self.updateStatisticsForSegment(ids.GetValue(index))
        finally:
            if hardened is not None:
                node.SetParameter("Segmentation", segmentation.GetID())
                slicer.mrmlScene.RemoveNode(hardened)

    def updateStatisticsForSegment(self, segmentID: str) -> None:
        """Ask the plugins about one segment."""
        node = self.getParameterNode()
        segmentation = slicer.mrmlScene.GetNodeByID(node.GetParameter("Segmentation")).GetSegmentation()
        statistics = self._statistics
        statistics["SegmentIDs"].append(segmentID)
        statistics[segmentID, self.segmentColumnName] = segmentation.GetSegment(segmentID).GetName()
        for plugin in self.plugins:
            if node.GetParameter(f"{type(plugin).__name__}.enabled") == "True":
                for key, value in plugin.computeStatistics(segmentID).items():
                    statistics[segmentID, plugin.toLongKey(key)] = value
                    statistics["MeasurementInfo"][plugin.toLongKey(key)] = plugin.getMeasurementInfo(key)

    def getNonEmptyKeys(self) -> list[str]:
        """Return the keys that at least one segment has a value for."""
        ids = self._statistics["SegmentIDs"]
        return [key for key in self.keys if any((one, key) in self._statistics for one in ids)]

    def exportToTable(self, table, nonEmptyKeysOnly=True) -> None:
        """Fill a table node: one row per segment; columns are named after the measurements."""
        table.RemoveAllColumns()
        ids = self._statistics["SegmentIDs"]
        for key in self.getNonEmptyKeys() if nonEmptyKeysOnly else self.keys:
            values = [self._statistics.get((one, key)) for one in ids]
            kind = next((type(value) for value in values if value is not None), str)
            array = getattr(vtk, COLUMNS.get(kind, "vtkStringArray"))()
            for value in values:
                array.InsertNextValue(value if value is not None else float("nan") if kind is float else kind())
            info = self._statistics["MeasurementInfo"].get(key, {})
            array.SetName(info.get("name") or key)
            table.AddColumn(array)
            if info.get("units"):
                table.SetColumnUnitLabel(array.GetName(), info["units"])
            if info.get("title"):
                table.SetColumnTitle(array.GetName(), info["title"])

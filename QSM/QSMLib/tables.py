"""Tables of regions as nodes of the scene: a table, and a chart of mean and SD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from QSMLogic.errors import InputError
from QSMLogic.roi import TITLES, WHOLE, RegionStatistics, Table

WORDS, COUNTS = ("map", "name", "unit", "reference"), ("label", "voxels", "excluded")
"""Columns of text and of whole numbers; all others hold numbers, which are nan where there is none."""

IN_UNIT = ("mean", "sd", "median", "q1", "q3", "minimum", "maximum", "reference_mean", "reference_sd")
"""Columns in the unit of the map."""

MOST_IN_LEGEND = 20
"""Regions; more would cover the chart. Their names are still shown where the mouse points."""

MARGIN = 0.5
"""Of the chart, left of its first region and right of its last, in distances between regions."""


def addTable(scene: Any, name: str, tables: Mapping[str, Table], beside: Any) -> Any:
    """Add a table node with the columns of `qsm roi`, the region's name first, then the map's if there are several."""
    node = slicer.vtkMRMLTableNode()
    node.SetName(scene.GenerateUniqueName(name))
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetUseFirstColumnAsRowHeader(True)
    node.SetLocked(True)
    columns = ("map", *TITLES)
    lines = [dict(zip(columns, (k, *line), strict=True)) for k, table in tables.items() for line in table.lines()]
    units = {table.unit for table in tables.values()}
    several = ["map"] if len(tables) > 1 else []
    for column in ("name", *several, *(title for title in TITLES if title not in ("name", "label")), "label"):
        node.AddColumn(_column(column, [line[column] for line in lines]))
        node.SetColumnTitle(column, _titles()[column])
        node.SetColumnUnitLabel(column, _unit(column, units))
    scene.AddNode(node)
    placeBeside(scene, node, beside)
    return node


def addChart(
    scene: Any, name: str, table: Table, colours: Mapping[int, tuple[float, float, float]], beside: Any
) -> Any:
    """Add a chart: per region, in its colour, a line with markers at mean - SD, mean, and mean + SD."""
    rows = [row for row in table.rows if row.mean is not None and row.label != WHOLE]
    if not rows:
        raise InputError("No region holds a value: there is nothing to draw.")
    chart = slicer.vtkMRMLPlotChartNode()
    chart.SetName(scene.GenerateUniqueName(name))
    chart.SetTitle(name)
    chart.SetXAxisTitle(_("Region"))
    chart.SetYAxisTitle(_yTitle(table))
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(1 - MARGIN, len(rows) + MARGIN)
    chart.SetLegendVisibility(len(rows) <= MOST_IN_LEGEND)
    data = _hidden(slicer.vtkMRMLTableNode(), f"{chart.GetName()} (data)")
    scene.AddNode(data)
    for position, row in enumerate(rows, 1):
        chart.AddAndObservePlotSeriesNodeID(_addSeries(scene, data, position, row, colours.get(row.label)))
    scene.AddNode(chart)
    placeBeside(scene, chart, beside)
    return chart


def placeBeside(scene: Any, node: Any, other: Any) -> None:
    """Put a node where another one is in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(other)  # 0 where the other node has been removed
    parent = hierarchy.GetItemParent(item) if item else hierarchy.GetSceneItemID()
    hierarchy.CreateItem(parent, node)  # moves the item, where there is one


def _addSeries(scene: Any, data: Any, position: int, row: RegionStatistics, colour: Any) -> str:
    """Add the line of one region, and return the ID of its node. A plot in Slicer has no error bars of its own."""
    x, y = f"position {position}", f"{position} {row.name}"
    data.AddColumn(_column(x, [float(position)] * 3))
    data.AddColumn(_column(y, [row.mean - row.sd, row.mean, row.mean + row.sd]))
    series = _hidden(slicer.vtkMRMLPlotSeriesNode(), row.name)
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetXColumnName(x)
    series.SetYColumnName(y)
    series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleSquare)
    if colour is not None:
        series.SetColor(*colour)
    scene.AddNode(series)
    series.SetAndObserveTableNodeID(data.GetID())
    return series.GetID()


def _hidden(node: Any, name: str) -> Any:
    """Name a node that is only a part of another one, and keep it out of the lists a person sees."""
    node.SetName(name)
    node.SetHideFromEditors(True)
    return node


def _column(name: str, values: list[Any]) -> Any:
    column = vtk.vtkStringArray() if name in WORDS else vtk.vtkIntArray() if name in COUNTS else vtk.vtkDoubleArray()
    column.SetName(name)
    for value in values:
        column.InsertNextValue(_shown(value))
    return column


def _shown(value: str | float | None) -> str | float:
    """Return a value with the seven digits that the CSV has; nan where there is none."""
    if value is None:
        return float("nan")
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _unit(column: str, units: set[str]) -> str:
    if column == "volume":
        return "mm3"
    return next(iter(units)) if column in IN_UNIT and len(units) == 1 else ""


def _yTitle(table: Table) -> str:
    if table.reference is None:
        return _("Mean and SD ({unit})").format(unit=table.unit)
    return _("Mean and SD ({unit}, {reference} = 0)").format(unit=table.unit, reference=table.reference.name)


def _titles() -> dict[str, str]:
    return {
        "map": _("Map"),
        "name": _("Region"),
        "mean": _("Mean"),
        "sd": _("SD"),
        "median": _("Median"),
        "q1": _("1st quartile"),
        "q3": _("3rd quartile"),
        "minimum": _("Minimum"),
        "maximum": _("Maximum"),
        "volume": _("Volume"),
        "voxels": _("Voxels"),
        "excluded": _("Excluded"),
        "unit": _("Unit"),
        "reference": _("Reference"),
        "reference_mean": _("Reference mean"),
        "reference_sd": _("Reference SD"),
        "label": _("Label"),
    }

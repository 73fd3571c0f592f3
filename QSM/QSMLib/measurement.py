"""Measuring maps in regions, and setting what zero means in a map: the numbers of `qsm roi`, on nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from QSMLogic.errors import InputError
from QSMLogic.io.outputs import in_words, whole_file
from QSMLogic.roi import (
    WHOLE,
    Reference,
    RegionStatistics,
    Table,
    reference_statistics,
    region_statistics,
    relative_to,
    write_tables,
)

from .labels import maskOn
from .maps import describeLike, isSusceptibility, maskOf, referenceOf, unitOf
from .regions import Choice, Regions, findRegions
from .tables import addChart, addTable, placeBeside
from .volumes import addVolume, arrayOf, geometryOf, gridOf, nameOf, refuseNoImage

NONE, MEAN = "none", "mean"
"""References that are no region: the map as it is, and the mean over its mask."""


@dataclass(frozen=True)
class Measurement:
    """Tables by the names of the maps, the nodes they were taken from, and the regions."""

    tables: dict[str, Table]
    maps: dict[str, Any]
    regions: tuple[Choice, ...]
    owner: str

    def tableNode(self, scene: Any, name: str = "") -> Any:
        """Add a table node with everything, beside the first map in the subject hierarchy."""
        return addTable(scene, name or self._title(), self.tables, next(iter(self.maps.values())))

    def chartNode(self, scene: Any, map: str = "", name: str = "") -> Any:
        """Add a chart of mean and SD per region of one map (the first), beside the map in the subject hierarchy."""
        chosen = map or next(iter(self.tables))
        colours = {choice.label: choice.colour for choice in self.regions}
        return addChart(scene, name or f"{chosen} in {self.owner}", self.tables[chosen], colours, self.maps[chosen])

    def writeCsv(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write everything as CSV, as `qsm roi` does for one map: the whole file or none. Return its path.

        Raises InputError where it cannot be written, or exists and may not be overwritten.
        """
        path = Path(path)
        if path.is_dir() or not path.parent.is_dir():
            raise InputError(f"{path} cannot be the table: give the name of a file in a folder that exists.")
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists already: choose another name.")
        try:
            with whole_file(path) as part:
                write_tables(part, self.tables)
        except OSError as error:
            raise InputError(in_words(error, path.parent)) from None
        return path

    def _title(self) -> str:
        return f"{' and '.join(self.tables)} in {self.owner}"


def measure(
    scene: Any,
    maps: Mapping[str, Any] | Any,
    regions: Any,
    *,
    segments: Sequence[str] = (),
    reference: str | None = NONE,
    mask: Any = None,
) -> Measurement:
    """Measure one map or several (by name) in the regions of a segmentation or label volume that may lie anywhere.

    scene: that of the nodes; nothing is added to it. segments: IDs or names of the regions to measure, all where empty;
    reference: what becomes zero in susceptibility maps (`none`, `mean` of the mask, a region's ID or name; of other
    maps the zero is fixed); mask: segmentation or label volume in which the maps are valid, else the mask of the run
    that made the map, else where the map is not 0.
    Raises InputError where a node cannot be used, or the reference holds no voxel.
    """
    named = dict(maps) if isinstance(maps, Mapping) else {nameOf(maps): maps}
    if not named:
        raise InputError("There is no map to measure: choose one.")
    places: dict[Any, Regions] = {}
    tables = {}
    for name, node in named.items():
        refuseNoImage(node)
        place = (geometryOf(node), node.GetTransformNodeID())
        if place not in places:
            places[place] = findRegions(regions, node)
        zero = (reference or NONE) if isSusceptibility(node) else NONE
        tables[name] = _table(node, places[place], segments, zero, maskOf(node, mask))
    found = next(iter(places.values()))
    return Measurement(tables, named, _chosen(found, segments), found.owner)


def rereference(scene: Any, node: Any, regions: Any, reference: str, *, mask: Any = None) -> Any:
    """Return a new susceptibility volume in which a region (ID or name), the mask's mean, or nothing is zero.

    The old volume stays as it is. The new one has the attributes of a run with that reference: mean and SD are those
    of the map as the inversion left it. Raises InputError as `measure` does.
    """
    refuseNoImage(node)
    if not isSusceptibility(node):
        raise InputError(f"{nameOf(node)} is no susceptibility map: its zero is fixed.")
    chi, inside = _values(node), maskOf(node, mask)
    before = referenceOf(node)
    found = None if reference in (NONE, MEAN) else findRegions(regions, node)
    zero = _reference(chi, inside, reference, found)
    if zero is None and before is None:
        raise InputError(f"{nameOf(node)} has no reference to take away: choose one to set.")
    shift = -before.mean if zero is None else zero.mean
    title = "no reference" if zero is None else f"{zero.name} = 0"
    name = scene.GenerateUniqueName(f"{nameOf(node)} ({title})")
    made = addVolume(scene, name, relative_to(chi, inside, shift), node)
    if zero is not None and before is not None:
        zero = Reference(zero.name, zero.mean + before.mean, zero.sd, zero.voxels)
    describeLike(made, node, zero)
    placeBeside(scene, made, node)
    return made


def measureSegment(node: Any, segmentation: Any, segment: str, reference: str = NONE) -> dict[str, Any]:
    """Measure a map in one segment (ID); reference: `none`, `mean` or a segment's ID.

    Return the fields of a row of the table; with a reference also those of the map relative to it ("relative_mean"),
    and its own ("reference_mean"). Raises InputError as `measure` does.
    """
    values, inside = _values(node), maskOf(node)
    region = (inside & maskOn(segmentation, node, (segment,))).astype(np.int8)

    def row(values: np.ndarray) -> dict[str, Any]:
        return asdict(region_statistics(values, region, gridOf(node), names={1: segment})[0])

    found = row(values)
    if reference == NONE:
        return found
    where = inside if reference == MEAN else inside & maskOn(segmentation, node, (reference,))
    zero = reference_statistics(values, where, reference)
    found |= {f"relative_{name}": value for name, value in row(values - np.float32(zero.mean)).items()}
    return found | {f"reference_{name}": value for name, value in asdict(zero).items()}


def _table(node: Any, regions: Regions, segments: Sequence[str], reference: str, mask: np.ndarray) -> Table:
    values = _values(node)
    zero = _reference(values, mask, reference, regions)
    if zero is not None:
        values = values - np.float32(zero.mean)  # what is not finite stays so, and is counted as excluded
    names = {choice.label: choice.name for choice in _chosen(regions, segments)}
    rows: dict[int, RegionStatistics] = {}
    for part in regions.parts:
        for row in region_statistics(values, part, gridOf(node), names=names, mask=mask):
            if row.volume or row.label not in rows:  # a region is empty in all parts but its own
                rows[row.label] = row
    return Table([rows[label] for label in sorted(rows) if label in names or label == WHOLE], unitOf(node), zero)


def _chosen(regions: Regions, segments: Sequence[str]) -> tuple[Choice, ...]:
    return tuple(regions.find(which) for which in segments) or regions.choices


def _reference(values: np.ndarray, mask: np.ndarray, which: str, regions: Any) -> Reference | None:
    """Return the statistics of what becomes zero; None for nothing."""
    if which == NONE:
        return None
    if which == MEAN:
        return reference_statistics(values, mask, "mean of the mask")
    chosen = regions.find(which)
    return reference_statistics(values, mask & regions.voxels(chosen.label), chosen.name)


def _values(node: Any) -> np.ndarray:
    """Return the voxels as the pipeline reads them from a file: float32, and so the same to the last digit."""
    return arrayOf(node).astype(np.float32, copy=False)

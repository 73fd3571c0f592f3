"""The regions of a unit: a segmentation made by another program, and the table of the map in its regions."""

from __future__ import annotations

from pathlib import Path

from ..documents import listed
from ..errors import InputError
from ..io.load import Loaded
from ..io.nifti import NIFTI_ENDINGS
from ..io.parameters import DATA_SET
from ..pipeline import Result
from ..roi import TITLES, WHOLE, RegionStatistics, Table, read_names, region_statistics
from . import names, tables
from .tables import Column
from .transaction import UnitFiles
from .unit import Plan, Unit

SUFFIX = "dseg"
"""BIDS's suffix of segmentations, and of the tables that name their labels."""

OF_SEGMENTATION = ("space", "seg", "atlas", "res", "label", "desc", "scale")
"""Entities that a segmentation has and an acquisition does not."""

REGIONS = "_regions.tsv"
"""End of the name of the table of a unit."""

MEANT = {
    "label": f"Number of the region in the segmentation; {WHOLE} is the whole mask.",
    "name": "Name of the region.",
    "mean": "Mean.",
    "sd": "Standard deviation of the sample.",
    "median": "Median.",
    "q1": "First quartile.",
    "q3": "Third quartile.",
    "minimum": "Smallest value.",
    "maximum": "Largest value.",
    "volume": "Volume of the region inside the mask.",
    "voxels": "Voxels that were used.",
    "excluded": "Voxels that were not finite.",
    "unit": "Of the map, and of mean to maximum.",
    "reference": "What was set to zero in the map.",
    "reference_mean": "Mean of the map in the reference before it was subtracted.",
    "reference_sd": "Standard deviation of the map in the reference.",
}
"""What the columns of a table of regions say."""

IN_PPM = {"mean", "sd", "median", "q1", "q3", "minimum", "maximum", "reference_mean", "reference_sd"}

COLUMNS = tuple(
    Column(name, MEANT[name], "ppm" if name in IN_PPM else "mm3" if name == "volume" else "") for name in TITLES
)


def labels_of(unit: Unit, plan: Plan) -> Path | None:
    """Return the segmentation of a unit, None where the plan names no data set of them, or it holds none.

    It is the _dseg image of this subject and session none of whose entities contradict those of the unit.
    Raises InputError where there are several.
    """
    if plan.labels is None:
        return None
    folders = [f"{key}-{unit.entities[key]}" for key in ("sub", "ses") if unit.entities.get(key)]
    place = plan.labels.joinpath(*folders)
    there = [path for ending in NIFTI_ENDINGS for path in sorted(place.glob(f"*/sub-*_{SUFFIX}{ending}"))]
    fitting = [path for path in there if _fits(path, unit)]
    if len(fitting) > 1:
        raise InputError(
            f"{place} holds several segmentations for {unit.name} ({listed([path.name for path in fitting])}): "
            "name a data set with one of them, on the voxels of the images."
        )
    return fitting[0] if fitting else None


def names_of(labels: Path) -> Path | None:
    """Return the table that names the labels of a segmentation: beside it, or above it in its data set."""
    entities = _entities(labels)
    for folder in _up_to_root(labels):
        there = [path for path in sorted(folder.glob(f"*{SUFFIX}.tsv")) if _entities(path).items() <= entities.items()]
        if there:
            return max(there, key=lambda path: len(_entities(path)))
    return None


def files_of(unit: Unit, plan: Plan) -> list[Path]:
    """Return the files that the regions of a unit are read from."""
    labels = labels_of(unit, plan)
    return [] if labels is None else [path for path in (labels, names_of(labels)) if path is not None]


def regions(unit: Unit, plan: Plan, loaded: Loaded, result: Result) -> list[RegionStatistics]:
    """Return the statistics of susceptibility in the whole mask, and in the regions where a unit has a segmentation."""
    assert loaded.scan is not None
    chi, mask, labels = result.maps["chi"], result.maps["eroded_mask"], labels_of(unit, plan)
    if labels is None:
        return region_statistics(chi, mask * 0, loaded.scan.grid, names={WHOLE: ""}, mask=mask)
    named = names_of(labels)
    known = None if named is None else read_names(named)
    return region_statistics(chi, loaded.data["labels"], loaded.scan.grid, names=known, mask=mask)


def table_of(unit: Unit) -> str:
    """Return the path of the table of a unit, relative to the data set of the derivatives."""
    return names.anat(unit, "regions").removesuffix(names.IMAGE) + ".tsv"


def write_regions(out: UnitFiles, unit: Unit, rows: list[RegionStatistics], result: Result) -> None:
    """Write the table of a unit with what its columns mean."""
    lines = Table(rows, reference=result.reference).lines()
    tables.write(out.path(table_of(unit)), COLUMNS, [dict(zip(TITLES, line, strict=True)) for line in lines])


def _fits(path: Path, unit: Unit) -> bool:
    said = {key: label for key, label in _entities(path).items() if key not in OF_SEGMENTATION}
    return all(unit.entities.get(key) == label for key, label in said.items())


def _entities(path: Path) -> dict[str, str]:
    """Return the entities in a name, none for dseg.tsv; other programs' names may hold words that are none."""
    words = [word.partition("-") for word in path.name.partition(".")[0].split("_")[:-1]]
    return {key: label for key, _, label in words}


def _up_to_root(path: Path) -> list[Path]:
    """Return the folders from that of a file up to the root of its data set; its own alone where there is no root."""
    folders = list(path.parents)
    roots = [i for i, folder in enumerate(folders) if (folder / DATA_SET).is_file()]
    return folders[: roots[0] + 1] if roots else folders[:1]

"""Numbers of a map per region: statistics over a label image, and the table they are written to."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from .errors import InputError
from .grid import Grid

WHOLE = 0
"""Label of the row over the whole mask; 0 is the background in a label image."""

VOLUME_DIGITS = 6
"""Of a voxel's volume: headers round its edges to seven, and one image is to give one number whatever holds it."""

DELIMITERS = ",;\t"
"""Between the columns of a table of names, tried in this order."""

COLOURS = 3
"""Numbers beside a name, at least, in a table of colours."""


@dataclass(frozen=True)
class RegionStatistics:
    """One row of the table; mean to maximum in the map's unit, volume in mm3. A value is None where no voxel is valid.

    sd is that of the sample (n - 1), 0 for one voxel; voxels counts those used, excluded those that were not finite.
    The volume is that of the whole region, used and excluded.
    """

    label: int
    name: str
    mean: float | None
    sd: float | None
    median: float | None
    q1: float | None
    q3: float | None
    minimum: float | None
    maximum: float | None
    volume: float
    voxels: int
    excluded: int


@dataclass(frozen=True)
class Reference:
    """What the map is relative to: a name, and mean and sd (ppm) of the map in it before it was subtracted."""

    name: str
    mean: float
    sd: float
    voxels: int


TITLES = (*(field.name for field in fields(RegionStatistics)), "unit", "reference", "reference_mean", "reference_sd")
"""Of the columns of a table."""


@dataclass(frozen=True)
class Table:
    """The rows of one map with their unit, and what the map is relative to (None: it was left as it is)."""

    rows: list[RegionStatistics]
    unit: str = "ppm"
    reference: Reference | None = None

    def lines(self) -> list[tuple[str | float | None, ...]]:
        """Return the values under the titles, row by row."""
        zero = self.reference
        said = ("none", None, None) if zero is None else (zero.name, zero.mean, zero.sd)
        columns = [field.name for field in fields(RegionStatistics)]
        return [(*(getattr(row, name) for name in columns), self.unit, *said) for row in self.rows]


def reference_statistics(chi: np.ndarray, region: np.ndarray, name: str) -> Reference:
    """Mean and sd of chi (x, y, z; ppm) over the region (x, y, z; bool); NaN is left out.

    Raises: InputError where the region is empty or has another shape than chi.
    """
    _same_shape(chi, region, "reference region")
    values = chi[region.astype(bool)]
    values = values[np.isfinite(values)].astype(float)
    if values.size == 0:
        raise InputError(f"The reference region ({name}) holds no voxel of the map: choose another region or label.")
    return Reference(name, float(values.mean()), _sd(values), int(values.size))


def reference_called(
    which: str, chi: np.ndarray, labels: np.ndarray, mask: np.ndarray, names: Mapping[int, str]
) -> Reference | None:
    """Return the statistics of what becomes zero: none (None), mean (of the mask), or a label's number or name.

    Raises: InputError for a word that is none of these.
    """
    if which == "none":
        return None
    if which == "mean":
        return reference_statistics(chi, mask, "mean of the mask")
    numbers = {name: label for label, name in names.items()} | {str(n): int(n) for n in np.unique(labels) if n}
    if which not in numbers:
        raise InputError(
            f"--reference {which}: none, mean, or a label is needed: {', '.join(numbers) or 'none there'}."
        )
    label = numbers[which]
    return reference_statistics(chi, mask & (labels == label), names.get(label, f"label {label}"))


def relative_to(chi: np.ndarray, mask: np.ndarray, zero: float) -> np.ndarray:
    """Return chi less zero (ppm): float32, zero outside the mask and where chi is not finite."""
    return np.where(mask & np.isfinite(chi), chi - np.float32(zero), 0).astype(np.float32)


def region_statistics(
    chi: np.ndarray,
    labels: np.ndarray,
    grid: Grid,
    *,
    names: Mapping[int, str] | None = None,
    mask: np.ndarray | None = None,
) -> list[RegionStatistics]:
    """Statistics of chi in every region, by rising label; first, where a mask is given, over the whole mask.

    Parameters: chi (x, y, z), any unit; labels (x, y, z) whole numbers, 0 for background; names by label; mask
    (x, y, z) bool: the map is measured in it only. A label without a voxel in it, and a name without any, give a row
    with no values.
    Raises: InputError where shapes differ, labels are not whole numbers, or there is no label at all.
    """
    _same_shape(chi, labels, "label image")
    names = names or {}
    whole = _whole_numbers(labels)
    chosen = whole != 0
    there = np.unique(whole[chosen]).tolist()
    rows = []
    if mask is not None:
        _same_shape(chi, mask, "mask")
        inside = mask.astype(bool)
        chosen &= inside
        rows.append(_row(WHOLE, "whole mask", chi[inside].astype(float), grid))
    found, values = whole[chosen], chi[chosen].astype(float)
    if found.size == 0 and not names:
        raise InputError(
            "The label image holds no region where the map has values: check that the two belong together."
        )
    order = np.argsort(found, kind="stable")
    present, starts = np.unique(found[order], return_index=True)
    parts = dict(zip(present.tolist(), np.split(values[order], starts[1:]), strict=True)) if present.size else {}
    wanted = sorted({*there, *names} - {WHOLE})
    nothing = np.empty(0)
    return rows + [_row(n, names.get(n, f"label {n}"), parts.get(n, nothing), grid) for n in wanted]


def _row(label: int, name: str, values: np.ndarray, grid: Grid) -> RegionStatistics:
    used = values[np.isfinite(values)]
    volume = values.size * float(f"{grid.voxel_volume:.{VOLUME_DIGITS}g}")
    excluded = values.size - used.size
    if used.size == 0:
        return RegionStatistics(label, name, *(None,) * 7, volume, 0, excluded)
    low, q1, median, q3, high = (float(q) for q in np.quantile(used, (0, 0.25, 0.5, 0.75, 1)))
    return RegionStatistics(
        label, name, float(used.mean()), _sd(used), median, q1, q3, low, high, volume, used.size, excluded
    )


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else 0.0


def _same_shape(chi: np.ndarray, other: np.ndarray, what: str) -> None:
    if chi.shape != other.shape:
        raise InputError(
            f"The {what} has shape {other.shape} but the map {chi.shape}: resample the {what} onto the map "
            "(nearest neighbour)."
        )


def _whole_numbers(labels: np.ndarray) -> np.ndarray:
    if np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool:
        return labels.astype(np.int64)
    rounded = np.rint(np.nan_to_num(labels))
    if not np.array_equal(rounded, labels):
        raise InputError("The label image holds values that are not whole numbers: give labels, not probabilities.")
    return rounded.astype(np.int64)


def write_table(
    path: Path,
    rows: list[RegionStatistics],
    *,
    unit: str = "ppm",
    reference: Reference | None = None,
) -> None:
    """Write the rows as CSV, one line of titles and one line per region.

    Every line states the unit of its statistics (volume: mm3), and the reference with its mean and sd before it was
    subtracted. Values keep seven significant digits, more than a float32 map holds; what does not exist is empty.
    """
    write_tables(path, {"": Table(rows, unit, reference)})


def write_tables(path: Path, tables: Mapping[str, Table]) -> None:
    """Write the tables of several maps as one CSV, whose first column names the map; one table is written alone."""
    several = len(tables) > 1
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*["map"] * several, *TITLES])
        for name, table in tables.items():
            writer.writerows([*[name] * several, *(_cell(value) for value in line)] for line in table.lines())


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def read_names(path: Path) -> dict[int, str]:
    """Read names by label from JSON ({"1": "caudate"}, or "labels": a list) or a table (CSV, TSV) of label and name.

    Tables of colours are understood too, whose columns are parted by spaces: those of FreeSurfer, 3D Slicer and
    ITK-SNAP. The columns of other tables are found by their titles (label, index, id or value; name, or structure),
    else the first is the label and the second the name. Raises: InputError where the file holds no such pair.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        pairs = _json_pairs(text) if path.suffix.lower() == ".json" else _pairs(text)
        names = {int(label): str(name) for label, name in pairs if int(label) != WHOLE}
    except (OSError, UnicodeDecodeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"The names of the regions could not be read from {path}: {error}. "
            "Give a JSON object or a table with a label and a name per line."
        ) from error
    if not names:
        raise InputError(f"{path} holds no names: give a JSON object or a table with a label and a name per line.")
    return names


def _json_pairs(text: str) -> Iterable[tuple[str | int, str]]:
    held = json.loads(text)
    held = held.get("labels", held)
    return enumerate(held) if isinstance(held, list) else held.items()


def _pairs(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return []
    delimiter = max(DELIMITERS, key=lines[0].count)
    if delimiter not in lines[0]:
        return [_spaced(line) for line in lines]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    label, name, titles = 0, 1, [cell.lower() for cell in rows[0]]
    if not _is_whole(rows[0][0]) or any(title in ("label", "index", "id", "value") for title in titles):
        label = next((titles.index(t) for t in ("label", "index", "id", "value") if t in titles), 0)
        name = next((titles.index(t) for t in ("name", "structure") if t in titles), 1)
        rows = rows[1:]
    return [(row[label], row[name]) for row in rows]


def _spaced(line: str) -> tuple[str, str]:
    """Return label and name of a line parted by spaces; what is left of a table of colours are its numbers."""
    label, *words = next(csv.reader([" ".join(line.split())], delimiter=" "))
    numbers = [word for word in words if _is_whole(word)]
    named = [word for word in words if len(numbers) < COLOURS or word not in numbers]
    if not named:
        raise ValueError(f"the line '{line}' names nothing")
    return label, " ".join(named)


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isdigit()

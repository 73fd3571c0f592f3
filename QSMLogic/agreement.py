"""How well two measurements of the same things agree: bias, limits of agreement, repeatability, correlation.

Sources: Bland1986, Bland1999 (limits of agreement; within-subject standard deviation and repeatability); McGraw1996
(intraclass correlation of absolute agreement between single measurements, two-way).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from .roi import WHOLE

WITHIN = 1.96
"""Standard deviations either side of the mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Agreement:
    """Of pairs of values, first and second; in their unit, None where there are too few of them.

    difference: mean of second less first, the bias; sd: standard deviation of the differences; lower, upper: limits of
    agreement, which hold 95 % of the differences where these are normal: difference -+ 1.96 sd. within_sd: standard
    deviation of one measurement, the bias included: root of the mean square of the differences over 2. repeatability:
    1.96 root 2 within_sd, which 95 % of the differences stay below. icc: intraclass correlation, without unit: share of
    the variance that is between the things measured, not between the two measurements of each.
    """

    first: float | None
    second: float | None
    difference: float | None
    sd: float | None
    lower: float | None
    upper: float | None
    within_sd: float | None
    repeatability: float | None
    icc: float | None
    pairs: int


@dataclass(frozen=True)
class Row:
    """Agreement over the voxels of one region."""

    label: int
    name: str
    agreement: Agreement


def agreement(first: np.ndarray, second: np.ndarray) -> Agreement:
    """Return the agreement of pairs of values; pairs that are not both finite are left out."""
    used = np.isfinite(first) & np.isfinite(second)
    one, other = first[used].astype(float), second[used].astype(float)
    n = one.size
    if n == 0:
        return Agreement(*(None,) * 9, 0)
    differences = other - one
    bias = float(differences.mean())
    within = math.sqrt(float((differences**2).mean()) / 2)
    spread = float(differences.std(ddof=1)) if n > 1 else None
    return Agreement(
        first=float(one.mean()),
        second=float(other.mean()),
        difference=bias,
        sd=spread,
        lower=None if spread is None else bias - WITHIN * spread,
        upper=None if spread is None else bias + WITHIN * spread,
        within_sd=within,
        repeatability=WITHIN * math.sqrt(2) * within,
        icc=_icc(one, other),
        pairs=n,
    )


def _icc(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return ICC(A,1) by the mean squares of rows (things), columns (measurements) and what is left."""
    n = one.size
    if n < 2:
        return None
    means, grand = (one + other) / 2, (one.mean() + other.mean()) / 2
    rows = 2 * float(((means - grand) ** 2).sum()) / (n - 1)
    columns = n * float((one.mean() - grand) ** 2 + (other.mean() - grand) ** 2)
    total = float(((one - grand) ** 2).sum() + ((other - grand) ** 2).sum())
    left = max(0.0, total - rows * (n - 1) - columns) / (n - 1)
    below = rows + left + 2 * (columns - left) / n
    return (rows - left) / below if below > 0 else None


def rows_of_agreement(
    first: np.ndarray,
    second: np.ndarray,
    mask: np.ndarray,
    labels: np.ndarray | None = None,
    names: Mapping[int, str] | None = None,
) -> list[Row]:
    """Return the agreement of two maps (x, y, z) over the voxels of a mask (x, y, z), and of each region in it."""
    rows = [Row(WHOLE, "whole mask", agreement(first[mask], second[mask]))]
    names = names or {}
    there = set() if labels is None else set(np.unique(labels).tolist())
    for label in sorted({*there, *(names if labels is not None else ())} - {WHOLE}):
        inside = mask & (labels == label)
        rows.append(Row(label, names.get(label, f"label {label}"), agreement(first[inside], second[inside])))
    return rows


def between_regions(rows: Sequence[Row]) -> Agreement:
    """Return the agreement of the regions' means: each region counts once, whatever its size."""
    pairs = [
        (row.agreement.first, row.agreement.second) for row in rows if row.label != WHOLE and row.agreement.pairs > 0
    ]
    values = np.array(pairs, float).reshape(-1, 2)
    return agreement(values[:, 0], values[:, 1])


def write_agreement(path: Path, rows: Sequence[Row], unit: str = "ppm") -> None:
    """Write the rows as CSV with seven significant digits; what does not exist is empty."""
    columns = [column.name for column in fields(Agreement)]
    titles = ["voxels" if name == "pairs" else name for name in columns]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "name", *titles, "unit"])
        for row in rows:
            values = [getattr(row.agreement, name) for name in columns]
            writer.writerow([row.label, row.name, *map(_cell, values), unit])


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.7g}" if isinstance(value, float) else str(value)

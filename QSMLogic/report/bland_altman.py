"""The figure of Bland and Altman (Bland1986): differences over means, with bias and limits of agreement, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from ..agreement import Agreement, Row
from ..roi import WHOLE
from .html import Element, data_url, tag
from .png import grey_levels, png

WIDTH, HEIGHT = 720, 460
LEFT, RIGHT, TOP, FOOT = 78, 150, 44, 56
"""Room around the axes, for numbers and words."""

SHOWN = (0.1, 99.9)
"""Percentiles of the voxels' means that the axis holds."""

SPREAD = 4.0
"""Standard deviations of the differences that the axis holds either side of the bias."""

CELLS = (180, 120)
"""Of the density, along means and differences."""

TICKS = 6
INK, DOTS, LINES = "#111", "#b3261e", "#1a56a0"
STYLE = "font-family:Helvetica,Arial,sans-serif;font-size:13px;fill:#111"


@dataclass(frozen=True)
class _Axes:
    """The values at the edges of the figure."""

    low: float
    high: float
    bottom: float
    top: float

    def across(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.low) / (self.high - self.low)

    def down(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - FOOT) * (self.top - value) / (self.top - self.bottom)


def bland_altman(
    first: np.ndarray, second: np.ndarray, rows: Sequence[Row] = (), *, unit: str = "ppm", title: str = ""
) -> str:
    """Return the figure of the pairs of two arrays of one shape (voxels), as an SVG document.

    Grey: how many voxels lie there, on a logarithmic scale; a ring: the means of a region of rows; lines: bias and
    limits of agreement of the voxels.
    """
    told = rows[0].agreement if rows and rows[0].label == WHOLE else None
    means, differences = (first.astype(float) + second) / 2, second.astype(float) - first
    limits = (float(differences.mean()), float(differences.std(ddof=1)) if differences.size > 1 else 0.0)
    axes = _axes(means, limits)
    picture = [
        tag("title", title or "Bland-Altman figure"),
        tag("rect", width=WIDTH, height=HEIGHT, fill="white"),
        _density(means, differences, axes),
        *_frame(axes, unit),
        *_limits(axes, *limits),
        *[dot for row in rows if row.label != WHOLE and row.agreement.pairs for dot in _region(axes, row)],
        tag("text", title, x=LEFT, y=22, style="font-weight:bold"),
        _count(told, means.size),
    ]
    drawing = tag(
        "svg", picture, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, style=STYLE
    )
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(drawing, encoding="unicode") + "\n"


def _axes(means: np.ndarray, limits: tuple[float, float]) -> _Axes:
    low, high = (float(edge) for edge in np.percentile(means, SHOWN))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    bias, spread = limits
    reach = max(SPREAD * spread, 1.2 * abs(bias), 0.02 * (high - low))
    return _Axes(low, high, min(bias, 0) - reach, max(bias, 0) + reach)


def _density(means: np.ndarray, differences: np.ndarray, axes: _Axes) -> Element:
    """Return the number of pairs in each cell as a picture, dark where there are many."""
    ranges = ((axes.low, axes.high), (axes.bottom, axes.top))
    edges = [np.linspace(*pair, cells + 1) for pair, cells in zip(ranges, CELLS, strict=True)]
    counts = np.histogram2d(means, differences, bins=edges)[0]
    grey = 255 - grey_levels(np.log1p(counts.T[::-1]), 0, 1.25 * math.log1p(max(1.0, float(counts.max()))))
    return tag(
        "image",
        href=data_url(png(np.ascontiguousarray(grey))),
        x=LEFT,
        y=TOP,
        width=WIDTH - LEFT - RIGHT,
        height=HEIGHT - TOP - FOOT,
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
    )


def _frame(axes: _Axes, unit: str) -> list[Element]:
    right, floor = WIDTH - RIGHT, HEIGHT - FOOT
    drawn = [tag("rect", x=LEFT, y=TOP, width=right - LEFT, height=floor - TOP, fill="none", stroke=INK)]
    for value in ticks(axes.low, axes.high):
        at = f"{axes.across(value):.1f}"
        drawn += [tag("line", x1=at, x2=at, y1=floor, y2=floor + 5, stroke=INK)]
        drawn += [tag("text", f"{value:g}", x=at, y=floor + 20, **{"text-anchor": "middle"})]
    for value in ticks(axes.bottom, axes.top):
        at = f"{axes.down(value):.1f}"
        drawn += [tag("line", x1=LEFT - 5, x2=LEFT, y1=at, y2=at, stroke=INK)]
        drawn += [tag("text", f"{value:g}", x=LEFT - 9, y=float(at) + 4, **{"text-anchor": "end"})]
    middle = {"text-anchor": "middle"}
    across, down = (LEFT + right) / 2, (TOP + floor) / 2
    turned = f"rotate(-90 18 {down:.1f})"
    drawn += [tag("text", f"Mean of first and second ({unit})", x=across, y=HEIGHT - 14, **middle)]
    drawn += [tag("text", f"Second less first ({unit})", x=18, y=down, transform=turned, **middle)]
    return drawn


def _limits(axes: _Axes, bias: float, spread: float) -> list[Element]:
    drawn = []
    for value, name in ((bias + 1.96 * spread, "+1.96 SD"), (bias, "bias"), (bias - 1.96 * spread, "\u22121.96 SD")):
        if spread == 0 and name != "bias":
            continue
        at = f"{axes.down(value):.1f}"
        dashes = None if name == "bias" else "6 4"
        drawn.append(
            tag(
                "line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at, stroke=LINES, stroke_width=1.5, stroke_dasharray=dashes
            )
        )
        drawn.append(tag("text", f"{name} {_rounded(value, spread)}", x=WIDTH - RIGHT + 8, y=float(at) + 4, fill=LINES))
    return drawn


def _rounded(value: float, spread: float) -> str:
    """Return a value to a hundredth of the differences' spread."""
    digits = 0 if spread <= 0 else max(0, 2 - math.floor(math.log10(spread)))
    return f"{value:.3g}" if digits == 0 else f"{value:.{digits}f}"


def _region(axes: _Axes, row: Row) -> list[Element]:
    told = row.agreement
    assert told.first is not None
    assert told.second is not None
    mean, difference = (told.first + told.second) / 2, told.second - told.first
    if not (axes.low <= mean <= axes.high and axes.bottom <= difference <= axes.top):
        return []
    place = {"cx": f"{axes.across(mean):.1f}", "cy": f"{axes.down(difference):.1f}"}
    ring = tag("circle", tag("title", row.name), r=4.5, fill="white", stroke=DOTS, stroke_width=2, **place)
    return [ring]


def _count(told: Agreement | None, pairs: int) -> Element:
    said = f"{pairs:,} voxels"
    if told is not None and told.icc is not None:
        said += f", ICC {told.icc:.3f}"
    return tag("text", said, x=WIDTH - RIGHT, y=22, **{"text-anchor": "end"})


def ticks(low: float, high: float) -> list[float]:
    """Return about six round values from low to high."""
    rough = (high - low) / TICKS
    ten = 10 ** math.floor(math.log10(rough))
    step = next(ten * n for n in (1, 2, 5, 10) if ten * n >= rough)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]

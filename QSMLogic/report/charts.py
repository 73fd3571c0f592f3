"""Distributions as drawings in a page."""

from __future__ import annotations

import numpy as np

from .html import Element, tag

WIDTH, HEIGHT = 640, 190
"""Of a drawing, in its own units."""

EDGE, FOOT = 12, 34
"""Room beside the axis, and under it for its numbers."""

RANGE = 0.25
"""ppm; of the histogram either way, the same on every page so that pages can be compared."""

BINS = 100
TICKS = (-0.2, -0.1, 0.0, 0.1, 0.2)
"""ppm; where the axis has numbers."""


def histogram(values: np.ndarray) -> Element:
    """Return the histogram of chi (any shape; ppm) in its mask."""
    counts, edges = np.histogram(values, BINS, (-RANGE, RANGE))
    floor = HEIGHT - FOOT
    tall = (floor - 6) * counts / max(1, int(counts.max()))
    wide = _across(edges[1]) - _across(edges[0])
    bars = [
        tag(
            "rect",
            x=f"{_across(edge):.1f}",
            y=f"{floor - high:.1f}",
            width=f"{wide:.2f}",
            height=f"{high:.1f}",
        )
        for edge, high in zip(edges[:-1].tolist(), tall.tolist(), strict=True)
        if high >= 0.05
    ]
    title = tag("title", "Histogram of the susceptibility in the mask")
    return tag("svg", title, bars, _axis(floor), class_="chart", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")


def outside(values: np.ndarray) -> float:
    """Return the share of the values (ppm) that the histogram leaves out, %."""
    return 100 * float((np.abs(values) > RANGE).mean()) if values.size else 0.0


def _axis(floor: float) -> list[Element]:
    line = tag("line", x1=EDGE, x2=WIDTH - EDGE, y1=floor, y2=floor)
    ticks = [tag("line", x1=f"{_across(t):.1f}", x2=f"{_across(t):.1f}", y1=floor, y2=floor + 5) for t in TICKS]
    numbers = [
        tag("text", f"{t:g}" + (" ppm" if t == TICKS[-1] else ""), x=f"{_across(t):.1f}", y=floor + 19, **MIDDLE)
        for t in TICKS
    ]
    return [line, *ticks, *numbers]


MIDDLE = {"text-anchor": "middle"}


def _across(value: float) -> float:
    """Return where a value (ppm) is on the axis."""
    return EDGE + (WIDTH - 2 * EDGE) * (value + RANGE) / (2 * RANGE)

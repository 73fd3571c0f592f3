"""Maps as elements of a page: three planes side by side in true proportions, a strip of slices, a small picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..grid import Grid
from .html import Element, data_url, tag
from .png import grey_levels, png
from .views import PLANES, Orientation, Plane, cut, middle
from .windows import Window, window
from .wording import number

LARGEST = 256
"""Pixels along a picture's longer edge; of larger images every second or third voxel is shown."""

MARGIN = 0.04
"""Around the mask, as a share of its box, in pictures of what is known in the mask only."""

SMALL = 112
"""Pixels along the longer edge of the small picture of a subject: about 8 KB."""

RAMP = png(np.arange(256, dtype=np.uint8)[None])
"""From black to white."""


@dataclass(frozen=True)
class Viewer:
    """Where to look at the images of one run.

    way: of the voxel axes; sizes: mm along right, front and up; place: upright voxel that the planes go through; box:
    the part of the upright image around the mask.
    """

    way: Orientation
    sizes: tuple[float, ...]
    place: tuple[int, ...]
    box: tuple[slice, ...]

    @classmethod
    def of(cls, mask: np.ndarray, grid: Grid, direction: np.ndarray | None = None) -> Self:
        """Look at the middle of a mask (x, y, z) of this grid, with voxel axes as in `Orientation.of`."""
        way = Orientation.of(direction)
        upright = way.upright(mask.astype(bool))
        return cls(way, way.sizes(grid.voxel_size), middle(upright), _box(upright))

    def planes(
        self, image: np.ndarray, view: Window, inside: np.ndarray | None = None, outline: np.ndarray | None = None
    ) -> Element:
        """Return three planes of an image (x, y, z) with a bar of its greys.

        inside: (x, y, z) bool, where the image has values; it is cut to the mask's box, and black elsewhere (by default
        all of the image is shown). outline: (x, y, z) bool, whose rim is drawn.
        """
        limits = view.limits(image if inside is None else image[inside])
        upright = self.way.upright(image)
        values, edge = (None if mask is None else self.way.upright(mask) for mask in (inside, outline))
        drawn = [self._plane(plane, upright, values, limits, title=view.title, outline=edge) for plane in PLANES]
        return tag("div", tag("div", drawn, class_="planes"), bar(*limits, view.unit), class_="picture")

    def strip(self, image: np.ndarray, view: Window, inside: np.ndarray, count: int) -> Element:
        """Return axial slices of an image (x, y, z) from the lowest to the highest part of a mask (x, y, z)."""
        upright, values = self.way.upright(image), self.way.upright(inside)
        filled = np.flatnonzero(values.any(axis=(0, 1)))
        first, last = (int(filled[0]), int(filled[-1])) if filled.size else (0, upright.shape[2] - 1)
        places = np.unique(np.linspace(first, last, count + 2)[1:-1].round().astype(int)).tolist()
        limits = view.limits(image[inside])
        drawn = [self._plane(PLANES[0], upright, values, limits, title=view.title, place=place) for place in places]
        return tag("div", drawn, class_="strip")

    def thumbnail(self, image: np.ndarray, view: Window, inside: np.ndarray) -> bytes:
        """Return a small axial picture of an image (x, y, z) in a mask (x, y, z) as a PNG with square pixels."""
        upright, values = self.way.upright(image), self.way.upright(inside)
        grey = self._grey(PLANES[0], upright, values, view.limits(image[inside]), self.place[2])
        lengths = grey.shape[0] * self.sizes[1], grey.shape[1] * self.sizes[0]
        pixel = max(max(lengths) / SMALL, min(self.sizes[:2]))
        counts = [max(1, round(length / pixel)) for length in lengths]
        rows, columns = (
            ((np.arange(count) + 0.5) * n / count).astype(int) for count, n in zip(counts, grey.shape, strict=True)
        )
        return png(grey[np.ix_(rows, columns)])

    def _plane(
        self,
        plane: Plane,
        upright: np.ndarray,
        inside: np.ndarray | None,
        limits: tuple[float, float],
        *,
        title: str,
        outline: np.ndarray | None = None,
        place: int | None = None,
    ) -> Element:
        place = self.place[plane.axis] if place is None else place
        grey = self._grey(plane, upright, inside, limits, place)
        across, up = (axis for axis in range(3) if axis != plane.axis)
        width, height = grey.shape[1] * self.sizes[across], grey.shape[0] * self.sizes[up]
        step = math.ceil(max(grey.shape) / LARGEST)
        picture = tag(
            "img",
            src=data_url(png(grey[::step, ::step])),
            alt=f"{title}, {plane.name}",
            style=f"aspect-ratio:{width:.5g}/{height:.5g}",
        )
        edge = None if outline is None else _outlined(cut(outline, plane.axis, place))
        letters = [tag("span", plane.left, class_="left"), tag("span", plane.right, class_="right")]
        return tag("div", picture, edge, letters, class_="plane", style=f"flex-grow:{width:.5g}")

    def _grey(
        self,
        plane: Plane,
        upright: np.ndarray,
        inside: np.ndarray | None,
        limits: tuple[float, float],
        place: int,
    ) -> np.ndarray:
        """Return a slice in grey levels; cut to the box and black outside where the mask of the values is given."""
        if inside is None:
            return grey_levels(cut(upright, plane.axis, place), *limits)
        box = (*self.box[: plane.axis], slice(None), *self.box[plane.axis + 1 :])
        grey = grey_levels(cut(upright[box], plane.axis, place), *limits)
        return np.where(cut(inside[box], plane.axis, place), grey, np.uint8(0))


def bar(low: float, high: float, unit: str) -> Element:
    """Return the greys from black to white with their values."""
    ramp = tag("img", src=data_url(RAMP), alt="", class_="ramp")
    named = unit or "(arbitrary units)"
    return tag("div", tag("span", number(low)), ramp, tag("span", number(high, named)), class_="bar")


def thumbnail(chi: np.ndarray, mask: np.ndarray, grid: Grid, direction: np.ndarray | None = None) -> bytes:
    """Return a small axial picture (PNG) of chi (x, y, z; ppm) through the middle of its mask (x, y, z)."""
    return Viewer.of(mask, grid, direction).thumbnail(chi, window("chi"), mask.astype(bool))


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the part of an image around a mask."""
    found = []
    for axis, length in enumerate(mask.shape):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = (int(filled[0]), int(filled[-1])) if filled.size else (0, length - 1)
        margin = 1 + round(MARGIN * (last - first + 1))
        found.append(slice(max(0, first - margin), min(length, last + margin + 1)))
    return tuple(found)


def _outlined(mask: np.ndarray) -> Element:
    """Return the edges of the pixels on a mask's rim, to be laid over its picture."""
    padded = np.pad(mask.astype(bool), 1)
    path = []
    for row, column in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]).tolist():
        path.append(f"M{column} {row}h1")
    for row, column in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]).tolist():
        path.append(f"M{column} {row}v1")
    rows, columns = mask.shape
    line = tag("path", d="".join(path))
    return tag("svg", line, viewBox=f"0 0 {columns} {rows}", preserveAspectRatio="none", aria_hidden="true")

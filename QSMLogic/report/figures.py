"""Pictures of maps in three planes, for a person to look at. They need matplotlib, which the package does not."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import Grid
from .views import PLANES, Orientation, Plane, cut, middle
from .windows import window

PANEL = 2.6
"""inch; width of one map."""
COLUMNS = 6
"""Maps beside each other; more go below."""
LETTERS_OF_A_LINE = 28
"""Of a title, which has two lines where it is longer."""
RESOLUTION = 150
"""Dots per inch."""
FORMATS = (".png", ".pdf", ".svg")
MASK_COLOUR = "#e8a33d"
UNIT_WORDS = {"arbitrary": "arbitrary units", "1": "no unit"}
LETTERS: dict[str, Any] = {"color": "white", "size": 7, "bbox": {"facecolor": "black", "linewidth": 0, "pad": 1}}


def mosaic(
    maps: Mapping[str, np.ndarray],
    path: str | Path,
    grid: Grid,
    *,
    direction: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Path:
    """Draw each map in three planes through the middle of the mask, with its fixed grey scale, and return the path.

    Parameters: maps: name to (x, y, z), named as in `report.windows`; path: .png, .pdf or .svg; direction: (3, 3), the
    voxel axes in its columns in LPS coordinates, as SimpleITK has them (by default the axes run to the right, to the
    front and up); mask: (x, y, z) bool, whose outline is drawn. The patient's right is on the left of the picture.
    Raises InputError where matplotlib is missing, the maps do not fit the grid, or the format is unknown.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"A figure called {path.name} cannot be written: its name must end in {', '.join(FORMATS)}.")
    if not maps:
        raise InputError("There is no map to draw.")
    for name, image in {**maps, **({} if mask is None else {"mask": mask})}.items():
        if image.shape != grid.shape:
            raise InputError(f"The map {name} has shape {image.shape} but its grid {grid.shape}: they must be equal.")
    way = Orientation.of(direction)
    upright = {name: way.upright(image) for name, image in maps.items()}
    outline = None if mask is None else way.upright(mask)
    _write(_drawn(upright, outline, way.sizes(grid.voxel_size)), path)
    return path


def _drawn(maps: Mapping[str, np.ndarray], mask: np.ndarray | None, sizes: tuple[float, ...]) -> Any:
    """Make the figure: blocks of three rows, one for each plane, and a column for each map."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (an optional extra)
    except ImportError as error:
        raise InputError('Figures need matplotlib: pip install "slicerqsm[figures]".') from error
    shape = next(iter(maps.values())).shape
    place = middle(np.zeros(shape, bool) if mask is None else mask)
    x, y, z = (n * s for n, s in zip(shape, sizes, strict=True))
    extents = [(0, w, 0, h) for w, h in ((x, y), (x, z), (y, z))]
    tall = [h / w for _, w, _, h in extents]
    columns, blocks = min(len(maps), COLUMNS), -(-len(maps) // COLUMNS)
    size = PANEL * columns, (PANEL * sum(tall) + 1) * blocks
    figure = Figure(size, dpi=RESOLUTION, layout="constrained", facecolor="black")
    panels = figure.subplots(3 * blocks, columns, squeeze=False, height_ratios=tall * blocks)
    for axes in panels.flat:
        axes.set_axis_off()
    for number, (name, image) in enumerate(maps.items()):
        first, column = 3 * (number // COLUMNS), number % COLUMNS
        here, view = panels[first : first + 3, column], window(name)
        low, high = view.limits(image)
        for axes, extent, plane in zip(here, extents, PLANES, strict=True):
            where = plane.axis, place[plane.axis]
            shown = axes.imshow(cut(image, *where), cmap="gray", vmin=low, vmax=high, extent=extent)
            _mark(axes, plane, None if mask is None else cut(mask, *where), extent, named=column == 0)
        here[0].set_title(textwrap.fill(view.title, LETTERS_OF_A_LINE), color="white", size=10)
        bar = figure.colorbar(shown, ax=here[2], orientation="horizontal", fraction=0.06, pad=0.02)
        bar.set_label(UNIT_WORDS.get(view.units, view.units), color="white", size=8)
        bar.ax.tick_params(colors="white", labelsize=7)
    return figure


def _mark(axes: Any, plane: Plane, inside: np.ndarray | None, extent: tuple[float, ...], *, named: bool) -> None:
    """Draw the mask's outline, the sides and, where it is wanted, the plane's name."""
    if inside is not None and inside.any():
        axes.contour(inside.astype(float), (0.5,), colors=MASK_COLOUR, linewidths=0.6, extent=extent, origin="upper")
    for across, letter in ((0.03, plane.left), (0.97, plane.right)):
        axes.text(across, 0.5, letter, ha="center", transform=axes.transAxes, **LETTERS)
    if named:
        axes.text(0.03, 0.97, plane.name, va="top", transform=axes.transAxes, **LETTERS)


def _write(figure: Any, path: Path) -> None:
    """Write the figure whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".figure-") as folder:
        unfinished = Path(folder) / path.name
        figure.savefig(unfinished, facecolor="black")
        unfinished.replace(path)

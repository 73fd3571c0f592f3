"""A mosaic of maps for a paper: three planes of each, in its fixed linear grey scale, as one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from QSMLogic.errors import InputError
from QSMLogic.io.outputs import in_words, whole_file
from QSMLogic.report.png import grey_levels, png
from QSMLogic.report.views import PLANES, Orientation, Plane, cut
from QSMLogic.report.wording import number

from .display import windowOf
from .maps import maskOf
from .results import MAP_ATTRIBUTE, MASK_ROLE, REPORT_ROLE
from .volumes import arrayOf, geometryOf, nodesOf, refuseOtherPlace

ENDING = ".png"

WIDTH = 420
"""Pixels of a plane; four maps fill the width of a page at 250 dots per inch."""

COLUMNS = 6
"""Maps beside each other; more go below."""

LINE, TEXT, RESOLUTION = 40, 15, 96
"""Pixels of a line of text, its size in points, and dots per inch."""

BAR, GAP = 12, 14
"""Pixels: height of a bar of greys; between two pictures."""

SLICE_VIEWS = ("Red", "Green", "Yellow")

NOT_SHOWN = ("phase", "unwrapped")
"""Maps with a volume per echo, which a figure of results leaves out."""


def mapsOfRun(scene: Any, node: Any) -> list[Any]:
    """Return the maps that were made in one run with this one, itself too; itself alone where there was no run."""
    run = node.GetNodeReferenceID(REPORT_ROLE)
    others = (n for n in nodesOf(scene, "vtkMRMLScalarVolumeNode") if run and n.GetNodeReferenceID(REPORT_ROLE) == run)
    found = [n for n in others if n.GetAttribute(MAP_ATTRIBUTE) not in (None, *NOT_SHOWN)]
    return found if any(n is node for n in found) else [node, *found]


def writeFigure(path: Path, scene: Any, maps: Sequence[Any], behind: Any = None) -> Path:
    """Draw maps of one geometry through the point where the slice views are, and return the path of the PNG.

    behind: an image to show as the first, left out where it lies elsewhere. The patient's right is on the left.
    Raises InputError where maps do not lie on the same voxels, or the file cannot be written.
    """
    for node in maps[1:]:
        refuseOtherPlace(node, maps[0])
    if behind is not None and not any(behind is node for node in maps) and _fits(behind, maps[0]):
        maps = [behind, *maps]
    picture = mosaic(maps, shownVoxel(scene, maps[-1]), maskOf(maps[-1]))
    try:
        with whole_file(path) as part:
            part.write_bytes(png(picture))
    except OSError as error:
        raise InputError(in_words(error, path.parent)) from None
    return path


def mosaic(nodes: Sequence[Any], voxel: Sequence[int], mask: np.ndarray) -> np.ndarray:
    """Return a picture (rows, columns; uint8) with a column per volume: title, three planes, bar of greys.

    voxel: where the planes cut; mask: (x, y, z) bool, whose box is shown; a map is black where it is not known.
    """
    geometry = geometryOf(nodes[0])
    way = Orientation.of(np.array(geometry.direction).reshape(3, 3))
    box, sizes = _box(way.upright(mask)), way.sizes(geometry.spacing)
    turned = [mask.shape[a] - 1 - voxel[a] if row in way.flips else voxel[a] for row, a in enumerate(way.order)]
    lengths = [(part.stop - part.start) * size for part, size in zip(box, sizes, strict=True)]
    pixel = max(lengths[:2]) / WIDTH
    columns = []
    for node in nodes:
        image, shown = arrayOf(node), windowOf(node)
        limits = shown.limits(image[mask])
        grey = grey_levels(image, *limits)
        if node.GetNodeReference(MASK_ROLE) is not None:
            grey[~maskOf(node)] = 0
        grey = way.upright(grey)
        planes = [_plane(grey, plane, turned[plane.axis], box, [n / pixel for n in lengths]) for plane in PLANES]
        bar = [_ramp(), _text(f"{number(limits[0])} to {number(limits[1])} {shown.unit or 'arbitrary units'}")]
        columns.append(np.vstack([_text(shown.title), *planes, *bar]))
    blank = [np.zeros_like(columns[0])] * (-len(columns) % min(COLUMNS, len(columns)))
    columns += blank
    return np.vstack([np.hstack(columns[i : i + COLUMNS]) for i in range(0, len(columns), COLUMNS)])


def shownVoxel(scene: Any, node: Any) -> tuple[int, ...]:
    """Return the voxel of a volume where the three slice views cut each other; the middle one where that is outside."""
    size = np.array(node.GetImageData().GetDimensions())
    toVoxel, toNode = vtk.vtkMatrix4x4(), vtk.vtkGeneralTransform()
    node.GetRASToIJKMatrix(toVoxel)
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, node.GetParentTransformNode(), toNode)
    views = [scene.GetNodeByID(f"vtkMRMLSliceNode{name}") for name in SLICE_VIEWS]
    planes = np.array([slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS()) for view in views if view is not None])
    if len(planes) == len(SLICE_VIEWS) and abs(np.linalg.det(planes[:, :3, 2])) > np.finfo(np.float32).eps:
        normals = planes[:, :3, 2]
        point = np.linalg.solve(normals, np.sum(normals * planes[:, :3, 3], axis=1))
        voxel = np.rint(toVoxel.MultiplyPoint((*toNode.TransformPoint(point), 1))[:3]).astype(int)
        if np.all((voxel >= 0) & (voxel < size)):
            return tuple(voxel.tolist())
    return tuple((size // 2).tolist())


def _fits(node: Any, other: Any) -> bool:
    try:
        refuseOtherPlace(node, other)
    except InputError:
        return False
    return True


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the part of an upright image around a mask, all of it where the mask is empty."""
    filled = np.argwhere(mask) if mask.any() else np.array([[0, 0, 0], np.array(mask.shape) - 1])
    low, high = filled.min(axis=0) - 1, filled.max(axis=0) + 2
    return tuple(slice(max(0, int(a)), min(n, int(b))) for a, b, n in zip(low, high, mask.shape, strict=True))


def _plane(grey: np.ndarray, plane: Plane, place: int, box: tuple[slice, ...], pixels: Sequence[float]) -> np.ndarray:
    """Return a slice, with as many pixels as its box has by length, in the middle of the column, with its sides."""
    inside = tuple(slice(None) if a == plane.axis else part for a, part in enumerate(box))
    rows = cut(grey[inside], plane.axis, place)
    across, up = (round(pixels[a]) for a in range(3) if a != plane.axis)
    found = rows[np.ix_(_nearest(rows.shape[0], up), _nearest(rows.shape[1], across))]
    beside = WIDTH + GAP - found.shape[1]
    picture = np.pad(found, ((0, GAP), (beside // 2, beside - beside // 2)))
    for letter, at_right in ((plane.left, False), (plane.right, True)):
        drawn = _letters(letter)
        top, left = (up - drawn.shape[0]) // 2, picture.shape[1] - drawn.shape[1] - GAP if at_right else 0
        part = picture[top : top + drawn.shape[0], left : left + drawn.shape[1]]
        np.maximum(part, drawn[: part.shape[0], : part.shape[1]], out=part)
    return picture


def _nearest(count: int, wanted: int) -> np.ndarray:
    """Return which of so many voxels each of the pixels shows: none is made up between two."""
    return ((np.arange(wanted) + 0.5) * count / wanted).astype(int)


def _ramp() -> np.ndarray:
    ramp = np.linspace(0, 255, WIDTH * 2 // 3).astype(np.uint8)
    beside = WIDTH + GAP - ramp.size
    return np.pad(np.tile(ramp, (BAR, 1)), ((GAP, 0), (beside // 2, beside - beside // 2)))


def _text(words: str) -> np.ndarray:
    """Return a line of text in the middle of the column, smaller where it would be too long."""
    line = np.zeros((LINE, WIDTH + GAP), np.uint8)
    part = _letters(words)
    if part.shape[1] > WIDTH:
        part = _letters(words, int(TEXT * WIDTH / part.shape[1]))[:, :WIDTH]
    top, left = (LINE - part.shape[0]) // 2, (line.shape[1] - part.shape[1]) // 2
    line[top : top + part.shape[0], left : left + part.shape[1]] = part
    return line


def _letters(words: str, points: int = TEXT) -> np.ndarray:
    """Return white letters on black (rows, columns; uint8)."""
    letters, image, size = vtk.vtkTextProperty(), vtk.vtkImageData(), [0, 0]
    letters.SetFontSize(points)
    letters.SetColor(1, 1, 1)
    renderer = vtk.vtkTextRenderer.GetInstance()
    renderer.RenderString(letters, words, image, size, RESOLUTION, vtk.vtkTextRenderer.FreeType)
    columns, rows, _depth = image.GetDimensions()
    colours = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
    return colours[: size[1], : size[0], -1][::-1]

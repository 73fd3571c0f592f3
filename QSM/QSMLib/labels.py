"""Segmentations and label volumes, of any geometry and under any transform, on the voxels of an image.

Everything is done beside the scene: no node is added, and none is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from QSMLogic.errors import InputError

from .volumes import arrayOf, geometryOf, labelmapName, nameOf, orientedImage, refuseNoImage

GENERIC = "FileGenericAnatomyColors.txt"
"""The table that Slicer gives every label volume, whatever its labels stand for."""


class Region(NamedTuple):
    """One region on the voxels of an image: label, name, and where it is, (x, y, z) bool."""

    label: int
    name: str
    mask: np.ndarray


def labelsOn(node: Any, like: Any, segments: Sequence[str] = ()) -> tuple[np.ndarray, dict[int, str]]:
    """Return labels (x, y, z) int32 on the voxels of `like`, nearest neighbour, and names by label.

    Segments are numbered from 1 in their order; where they overlap, the later one is taken (`regionsOn` keeps both).
    The labels of a volume stay; the names are those of labels that the volume holds and its colour table names.
    """
    if not _isSegmentation(node):
        values, held = _labelVolume(node), labelNames(node)
        names = {label: held[label] for label in np.unique(values).tolist() if label in held}
        return _resampled(values, node, like), names
    labels = np.zeros(like.GetImageData().GetDimensions(), np.int32)
    for region in regionsOn(node, like, segments):
        labels[region.mask] = region.label
    return labels, labelNames(node, segments)


def maskOn(node: Any, like: Any, segments: Sequence[str] = ()) -> np.ndarray:
    """Return a mask (x, y, z) bool on the voxels of `like`: all segments together, or what is above 0 in a volume."""
    if not _isSegmentation(node):
        above = np.nan_to_num(arrayOf(node)) > 0
        return _resampled(above.astype(np.uint8), node, like) > 0
    mask = np.zeros(like.GetImageData().GetDimensions(), bool)
    for region in regionsOn(node, like, segments):
        mask |= region.mask
    return mask


def regionsOn(node: Any, like: Any, segments: Sequence[str] = ()) -> Iterator[Region]:
    """Yield every region on the voxels of `like`; segments that overlap are each whole.

    Labels are those of `labelsOn`. A segment without a voxel is yielded too.
    """
    if not _isSegmentation(node):
        labels, names = labelsOn(node, like)
        for label in sorted({*np.unique(labels[labels != 0]).tolist(), *names}):
            yield Region(label, names.get(label, f"label {label}"), labels == label)
        return
    chosen = chosenSegments(node, segments)
    segmentation = _withLabelmaps(node, like, chosen)
    layers: dict[int, np.ndarray] = {}
    for label, segment in enumerate(chosen, 1):
        held = segmentation.GetSegment(segment)
        image = held.GetRepresentation(labelmapName())
        layer = segmentation.GetLayerIndex(segment, labelmapName())
        if layer not in layers:
            layers[layer] = _onVoxels(image, node, like)
        yield Region(label, held.GetName(), layers[layer] == held.GetLabelValue())


def labelNames(node: Any, segments: Sequence[str] = ()) -> dict[int, str]:
    """Return names by label: of segments in their order, or of a label volume's own colour table."""
    if _isSegmentation(node):
        held = node.GetSegmentation()
        return {i: held.GetSegment(name).GetName() for i, name in enumerate(chosenSegments(node, segments), 1)}
    display = node.GetDisplayNode()
    colours = display.GetColorNode() if display is not None else None
    if colours is None or not colours.IsA("vtkMRMLColorTableNode") or not _namesLabels(colours.GetSingletonTag()):
        return {}
    labels = range(1, colours.GetNumberOfColors())
    return {label: colours.GetColorName(label) for label in labels if colours.GetColorDefined(label)}


def _namesLabels(table: str | None) -> bool:
    """Tell whether a colour table was made or chosen for its names; table: what Slicer calls those of its own."""
    return table is None or (table.startswith("File") and table != GENERIC)


def chosenSegments(node: Any, segments: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the IDs of the chosen segments, all for none. Raises InputError where one is not there, or none at all."""
    there = tuple(node.GetSegmentation().GetSegmentIDs())
    missing = [segment for segment in segments if segment not in there]
    if missing:
        raise InputError(f"{nameOf(node)} has no segment {', '.join(missing)}: choose among its segments again.")
    if not there:
        raise InputError(f"{nameOf(node)} has no segment: draw one, or choose another segmentation.")
    return tuple(segments) or there


def refuseNoLabels(node: Any, what: str, segments: Sequence[str] = ()) -> None:
    """Raise InputError where a node is neither a segmentation with these segments nor a volume; what: "mask"."""
    if _isSegmentation(node):
        chosenSegments(node, segments)
        return
    if node is None or not node.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError(f"{nameOf(node)} cannot be the {what}: choose a segmentation or a label volume.")
    refuseNoImage(node)


def _isSegmentation(node: Any) -> bool:
    return node is not None and node.IsA("vtkMRMLSegmentationNode")


def _labelVolume(node: Any) -> np.ndarray:
    values = np.nan_to_num(arrayOf(node), posinf=0, neginf=0)
    with np.errstate(invalid="ignore"):  # numbers that are too large differ below
        labels = values.astype(np.int32)
    if not np.array_equal(labels, values):
        raise InputError(f"{nameOf(node)} is no label volume: its values are not whole numbers.")
    return labels


def _resampled(values: np.ndarray, node: Any, like: Any) -> np.ndarray:
    """Return the values of a volume on the voxels of another; as they are where the voxels are the same."""
    if not _between(node, like).GetNumberOfConcatenatedTransforms() and not geometryOf(node).difference(
        geometryOf(like)
    ):
        return values
    return _onVoxels(orientedImage(node, values), node, like)


def _onVoxels(image: Any, node: Any, like: Any) -> np.ndarray:
    """Return a labelmap in a node's own space on the voxels of `like`, (x, y, z), nearest neighbour."""
    made = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        image, orientedImage(like), made, False, False, _between(node, like)
    )
    shape = like.GetImageData().GetDimensions()
    return vtk_to_numpy(made.GetPointData().GetScalars()).reshape(shape[::-1]).T


def _between(node: Any, like: Any) -> Any:
    """Return the transform from a node's own space to that of `like`."""
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        node.GetParentTransformNode(), like.GetParentTransformNode(), transform
    )
    return transform


def _withLabelmaps(node: Any, like: Any, segments: Sequence[str]) -> Any:
    """Return a segmentation with labelmaps: the node's own, or a copy where it holds surfaces only.

    Surfaces are turned into voxels as fine as those of `like`, in the node's own space.
    """
    held = node.GetSegmentation()
    if held.ContainsRepresentation(labelmapName()):
        return held
    copy = slicer.vtkSegmentation()
    copy.SetSourceRepresentationName(held.GetSourceRepresentationName())
    copy.CopyConversionParameters(held)
    for segment in segments:
        copy.CopySegmentFromSegmentation(held, segment)
    geometry = orientedImage(like)
    slicer.vtkOrientedImageDataResample.TransformOrientedImage(geometry, _between(like, node), True)
    copy.SetConversionParameter(
        slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName(),
        slicer.vtkSegmentationConverter.SerializeImageGeometry(geometry),
    )
    if not copy.CreateRepresentation(labelmapName()):
        raise InputError(f"{nameOf(node)} could not be turned into voxels: convert it to a binary labelmap first.")
    return copy

"""Volume nodes to arrays and back: the one place where Slicer's reversed order of axes is turned round.

Arrays are (x, y, z). An image is taken as it was acquired: its own IJK-to-RAS, without the transforms it is under.
Segmentations and label volumes are in labels.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from QSMLogic.errors import InputError

if TYPE_CHECKING:
    from QSMLogic.grid import Grid
    from QSMLogic.io.nifti import Geometry
    from QSMLogic.io.phase_scale import PhaseScale

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Slicer counts towards right and anterior, the pipeline towards left and posterior."""

UNITS_ATTRIBUTE = "QSM.units"
"""Attribute of a phase volume: the word that BIDS or DICOM has for the unit of its values."""

SECONDS_PER = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "msec": 1e-3}
"""By the unit of a sequence's index."""

ECHO_TIME_NAMES = ("te", "echotime")
"""Names of a sequence's index that holds echo times, in small letters without what is no letter."""


class Segment(NamedTuple):
    """A segment to add: ID, name, colour (red, green, blue from 0 to 1), and where it is, (x, y, z) bool."""

    id: str
    name: str
    colour: tuple[float, float, float]
    mask: np.ndarray


def arrayOf(node: Any) -> np.ndarray:
    """Return a copy of a volume node's voxels, (x, y, z). Raises InputError where it has no single number per voxel."""
    refuseNoImage(node)
    return np.array(slicer.util.arrayFromVolume(node).T, order="C")


def echoesOf(nodes: Sequence[Any]) -> np.ndarray:
    """Return the voxels of volumes of one shape, (x, y, z, echo) float32, in memory in the order of a file."""
    echoes = np.empty((*nodes[0].GetImageData().GetDimensions(), len(nodes)), np.float32, order="F")
    for echo, node in enumerate(nodes):
        refuseNoImage(node)
        echoes[..., echo] = slicer.util.arrayFromVolume(node).T
    return echoes


def refuseNoImage(node: Any) -> None:
    """Raise InputError where a node is no volume that holds one number per voxel."""
    if node is None:
        raise InputError("A volume is missing: choose one.")
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError(f"{nameOf(node)} is no scalar volume: choose a volume with one number per voxel.")
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise InputError(f"{nameOf(node)} holds no image: load it again, or choose another volume.")
    components = image.GetNumberOfScalarComponents()
    if components != 1:
        raise InputError(
            f"{nameOf(node)} holds {components} numbers per voxel: load a 4-D image as a sequence, or one volume "
            "per echo."
        )


def nameOf(node: Any) -> str:
    """Return what a node is called in messages."""
    return (node and node.GetName()) or "A node without a name"


def geometryOf(node: Any) -> Geometry:
    """Return where a volume's voxels lie, without the transforms it is under."""
    from QSMLogic.io.nifti import Geometry  # noqa: PLC0415 (imports SimpleITK: not while Slicer starts)

    refuseNoImage(node)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    toPatient = LPS_FROM_RAS @ slicer.util.arrayFromVTKMatrix(matrix)
    axes = toPatient[:3, :3]
    sizes = np.linalg.norm(axes, axis=0)
    direction = np.divide(axes, sizes, out=np.zeros((3, 3)), where=sizes > 0)
    return Geometry(
        node.GetImageData().GetDimensions(),
        tuple(sizes.tolist()),
        tuple(toPatient[:3, 3].tolist()),
        tuple(direction.ravel().tolist()),
    )


def gridOf(node: Any, b0Direction: Iterable[float] | None = None) -> Grid:
    """Return a volume's grid; without a B0 direction (voxel axes) the main field runs along the patient's z axis.

    Raises InputError where the axes are not perpendicular.
    """
    geometry = geometryOf(node)
    grid = geometry.grid()
    return grid if b0Direction is None else geometry.grid(tuple(b0Direction))


def refuseOtherPlace(node: Any, other: Any) -> None:
    """Raise InputError, saying what differs, where two volumes do not share voxels and parent transform."""
    from QSMLogic.io.nifti import refuse_other_geometry  # noqa: PLC0415 (see above)

    refuse_other_geometry(nameOf(node), geometryOf(node), nameOf(other), geometryOf(other))
    if _transformId(node) != _transformId(other):
        raise InputError(
            f"{nameOf(node)} and {nameOf(other)} are not under the same transform: "
            "put all images under the same one, or harden or remove it."
        )


def echoNodes(nodes: Iterable[Any], scene: Any) -> tuple[Any, ...]:
    """Return one scalar volume per echo: sequences (4-D images) give their volumes in order, scalar volumes stay.

    Raises InputError for anything else.
    """
    found: list[Any] = []
    for node in nodes:
        if isinstance(node, str):
            raise InputError(f"{node} is a name: give the node itself, slicer.util.getNode({node!r}).")
        if node is not None and node.IsA("vtkMRMLSequenceNode"):
            found += _volumesOf(node, scene)
        else:
            refuseNoImage(node)
            found.append(node)
    return tuple(found)


def echoTimesOf(sequence: Any) -> tuple[float, ...] | None:
    """Return the echo times (s) of a sequence whose index names them with their unit, None for any other."""
    name = "".join(letter for letter in sequence.GetIndexName().lower() if letter.isalpha())
    unit = SECONDS_PER.get(sequence.GetIndexUnit().strip().lower())
    if unit is None or name not in ECHO_TIME_NAMES:
        return None
    try:
        values = [float(sequence.GetNthIndexValue(i)) for i in range(sequence.GetNumberOfDataNodes())]
    except ValueError:
        return None
    return tuple(value * unit for value in values)


def shownNode(node: Any, scene: Any) -> Any:
    """Return the node of a scene that shows this one: itself, or what stands for the sequence it is a volume of."""
    if node.GetScene() is scene:
        return node
    for sequence in nodesOf(scene, "vtkMRMLSequenceNode"):
        if sequence.GetSequenceScene() is node.GetScene():
            return next(iter(_proxies(sequence, scene)), sequence)
    return node


def nodesOf(scene: Any, kind: str) -> list[Any]:
    """Return the nodes of a class in a scene (`slicer.util.getNodesByClass` looks in Slicer's own scene only)."""
    return [scene.GetNthNodeByClass(i, kind) for i in range(scene.GetNumberOfNodesByClass(kind))]


def addVolume(scene: Any, name: str, array: np.ndarray, like: Any, *, labels: bool = False) -> Any:
    """Add a volume of this name that holds an array (x, y, z), on the voxels and under the transform of another."""
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode" if labels else "vtkMRMLScalarVolumeNode", name)
    matrix = vtk.vtkMatrix4x4()
    like.GetIJKToRASDirectionMatrix(matrix)
    node.SetIJKToRASDirectionMatrix(matrix)
    node.SetSpacing(like.GetSpacing())
    node.SetOrigin(like.GetOrigin())
    kind = np.int32 if labels else array.dtype
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(array.T, kind))
    node.SetAndObserveTransformNodeID(_transformId(like))
    node.CreateDefaultDisplayNodes()
    return node


def addSegmentation(scene: Any, name: str, segments: Iterable[Segment], like: Any, shown: Any) -> Any:
    """Add a segmentation of this name, on the voxels and under the transform of a volume.

    shown: a volume of the scene on the same voxels, which the Segment Editor is to start from.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.GetSegmentation().SetSourceRepresentationName(labelmapName())
    node.SetAndObserveTransformNodeID(_transformId(like))
    node.SetReferenceImageGeometryParameterFromVolumeNode(shown)
    node.CreateDefaultDisplayNodes()
    for segment in segments:
        made = slicer.vtkSegment()
        made.SetName(segment.name)
        made.SetColor(*segment.colour)
        made.AddRepresentation(labelmapName(), orientedImage(like, segment.mask.astype(np.uint8)))
        node.GetSegmentation().AddSegment(made, segment.id)
    return node


def orientedImage(node: Any, values: np.ndarray | None = None) -> Any:
    """Return an image on the voxels of a volume, with values (x, y, z) or, where only the geometry matters, without."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(node.GetImageData().GetDimensions())
    if values is not None:
        image.GetPointData().SetScalars(numpy_to_vtk(np.ravel(values.T), deep=True))
    image.SetGeometryFromImageToWorldMatrix(matrix)
    return image


def labelmapName() -> str:
    """Return what Slicer calls voxels of a segment."""
    return slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()


def detectedScale(phaseNodes: Iterable[Any]) -> PhaseScale:
    """Return how the phase is stored, from the values of the volumes and the unit they name.

    Volumes that hold nothing pass as radians: the pipeline says what is wrong with them. Raises InputError where the
    scale is not certain.
    """
    from QSMLogic.io.phase_scale import SCALES, detect_scale  # noqa: PLC0415 (see above)

    low, high, whole = np.inf, -np.inf, True
    units: set[str] = set()
    for node in phaseNodes:
        refuseNoImage(node)
        values = slicer.util.arrayFromVolume(node)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        # not by the type: readers turn integers into floating point where the header has a slope
        whole = whole and bool((np.rint(values) == values).all())
        units.add(_unitOf(node))
    if len(units) > 1:
        raise InputError(f"The phase volumes name different units ({', '.join(sorted(units))}): correct them.")
    if not low < high:
        return SCALES["radians"]
    return detect_scale(low, high, units=units.pop(), integer=whole)


def _unitOf(node: Any) -> str:
    from QSMLogic.io.phase_scale import UNITS  # noqa: PLC0415 (see above)

    coded = node.GetVoxelValueUnits()
    unit = "" if coded is None else coded.GetCodeValue()
    return node.GetAttribute(UNITS_ATTRIBUTE) or (unit if unit in UNITS else "")


def _volumesOf(sequence: Any, scene: Any) -> list[Any]:
    volumes = [sequence.GetNthDataNode(i) for i in range(sequence.GetNumberOfDataNodes())]
    if not volumes:
        raise InputError(f"{nameOf(sequence)} is a sequence without a volume: load it again, or choose another.")
    for volume in volumes:
        refuseNoImage(volume)
    if any(_transformId(proxy) for proxy in _proxies(sequence, scene)):
        raise InputError(
            f"{nameOf(sequence)} is a sequence under a transform: take it out of the transform, and put the results "
            "under it."
        )
    return volumes


def _proxies(sequence: Any, scene: Any) -> list[Any]:
    """Return the nodes that show the chosen volume of a sequence."""
    proxies = (browser.GetProxyNode(sequence) for browser in nodesOf(scene, "vtkMRMLSequenceBrowserNode"))
    return [proxy for proxy in proxies if proxy is not None]


def _transformId(node: Any) -> str | None:
    transform = node.GetParentTransformNode()
    return None if transform is None else transform.GetID()

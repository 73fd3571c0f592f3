"""Nodes that the tests of the Slicer side start from: volumes and segmentations of arrays (x, y, z)."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "QSM"))

TILT = 0.3
OBLIQUE = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])
"""Columns are voxel axes in RAS: turned about the patient's x axis, so that B0 is (0, sin, cos)."""

SIZE, ORIGIN = (1.1, 2.2, 3.3), (-7.0, 11.0, 5.0)


def to_ras(axes=OBLIQUE, size=SIZE, origin=ORIGIN):
    """Return the matrix that places voxels in the patient."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(axes) * size
    matrix[:3, 3] = origin
    return matrix


class Nodes:
    """Makes nodes in a scene."""

    def __init__(self, scene):
        import slicer

        self.scene, self.slicer = scene, slicer

    def volume(self, array, matrix=None, name="phase", labels=False):
        """Add a volume of an array (x, y, z)."""
        return self.slicer.util.addVolumeFromArray(
            np.ascontiguousarray(np.asarray(array).T),
            ijkToRAS=to_ras() if matrix is None else matrix,
            name=name,
            nodeClassName="vtkMRMLLabelMapVolumeNode" if labels else "vtkMRMLScalarVolumeNode",
        )

    def transform(self, matrix, name="moved"):
        """Add a linear transform."""
        node = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
        node.SetMatrixTransformToParent(self.slicer.util.vtkMatrixFromArray(matrix))
        return node

    def segmentation(self, masks, like, name="regions"):
        """Add a segmentation of masks (x, y, z) by name, on the voxels of a volume, as Slicer makes it."""
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(like)
        for title, mask in masks.items():
            segment = node.GetSegmentation().AddEmptySegment(title.lower(), title)
            if mask.any():
                drawn = np.ascontiguousarray(mask.T).astype(np.uint8)
                self.slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, node, segment, like)
        return node

    def sequence(self, arrays, values=None, index=("frame", ""), *, name="echoes", browser=False, matrix=None):
        """Add a sequence of volumes, as loading a 4-D image does, and a browser that shows its first."""
        node = self.scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
        node.SetIndexName(index[0])
        node.SetIndexUnit(index[1])
        for number, array in enumerate(arrays):
            volume = self.volume(array, matrix, name=name)
            node.SetDataNodeAtValue(volume, str(number if values is None else values[number]))
            self.scene.RemoveNode(volume)
        if browser:
            made = self.scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} browser")
            made.SetAndObserveMasterSequenceNodeID(node.GetID())
            self.slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(made)
            return node, made.GetProxyNode(node)
        return node


def matrix_of(node):
    """Return the matrix that places the voxels of a volume."""
    import slicer
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def voxels_of(node):
    """Return the voxels of a volume, (x, y, z)."""
    import slicer

    return np.asarray(slicer.util.arrayFromVolume(node)).T


def ids(scene):
    """Return the ids of all nodes."""
    return {scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())}


@pytest.fixture
def nodes(slicer_scene):
    """Return a maker of nodes in an empty scene."""
    return Nodes(slicer_scene)

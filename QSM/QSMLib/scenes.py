"""Changes of a scene that happen together or not at all, and where their nodes are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import slicer


@contextmanager
def allOrNothing(scene: Any) -> Iterator[None]:
    """Add nodes as one change; where it fails, the nodes that were added go again."""
    before = {node.GetID() for node in _nodes(scene)}
    scene.StartState(scene.BatchProcessState)
    try:
        yield
    except BaseException:
        for node in _nodes(scene):
            if node.GetID() not in before:
                scene.RemoveNode(node)
        raise
    finally:
        scene.EndState(scene.BatchProcessState)


def freeTitle(scene: Any, beginning: str, names: Sequence[str]) -> Callable[[str], str]:
    """Return what makes a node's name of a map's, so that no node of the scene has one of these names yet.

    The nodes of one run share the number that tells it from earlier ones: "head chi (2)", "head mask (2)".
    """
    number = 1
    while any(scene.GetFirstNodeByName(_title(beginning, name, number)) for name in names):
        number += 1
    return lambda name: _title(beginning, name, number)


def placeInFolder(scene: Any, name: str, nodes: Iterable[Any], beside: Any) -> int:
    """Put nodes into a new folder of the subject hierarchy, beside a node (under its study); return the folder's item.

    Nodes that have no item yet get one: Slicer itself makes them when the change of the scene is complete.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(beside)
    parent = hierarchy.GetItemParent(item) if item else hierarchy.GetSceneItemID()
    folder = hierarchy.CreateFolderItem(parent, name)
    for node in nodes:
        hierarchy.CreateItem(folder, node)
    return folder


def _title(beginning: str, name: str, number: int) -> str:
    return f"{beginning} {name.replace('_', ' ')}" + (f" ({number})" if number > 1 else "")


def _nodes(scene: Any) -> list[Any]:
    return [scene.GetNthNode(i) for i in range(scene.GetNumberOfNodes())]

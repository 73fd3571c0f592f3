"""A run as lines for Slicer's Python console, on the nodes of the scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from QSMLogic.errors import InputError
from QSMLogic.settings import Settings, preset_names

from .request import Request
from .volumes import nameOf

WILD = "*?[]"
"""Characters that `slicer.util.getNode` takes for a pattern."""

OPTIONAL = ("maskSegments", "b0Direction", "phaseScale", "phaseSign", "keep", "name")
"""What is said only where it is not as usual."""


def asPython(request: Request, scene: Any = None) -> str:
    """Return the code that computes a request on the nodes of a scene, by default that of the phase volumes.

    Nodes are named, or, where a name is not theirs alone, given by ID. Raises InputError where one is in no scene.
    """
    scene = scene or request.phases[0].GetScene()
    arguments = {
        "settings": _settings(request.settings),
        **{role: _node(getattr(request, role), scene) for role in ("mask", "labels", "r2") if getattr(request, role)},
        **{n: repr(getattr(request, n)) for n in OPTIONAL if getattr(request, n) != getattr(Request, n)},
    }
    lines = [
        "import slicer",
        "",
        'logic = slicer.util.getModuleLogic("QSM")',
        f"phases = {_nodes(request.phases, scene)}",
        f"magnitudes = {_nodes(request.magnitudes, scene)}",
        "outputs = logic.run(",
        "    magnitudes,",
        "    phases,",
        f"    {tuple(map(float, request.echoTimes))!r},  # s",
        f"    {float(request.fieldStrength)!r},  # T",
        *(f"    {name}={value}," for name, value in arguments.items()),
        ")",
    ]
    return "\n".join(lines) + "\n"


def _settings(settings: Settings) -> str:
    """Return the name of the preset these settings are, or the whole document."""
    name = next((name for name in preset_names() if Settings.preset(name) == settings), None)
    return repr(name) if name else f'r"""\n{settings.to_toml().strip()}\n"""'


def _nodes(nodes: Sequence[Any], scene: Any) -> str:
    sequence = _sequenceOf(nodes, scene)
    if sequence is not None:
        return f"[{_node(sequence, scene)}]"
    return "[" + "".join(f"\n    {_node(node, scene)}," for node in nodes) + ("\n]" if nodes else "]")


def _node(node: Any, scene: Any) -> str:
    if scene.GetNodeByID(node.GetID()) is not node:
        raise InputError(f"{nameOf(node)} is not in the scene by itself: use the whole sequence, or volumes.")
    name = node.GetName()
    alone = scene.GetNodesByName(name).GetNumberOfItems() == 1 and not set(name) & set(WILD)
    return f"slicer.util.getNode({(name if alone else node.GetID())!r})"


def _sequenceOf(nodes: Sequence[Any], scene: Any) -> Any:
    """Return the sequence that these nodes are the whole of, in its order."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode")):
        sequence = scene.GetNthNodeByClass(index, "vtkMRMLSequenceNode")
        held = [sequence.GetNthDataNode(i) for i in range(sequence.GetNumberOfDataNodes())]
        if len(held) == len(nodes) and all(a is b for a, b in zip(held, nodes, strict=True)):
            return sequence
    return None

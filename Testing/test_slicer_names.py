"""The Slicer side uses names that Slicer has, and keeps Qt and the running application where they belong."""

import ast
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[1] / "QSM"
FILES = sorted(MODULE.rglob("*.py"))
PANEL = MODULE / "QSMLib" / "panel"
QT = {"qt", "ctk", "PythonQt"}
APPLICATION = {"slicer.app", "slicer.mrmlScene", "slicer.modules", "slicer.selfTests"}
UTIL_OF_APPLICATION = {"selectModule", "mainWindow", "loadUI", "getModuleWidget", "errorDisplay", "messageBox"}
"""What slicer.util has for windows and not for scenes."""


def dotted(node: ast.expr) -> str:
    """Return "slicer.util.x" for an attribute of names, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    base = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{base}.{node.attr}" if base else ""


def attributes(tree: ast.AST) -> set[str]:
    """Return every dotted name, also that of what is imported from a package by name."""
    found = {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(tree: ast.AST) -> set[str]:
    """Return the first names of what is imported."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def only_in_the_wheel(tree: ast.AST) -> set[str]:
    """Return names such as slicer.arrayFromVolume: slicer-core has them because it imports all of slicer.util."""
    util = pytest.importorskip("slicer.util")
    known = vars(util)
    return {name for name in attributes(tree) if name.startswith("slicer.") and name.split(".")[1] in known}


def missing(tree: ast.AST) -> set[str]:
    """Return names of slicer and slicer.util that not even the wheel has."""
    slicer, util = pytest.importorskip("slicer"), pytest.importorskip("slicer.util")
    brought = {"app", "dicomDatabase", "mrmlScene", "modules", "util", "i18n", "ScriptedLoadableModule", "selfTests"}

    def exists(name: str) -> bool:
        _, first, *rest = name.split(".")
        if first == "util":
            return not rest or hasattr(util, rest[0])
        return first in brought or first.startswith(("qMRML", "qSlicer")) or hasattr(slicer, first)

    return {name for name in attributes(tree) if name.startswith("slicer.") and not exists(name)}


def of_the_application(tree: ast.AST) -> set[str]:
    """Return what only the panel may use."""
    names = attributes(tree)
    used = packages(tree) & QT
    used |= {name for name in names if name.startswith("slicer.q")}
    used |= {name for name in names if any(name == one or name.startswith(f"{one}.") for one in APPLICATION)}
    return used | {name for name in names if name.startswith("slicer.util.") and name[12:] in UTIL_OF_APPLICATION}


def named_for_qt(tree: ast.AST) -> set[str]:
    """Return calls of classes of Qt, CTK and Slicer's widgets with named arguments, which PythonQt drops in silence."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.keywords]
    return {name for name in (dotted(call.func) for call in calls) if name.startswith(("qt.", "ctk.", "slicer.q"))}


def parse(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(MODULE)))
def test_slicer_has_every_name(path):
    tree = parse(path)
    assert not only_in_the_wheel(tree), "write slicer.util.<name>"
    assert not missing(tree)


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if PANEL not in path.parents and path.name != "QSM.py"],
    ids=lambda path: str(path.relative_to(MODULE)),
)
def test_the_scene_side_knows_no_window_and_no_global_scene(path):
    assert not of_the_application(parse(path)), "only QSM.py and QSMLib/panel may; elsewhere the scene is an argument"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(MODULE)))
def test_no_pythonqt_class_is_tested_for(path):
    tests = [
        node
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and dotted(node.func) == "isinstance"
        and dotted(node.args[1]).startswith(("qt.", "ctk."))
    ]
    assert not tests


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(MODULE)))
def test_arguments_of_qt_have_no_names(path):
    assert not named_for_qt(parse(path))


@pytest.mark.parametrize(
    ("source", "check", "found"),
    [
        ("import slicer\nslicer.arrayFromVolume(node)", only_in_the_wheel, {"slicer.arrayFromVolume"}),
        ("from slicer import getNode", only_in_the_wheel, {"slicer.getNode"}),
        ("import slicer\nslicer.util.arrayFromVolume(node)", only_in_the_wheel, set()),
        ("import slicer\nslicer.util.arrayFromVolumes(node)", missing, {"slicer.util.arrayFromVolumes"}),
        ("import slicer\nslicer.vtkMRMLScalarVolume()", missing, {"slicer.vtkMRMLScalarVolume"}),
        ("import slicer\nslicer.vtkMRMLScalarVolumeNode.New()", missing, set()),
        ("qt.QLabel(text='x')\nqt.QLabel('x')", named_for_qt, {"qt.QLabel"}),
        ("import qt", of_the_application, {"qt"}),
        ("from ctk import ctkSliderWidget", of_the_application, {"ctk"}),
        ("import slicer\nslicer.mrmlScene.Clear()", of_the_application, {"slicer.mrmlScene", "slicer.mrmlScene.Clear"}),
        ("from slicer import app", of_the_application, {"slicer.app"}),
        ("import slicer\nslicer.util.selectModule('x')", of_the_application, {"slicer.util.selectModule"}),
        ("import slicer, vtk\nslicer.util.getNode('x')", of_the_application, set()),
    ],
)
def test_the_checks_find_what_is_wrong(source, check, found):
    assert check(ast.parse(source)) == found

"""The design, held by tests: who may import whom, one method per file, every source in the bibliography."""

import ast
import re
from pathlib import Path

import pytest

from QSMLogic.methods import METHODS, STAGES

ROOT = Path(__file__).parents[1]
LOGIC = ROOT / "QSMLogic"
SLICER = {"slicer", "qt", "ctk", "vtk", "mrml", "vtkSegmentationCore"}
OPTIONAL = {"matplotlib", "nibabel", "pydicom", "tqdm", "torch", "dask", "distributed", "dask_jobqueue", "highdicom"}

LAYERS = [
    ["errors", "constants", "progress", "parallel"],
    ["grid", "scan", "registry", "device"],
    ["operators", "vectors"],
    ["solvers"],
    list(STAGES),
    ["methods", "metrics", "anatomy", "painting", "phantom", "settings", "footprint", "quality"],
    ["pipeline"],
    ["io", "report"],
    ["cohort", "atlas", "comparison"],
    ["commands", "cli", "__main__"],
]
"""From the ground up. A file may import from its own layer and those below; one that is not listed here is a helper of
the methods, which lies under the stages and over the ground."""
HELPERS = LAYERS.index(["solvers"])


def logic_files() -> list[Path]:
    return sorted(LOGIC.rglob("*.py"))


def name_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(path: Path, *, top_level: bool = False) -> set[tuple[str, ...]]:
    """Full names of the modules that a file imports, anywhere in it or when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            found |= {(*base, alias.name) for alias in node.names} if not node.module else {base}
    return found


def layer(name: str) -> int:
    return next((i for i, names in enumerate(LAYERS) if name in names), HELPERS)


@pytest.mark.parametrize("path", logic_files(), ids=lambda p: str(p.relative_to(LOGIC)))
def test_the_logic_never_sees_slicer(path):
    assert not {module[0] for module in imports(path)} & SLICER


@pytest.mark.parametrize("path", logic_files(), ids=lambda p: str(p.relative_to(LOGIC)))
def test_optional_packages_are_imported_where_they_are_used(path):
    assert not {module[0] for module in imports(path, top_level=True)} & OPTIONAL


@pytest.mark.parametrize("path", logic_files(), ids=lambda p: str(p.relative_to(LOGIC)))
def test_nothing_points_back(path):
    name = name_of(path)
    if len(name) == 1:
        return
    for module in imports(path):
        if module[0] == "QSMLogic" and len(module) > 1:
            assert layer(module[1]) <= layer(name[1]), f"{'.'.join(name)} imports {'.'.join(module)}"


@pytest.mark.parametrize("stage", STAGES)
def test_methods_never_import_each_other(stage):
    for path in (LOGIC / stage).glob("*.py"):
        others = [m for m in imports(path) if m[0] == "QSMLogic" and len(m) > 1 and m[1] in STAGES]
        assert not others, f"{path.name} imports {others}"


@pytest.mark.parametrize("stage", STAGES)
def test_one_file_is_one_method_of_its_name(stage):
    files = {path.stem for path in (LOGIC / stage).glob("*.py")} - {"__init__"}
    assert files == set(METHODS[stage])
    for name, method in METHODS[stage].items():
        assert method.function.__module__ == f"QSMLogic.{stage}.{name}"


def bibliography() -> set[str]:
    return set(re.findall(r"^@\w+\{([^,]+),", (LOGIC / "report" / "references.bib").read_text(encoding="utf-8"), re.M))


def test_every_method_cites_what_the_bibliography_has():
    for stage in METHODS.values():
        for method in stage.values():
            assert set(method.cite) <= bibliography(), method.name


def test_every_source_named_in_a_docstring_is_in_the_bibliography():
    for path in logic_files():
        named = set(re.findall(r"\b[A-Z][a-z]+(?:19|20)\d\d[a-z]?\b", path.read_text(encoding="utf-8")))
        assert named <= bibliography(), f"{path.name}: {named - bibliography()}"


def test_the_bibliography_has_each_key_once():
    keys = re.findall(r"^@\w+\{([^,]+),", (LOGIC / "report" / "references.bib").read_text(encoding="utf-8"), re.M)
    assert len(keys) == len(set(keys))


def test_the_version_is_written_once():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    from QSMLogic import __version__  # noqa: PLC0415

    assert f"[{__version__}]" in changes
    assert f"version: {__version__}" in citation


@pytest.mark.parametrize("path", logic_files(), ids=lambda p: str(p.relative_to(LOGIC)))
def test_files_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
            length = (node.end_lineno or 0) - first.lineno + 1
            assert length <= 45, f"{node.name} has {length} lines"

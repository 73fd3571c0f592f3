"""The extension as Slicer's build packages it: every file arrives, and what arrives runs by itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = Path("lib/Slicer/qt-scripted-modules")
NOTHING_TO_COMPILE = (
    "-GUnix Makefiles",
    f"-DCMAKE_MAKE_PROGRAM={sys.executable}",
    *(f"-DCMAKE_{language}_COMPILER={sys.executable}" for language in ("C", "CXX")),
    *(f"-DCMAKE_{language}_COMPILER_{known}=ON" for language in ("C", "CXX") for known in ("FORCED", "ID_RUN")),
)
"""Slicer's build has compilers; here none is needed, so that none is looked for."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder where the extension was configured and installed, with a stand-in for Slicer's package."""
    cmake = shutil.which("cmake") or shutil.which("cmake", path=os.path.dirname(sys.executable))
    if cmake is None:
        pytest.skip("cmake is not there: pip install cmake")
    folder = tmp_path_factory.mktemp("extension")
    package = ROOT / "Testing" / "slicer_side" / "cmake"
    done(
        cmake, "-S", ROOT, "-B", folder / "build", f"-DSlicer_DIR={package}", "-DBUILD_TESTING=ON", *NOTHING_TO_COMPILE
    )
    done(cmake, "--install", folder / "build", "--prefix", folder / "installed")
    return folder


@pytest.fixture(scope="module")
def installed(built):
    """Return the folder of modules in the package."""
    return built / "installed" / MODULES


def done(*words, **options) -> str:
    ran = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def source_files() -> set[str]:
    """Return what belongs to the product in QSM/ and QSMLogic/, as it should lie in the package."""
    found = {
        path.relative_to(base).as_posix()
        for base, folder in ((ROOT / "QSM", "."), (ROOT, "QSMLogic"))
        for path in (base / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return found - {"CMakeLists.txt"}


def test_every_file_reaches_the_package_and_no_other(installed):
    arrived = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert arrived == source_files()
    assert {"QSM.py", "QSMLib/__init__.py", "QSMLogic/pipeline.py", "QSMLogic/presets/7T.toml"} <= arrived


def test_what_arrives_is_what_was_written(installed):
    for name in source_files():
        source = ROOT / name if name.startswith("QSMLogic/") else ROOT / "QSM" / name
        assert (installed / name).read_bytes() == source.read_bytes(), name


def test_slicer_would_list_one_module(installed):
    assert [path.name for path in installed.glob("*.py")] == ["QSM.py"]  # every file here is taken for a module


def test_the_package_runs_by_itself(installed, tmp_path):
    alone = {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | alone
    where = done(sys.executable, "-c", "import QSMLogic; print(QSMLogic.__file__)", cwd=tmp_path, env=environment)
    assert Path(where.strip()) == installed / "QSMLogic" / "__init__.py"
    assert "V-SHARP" in done(sys.executable, "-m", "QSMLogic", "methods", cwd=tmp_path, env=environment)
    shown = done(sys.executable, "-m", "QSMLogic", "settings", "--preset", "7T", cwd=tmp_path, env=environment)
    assert "[inversion]" in shown


def test_the_metadata_reach_the_extensions_manager(built):
    lines = (built / "build" / "metadata.txt").read_text(encoding="utf-8").splitlines()
    metadata = dict(line.split(" ", 1) for line in lines)
    assert metadata["NAME"] == "QSM"
    assert metadata["CATEGORY"] == "Quantification"
    assert metadata["DEPENDS"] == "NA"
    assert Path(metadata["LICENSE_FILE"]).samefile(ROOT / "LICENSE.txt")

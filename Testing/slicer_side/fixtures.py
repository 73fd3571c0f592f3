"""Fixtures for tests of the Slicer side. Where slicer-core cannot be installed they skip, and say so."""

import platform
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "QSM"))  # as Slicer does with the folder of a module


def require_slicer(*, qt: bool = False) -> None:
    """Skip where there is no wheel of slicer-core; elsewhere a missing one is an error like any other."""
    if sys.version_info >= (3, 14):
        pytest.skip(f"slicer-core has no wheel for Python {platform.python_version()}: the Slicer side is NOT tested")
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        return
    try:
        import slicer  # noqa: F401

        if qt:
            import PySide6.QtWidgets  # noqa: F401
    except ImportError as problem:
        pytest.skip(f"{problem} on {platform.platform()}: the Slicer side is NOT tested")


@pytest.fixture
def slicer_scene():
    """Return Slicer's scene, empty but for what Slicer itself adds. An error in VTK, a slot or an observer fails."""
    require_slicer()
    from slicer_side.scene import fresh_scene
    from slicer_side.slot_errors import SlotErrors
    from slicer_side.vtk_errors import VTK_ERRORS

    with SlotErrors():
        yield fresh_scene()
        errors = VTK_ERRORS.take()
        assert not errors, "VTK reported errors:\n" + "\n".join(errors)


@pytest.fixture
def vtk_errors(slicer_scene):
    """Return the gathered errors of VTK: `with vtk_errors.expected("part of the text"): ...` allows one."""
    from slicer_side.vtk_errors import VTK_ERRORS

    return VTK_ERRORS


@pytest.fixture
def slicer_app(slicer_scene):
    """Return slicer.app with Qt off-screen, over that scene, without the module."""
    require_slicer(qt=True)
    from slicer_side.application import start

    app = start()
    yield app
    app.popups.clear()


@pytest.fixture
def qsm_widget(slicer_app):
    """Return the module's widget in Python, loaded as Slicer loads it; it is unloaded after the test."""
    from slicer_side.application import load_module, unload_module

    yield load_module("QSM")
    unload_module("QSM")

"""Fixtures for tests of the Slicer side. Where slicer-core cannot be installed they skip, and say so."""

import platform
import sys

import pytest


def require_slicer() -> None:
    """Skip where there is no wheel of slicer-core; elsewhere a missing one is an error like any other."""
    if sys.version_info >= (3, 14):
        pytest.skip(f"slicer-core has no wheel for Python {platform.python_version()}: the Slicer side is NOT tested")
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        return
    try:
        import slicer  # noqa: F401
    except ImportError as problem:
        pytest.skip(
            f"slicer-core cannot be imported on {platform.platform()} ({problem}): the Slicer side is NOT tested"
        )


@pytest.fixture
def slicer_scene():
    """Return Slicer's scene, empty but for what Slicer itself adds. An error that VTK reports fails the test."""
    require_slicer()
    from slicer_side.scene import fresh_scene
    from slicer_side.vtk_errors import VTK_ERRORS

    yield fresh_scene()
    errors = VTK_ERRORS.take()
    assert not errors, "VTK reported errors:\n" + "\n".join(errors)


@pytest.fixture
def vtk_errors(slicer_scene):
    """Return the gathered errors of VTK: `with vtk_errors.expected("part of the text"): ...` allows one."""
    from slicer_side.vtk_errors import VTK_ERRORS

    return VTK_ERRORS

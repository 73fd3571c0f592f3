"""What the module offers to other modules of Slicer: a reader, sample data and a statistics plugin."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

DICOM_PLUGIN = "DICOMQSMPlugin"
"""Under which name the DICOM module lists the reader, and lets a user turn it off."""


def toDicom(modules: Any, scene: Callable[[], Any]) -> None:
    """Add the reader of acquisitions to the DICOM module; scene() is asked for when that module makes the reader.

    Call it while Slicer loads its modules: as soon as it has started, DICOM asks its plugins for what it is to keep of
    every header. In a Slicer that was built without DICOM it does nothing.
    """
    if find_spec("DICOMLib") is None:
        return
    if not hasattr(modules, "dicomPlugins"):  # this module may come before DICOM
        modules.dicomPlugins = {}
    modules.dicomPlugins[DICOM_PLUGIN] = lambda: _reader(scene())


def toModules(scene: Any) -> None:
    """Add sample data and measurements to their modules. Call it when Slicer has started."""
    from . import samples, statistics_plugin  # noqa: PLC0415 (import QSMLogic: after Slicer has started)

    samples.register(scene)
    statistics_plugin.register()


def _reader(scene: Any) -> Any:
    from .dicom_plugin import DICOMQSMPluginClass  # noqa: PLC0415 (imports DICOMLib)

    return DICOMQSMPluginClass(scene)

"""SlicerQSM's pipeline: from gradient-echo phase and magnitude to magnetic susceptibility."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {"Grid": "grid", "Scan": "scan", "Settings": "settings", "run": "pipeline", "InputError": "errors"}
"""What most scripts need, and where it lives: found when asked for, so that importing the package costs nothing."""

__all__ = ["Grid", "InputError", "Scan", "Settings", "__version__", "run"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

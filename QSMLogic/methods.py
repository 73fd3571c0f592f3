"""Importing this module fills the register: every file in a stage's folder is read."""

import importlib
import pkgutil
from pathlib import Path

from .registry import METHODS, STAGES, Method

for _stage in STAGES:
    for _module in pkgutil.iter_modules([str(Path(__file__).parent / _stage)]):
        importlib.import_module(f"{__package__}.{_stage}.{_module.name}")

__all__ = ["METHODS", "STAGES", "Method"]

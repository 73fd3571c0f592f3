"""A run as a command line that computes the same outside the panel; as lines of Python: as_python.py."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from QSMLogic.documents import AUTOMATIC
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.io.nifti import NIFTI_ENDINGS, Geometry, read_image, write_image
from QSMLogic.io.parameters import gather
from QSMLogic.io.writing import FILES, OPTIONAL
from QSMLogic.methods import STAGES
from QSMLogic.settings import OPTIONS, Settings, preset_names

from .files import writeInputs
from .labels import labelsOn, maskOn
from .volumes import arrayOf, geometryOf, gridOf

if TYPE_CHECKING:
    from .request import Request

MOST_CHANGES = 8
"""Options that are still easier to read than a settings file."""

FORBIDDEN = '<>:"/\\|?*'
"""Characters that a folder's name cannot have on some system."""


def asCommand(request: Request, folder: Path | None = None) -> tuple[str, list[Path]]:
    """Return the command that computes a request, and the files that had to be written for it.

    Images that were loaded from NIfTI files and not changed since are named as these files. Where there are others, the
    inputs are written once, into the folder or, where it exists, one beside it; by default in the user's documents. The
    command's results go into that folder. Raises InputError where this cannot be done; then nothing is left behind.
    """
    folder = freeFolder(folder or documents() / fileName(request.title))
    try:
        words = _onOriginals(request, folder) or _onCopies(request, folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(
            f"The inputs cannot be written to {folder}: {error.strerror}. Choose another folder."
        ) from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    words = ["qsm", *words, "--out", str(folder / "result")]
    written = sorted(folder.iterdir()) if folder.is_dir() else []
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words), written


def documents() -> Path:
    """Return the folder of the user's documents."""
    home = Path.home()
    return home / "Documents" if (home / "Documents").is_dir() else home


def freeFolder(folder: Path) -> Path:
    """Return this folder or, where it exists, one beside it with a number."""
    free, number = folder, 1
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name} {number}")
    return free


def settingsWords(settings: Settings, *, masked: bool = False) -> list[str] | None:
    """Return the options that make these settings from the nearest preset; None where a file is easier to read.

    masked: a mask is given, and stands in for masking methods that do not use it.
    """
    found = []
    for name in preset_names():
        preset = Settings.preset(name)
        if masked and all(step.method != "given" for step in settings.masking):
            preset = dataclasses.replace(preset, masking=settings.masking)
        changes = _changes(preset, settings)
        if preset.changed(changes) == settings:
            found.append(([] if name == "default" else ["--preset", name], changes))
    if not found or min(len(changes) for _, changes in found) > MOST_CHANGES:
        return None
    words, changes = min(found, key=lambda choice: len(choice[1]))
    for place, value in changes.items():
        stage, _, name = place.partition(".")
        words += [f"--{stage}", *value.split()] if name == "method" else ["--set", f"{place}={value}"]
    return words


def _onOriginals(request: Request, folder: Path) -> list[str] | None:
    """Return the words of the command on the files that the images come from; None where an image has no such file."""
    first = request.phases[0]
    files = {"phase": _originals(request.phases), "magnitude": _originals(request.magnitudes)}
    if None in files.values():
        return None
    words = ["run"]
    for kind, paths in files.items():
        words += [f"--{kind}", *map(str, paths)] if paths else []
    given = {
        "mask": (request.mask, lambda node: maskOn(node, first, request.maskSegments)),
        "labels": (request.labels, lambda node: labelsOn(node, first)[0]),
        "r2": (request.r2, arrayOf),
    }
    for kind, (node, read) in given.items():
        if node is not None:
            array = read(node)
            words += [f"--{kind}", str(_original(node, array, geometryOf(first)) or _write(folder, kind, array, first))]
    words += _factWords(request, files["phase"])
    chosen = settingsWords(request.settings, masked=request.mask is not None)
    if chosen is None:
        folder.mkdir(parents=True, exist_ok=True)
        request.settings.write(folder / "settings.toml")
        chosen = ["--settings", str(folder / "settings.toml")]
    kept = [FILES[name] for name in OPTIONAL if name in request.keep]
    return [*words, *chosen, *(["--keep", *kept] if kept else [])]


def _onCopies(request: Request, folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    return writeInputs(request, folder)


def _originals(nodes: Sequence[Any]) -> list[Path] | None:
    found = [_original(node, arrayOf(node), geometryOf(node)) for node in nodes]
    return None if None in found else found


def _original(node: Any, array: np.ndarray, geometry: Geometry) -> Path | None:
    """Return the NIfTI file a node comes from, if it holds this array (x, y, z) in this geometry, to the last bit."""
    storage = node.GetStorageNode()
    path = Path((storage and storage.GetFullNameFromFileName()) or "")
    if not (path.name.lower().endswith(NIFTI_ENDINGS) and path.is_file()) or node.GetModifiedSinceRead():
        return None
    try:
        values, place = read_image(path)
    except InputError:
        return None  # gone or damaged by now: the image is written anew
    same = values.shape == (*array.shape, 1) and not place.difference(geometry)
    same = same and place.grid().voxel_size == geometry.grid().voxel_size
    return path if same and np.array_equal(values[..., 0], array.astype(np.float32), equal_nan=True) else None


def _factWords(request: Request, files: Sequence[Path]) -> list[str]:
    """Return the options that say what the side-car files and headers do not, or say otherwise."""
    known = gather(files)
    words = []
    if known.echo_times != request.echoTimes:
        words += ["--echo-times", *map(repr, map(float, request.echoTimes))]
    if known.field_strength != request.fieldStrength:
        words += ["--field-strength", repr(float(request.fieldStrength))]
    grid: Grid = gridOf(request.phases[0], request.b0Direction)
    if read_image(files[0])[1].grid(known.b0_direction).b0_direction != grid.b0_direction:
        words += ["--b0-direction", *map(repr, grid.b0_direction)]
    return [*words, "--phase-scale", request.scale, *(["--phase-sign", "-1"] if request.phaseSign < 0 else [])]


def _changes(preset: Settings, settings: Settings) -> dict[str, str]:
    """Return what to change in a preset, as text by "stage.parameter"."""
    changes = {}
    for stage in STAGES:
        before, after = preset.steps(stage), settings.steps(stage)
        if [step.method for step in before] != [step.method for step in after]:
            changes[f"{stage}.method"] = " ".join(step.method for step in after)
    start = preset.changed(changes)
    for stage in STAGES:
        for before, after in zip(start.steps(stage), settings.steps(stage), strict=True):
            for name, value in after.parameters.items():
                if before.parameters[name] != value:
                    changes[f"{stage}.{name}"] = _text(value)
    for option in OPTIONS:
        if getattr(preset, option.name) != getattr(settings, option.name):
            changes[f"pipeline.{option.name}"] = _text(getattr(settings, option.name))
    return changes


def _text(value: Any) -> str:
    if value is None:
        return AUTOMATIC
    return str(value).lower() if isinstance(value, bool) else str(value)


def _write(folder: Path, kind: str, array: np.ndarray, like: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / f"{kind}.nii", array, geometryOf(like))
    return folder / f"{kind}.nii"


def fileName(title: str) -> str:
    """Return a name as a folder may have it on any system."""
    return (
        "".join("_" if letter in FORBIDDEN or ord(letter) < ord(" ") else letter for letter in title).strip(" .")
        or "QSM"
    )

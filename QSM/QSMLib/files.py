"""A request as files and words of the command line: panel, console and command line run the same computation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from QSMLogic.io.nifti import write_image
from QSMLogic.io.writing import FILES, OPTIONAL

from .acquisition import remembered
from .labels import labelsOn, maskOn
from .volumes import arrayOf, echoesOf, geometryOf, gridOf

if TYPE_CHECKING:
    from .request import Request

ALWAYS_KEPT = ("eroded_mask",)
"""Map that is written whatever the request keeps: regions are measured in it."""


def writeInputs(request: Request, folder: Path) -> list[str]:
    """Write the images, facts and settings of a request, and return the words of the command, without its output.

    Raises InputError where the scale of the phase is not certain, a segmentation cannot be used, or the disk is full.
    """
    scale = request.scale
    first = request.phases[0]
    words = ["run", "--phase", _write(folder / "phase.nii", echoesOf(request.phases), first)]
    if request.magnitudes:
        words += ["--magnitude", _write(folder / "magnitude.nii", echoesOf(request.magnitudes), first)]
    if request.mask is not None:
        mask = maskOn(request.mask, first, request.maskSegments)
        words += ["--mask", _write(folder / "mask.nii", mask, first)]
    if request.labels is not None:
        labels, _ = labelsOn(request.labels, first)
        words += ["--labels", _write(folder / "labels.nii", labels, first)]
    if request.r2 is not None:
        words += ["--r2", _write(folder / "r2.nii", arrayOf(request.r2), first)]
    words += ["--params", _writeFacts(folder / "params.json", request)]
    facts = remembered(first).get("facts")
    if facts:  # what the headers said of the scan, beside the phase, where BIDS has it
        (folder / "phase.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    words += ["--settings", str(folder / "settings.toml")]
    request.settings.write(folder / "settings.toml")
    words += ["--phase-scale", scale, "--phase-sign", str(request.phaseSign)]
    kept = [FILES[name] for name in OPTIONAL if name in (*request.keep, *ALWAYS_KEPT)]
    return [*words, "--keep", *kept]


def _write(path: Path, array: np.ndarray, like: Any) -> str:
    write_image(path, array, geometryOf(like))
    return str(path)


def _writeFacts(path: Path, request: Request) -> str:
    """Write the parameter file, with every digit: the file of the image keeps seven."""
    grid = gridOf(request.phases[0], request.b0Direction)
    facts = {
        "TE": [float(time) for time in request.echoTimes],
        "B0": float(request.fieldStrength),
        "B0_dir": list(grid.b0_direction),
        "voxel_size": list(grid.voxel_size),
    }
    path.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return str(path)

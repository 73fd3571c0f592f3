"""`qsm demo`: the default pipeline on a simulated head, beside the truth."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..io.load import Loaded
from ..io.nifti import Geometry, write_image
from ..io.outputs import OutputFolder
from ..io.writing import PROVENANCE, file_of, kept, write_maps
from ..metrics import nrmse, slope
from ..phantom import Phantom, head_phantom
from ..pipeline import Result
from ..report.account import account
from ..report.page import REPORT, write_page
from ..settings import Settings
from .arguments import add_command, add_output
from .run import FIGURE, TABLE, TEXTS, compute, draw, write_regions, write_reports
from .terminal import Reporter

INPUTS = ("phase.nii.gz", "magnitude.nii.gz", "params.json")
LABELS, NAMES, TRUTH = "labels.nii.gz", "labels.json", "truth_chimap.nii.gz"

SHOWN_REGIONS = 12
"""Rows of the table that are printed."""


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "demo", _work, "Map a simulated head with the default preset and compare with the truth."
    )
    add_output(parser, default="demo-output")


def _work(args: argparse.Namespace) -> None:
    settings = Settings.preset("default")
    maps = kept(settings.makes, ())
    names = [*INPUTS, LABELS, NAMES, TRUTH, *map(file_of, maps), *TEXTS, TABLE, FIGURE, PROVENANCE, REPORT]
    with OutputFolder(args.out, names, force=args.force) as out:
        phantom = head_phantom()
        loaded = _loaded(phantom)
        _write_inputs(out, phantom, loaded)
        result = compute(loaded, settings, Reporter())
        write_maps(out, result.maps, maps, loaded.geometry)
        told = account(args.command, (), loaded, result)
        write_reports(out, told)
        rows = write_regions(out, loaded, result, dict(phantom.label_names))
        write_page(out, told, loaded, result, rows)
        missing = _draw(out.path(FIGURE), loaded, result)
    inside = result.maps["eroded_mask"] & phantom.mask
    error, gain = (measure(result.maps["chi"], phantom.chi, inside) for measure in (nrmse, slope))
    print(f"Susceptibility of a simulated head in {result.total_seconds:.1f} s of computation:")
    print(f"error {error:.1f} % (nrmse in the mask, against the truth), slope {gain:.2f}\n")
    print(f"{'region':24}{'measured':>10}{'truth':>10}  ppm")
    for row in rows[:SHOWN_REGIONS]:
        here = inside & (phantom.labels == row.label)
        if row.mean is not None and here.any():
            print(f"{row.name:24}{row.mean:10.3f}{phantom.chi[here].mean() - phantom.chi[inside].mean():10.3f}")
    print(f"\nIn {args.out}: {file_of('chi')}, {REPORT}, {TABLE}, methods.txt{missing or f', {FIGURE}'}")
    print(f"The same by hand: qsm run {_by_hand(args.out)}")


def _by_hand(folder: Path) -> str:
    phase, magnitude, params = (folder / name for name in INPUTS)
    words = ("--phase", phase, "--magnitude", magnitude, "--params", params, "--out", folder / "again")
    return shlex.join(map(str, words))


def _loaded(phantom: Phantom) -> Loaded:
    """Return the phantom as if it had been read from files: axes to the right, to the front and up."""
    scan, grid = phantom.scan, phantom.scan.grid
    geometry = Geometry.centred(grid, phantom.direction)
    data = {"labels": phantom.labels}
    facts = {
        "phantom": "QSMLogic.phantom.head_phantom",
        "shape": list(grid.shape),
        "voxel_size_mm": list(grid.voxel_size),
    }
    return Loaded(data, scan, geometry, facts, [])


def _write_inputs(out: OutputFolder, phantom: Phantom, loaded: Loaded) -> None:
    """Write what a user needs to run the demonstration again by hand, and the truth."""
    scan = phantom.scan
    images = {INPUTS[0]: scan.phase, INPUTS[1]: scan.magnitude, LABELS: phantom.labels, TRUTH: phantom.chi}
    for name, image in images.items():
        write_image(out.path(name), np.asarray(image), loaded.geometry)
    params = {"TE": scan.echo_times, "B0": scan.field_strength, "B0_dir": scan.grid.b0_direction}
    out.path(INPUTS[2]).write_text(json.dumps(params) + "\n", "utf-8")
    names = {str(label): name for label, name in phantom.label_names.items()}
    out.path(NAMES).write_text(json.dumps(names, indent=2) + "\n", "utf-8")


def _draw(path: Path, loaded: Loaded, result: Result) -> str:
    """Draw the figure; without matplotlib say so and go on."""
    try:
        draw(path, loaded, result)
    except InputError as error:
        return f" (no figure: {error})"
    return ""

"""`qsm roi`: numbers of a map per region, as a CSV table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..io.nifti import read_labels, read_volume, refuse_other_geometry
from ..io.outputs import whole_file
from ..io.writing import unit_said
from ..roi import read_names, reference_called, region_statistics, write_table
from .arguments import add_command


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "roi", _work, "Measure a map in the regions of a label image.")
    parser.add_argument("--chi", type=Path, required=True, metavar="FILE", help="susceptibility map, or another")
    parser.add_argument("--unit", help="of its values (default: what its side-car says, else ppm)")
    parser.add_argument("--labels", type=Path, required=True, metavar="FILE", help="label image, 0 for background")
    parser.add_argument("--names", type=Path, metavar="FILE", help="names of the labels: CSV (label, name) or JSON")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="where the map is valid (default: where it is not 0)")
    parser.add_argument(
        "--reference",
        default="none",
        metavar="WHICH",
        help="what becomes zero: none (default), mean (of the mask), or a label's number or name",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="table to write, .csv")
    parser.add_argument("--force", action="store_true", help="overwrite the table")


def _work(args: argparse.Namespace) -> None:
    _refuse_place(args.out, force=args.force)
    names = {} if args.names is None else read_names(args.names)
    chi, geometry = read_volume(args.chi)
    unit = args.unit or unit_said(args.chi) or "ppm"
    labels, other = read_labels(args.labels)
    refuse_other_geometry(str(args.chi), geometry, str(args.labels), other)
    mask = np.isfinite(chi) & (chi != 0)
    if args.mask is not None:
        given, other = read_volume(args.mask)
        refuse_other_geometry(str(args.chi), geometry, str(args.mask), other)
        mask = np.nan_to_num(given) > 0
    reference = reference_called(args.reference, chi, labels, mask, names)
    if reference is not None:
        chi = chi - np.float32(reference.mean)  # what is not finite stays so, and is counted as excluded
    rows = region_statistics(chi, labels, geometry.grid(), names=names, mask=mask)
    try:
        with whole_file(args.out) as part:
            write_table(part, rows, unit=unit, reference=reference)
    except OSError as error:
        raise InputError(f"{args.out} cannot be written: {error.strerror}. Choose another folder.") from None
    print(f"{args.out}: {len(rows)} rows")


def _refuse_place(table: Path, *, force: bool) -> None:
    if table.is_dir():
        raise InputError(f"{table} is a folder: --out names the table to write, such as {table / 'regions.csv'}.")
    if table.exists() and not force:
        raise InputError(f"{table} exists already: choose another name, or overwrite it with --force.")
    if not table.parent.is_dir():
        raise InputError(f"There is no folder {table.parent}: make it, or choose another one for the table.")

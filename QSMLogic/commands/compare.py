"""`qsm compare`: two maps of one subject, where they differ and how well they agree."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..agreement import write_agreement
from ..comparison import Comparison, Map, compare
from ..errors import InputError
from ..io.itk_images import write_transform
from ..io.nifti import Geometry, read_image, read_labels, read_volume, refuse_other_geometry, write_image
from ..io.outputs import OutputFolder
from ..io.writing import PROVENANCE, unit_said, write_json
from ..report.bland_altman import bland_altman
from ..report.provenance import provenance
from ..roi import read_names
from .arguments import add_command, add_output
from .run import warn
from .terminal import LineReporter, Reporter, end_with

SECOND, DIFFERENCE, TABLE, FIGURE, TRANSFORM = (
    "secondmap.nii.gz",
    "differencemap.nii.gz",
    "agreement.csv",
    "blandaltman.svg",
    "secondtransform.tfm",
)


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "compare", _work, "Compare two maps of one subject: voxels, regions, agreement.")
    parser.add_argument("first", type=Path, metavar="A", help="first map")
    parser.add_argument("second", type=Path, metavar="B", help="second map; the differences are B less A")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="of the first map (default: where it is not 0)")
    parser.add_argument("--second-mask", type=Path, metavar="FILE", help="of the second (default: where it is not 0)")
    parser.add_argument(
        "--register",
        choices=("rigid", "none"),
        default="rigid",
        help="how B is brought to A (default rigid); none compares voxel by voxel, such as two maps of one scan",
    )
    parser.add_argument("--magnitude", type=Path, metavar="FILE", help="of A, to register by instead of the map")
    parser.add_argument("--second-magnitude", type=Path, metavar="FILE", help="of B, with --magnitude")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="regions on the voxels of A, 0 for background")
    parser.add_argument("--names", type=Path, metavar="FILE", help="names of the labels: CSV, TSV, JSON")
    parser.add_argument("--reference", default="none", metavar="WHICH", help="what becomes zero in both, as in qsm roi")
    parser.add_argument("--unit", help="of the maps (default: what their side-cars say, else ppm)")
    add_output(parser)
    parser.add_argument(
        "--child", action="store_true", help="for programs: progress in lines, and an end when standard input closes"
    )


def _work(args: argparse.Namespace) -> None:
    if args.child:
        end_with(sys.stdin)
    if (args.magnitude is None) != (args.second_magnitude is None):
        raise InputError("Give both magnitudes (--magnitude and --second-magnitude), or neither.")
    if args.unit is None:  # an empty one is that of maps without a unit
        args.unit = _unit(args.first, args.second)
    files = (SECOND, DIFFERENCE, TABLE, FIGURE, PROVENANCE)
    names = {} if args.names is None else read_names(args.names)
    with OutputFolder(args.out, files, stale=[TRANSFORM], force=args.force) as out:
        first = _map(args.first, args.mask, args.magnitude)
        second = _map(args.second, args.second_mask, args.second_magnitude)
        labels = None if args.labels is None else _labels(args, first.geometry)
        start = time.perf_counter()
        with LineReporter() if args.child else Reporter() as progress:
            found = compare(
                first,
                second,
                registered=args.register == "rigid",
                labels=labels,
                names=names,
                reference=args.reference,
                progress=progress,
            )
        seconds = time.perf_counter() - start
        _write(out, args, found, first.geometry)
        write_json(out, PROVENANCE, _record(args, found, seconds))
    warn(list(found.warnings))
    print(_said(args, found))


def _unit(first: Path, second: Path) -> str:
    """Return the unit of both maps; InputError where they say two."""
    said = [unit for unit in map(unit_said, (first, second)) if unit is not None]
    if len(set(said)) > 1:
        raise InputError(f"{first} is in {said[0]} and {second} in {said[1]}: compare two maps of one kind.")
    return said[0] if said else "ppm"


def _map(path: Path, mask: Path | None, magnitude: Path | None) -> Map:
    values, geometry = read_volume(path)
    inside = np.isfinite(values) & (values != 0)
    if mask is not None:
        given, other = read_volume(mask)
        refuse_other_geometry(str(path), geometry, str(mask), other)
        inside = np.isfinite(values) & (np.nan_to_num(given) > 0)
    if magnitude is None:
        return Map(values, inside, geometry)
    echoes, other = read_image(magnitude)
    refuse_other_geometry(str(path), geometry, str(magnitude), other)
    return Map(values, inside, geometry, np.nan_to_num(echoes[..., 0], posinf=0, neginf=0))


def _labels(args: argparse.Namespace, geometry: Geometry) -> np.ndarray:
    labels, other = read_labels(args.labels)
    refuse_other_geometry(str(args.first), geometry, str(args.labels), other)
    return labels


def _write(out: OutputFolder, args: argparse.Namespace, found: Comparison, geometry: Geometry) -> None:
    write_image(out.path(SECOND), found.second, geometry)
    write_image(out.path(DIFFERENCE), found.difference, geometry)
    write_agreement(out.path(TABLE), found.rows, args.unit)
    title = f"{args.second.name} against {args.first.name}"
    figure = bland_altman(found.first[found.mask], found.second[found.mask], found.rows, unit=args.unit, title=title)
    out.path(FIGURE).write_text(figure, "utf-8")
    if found.transform is not None:
        write_transform(out.path(TRANSFORM), found.transform)


def _record(args: argparse.Namespace, found: Comparison, seconds: float) -> dict[str, Any]:
    named = (
        args.first,
        args.second,
        args.mask,
        args.second_mask,
        args.magnitude,
        args.second_magnitude,
        args.labels,
        args.names,
    )
    return provenance(
        args.command,
        [path for path in named if path is not None],
        seconds=seconds,
        stage_seconds={"comparison": seconds},
        settings={"register": args.register, "reference": args.reference, "unit": args.unit},
        movement=found.movement,
        interpolated=found.transform is not None,
        registration=None if found.fit is None else asdict(found.fit),
        references={"first": found.references[0], "second": found.references[1]},
        agreement={"voxels": found.rows[0].agreement, "regions": found.regions},
        warnings=list(found.warnings),
    )


def _said(args: argparse.Namespace, found: Comparison) -> str:
    """Return the result in a few lines."""
    told, unit = found.rows[0].agreement, args.unit
    lines = [f"{args.out}: {DIFFERENCE}, {TABLE}, {FIGURE}"]
    if found.movement is not None:
        moved = f"moved by up to {found.movement.shift:.2f} mm, turned by {found.movement.degrees:.2f} degrees"
        lines.append(f"second image {moved}" + ("" if found.transform is not None else ": left as it is"))
    for name, one in (("voxels", told), ("regions", found.regions)):
        if one.sd is not None:
            lines.append(
                f"{one.pairs} {name}: bias {one.difference:.4g}, limits of agreement {one.lower:.4g} to "
                f"{one.upper:.4g}, repeatability {one.repeatability:.4g} {unit}"
            )
    return "\n".join(lines)

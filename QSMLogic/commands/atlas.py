"""`qsm atlas`: the labels of an atlas on a subject, and the table of the map in them."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..atlas import Carried, carry_labels, read_atlas
from ..io.itk_images import on_voxels, write_transform
from ..io.nifti import Geometry, read_image, read_volume, write_image
from ..io.outputs import OutputFolder
from ..io.writing import PROVENANCE, write_json
from ..registration import LEVELS
from ..report.provenance import provenance
from ..roi import Reference, reference_called, region_statistics, write_table
from .arguments import UsageError, add_command, add_output
from .run import TABLE, warn
from .terminal import LineReporter, Reporter, end_with

LABELS, NAMES, TEMPLATE, TRANSFORM = (
    "atlaslabels.nii.gz",
    "atlaslabels.json",
    "atlastemplate.nii.gz",
    "atlastransform.tfm",
)


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "atlas", _work, "Carry the labels of an atlas over to a subject, and measure in them."
    )
    group = parser.add_argument_group("the atlas")
    group.add_argument("--template", type=Path, required=True, metavar="FILE", help="image the labels were drawn on")
    group.add_argument("--labels", type=Path, required=True, metavar="FILE", help="its label image, 0 for background")
    group.add_argument("--names", type=Path, metavar="FILE", help="of the labels: CSV, TSV, JSON or table of colours")
    group.add_argument("--template-mask", type=Path, metavar="FILE", help="its brain (default: where it is not 0)")
    group = parser.add_argument_group("the subject")
    group.add_argument(
        "--magnitude",
        "--t1",
        "--image",
        dest="image",
        type=Path,
        metavar="FILE",
        help="what the template is fitted to: magnitude (of 4-D files the first echo), or a T1 image that lies on the "
        "map (default: the map itself, for templates of susceptibility)",
    )
    group.add_argument("--mask", type=Path, metavar="FILE", help="the brain (default: where the map is not 0)")
    group.add_argument("--chi", type=Path, metavar="FILE", help="susceptibility map to measure, ppm")
    group.add_argument("--reference", default="none", metavar="WHICH", help="what becomes zero, as in qsm roi")
    parser.add_argument(
        "--levels", nargs="+", choices=LEVELS, default=LEVELS, metavar="LEVEL", help=f"default: {' '.join(LEVELS)}"
    )
    add_output(parser)
    parser.add_argument(
        "--child", action="store_true", help="for programs: progress in lines, and an end when standard input closes"
    )


def _work(args: argparse.Namespace) -> None:
    if args.child:
        end_with(sys.stdin)
    if args.chi is None and (args.image is None or args.mask is None):
        raise UsageError("give the subject's map (--chi), or its image and brain mask (--magnitude and --mask)")
    files = [LABELS, NAMES, TEMPLATE, TRANSFORM, PROVENANCE, *[TABLE] * (args.chi is not None)]
    with OutputFolder(args.out, files, stale=[TABLE], force=args.force) as out:
        atlas = read_atlas(args.template, args.labels, args.names, args.template_mask)
        subject = _subject(args)
        start = time.perf_counter()
        with LineReporter() if args.child else Reporter() as progress:
            carried = carry_labels(
                atlas,
                subject.image,
                subject.mask,
                subject.geometry,
                onto=subject.onto,
                levels=args.levels,
                progress=progress,
            )
        seconds = time.perf_counter() - start
        _write(out, carried, subject.onto)
        reference = None if subject.chi is None else _measure(out, args.reference, carried, subject)
        write_json(out, PROVENANCE, _record(args, carried, reference, seconds))
    warn(list(carried.warnings))
    found = np.unique(carried.labels[carried.labels != 0]).size
    print(f"{args.out}: {found} regions in {LABELS}, overlap of the brains {carried.fit.overlap:.2f} (Dice)")


@dataclass(frozen=True)
class _Subject:
    """Image and brain mask (x, y, z) where the template is fitted, and the map with its own voxels, if any."""

    image: np.ndarray
    mask: np.ndarray
    geometry: Geometry
    chi: np.ndarray | None
    onto: Geometry


def _subject(args: argparse.Namespace) -> _Subject:
    """Read what is of the subject; a mask on other voxels is brought to those of the image."""
    chi, onto = (None, None) if args.chi is None else read_volume(args.chi)
    if args.image is None:
        assert chi is not None
        assert onto is not None
        image, geometry = np.nan_to_num(chi, posinf=0, neginf=0), onto
    else:
        echoes, geometry = read_image(args.image)
        image = np.nan_to_num(echoes[..., 0], posinf=0, neginf=0)
    if args.mask is not None:
        given, place = read_volume(args.mask)
        mask = np.nan_to_num(given) > 0
    else:
        assert chi is not None
        assert onto is not None
        mask, place = np.isfinite(chi) & (chi != 0), onto
    return _Subject(image, on_voxels(mask, place, geometry), geometry, chi, onto or geometry)


def _write(out: OutputFolder, carried: Carried, geometry: Geometry) -> None:
    write_image(out.path(LABELS), carried.labels, geometry)
    write_image(out.path(TEMPLATE), carried.template, geometry)
    write_transform(out.path(TRANSFORM), carried.transform)
    write_json(out, NAMES, {str(label): name for label, name in sorted(carried.names.items())})


def _measure(out: OutputFolder, which: str, carried: Carried, subject: _Subject) -> Reference | None:
    """Write the table of the map in the regions, in the brain mask where the map is not 0; return what became zero."""
    chi = subject.chi
    assert chi is not None
    inside = on_voxels(subject.mask, subject.geometry, subject.onto) & np.isfinite(chi) & (chi != 0)
    reference = reference_called(which, chi, carried.labels, inside, carried.names)
    if reference is not None:
        chi = chi - np.float32(reference.mean)
    rows = region_statistics(chi, carried.labels, subject.onto.grid(), names=carried.names, mask=inside)
    write_table(out.path(TABLE), rows, reference=reference)
    return reference


def _record(args: argparse.Namespace, carried: Carried, reference: Reference | None, seconds: float) -> dict[str, Any]:
    named = (args.template, args.labels, args.names, args.template_mask, args.image, args.mask, args.chi)
    return provenance(
        args.command,
        [path for path in named if path is not None],
        seconds=seconds,
        stage_seconds={"registration": seconds},
        settings={"levels": list(args.levels)},
        registration=asdict(carried.fit),
        reference=reference,
        warnings=list(carried.warnings),
    )

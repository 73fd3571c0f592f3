"""`qsm run`: the whole pipeline, from phase to susceptibility."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import pipeline
from ..errors import InputError
from ..io.dicom.source import source_of
from ..io.dicom.writing import write_series_of
from ..io.load import Loaded, load
from ..io.outputs import OutputFolder
from ..io.writing import (
    ENDINGS,
    FILES,
    FURTHER,
    OPTIONAL,
    PACKED,
    PLAIN,
    PROVENANCE,
    RESULTS,
    file_of,
    kept,
    sidecar_of,
    write_json,
    write_maps,
)
from ..pipeline import Result
from ..quality import doubts
from ..report.account import Account, account
from ..report.page import REPORT, write_page
from ..report.sidecar import sidecar
from ..roi import RegionStatistics, region_statistics, write_table
from ..settings import Settings
from .arguments import add_command, add_echoes, add_facts, add_output, sources
from .chosen import add_settings, chosen_settings
from .terminal import LineReporter, Reporter, end_with, one_line

TEXTS = ("methods.txt", "references.bib", "settings.toml")
FIGURE = "figure.png"
TABLE = "regions.csv"
DICOM = "chimap-dicom"
"""Folder of chi as DICOM; no name that a folder of the scanner's images has, as --force replaces it."""


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "run", _run, "Run the whole pipeline: from phase to susceptibility.")
    add_echoes(parser)
    parser.add_argument(
        "--mask", type=Path, metavar="FILE", help="instead of masking methods; to go on from it: --masking given ..."
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="regions to refer to and to measure")
    parser.add_argument("--r2", type=Path, metavar="FILE", help="R2 map, 1/s, for further maps that need one")
    add_facts(parser)
    add_output(parser, keep=[FILES[name] for name in OPTIONAL])
    parser.add_argument("--uncompressed", action="store_true", help="images as .nii: larger, but written in no time")
    parser.add_argument("--figure", action="store_true", help=f"write {FIGURE} too (needs matplotlib)")
    parser.add_argument("--dicom", action="store_true", help=f"write chi as DICOM too, to {DICOM} (from DICOM only)")
    parser.add_argument(
        "--child", action="store_true", help="for programs: progress in lines, and an end when standard input closes"
    )
    add_settings(parser)


def _run(args: argparse.Namespace) -> None:
    if args.child:
        end_with(sys.stdin)
    settings = chosen_settings(args)
    named = sources(args, ("r2",))
    if not named.hold_phase:
        raise InputError("No phase is given: name the phase images with --phase (or --real and --imaginary).")
    if args.mask is not None and args.masking is not None and "given" not in args.masking:
        chosen = " ".join(args.masking)
        raise InputError(
            f"--mask and --masking {chosen} are two masks: leave one out, or join them (--masking given {chosen})."
        )
    if args.dicom and named.acquisition is None:
        raise InputError("--dicom writes into the study of DICOM images: name their folder with --folder.")
    written = kept(settings.makes, args.keep)
    ending = PLAIN if args.uncompressed else PACKED
    maps = [file_of(name, ending) for name in written]
    names = [*maps, *TEXTS, PROVENANCE, REPORT, *[FIGURE] * args.figure, *[TABLE] * (args.labels is not None)]
    names += [*[DICOM] * args.dicom, *[sidecar_of(name) for name in written if name in FURTHER]]
    others = [file_of(name, either) for name in FILES for either in ENDINGS]
    others += [FIGURE, TABLE, DICOM, *map(sidecar_of, FURTHER)]
    with OutputFolder(args.out, names, stale=others, force=args.force) as out:
        loaded = load(named)
        source = source_of(named.acquisition.files(), loaded.geometry) if named.acquisition and args.dicom else None
        result = compute(loaded, settings, LineReporter() if args.child else Reporter())
        write_maps(out, result.maps, [name for name in written if name in result.maps], loaded.geometry, ending)
        told = account(args.command, named.files(), loaded, result)
        for name in (name for name in written if name in FURTHER):
            write_json(out, sidecar_of(name), sidecar(name, told.settings, loaded.scan.echoes))  # type: ignore[union-attr]
        write_reports(out, told)
        rows = write_regions(out, loaded, result) if args.labels is not None else []
        write_page(out, told, loaded, result, rows)
        if source is not None:
            write_series_of(out.path(DICOM), result.maps["chi"], loaded.geometry, source, settings=told.settings)
        if args.figure:
            draw(out.path(FIGURE), loaded, result)
    print(
        f"{args.out}: {', '.join(file_of(name, ending) for name in RESULTS if name in result.maps)}, {REPORT} and more"
    )


def compute(loaded: Loaded, settings: Settings, reporter: Reporter) -> Result:
    """Run the pipeline and report its progress; warnings go to standard error."""
    with reporter as progress:
        result = pipeline.run(
            loaded.scan,  # type: ignore[arg-type]
            settings,
            given_mask=loaded.data.get("given_mask"),
            labels=loaded.data.get("labels"),
            r2=loaded.data.get("r2"),
            progress=progress,
        )
    warn([*loaded.warnings, *result.warnings])
    return result


def write_reports(out: OutputFolder, told: Account) -> None:
    """Write methods text, references, settings and provenance; what is doubtful of the map goes to standard error."""
    out.path("methods.txt").write_text(told.methods, "utf-8")
    out.path("references.bib").write_text(told.references, "utf-8")
    told.settings.write(out.path("settings.toml"))
    write_json(out, PROVENANCE, told.provenance)
    warn(doubts(told.quality))


def write_regions(
    out: OutputFolder, loaded: Loaded, result: Result, names: Mapping[int, str] | None = None
) -> list[RegionStatistics]:
    """Write the table of chi in every region of the labels, and return its rows."""
    assert loaded.scan is not None
    chi, mask = result.maps["chi"], result.maps["eroded_mask"]
    rows = region_statistics(chi, loaded.data["labels"], loaded.scan.grid, names=names, mask=mask)
    write_table(out.path(TABLE), rows, reference=result.reference)
    return rows


def draw(path: Path, loaded: Loaded, result: Result) -> None:
    """Draw the maps a person looks at first."""
    from ..report.figures import mosaic  # noqa: PLC0415 (matplotlib is an extra, and slow to load)

    assert loaded.scan is not None
    maps = {"phase": loaded.scan.phase[..., 0]} | {
        name: result.maps[name] for name in ("total_field", "local_field", "chi", *FURTHER) if name in result.maps
    }
    if loaded.scan.magnitude is not None:
        maps = {"magnitude": loaded.scan.magnitude[..., 0]} | maps
    mosaic(maps, path, loaded.scan.grid, direction=np.array(loaded.geometry.direction), mask=result.maps["mask"])


def warn(warnings: list[str]) -> None:
    """Show warnings, one line each."""
    for warning in warnings:
        print(f"Warning: {one_line(warning)}", file=sys.stderr)

"""`qsm dicom`: a map as DICOM images in the study that it was computed from."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..documents import listed, read_document
from ..errors import InputError
from ..io.acquisitions import choose, find_acquisitions
from ..io.candidate import Candidate
from ..io.dicom.quantity import QUANTITIES, UNITS
from ..io.dicom.source import on_same_voxels
from ..io.dicom.writing import write_series
from ..io.nifti import NIFTI_ENDINGS, Geometry, read_volume
from ..io.writing import FILES, PROVENANCE, sidecar_beside, unit_said
from ..report.provenance import fingerprint
from ..settings import Settings
from .arguments import add_command

SETTINGS = "settings.toml"
"""Beside a map that `qsm run` wrote."""

ENDS = {"Chimap": "chi", "R2starmap": "r2star"}
"""Suffixes of BIDS that say what a map is."""


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "dicom", _work, "Write a map as DICOM into the study that it was computed from.")
    parser.add_argument("map", type=Path, metavar="MAP", help="image file, such as chimap.nii.gz")
    parser.add_argument(
        "--like", type=Path, required=True, metavar="DICOM", help="folder, file or zip of the DICOM images it is of"
    )
    parser.add_argument("--acquisition", metavar="NAME", help="of several there: name or number")
    parser.add_argument("--name", choices=tuple(QUANTITIES), help="what the map is (default: by the name of its file)")
    parser.add_argument("--unit", choices=tuple(UNITS), help="of the map's values (default: what qsm run writes)")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="that it was made with (default: the one beside)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the DICOM files")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")


def _work(args: argparse.Namespace) -> None:
    name = args.name or _named(args.map)
    image, geometry = read_volume(args.map)
    lost = ~np.isfinite(image)
    if lost.any():
        print(f"Warning: {int(lost.sum())} voxels are no finite numbers and are written as 0.", file=sys.stderr)
    sources = _acquisition(args, geometry).files()
    _refuse_other_images(args.map, sources)
    settings = _settings(args)
    if settings is None:
        print("Warning: no settings are beside the map: the DICOM files do not say them (--settings).", file=sys.stderr)
    files = write_series(
        args.out,
        np.where(lost, np.float32(0), image),
        geometry,
        sources,
        name=name,
        unit=_unit(args),
        settings=settings,
        force=args.force,
    )
    print(f"{args.out}: {len(files)} slices of {QUANTITIES[name].title}")


def _refuse_other_images(path: Path, sources: Sequence[Path]) -> None:
    """Refuse images none of which the map was made of, as the record of its run says: they may be another patient's.

    Nothing can be said where there is no record, or the map was made of NIfTI files.
    """
    record = path.with_name(PROVENANCE)
    content = read_document(record) if _ours(path) and record.is_file() else None
    inputs = content.get("inputs") if isinstance(content, dict) else None
    entries = [entry for entry in (inputs if isinstance(inputs, list) else ()) if isinstance(entry, dict)]
    known = {entry.get("sha256"): str(entry.get("entry", entry.get("file", ""))) for entry in entries}
    if not known or any(name.lower().endswith(NIFTI_ENDINGS) for name in known.values()):
        return
    if not any(fingerprint(source)["sha256"] in known for source in sources):
        raise InputError(
            f"{path.name} was made of none of the images of --like, as {PROVENANCE} beside it says: they "
            "may be another patient's: name the files it was made of, or run qsm run --dicom on these."
        )


def _ours(path: Path) -> bool:
    """Whether a map has the name that `qsm run` gives it, so that what lies beside is of the same run."""
    return _stem(path) in FILES.values()


def _unit(args: argparse.Namespace) -> str | None:
    """Return the unit of a map's values: the one a user names, or that of its side-car, None where neither says it."""
    said = unit_said(args.map)
    if said is None:
        return args.unit
    if said not in UNITS and args.unit is None:
        raise InputError(f"{args.map.name} is in {said}, which is none of {listed(UNITS)}: convert it.")
    if args.unit not in (None, said):
        mend = f"leave --unit out, or mend {sidecar_beside(args.map).name}"
        raise InputError(f"--unit {args.unit}, but the side-car says {said}: {mend}.")
    return said


def _stem(path: Path) -> str:
    return re.sub(r"\.nii(\.gz)?$", "", path.name)


def _named(path: Path) -> str:
    """Return what a map is by the name of its file."""
    stem = _stem(path)
    known = {file: name for name, file in FILES.items() if name in QUANTITIES} | {name: name for name in QUANTITIES}
    name = known.get(stem) or ENDS.get(stem.rpartition("_")[2])
    if name is None:
        raise InputError(f"The name of {path.name} does not say what the map is: name it with --name chi or another.")
    return name


def _acquisition(args: argparse.Namespace, geometry: Geometry) -> Candidate:
    """Return the acquisition that a user named, or the only one on the voxels of the map."""
    found = [candidate for candidate in find_acquisitions(args.like) if candidate.kind == "DICOM"]
    if args.like.is_file() and not any(on_same_voxels(candidate, geometry) for candidate in found):
        beside = find_acquisitions(args.like.parent)  # of a series with a file per slice, one was named
        found = [candidate for candidate in beside if args.like in candidate.files()]
    if not found:
        raise InputError(f"{args.like} holds no DICOM images: --like names those that the map was made of.")
    if args.acquisition is not None:
        return choose(found, args.acquisition)
    fitting = [i for i, candidate in enumerate(found) if on_same_voxels(candidate, geometry)]
    if len(fitting) > 1:
        listed = "; ".join(f"{i + 1} = {found[i].title}" for i in fitting)
        raise InputError(
            f"{len(fitting)} acquisitions lie on the voxels of the map: name its own with --acquisition ({listed})."
        )
    return found[fitting[0] if fitting else 0]


def _settings(args: argparse.Namespace) -> Settings | None:
    """Return the settings that a map was made with, None where nobody says them."""
    if args.settings is not None:
        return Settings.read(args.settings)
    beside = args.map.parent / SETTINGS
    return Settings.read(beside) if _ours(args.map) and beside.is_file() else None

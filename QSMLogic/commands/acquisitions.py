"""`qsm acquisitions`: what a folder or an archive holds that a map can be made of."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.acquisitions import find_acquisitions
from ..io.archive import origin_of
from ..io.candidate import Candidate
from ..progress import no_progress
from .arguments import add_command
from .terminal import Reporter, one_line


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "acquisitions", _acquisitions, "List the acquisitions in a folder, a zip file or a DICOM file."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="BIDS, NIfTI or DICOM; a zip or tar file of these")
    parser.add_argument("--json", action="store_true", help="for programs: a list of objects")


def _acquisitions(args: argparse.Namespace) -> None:
    """Print the acquisitions by the numbers that --acquisition takes; the command fails where none can be used."""
    with Reporter() as progress:  # of every file: too much for a log
        found = find_acquisitions(args.folder, progress if progress.terminal else no_progress)
    if args.json:
        print(json.dumps([_record(number, candidate) for number, candidate in enumerate(found, 1)], indent=2))
    else:
        for number, candidate in enumerate(found, 1):
            print("\n".join(_lines(number, candidate)))
    if all(candidate.problem for candidate in found):
        raise InputError(f"None of the acquisitions in {args.folder} can be used; their list says why.")


def _lines(number: int, candidate: Candidate) -> list[str]:
    """Return the title of an acquisition, and below what a person has to know of it."""
    said = [("problem", candidate.problem)] if candidate.problem else []
    said += [("warning", warning) for warning in candidate.warnings]
    said += [(one_line(name), _joined(value)) for name, value in candidate.facts.items()]
    return [f"{number} = {candidate.title}", *(f"    {name}: {one_line(text)}" for name, text in said)]


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _record(number: int, candidate: Candidate) -> dict[str, Any]:
    return {
        "number": number,
        "name": candidate.name,
        "title": candidate.title,
        "kind": candidate.kind,
        "usable": not candidate.problem,
        "problem": candidate.problem,
        "warnings": list(candidate.warnings),
        "parts": {part: len(volumes) for part, volumes in candidate.volumes.items()},
        "echo_times_s": None if candidate.echo_times is None else list(candidate.echo_times),
        "field_strength_t": candidate.field_strength,
        "shape": None if candidate.shape is None else list(candidate.shape),
        "facts": dict(candidate.facts),
        "files": [_named(path) for path in candidate.files()],
    }


def _named(path: Path) -> str:
    """Return a file's name, of an unpacked one the name of its entry."""
    origin = origin_of(path)
    return str(path) if origin is None else origin.entry

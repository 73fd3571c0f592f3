"""What a folder or archive holds that a susceptibility map can be made of: BIDS, other NIfTI files, or DICOM."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..progress import Progress, no_progress, part
from .archive import is_archive, unpacked
from .archive_entries import ARCHIVE_ENDINGS
from .bids import find_bids
from .candidate import Candidate
from .dicom.finding import dicom_files, find_dicom
from .load import Loaded, load
from .nifti import NIFTI_ENDINGS
from .parameters import DATA_SET
from .sources import Sources

MOST_FILES = 200_000
"""A folder with more is no examination, but somebody's disk."""

UNPACKING = 0.5
"""Of the work where there is something to unpack."""

NOT_RAW = {"derivatives", "sourcedata", "code", "stimuli"}
"""Folders in the root of a BIDS data set that hold other things than images of the scanner."""


def find_acquisitions(folder: str | Path, progress: Progress = no_progress) -> list[Candidate]:
    """Return the acquisitions in a folder and those below, the usable ones first.

    A single DICOM file, or a zip or tar file, will do too. What is found in an archive has its files in a temporary
    folder, which is there until `archive.remove_unpacked`, or until the process ends: read it before.
    Raises InputError, naming what was seen, where there is none.
    """
    folder = Path(folder)
    if not folder.exists():
        raise InputError(f"There is no folder {folder}.")
    progress(0.0, "Looking for images")
    place = folder
    if is_archive(folder):
        place = unpacked(folder, part(progress, 0.0, UNPACKING))
        progress = part(progress, UNPACKING, 1.0)
    shut: list[str] = []
    files = list(_files(place, shut)) if place.is_dir() else [place]
    images = [path for path in files if path.name.lower().endswith(NIFTI_ENDINGS)]
    found = find_bids(images)
    broken: list[str] = []
    nifti = set(images)
    dicom = dicom_files((path for path in files if path not in nifti), broken)
    found += find_dicom(dicom, broken, part(progress, 0.1, 1.0))
    closed = _closed(folder, files)
    if not found:
        raise InputError(_nothing(folder, len(files), len(images), len(dicom), [*shut, *broken]) + closed)
    if shut:
        closed += f" {len(shut)} folders cannot be read; the first: {shut[0]}"
    said = (closed.strip(),) if closed else ()
    found = [replace(candidate, warnings=(*candidate.warnings, *said)) for candidate in found]
    progress(1.0, "")
    return sorted(found, key=lambda candidate: bool(candidate.problem))


def choose(candidates: Sequence[Candidate], wanted: str | None = None) -> Candidate:
    """Return the acquisition of a number (from 1), name or title; without one, the only one that can be used.

    Raises InputError, listing the acquisitions, where that leaves a choice.
    """
    usable = [candidate for candidate in candidates if not candidate.problem]
    listed = "; ".join(f"{i + 1} = {candidate.title}" for i, candidate in enumerate(candidates))
    if wanted is None:
        if len(usable) == 1:
            return usable[0]
        if not usable and len(candidates) == 1:
            return candidates[0]
        if not usable:
            raise InputError(f"None of {len(candidates)} acquisitions can be used: {_problems(candidates)}")
        raise InputError(f"There are {len(candidates)} acquisitions: name one with --acquisition ({listed}).")
    if wanted.isdecimal() and 1 <= int(wanted) <= len(candidates):
        return candidates[int(wanted) - 1]
    named = [candidate for candidate in candidates if wanted in (candidate.name, candidate.title)]
    if len(named) != 1:
        raise InputError(f"Acquisition {wanted!r} is none of them, or several: name one by its number ({listed}).")
    return named[0]


def _problems(candidates: Sequence[Candidate]) -> str:
    """Return why acquisitions cannot be used, each reason once."""
    named: dict[str, dict[str, None]] = {}
    for candidate in candidates:
        named.setdefault(candidate.problem, {})[candidate.name] = None
    return " ".join(f"{', '.join(names)}: {problem}" for problem, names in named.items())


def read_acquisition(candidate: Candidate) -> Loaded:
    """Read an acquisition: the scan (phase in rad, magnitude), geometry, facts and warnings.

    Raises InputError where it cannot be used, or a file cannot be read.
    """
    return load(Sources().of(candidate))


def _files(folder: Path, shut: list[str]) -> Iterator[Path]:
    """Return the files of a folder and those below, in the order of their names; hidden ones are left out.

    Sentences on folders that cannot be read are added to shut.
    """
    count, seen = 0, set()

    def note(error: OSError) -> None:
        shut.append(f"{error.filename} ({error.strerror}).")

    for place, folders, names in os.walk(folder, followlinks=True, onerror=note):
        left_out = NOT_RAW if DATA_SET in names else set()
        folders[:] = sorted(name for name in folders if name not in left_out and not name.startswith("."))
        itself = os.path.realpath(place)
        if itself in seen:  # a link led here again, perhaps in a circle
            folders.clear()
            continue
        seen.add(itself)
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                raise InputError(f"{folder} holds more than {MOST_FILES} files: choose the folder of one examination.")
            path = Path(place, name)
            if not name.startswith(".") and (path.is_file() or not path.exists()):  # no pipe; a broken link is told
                yield path


def _closed(folder: Path, files: Sequence[Path]) -> str:
    """Return a sentence on archives among the files, which are not looked into, empty where there is none."""
    inside = [path for path in files if path.name.lower().endswith(ARCHIVE_ENDINGS)]
    if not inside:
        return ""
    said = "which was" if len(inside) == 1 else f"and {len(inside) - 1} more, which were"
    return f" {folder} holds the archive {inside[0].name}, {said} not looked into: give that file itself, or unpack it."


def _nothing(folder: Path, files: int, images: int, dicom: int, broken: Sequence[str]) -> str:
    others = files - images - dicom
    seen = [f"{count} {kind}" for count, kind in ((images, "NIfTI"), (dicom, "DICOM"), (others, "other")) if count]
    found = f"{' and '.join(seen)} files, but no gradient-echo phase" if seen else "no files"
    said = f" Not readable: {broken[0]}" if broken else ""
    return f"{folder} holds {found}: choose a folder with phase images, as DICOM, BIDS or NIfTI with side-cars.{said}"

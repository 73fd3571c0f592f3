"""Acquisitions among DICOM files."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

from ...errors import InputError
from ...progress import Progress, no_progress
from ..candidate import Candidate
from .candidate import candidate_of
from .headers import Slice, is_dicom, read_slices
from .sorting import sort_slices


def find_in_files(paths: Sequence[str | Path], progress: Progress = no_progress) -> list[Candidate]:
    """Return the acquisitions in a list of files, such as a selection in a DICOM database, the usable ones first.

    Files that are no DICOM images of magnetic resonance are left out; without any, the list is empty. Raises InputError
    where pydicom is missing.
    """
    broken: list[str] = []
    files = dicom_files([Path(path) for path in paths], broken)
    return sorted(find_dicom(files, broken, progress), key=lambda candidate: bool(candidate.problem))


def dicom_files(paths: Iterable[Path], broken: list[str]) -> list[Path]:
    """Return those of the files that are DICOM; sentences on what cannot be read are added to broken."""
    found = []
    for path in paths:
        try:
            if is_dicom(path):
                found.append(path)
        except InputError as error:
            broken.append(str(error))
    return found


def find_dicom(files: Sequence[Path], broken: list[str], progress: Progress = no_progress) -> list[Candidate]:
    """Return the acquisitions in DICOM files; sentences on files that cannot be read join those in broken.

    Raises InputError where pydicom is missing.
    """
    if files:
        _refuse_without_pydicom(files[0])
    slices: dict[Hashable, Slice] = {}
    for i, path in enumerate(files):
        progress(i / len(files), f"Reading {path.name}")
        try:
            slices |= {_copied(s): s for s in read_slices(path) if s.part}
        except InputError as error:
            broken.append(str(error))
    candidates = [candidate_of(found, broken) for found in sort_slices(slices.values())]
    return [candidate for candidate in candidates if candidate is not None]


def _copied(s: Slice) -> Hashable:
    """Return what a slice has in common with its copies alone: some programs give all images the same UID."""
    return s.uid, s.series.uid, s.series.patient, s.part, s.echo, s.number, s.coil, s.orders, s.frame.position


def _refuse_without_pydicom(path: Path) -> None:
    try:
        import pydicom  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        raise InputError(
            f"{path.parent} holds DICOM files, and reading them needs pydicom: pip install 'slicerqsm[dicom]'."
        ) from None

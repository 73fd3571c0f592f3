"""Acquisitions among DICOM files: slices into volumes, volumes of all parts and echoes into acquisitions.

Magnitude and phase lie in one series or in several, echoes too. Series of one study are put together in the order of
their numbers as long as protocol, timing and plane are the same and none holds an echo twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import InputError
from ..progress import Progress, no_progress
from .candidate import Candidate, Frame, Stack, clean, lacking, other_geometry, wanted
from .dicom_headers import Slice, is_dicom, read_slices
from .nifti import Geometry

SAME_POSITION = 1e-3
"""mm; slices nearer than this are the same slice twice."""

EVEN = 0.02
"""Largest relative difference between the distances of neighbouring slices that counts as rounding."""

STRAIGHT = 0.1
"""mm; slices that lie further aside from a line along their normal are sheared."""

Volumes: TypeAlias = dict[tuple[str, float], list[Slice]]
"""Slices by part and echo."""


def find_in_files(paths: Sequence[str | Path], progress: Progress = no_progress) -> list[Candidate]:
    """Return the acquisitions in a list of files, such as a selection in a DICOM database, the usable ones first.

    Files that are no DICOM images of magnetic resonance are left out; without any, the list is empty. Raises InputError
    where pydicom is missing.
    """
    unreadable: list[str] = []
    files = dicom_files([Path(path) for path in paths], unreadable)
    return sorted(find_dicom(files, unreadable, progress), key=lambda candidate: bool(candidate.problem))


def dicom_files(paths: Iterable[Path], unreadable: list[str]) -> list[Path]:
    """Return those of the files that are DICOM; sentences on what cannot be read are added to unreadable."""
    found = []
    for path in paths:
        try:
            if is_dicom(path):
                found.append(path)
        except InputError as error:
            unreadable.append(str(error))
    return found


def find_dicom(files: Sequence[Path], unreadable: list[str], progress: Progress = no_progress) -> list[Candidate]:
    """Return the acquisitions in DICOM files; sentences on files that cannot be read join those in unreadable.

    Raises InputError where pydicom is missing.
    """
    if files:
        _refuse_without_pydicom(files[0])
    slices: dict[tuple[str, int], Slice] = {}
    for i, path in enumerate(files):
        progress(i / len(files), f"Reading {path.name}")
        try:
            slices |= {s.uid: s for s in read_slices(path) if s.part}
        except InputError as error:
            unreadable.append(str(error))
    found = [_candidate(volumes, unreadable) for volumes in _acquisitions(slices.values())]
    return [candidate for candidate in found if candidate is not None]


def _refuse_without_pydicom(path: Path) -> None:
    try:
        import pydicom  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        raise InputError(
            f"{path.parent} holds DICOM files, and reading them needs pydicom: pip install 'slicerqsm[dicom]'."
        ) from None


def _acquisitions(slices: Iterable[Slice]) -> list[Volumes]:
    """Return the volumes of every acquisition."""
    series: dict[tuple[Any, ...], Volumes] = defaultdict(lambda: defaultdict(list))
    for s in slices:
        plane = (s.size, tuple(np.round((*s.spacing, *s.axes), 2).tolist()))
        key = (s.series.study, s.series.protocol, plane)
        series[s.series.number, s.series.uid, key][s.part, s.echo].append(s)
    found: list[Volumes] = []
    latest: dict[tuple[Any, ...], Volumes] = {}
    for (_, _, key), volumes in sorted(series.items(), key=lambda item: item[0][:2]):
        if key in latest and not set(volumes) & set(latest[key]):
            latest[key].update(volumes)
        else:
            found.append(volumes)
            latest[key] = volumes
    return found


def _candidate(volumes: Volumes, unreadable: Sequence[str]) -> Candidate | None:
    """Return an acquisition, None for a series that is no part of one: no phase, and no gradient echo either."""
    first = next(iter(volumes.values()))[0].series
    there: dict[str, list[float]] = defaultdict(list)
    for part, echo in sorted(volumes):
        there[part].append(echo)
    if set(there) == {"magnitude"} and not first.gradient_echo:
        return None
    parts = wanted(there)
    echoes = sorted({echo for part in parts for echo in there.get(part, ())}, key=abs)
    said = {echo: f"echo {i + 1}{f' ({echo * 1000:g} ms)' if echo > 0 else ''}" for i, echo in enumerate(echoes)}
    problem = lacking({part: there.get(part, ()) for part in parts}, said)
    stacks: dict[str, tuple[Stack, ...]] = {}
    try:
        for part in parts:
            if part in there:
                made = (_stack(volumes[part, echo], f"{part} of {said[echo]}") for echo in there[part])
                stacks[part] = tuple(made)
    except InputError as error:
        problem = str(error)
    named = {f"{p} {i + 1}": s.geometry for p, several in stacks.items() for i, s in enumerate(several)}
    problem = problem or other_geometry(named)
    return Candidate(
        name=first.name or f"series {first.number}",
        kind="DICOM",
        description=clean(f"(series {first.number}{', ' if first.patient else ''}{first.patient})"),
        volumes=stacks or dict.fromkeys(there, ()),
        echo_times=tuple(echoes) if min(echoes) > 0 else None,
        field_strength=first.field_strength,
        shape=next(iter(named.values())).shape if named else None,
        problem=problem,
        warnings=_warnings(volumes, parts, unreadable),
        facts=dict(first.facts),
    )


def _warnings(volumes: Volumes, parts: Sequence[str], unreadable: Sequence[str]) -> tuple[str, ...]:
    slices = [s for (part, _), several in volumes.items() if part in parts for s in several]
    said = list(dict.fromkeys(s.doubt for s in slices if s.doubt))
    if unreadable:
        said.append(f"{len(unreadable)} files cannot be read; the first: {unreadable[0]}")
    if len({s.series.field_strength for s in slices}) > 1:
        said.append("The series name different field strengths: check that they are of one scan.")
    return tuple(said)


def _stack(slices: list[Slice], named: str) -> Stack:
    """Return a volume's slices in order along their normal. Raises InputError where they make no regular volume."""
    first = slices[0]
    axes = _perpendicular(first, named)
    places = np.array([s.frame.position for s in slices])
    along = (places - places[0]) @ axes[:, 2]
    order = np.argsort(along, kind="stable")
    along, places = along[order], places[order]
    step = _step(along, first.thickness, named)
    straight = places[0] + (along - along[0])[:, None] * axes[:, 2]
    if np.abs(places - straight).max() > STRAIGHT:
        raise InputError(f"The slices of the {named} are sheared (a tilted gantry): resample them to a regular grid.")
    geometry = Geometry(
        (*first.size, len(slices)),
        (*first.spacing, step),
        tuple(places[0].tolist()),
        tuple(axes.ravel().tolist()),
    )
    frames: list[Frame] = [slices[i].frame for i in order]
    return Stack(tuple(frames), geometry)


def _perpendicular(first: Slice, named: str) -> np.ndarray:
    """Return the axes of rows, columns and slices in the columns of a matrix, rounding in the header mended."""
    row, column = np.array(first.axes[:3]), np.array(first.axes[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > EVEN or abs(lengths[1] - 1) > EVEN or abs(row @ column) > EVEN:
        raise InputError(f"The {named} has an orientation that makes no sense: its header is damaged. Export it again.")
    row = row / lengths[0]
    column = column - row * (row @ column)
    column /= np.linalg.norm(column)
    return np.column_stack([row, column, np.cross(row, column)])


def _step(along: np.ndarray, thickness: float | None, named: str) -> float:
    """Return the distance of neighbouring slices (mm). Raises InputError where slices are missing, or there twice."""
    if len(along) == 1:
        if thickness is None or thickness <= 0:
            raise InputError(f"The {named} is one slice of a thickness that nothing says: export the whole volume.")
        return thickness
    gaps = np.diff(along)
    twice = int((gaps <= SAME_POSITION).sum())
    if twice:
        raise InputError(
            f"{twice} of {len(along)} slices of the {named} are there more than once (repetitions, coils or copies "
            "in one series): keep the images of one acquisition only."
        )
    step = float(np.sort(gaps)[(len(gaps) - 1) // 2])  # of two gaps the smaller one: the other may be a slice wider
    lost = int(np.rint(gaps / step - 1).sum())
    if lost:
        place = int(np.argmax(gaps)) + 1
        raise InputError(f"{lost} slices of the {named} are missing, after slice {place} first: export all of them.")
    if np.abs(gaps / step - 1).max() > EVEN:
        raise InputError(f"The slices of the {named} are {gaps.min():.3g} to {gaps.max():.3g} mm apart: "
                         "equal distances are needed.")  # fmt: skip
    return float((along[-1] - along[0]) / (len(along) - 1))

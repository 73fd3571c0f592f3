"""Acquisitions among NIfTI files: by BIDS names, or by the names that dcm2niix and people give."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from .candidate import PARTS, Candidate, clean, lacking, other_geometry, wanted
from .nifti import Geometry, read_geometry
from .parameters import Acquisition, gather, stem

SUFFIXES = ("MEGRE", "GRE", "T2starw")
"""What BIDS calls gradient-echo images of which a map can be made."""

BIDS_NAME = re.compile(r"sub-[^_-]+(_[a-z]+-[^_-]+)*_[A-Za-z0-9]+")

PART_WORDS = {
    "phase": "phase", "pha": "phase", "ph": "phase", "mag": "magnitude", "magn": "magnitude", "magnitude": "magnitude",
    "real": "real", "imag": "imaginary", "imaginary": "imaginary",
}  # fmt: skip
"""Parts by their words in names; dcm2niix writes ph, real and imaginary, and nothing for magnitude."""

ECHO_WORD = re.compile(r"(?:e|echo)(\d{1,3})")
PARAMS = "params.json"
"""A parameter file of this name speaks of the images beside it."""


@dataclass(frozen=True)
class Named:
    """What the name of an image says. name: without part and echo, what the images of an acquisition share."""

    path: Path
    name: str
    suffix: str
    part: str
    echo: int


def find_bids(files: Sequence[Path]) -> list[Candidate]:
    """Return the acquisitions among NIfTI files, in the order of their names."""
    groups: dict[tuple[Path, str, str], list[Named]] = defaultdict(list)
    for path in files:
        image = _by_entities(path) if BIDS_NAME.fullmatch(stem(path) or "") else _by_words(path)
        if image is not None:
            groups[path.parent, image.name, image.suffix].append(image)
    found = [_candidate(images) for _, images in sorted(groups.items())]
    return [candidate for candidate in found if candidate is not None]


def _by_entities(path: Path) -> Named | None:
    """Read a BIDS name, None for images of another kind. Without part, BIDS means the magnitude."""
    entities, suffix = entities_of(path, ())
    if suffix not in SUFFIXES:
        return None
    part, echo = PART_WORDS.get(entities.pop("part", "mag"), ""), entities.pop("echo", "1")
    name = "_".join(f"{key}-{value}" for key, value in entities.items())
    return Named(path, name, suffix, part, int(echo) if echo.isdecimal() else 1)


def entities_of(path: Path, without: Sequence[str] = ("part", "echo")) -> tuple[dict[str, str], str]:
    """Return the entities of a BIDS name, in its order, without these, and its suffix."""
    *words, suffix = (stem(path) or "").split("_")
    entities = dict(word.split("-", 1) for word in words)
    return {key: label for key, label in entities.items() if key not in without}, suffix


def _by_words(path: Path) -> Named:
    """Read any other name: words for part and echo, the rest is the acquisition's."""
    words = re.split(r"[_\-. ]+", stem(path) or "")
    parts = [PART_WORDS[word.lower()] for word in words if word.lower() in PART_WORDS]
    echoes = [found for word in words if (found := ECHO_WORD.fullmatch(word.lower()))]
    rest = [w for w in words if w.lower() not in PART_WORDS and not ECHO_WORD.fullmatch(w.lower())]
    return Named(path, "_".join(rest), "", parts[0] if parts else "", int(echoes[0][1]) if echoes else 1)


def _candidate(images: list[Named]) -> Candidate | None:
    """Return an acquisition, None where nothing says that images are one."""
    bids = bool(images[0].suffix)
    if not bids:
        if not {image.part for image in images} & {"phase", "real", "imaginary"}:
            return None
        images = [image if image.part else replace(image, part="magnitude") for image in images]
    there = {part: sorted((i for i in images if i.part == part), key=lambda i: i.echo) for part in PARTS}
    parts = [part for part in wanted(part for part in PARTS if there[part]) if there[part]]
    if not parts:
        return None
    volumes = {part: tuple(image.path for image in there[part]) for part in parts}
    echoes = {part: [image.echo for image in there[part]] for part in parts}
    problem = lacking(echoes, {echo: f"echo {echo}" for echo in sorted(set().union(*echoes.values()))})
    problem = problem or _twice(echoes)
    params = images[0].path.with_name(PARAMS)
    params_given = params if not bids and params.is_file() else None
    known, geometry = Acquisition(None, None, None, None, {}), None
    try:
        known = gather(volumes[parts[0]], params_given)
        geometry = _geometry(volumes)
    except InputError as error:
        problem = problem or str(error)
    return Candidate(
        name=clean(images[0].name) or clean(images[0].path.parent.name) or "acquisition",
        kind="BIDS" if bids else "NIfTI",
        description=images[0].suffix,
        volumes=volumes,
        echo_times=known.echo_times,
        field_strength=known.field_strength,
        shape=None if geometry is None else geometry.shape,
        params=params_given,
        problem=problem,
        warnings=_gaps(echoes) if bids else (),
    )


def _gaps(echoes: Mapping[str, list[int]]) -> tuple[str, ...]:
    """Return a warning where the echoes are not numbered without a gap: some may have been lost on the way."""
    numbers = sorted(set().union(*echoes.values()))
    if numbers[0] in (0, 1) and len(numbers) == numbers[-1] - numbers[0] + 1:
        return ()
    return (f"Of the echoes only {', '.join(map(str, numbers))} are there: were others not copied?",)


def _twice(echoes: Mapping[str, list[int]]) -> str:
    for part, numbers in echoes.items():
        if len(set(numbers)) < len(numbers):
            return f"An echo of the {part} is there twice (such as .nii and .nii.gz): keep one of the files."
    return ""


def _geometry(volumes: Mapping[str, tuple[Path, ...]]) -> Geometry:
    """Return where the images lie. Raises InputError where they do not lie on the same voxels."""
    read = {path.name: read_geometry(path) for paths in volumes.values() for path in paths}
    difference = other_geometry(read)
    if difference:
        raise InputError(difference)
    return next(iter(read.values()))

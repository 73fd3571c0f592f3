"""The units of a BIDS data set: every gradient-echo acquisition of the subjects that are wanted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from ..documents import listed
from ..errors import InputError
from ..io.bids import SUFFIXES, entities_of, find_bids
from ..io.candidate import Candidate
from ..io.outputs import in_words
from ..io.parameters import DATA_SET, sidecars, stem
from ..progress import Progress, no_progress
from .names import in_order, named
from .unit import Unit

MOST_LISTED = 8
"""Labels that a refusal lists: enough to recognise a pattern."""

PART = "_part-"
"""Stands in the name of an image that is one of magnitude, phase, real and imaginary; others are magnitudes."""

NO_IMAGES = "There are no gradient-echo images (MEGRE, GRE or T2starw)."
STRAY = "which its name contradicts: move or rename it."
NO_TIMES = "No side-car says the echo times: write EchoTime, in seconds, into the .json of each image."
NO_PHASE = "There is only a magnitude image of no named part, and a map is made of phase."


def units(
    dataset: Path,
    *,
    participants: Sequence[str] = (),
    sessions: Sequence[str] = (),
    acquisitions: Sequence[str] = (),
    runs: Sequence[str] = (),
    progress: Progress = no_progress,
) -> list[Unit]:
    """Return the gradient-echo acquisitions of a BIDS data set, in the order of their names, by their headers alone.

    Labels choose among them, with or without "sub-", "ses-", "acq-" or "run-"; none of a kind stands for all. A session
    without any such image is a unit too, of which nothing can be made, unless labels choose acquisitions or runs.
    Raises InputError where the folder is no data set, or where a label names nothing.
    """
    folders = _subjects(Path(dataset), participants)
    found: list[Unit] = []
    for i, folder in enumerate(folders):
        progress(i / len(folders), f"Looking for images: {folder.name}")
        found += _units_or_reason(folder)
    wanted = {"ses": _labels("ses", sessions), "acq": _labels("acq", acquisitions), "run": _labels("run", runs)}
    for key, labels in wanted.items():
        found = _chosen(found, key, labels)
    progress(1.0, "")
    return found


def _subjects(dataset: Path, participants: Sequence[str]) -> list[Path]:
    if not dataset.is_dir():
        raise InputError(f"There is no folder {dataset}: name the root of a BIDS data set.")
    there = {path.name: path for path in sorted(dataset.glob("sub-?*")) if path.is_dir()}
    if not there:
        raise InputError(f"{dataset} holds no folders of subjects (sub-...): name the root of a BIDS data set.")
    if not (dataset / DATA_SET).is_file():
        raise InputError(f"{dataset} holds no {DATA_SET}, as every BIDS data set does: name its root, or add the file.")
    wanted = [f"sub-{label}" for label in _labels("sub", participants)]
    for name in wanted:
        if name not in there:
            raise InputError(f"There is no subject {name} in {dataset}; {_near(name, list(there))}.")
    return [there[name] for name in (dict.fromkeys(sorted(wanted)) or there)]


def _units_or_reason(subject: Path) -> list[Unit]:
    """Return the units of a subject; where its folders cannot be looked through, one that says why."""
    try:
        return _units(subject)
    except OSError as error:
        problem = in_words(error, subject)
    except Exception as error:  # noqa: BLE001 (a fault in one subject must not stop the others)
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        problem = f"Unexpected error in listing it ({said}): report what qsm acquisitions {subject} --debug says."
    empty = _empty(dict([subject.name.split("-", 1)]))
    return [replace(empty, candidate=replace(empty.candidate, problem=problem), nothing=False)]


def _units(subject: Path) -> list[Unit]:
    """Return the units of a subject, session by session."""
    found: list[Unit] = []
    sessions = sorted(path for path in subject.glob("ses-*") if path.is_dir())
    for place in (subject, *sessions):
        home = dict(folder.name.split("-", 1) for folder in dict.fromkeys((subject, place)))
        candidates = [candidate for candidate in find_bids(list(_images(place))) if candidate.kind == "BIDS"]
        here = _compared(_told_apart([_unit(candidate, home) for candidate in candidates]))
        found += here or ([] if sessions and place == subject else [_empty(home)])
    return found


def _images(place: Path) -> Iterator[Path]:
    """Return the gradient-echo images in a folder and those below, without those of sessions in it."""
    for folder, folders, names in os.walk(place, onerror=_raised):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "ses-")))
        for name in sorted(names):
            if (stem(Path(name)) or "").rpartition("_")[2] in SUFFIXES and not name.startswith("."):
                yield Path(folder, name)


def _raised(error: OSError) -> None:
    raise error


def _unit(candidate: Candidate, home: dict[str, str]) -> Unit:
    """Return the unit of an acquisition, which cannot be used where its name and its folder contradict each other."""
    file = candidate.files()[0]
    said = entities_of(file)[0]
    entities = home | {key: label for key, label in said.items() if key not in ("sub", "ses")}
    nothing = bool(candidate.problem) and set(candidate.volumes) == {"magnitude"} and PART not in file.name
    problem = NO_PHASE if nothing else _absent(candidate) or candidate.problem
    problem = problem or ("" if candidate.echo_times else NO_TIMES)
    if {key: label for key, label in said.items() if key in ("sub", "ses")} != home:
        problem = f"{file.name} lies in the folder of {named(home)}, {STRAY}"
    told = replace(candidate, problem=problem, facts=dict(candidate.facts))
    return Unit(named(entities), entities, told, nothing and problem == NO_PHASE)


def _absent(candidate: Candidate) -> str:
    """Return in a sentence which file is not there but by its name, as in a data set of datalad, or nothing."""
    if not candidate.problem:
        return ""
    links = [path for image in candidate.files() for path in (image, *sidecars(image)) if path.is_symlink()]
    lost = next((path for path in links if not path.exists()), None)
    return "" if lost is None else f"{lost} is a link to a file that is not here: fetch it, such as with datalad get."


def _told_apart(found: list[Unit]) -> list[Unit]:
    """Give units that differ by nothing but their suffix another name: the suffix joins the label of acq.

    Of those of one name of which one lies in a folder that is not its own, that one is left, and says so.
    """
    strays = {unit.name: unit for unit in found if unit.candidate.problem.endswith(STRAY)}
    found = [unit for unit in found if strays.get(unit.name, unit) is unit]
    names = Counter(unit.name for unit in found)
    made = [unit if names[unit.name] == 1 else _with_suffix(unit) for unit in found]
    names = Counter(unit.name for unit in made)
    if max(names.values(), default=1) == 1:
        return made
    twice = "Its images are there twice, in different folders: keep those of one folder."
    first = {unit.name: replace(unit, candidate=replace(unit.candidate, problem=twice)) for unit in made}
    return [unit for unit in made if names[unit.name] == 1] + [first[name] for name in names if names[name] > 1]


def _with_suffix(unit: Unit) -> Unit:
    acquisition = unit.entities.get("acq", "") + unit.candidate.description
    entities = in_order({**unit.entities, "acq": acquisition})
    return replace(unit, name=named(entities), entities=entities)


def _compared(found: list[Unit]) -> list[Unit]:
    """Say of units whether their entities are within those of another one."""
    entities = [unit.entities.items() for unit in found]
    return [replace(unit, within=any(unit.entities.items() < other for other in entities)) for unit in found]


def _empty(home: dict[str, str]) -> Unit:
    """Return the unit of a session without gradient-echo images."""
    name = named(home)
    return Unit(name, home, Candidate(name, "BIDS", "", {}, problem=NO_IMAGES, facts={}), nothing=True)


def _labels(key: str, labels: Sequence[str]) -> list[str]:
    return [label.removeprefix(f"{key}-") for label in labels]


def _chosen(found: list[Unit], key: str, labels: Sequence[str]) -> list[Unit]:
    """Return the units of any of the labels. Raises InputError for a label that no unit has."""
    if not labels:
        return found
    have = [_same(key, _label(unit, key)) for unit in found]
    for label in labels:
        if _same(key, label) not in have:
            known = sorted({f"{key}-{_label(unit, key)}" for unit in found if _label(unit, key)})
            raise InputError(f"No acquisition of these subjects has {key}-{label}; {_near(f'{key}-{label}', known)}.")
    wanted = {_same(key, label) for label in labels}
    return [unit for unit, label in zip(found, have, strict=True) if label in wanted]


def _label(unit: Unit, key: str) -> str:
    """Return the label that the images of a unit have, which may be less than what its name says."""
    files = unit.candidate.files()
    return (entities_of(files[0])[0] if files else unit.entities).get(key, "")


def _same(key: str, label: str) -> str:
    """Return what labels that mean the same share: run 1 is run 01."""
    return str(int(label)) if key == "run" and label.isdecimal() else label


def _near(name: str, known: Sequence[str]) -> str:
    """Return in words which names there are, those like the one asked for first."""
    near = sorted(get_close_matches(name, known, MOST_LISTED, 0.6))
    if near:
        return f"near ones are {listed(near)}"
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    return f"there are {listed(known[:MOST_LISTED])}{more}" if known else "there is none with such a label"

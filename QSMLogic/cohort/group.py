"""The group level: the numbers of all units in two tables, with what is known of the subjects and of their scans."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..documents import listed
from ..errors import InputError
from ..io.outputs import OutputFolder
from . import labels, tables
from .member import FINISHED, Member, members
from .names import LOGS
from .tables import Column
from .unit import Status

REGION_TABLE, QUALITY_TABLE = "group_regions.tsv", "group_quality.tsv"
"""In the root of the derivatives; a .json beside each says what its columns mean."""

PARTICIPANTS, ID = "participants.tsv", "participant_id"
"""BIDS's table of the subjects, and its first column."""

MOST_NAMED = 5
"""Names that a warning lists: enough to find the others."""

ENTITIES = {
    "sub": Column(ID, "Subject."),
    "ses": Column("session_id", "Session."),
    "acq": Column("acquisition", "Label of the acquisition."),
    "run": Column("run", "Run."),
}
"""Columns by the entities they hold; others are called as their entity. The first is always there."""

DIGESTS = Column("settings_digest", "Stands for settings and version: values are comparable where it is the same.")

FACTS = (
    Column("field_strength", "Strength of the main field.", "T"),
    Column("echo_times", "Echo times, with commas between.", "s"),
    Column("voxel_size", "Edges of a voxel, with x between.", "mm"),
    Column("software_version", "Version of SlicerQSM."),
)

LEVELS = {
    Status.DONE: "It has a map.",
    Status.NOTHING: "It has no images to make a map of.",
    Status.FAILED: "Something was wrong with its images, or with the machine.",
}

FATE = (
    Column("status", "What became of the acquisition last.", more={"Levels": LEVELS}),
    Column("reason", "Why it has no values."),
    Column("warnings", "How many warnings there were."),
)


def write_group(dataset: Path, out: Path) -> list[str]:
    """Write both tables over all units, together or not at all, and return warnings.

    dataset: the BIDS data set; out: that of the derivatives. Raises: InputError where there is nothing to tell, or a
    table of the data set cannot be read.
    """
    there = members(out)
    if not any(member.outcome.status in FINISHED for member in there):
        raise InputError(f"{out} holds no finished acquisition: run qsm bids at level participant first.")
    ids, measured = _columns_of(there), _measures(there)
    people, known = _people(dataset, {c.name for c in (*ids, *labels.COLUMNS, *FACTS, DIGESTS, *FATE, *measured)})
    facts = [*FACTS, replace(DIGESTS, more={"Levels": _settings(there)})]
    regions = [*ids, *labels.COLUMNS, *facts, *people]
    quality = [*ids, *FATE, *facts, *measured, *people]
    files = [Path(name).with_suffix(end).name for name in (REGION_TABLE, QUALITY_TABLE) for end in (".tsv", ".json")]
    with OutputFolder(out, files, force=True) as folder:
        rows = [_unit_row(member, known) | dict(row) for member in there for row in member.regions]
        tables.write(folder.path(REGION_TABLE), regions, rows)
        lines = [_unit_row(member, known) | _fate(member) | _values(member) for member in there]
        tables.write(folder.path(QUALITY_TABLE), quality, lines)
    return list(_warnings(dataset, there, known))


def _people(dataset: Path, taken: set[str]) -> tuple[list[Column], dict[str, dict[str, str]]]:
    """Return the columns that participants.tsv adds to those whose names are taken, and its values by subject."""
    path = dataset / PARTICIPANTS
    if not path.is_file():
        return [], {}
    rows = tables.read(path)
    titles = {title: f"participants_{title}" if title in taken else title for title in (rows[0] if rows else ())}
    titles.pop(ID, None)
    if any(ID not in row for row in rows):
        raise InputError(f"{path} has no column {ID}, by which it speaks of subjects: add it.")
    twice = [name for name, count in Counter(row[ID] for row in rows).items() if count > 1]
    if twice:
        raise InputError(f"{path} has more than one row for {listed(twice[:MOST_NAMED])}: keep one of each.")
    said = tables.described(path)
    columns = [Column(new, f"{old} in {PARTICIPANTS}.", more=_object(said.get(old))) for old, new in titles.items()]
    return columns, {row[ID]: {new: row[old] for old, new in titles.items()} for row in rows}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _columns_of(there: Sequence[Member]) -> list[Column]:
    """Return the columns of the entities that any unit has."""
    has = dict.fromkeys(key for member in there for key in member.entities)
    keys = [key for key in ENTITIES if key in has or key == "sub"] + [key for key in has if key not in ENTITIES]
    return [ENTITIES.get(key, Column(key, f"BIDS entity {key}.")) for key in keys]


def _settings(there: Iterable[Member]) -> dict[str, str]:
    """Return what each digest stands for: a version, and where the first of its settings lie."""
    first = {member.digest: member for member in reversed(list(there)) if member.digest}
    return {digest: f"SlicerQSM {_version(one)}, {LOGS}/{one.name}/settings.toml" for digest, one in first.items()}


def _version(member: Member) -> str | None:
    return member.provenance.get("versions", {}).get("slicerqsm")


def _measures(there: Iterable[Member]) -> list[Column]:
    """Return the columns of the measures of quality, in their order."""
    found: dict[str, Column] = {}
    for member in there:
        for name, said in member.provenance.get("quality", {}).items():
            found.setdefault(name, Column(name, f"{said['label']}.", said["unit"]))
    return list(found.values())


def _unit_row(member: Member, known: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what both tables say of a unit."""
    entities, scan = member.entities, member.provenance.get("scan", {})
    ids = {ENTITIES[key].name if key in ENTITIES else key: label for key, label in entities.items()}
    subject = f"sub-{entities.get('sub', '')}"
    ids |= {ID: subject} | ({"session_id": f"ses-{entities['ses']}"} if "ses" in entities else {})
    facts = {
        "field_strength": scan.get("field_strength_t"),
        "echo_times": ",".join(f"{time:g}" for time in scan.get("echo_times_s") or ()),
        "voxel_size": "x".join(f"{edge:g}" for edge in scan.get("voxel_size_mm") or ()),
        "software_version": _version(member),
        "settings_digest": member.digest,
    }
    return ids | facts | dict(known.get(subject, {}))


def _fate(member: Member) -> dict[str, Any]:
    if member.outcome.status is Status.NOTHING:
        status = Status.NOTHING
    else:
        status = Status.FAILED if member.problem else Status.DONE
    return {"status": status, "reason": member.problem, "warnings": len(member.outcome.warnings)}


def _values(member: Member) -> dict[str, Any]:
    return {name: said["value"] for name, said in member.provenance.get("quality", {}).items()}


def _warnings(dataset: Path, there: Sequence[Member], known: Mapping[str, Any]) -> Iterator[str]:
    lacking = [member.name for member in there if member.problem and member.outcome.status is not Status.NOTHING]
    if lacking:
        yield f"Not among the regions, as they failed: {_named(lacking)}; {QUALITY_TABLE} says why."
    subjects = {f"sub-{member.entities.get('sub', '')}" for member in there}
    never = sorted(path.name for path in dataset.glob("sub-*") if path.is_dir() and path.name not in subjects)
    if never:
        yield f"Never computed, though in the data set: {_named(never)}; run level participant for all."
    alike = defaultdict(list)
    for member in there:
        if not member.problem:
            alike[member.digest].append(member.name)
    if len(alike) > 1:
        said = "; ".join(f"{digest}: {_named(those)}" for digest, those in alike.items())
        yield (
            f"The tables mix {len(alike)} settings or versions, whose values are not comparable ({said}): run level "
            "participant once more for all, with the settings you want."
        )
    yield from _other_regions(there)
    unknown = sorted(subjects - set(known)) if known else []
    if unknown:
        yield f"Not in {PARTICIPANTS}: {_named(unknown)}."


def _other_regions(there: Sequence[Member]) -> Iterator[str]:
    """Warn of units measured in other regions than most, and of a label that has several names."""
    sets = Counter(tuple(row["label"] for row in member.regions) for member in there if member.regions)
    most = sets.most_common(1)[0][0] if sets else ()
    others = [member.name for member in there if member.regions and tuple(r["label"] for r in member.regions) != most]
    if others:
        yield f"Measured in other regions than most: {_named(others)}; is a segmentation missing?"
    called: dict[str, set[str]] = defaultdict(set)
    for member in there:
        for row in member.regions:
            called[row["label"]].add(row["name"])
    several = [f"{label} ({listed(sorted(names))})" for label, names in called.items() if len(names) > 1]
    if several:
        yield f"Labels of several names: {_named(several)}; were segmentations of several kinds mixed?"


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")

"""What the maps of a unit were made of, written beside them: by it a later run tells whether anything has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from ..io.parameters import sidecars
from . import names
from .labels import files_of
from .masks import mask_of
from .unit import Plan, Unit

PROVENANCE = "provenance.json"
KEY = "unit"
"""Of the record in the provenance."""

State = dict[str, tuple[int, int]]
"""Of files by their paths: bytes, and the time of the last change in ns."""


@dataclass(frozen=True)
class Record:
    """What an earlier run left of a unit: what it asked for, the files it read and wrote, and what it warned of."""

    asked: Mapping[str, Any] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def path_of(unit: Unit) -> str:
    """Return the path of the record of a unit, relative to the data set of the derivatives."""
    return names.log(unit, PROVENANCE)


def read(unit: Unit, plan: Plan) -> Record | None:
    """Return the record of a unit, None where it was not finished, or the record cannot be understood."""
    try:
        provenance = json.loads((plan.out / path_of(unit)).read_text("utf-8"))
        said = provenance[KEY]
        return Record(
            said["asked"], tuple(said["keep"]), said["inputs"], said["outputs"], tuple(provenance["warnings"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def inputs_of(unit: Unit, plan: Plan) -> tuple[Path, ...]:
    """Return every file that is read for a unit: images, side-cars that speak of them, mask, labels."""
    images = unit.candidate.files()
    found = [*images, *(path for image in images for path in sidecars(image))]
    mask = mask_of(unit, plan)
    return tuple(dict.fromkeys([*found, *([] if mask is None else [mask]), *files_of(unit, plan)]))


def state(files: Iterable[Path], plan: Plan) -> State:
    """Return size and time of the last change of files. Raises InputError where one is not there."""
    found: State = {}
    for path in files:
        try:
            status = path.stat()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from None
        found[_name(path, plan)] = (status.st_size, status.st_mtime_ns)
    return found


def asked(plan: Plan) -> dict[str, Any]:
    """Return what decides on the maps beside the files that are read."""
    settings = plan.settings.to_dict()
    settings.pop("description", None)
    given = {"phase_scale": plan.sources.phase_scale, "phase_sign": plan.sources.phase_sign}
    known = {"version": __version__, "settings": settings, **given, "known": dict(plan.sources.known)}
    return json.loads(json.dumps(known, default=str))


def unchanged(record: Record, unit: Unit, plan: Plan, now: State) -> bool:
    """Tell whether the maps of a unit are those a run would make.

    The version, the settings and the list of files must be the same, and the maps asked for be there. A file counts as
    the same by its size and time, or, where only the time differs, by its content.
    """
    if record.asked != asked(plan) or not {*plan.keep} <= {*record.keep} or {*record.inputs} != {*now}:
        return False
    if not all((plan.out / name).is_file() for name in record.outputs):
        return False
    for name, (size, changed) in now.items():
        before = record.inputs[name]
        if size != before["bytes"]:
            return False
        if changed != before["mtime_ns"] and digest(plan.dataset / name) != before["sha256"]:
            return False
    return True


def refuse_edited(record: Record, plan: Plan) -> None:
    """Raise InputError where somebody changed a map since it was made: it would be lost."""
    for name, said in record.outputs.items():
        path = plan.out / name
        if path.is_file() and (path.stat().st_size != said["bytes"] or digest(path) != said["sha256"]):
            raise InputError(f"{path} was changed after it was made: move it away, or let it be replaced with --force.")


def made(plan: Plan, read_from: State, provenance: Mapping[str, Any], written: Mapping[str, Path]) -> dict[str, Any]:
    """Return the record of a unit, ready for JSON. written: the files by their names in the data set."""
    digests = {_name(Path(said["file"]), plan): said["sha256"] for said in provenance["inputs"]}
    return {
        "asked": asked(plan),
        "keep": list(plan.keep),
        "inputs": {
            name: {"bytes": size, "mtime_ns": changed, "sha256": digests[name]}
            for name, (size, changed) in read_from.items()
        },
        "outputs": {
            name: {"bytes": path.stat().st_size, "sha256": digest(path)} for name, path in sorted(written.items())
        },
    }


def digest(path: Path) -> str:
    """Return the SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(path: Path, plan: Plan) -> str:
    """Return a path relative to the data set, so that it may be moved; as it is where it lies elsewhere."""
    return path.relative_to(plan.dataset).as_posix() if path.is_relative_to(plan.dataset) else str(path)

"""Where a result comes from: versions, command, settings, input files and the time it took."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__
from ..io.archive import archives_of, origin_of
from ..parallel import threads

LIBRARIES = ("numpy", "scipy", "SimpleITK")

FRONT_END = "QSM_FRONT_END"
"""Variable of the environment in which a program that starts a run says what it is, such as "3D Slicer 5.12.4"."""


def provenance(
    command: Sequence[str],
    files: Iterable[Path],
    *,
    seconds: float,
    stage_seconds: Mapping[str, float],
    settings: Mapping[str, Any],
    **more: Any,
) -> dict[str, Any]:
    """Return the record of a run that has just ended, ready for JSON; its date is UTC.

    files: each with its digest, after the archives that some of them were unpacked from; seconds: of the computation,
    without reading and writing files; more: facts of the scan, warnings, reference.
    """
    read = tuple(files)
    return {
        "versions": versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "threads": threads(),
        **({"front_end": os.environ[FRONT_END]} if os.environ.get(FRONT_END) else {}),
        "command": shlex.join(command),
        "settings": dict(settings),
        "inputs": [fingerprint(path) for path in (*archives_of(read), *read)],
        **more,
        "seconds": round(seconds, 4),
        "stage_seconds": {stage: round(value, 4) for stage, value in stage_seconds.items()},
    }


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of the libraries it computes with."""
    return {"slicerqsm": __version__, "python": platform.python_version()} | {n: _version(n) for n in LIBRARIES}


def fingerprint(path: Path) -> dict[str, Any]:
    """Return a file's name, size and SHA-256 digest; of an unpacked one, the archive's name and that of the entry."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    origin = origin_of(path)
    named = {"file": str(path)} if origin is None else {"file": str(origin.archive), "entry": origin.entry}
    return {**named, "bytes": path.stat().st_size, "sha256": digest}


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "unknown"

"""The page over all units of a data set of derivatives."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from ..errors import InputError
from ..io.outputs import in_words, whole_file
from ..report.index import Entry, index_page
from .member import Member, members
from .names import LOGS
from .process import PICTURE
from .unit import Status

INDEX = "index.html"
"""In the root of the derivatives."""

NOTHING = "without images"
"""How the page says that there was nothing to make a map of."""


def write_index(out: Path) -> None:
    """Write the page over all units that any run was given. Raises InputError where the disk refuses."""
    try:
        with whole_file(out / INDEX) as part:
            part.write_text(index_page([_entry(out, member) for member in members(out)]), "utf-8")
    except OSError as error:
        raise InputError(in_words(error, out)) from None


def _entry(out: Path, member: Member) -> Entry:
    """Return the line of a unit; of one that failed, the report of an earlier run is not shown as if it were good."""
    if member.problem:
        status = NOTHING if member.outcome.status is Status.NOTHING else Status.FAILED
        return Entry(member.name, "", status, member.problem, {}, b"")
    report, picture = out / f"{member.name}.html", out / LOGS / member.name / PICTURE
    quality = {name: said["value"] for name, said in member.provenance.get("quality", {}).items()}
    return Entry(
        member.name,
        quote(report.name) if report.is_file() else "",
        member.outcome.status,
        "",
        quality,
        picture.read_bytes() if picture.is_file() else b"",
        member.outcome.warnings,
    )

"""What a data set of derivatives holds of each unit: read again from its files, none of which is believed unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from . import names, record, tables
from .labels import REGIONS
from .outcomes import read_outcomes
from .unit import Outcome, Status

DIGEST = 12
"""Characters of the digest of settings: two of a cohort do not meet by chance."""

FINISHED = (Status.DONE, Status.UNCHANGED)


@dataclass(frozen=True)
class Member:
    """A unit as it was left: what became of it, its provenance, and its regions by the titles of their table.

    problem: why it cannot be measured, empty where it can; provenance and regions are empty then.
    """

    outcome: Outcome
    problem: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    regions: tuple[Mapping[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Its name."""
        return self.outcome.name

    @property
    def entities(self) -> dict[str, str]:
        """Its BIDS entities."""
        return dict(word.split("-", 1) for word in self.name.split("_") if "-" in word)

    @property
    def digest(self) -> str:
        """What tells its settings and version from others, empty where it has none."""
        asked = self.provenance.get(record.KEY, {}).get("asked")
        text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
        return "" if asked is None else hashlib.sha256(text.encode()).hexdigest()[:DIGEST]


def members(out: Path) -> list[Member]:
    """Return all units of a data set of derivatives, in the order of their names."""
    return [_member(out, outcome) for outcome in read_outcomes(out)]


def _member(out: Path, outcome: Outcome) -> Member:
    if outcome.status not in FINISHED:
        return Member(outcome, outcome.reason or "It failed.")
    try:
        provenance = json.loads((out / names.LOGS / outcome.name / record.PROVENANCE).read_text("utf-8"))
        written = provenance[record.KEY]["outputs"]
        lacking = [name for name in written if not (out / name).is_file()]
        if lacking:
            return Member(outcome, f"{lacking[0]} is missing: compute it anew.")
        table = next(name for name in written if name.endswith(REGIONS))
        if record.digest(out / table) != written[table]["sha256"]:
            return Member(outcome, f"{table} was changed after it was made: remove it, and compute it anew.")
        return Member(outcome, "", provenance, tuple(tables.read(out / table)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration, InputError) as error:
        return Member(outcome, f"What it was made of cannot be read ({type(error).__name__}): compute it anew.")

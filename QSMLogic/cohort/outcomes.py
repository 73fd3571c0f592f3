"""What became of the units of a cohort: a table that every run goes on with, and a few lines for a person."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import InputError
from ..io.outputs import in_words, whole_file
from .names import LOGS
from .unit import Outcome, Status

OUTCOME = "outcome.json"
"""In the folder of a unit's logs: what became of it last."""

TABLE = "qsm-outcomes.tsv"
"""In the root of the derivatives; one line per unit that any run was given."""

COLUMNS = ("unit", "status", "reason", "seconds", "warnings")
MISSING = "n/a"
"""How BIDS writes that there is nothing to say."""

IN_WORDS = {
    Status.DONE: "done",
    Status.UNCHANGED: "unchanged since they were done",
    Status.NOTHING: "without images to make a map of",
    Status.FAILED: "failed",
}


def note(out: Path, outcome: Outcome) -> None:
    """Write down what became of a unit. Raises InputError where the disk refuses."""
    place = out / LOGS / outcome.name / OUTCOME
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(place) as file:
            file.write_text(json.dumps(asdict(outcome), ensure_ascii=False, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise InputError(in_words(error, out)) from None


def read_outcomes(out: Path) -> list[Outcome]:
    """Return what became of every unit of a data set of derivatives last, in the order of their names."""
    return sorted((_read(path) for path in (out / LOGS).glob(f"*/{OUTCOME}")), key=lambda outcome: outcome.name)


def write_table(out: Path) -> None:
    """Write the table of what became of every unit. Raises InputError where the disk refuses."""
    try:
        with whole_file(out / TABLE) as part, part.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
            table.writerow(COLUMNS)
            for outcome in read_outcomes(out):
                texts = (outcome.reason, f"{outcome.seconds:g}", " ".join(outcome.warnings))
                table.writerow([outcome.name, outcome.status, *(" ".join(text.split()) or MISSING for text in texts)])
    except OSError as error:
        raise InputError(in_words(error, out)) from None


def told(outcomes: Sequence[Outcome], units: int) -> list[str]:
    """Return in lines what became of the units of a run: those without a map with their reasons, then the sums."""
    lines = []
    for status in (Status.NOTHING, Status.FAILED):
        lines += [f"{o.name}: {status}: {o.reason}" for o in outcomes if o.status is status]
    count = Counter(outcome.status for outcome in outcomes)
    sums = [f"{count[status]} {said}" for status, said in IN_WORDS.items() if count[status]]
    left = units - len(outcomes)
    sums += [f"{left} not begun or not finished"] if left else []
    warned = sum(bool(outcome.warnings) for outcome in outcomes)
    said = f"; {warned} with warnings, see {TABLE}" if warned else ""
    return [*lines, f"{units} acquisition{'s' * (units != 1)}: {', '.join(sums) or 'none'}{said}"]


def _read(path: Path) -> Outcome:
    try:
        said = json.loads(path.read_text("utf-8"))
        status, warnings = Status(said["status"]), tuple(map(str, said["warnings"]))
        return Outcome(str(said["name"]), status, str(said["reason"]), float(said["seconds"]), warnings)
    except (OSError, ValueError, KeyError, TypeError):
        return Outcome(path.parent.name, Status.FAILED, f"{path} cannot be read.")

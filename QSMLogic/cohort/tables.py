"""Tables as BIDS has them: values between tabs, n/a for what is missing, and a JSON file that says what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError

MISSING = "n/a"
DIGITS = 7
"""Significant digits of a number; more than a float32 map holds."""


@dataclass(frozen=True)
class Column:
    """A column: its name, what it means, the unit of its values (empty: none), and what else is said of it."""

    name: str
    description: str = ""
    unit: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def said(self) -> dict[str, Any]:
        """Return what the JSON file says of it."""
        words = {"Description": self.description, "Units": self.unit}
        return {key: word for key, word in words.items() if word} | dict(self.more)


def write(path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table, .tsv, and beside it the .json that describes its columns; rows hold values by column."""
    lines = ["\t".join(column.name for column in columns)]
    lines += ["\t".join(_cell(row.get(column.name)) for column in columns) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    said = {column.name: column.said() for column in columns}
    path.with_suffix(".json").write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table, values by column. Raises InputError where it cannot be read as one."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8, as BIDS wants it: save it as such.") from None
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines if line.strip()]
    titles = rows[0] if rows else []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(titles):
            raise InputError(f"{path} has {len(row)} values in row {number} and {len(titles)} titles: mend the table.")
    if len(set(titles)) < len(titles):
        raise InputError(f"{path} has two columns of one name: rename one.")
    return [dict(zip(titles, row, strict=True)) for row in rows[1:]]


def described(path: Path) -> dict[str, Any]:
    """Return what the .json beside a table says of its columns, nothing where there is none that can be read."""
    try:
        said = json.loads(path.with_suffix(".json").read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _cell(value: Any) -> str:
    """Return a value on one line, so that it stays in its cell."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    return " ".join(str(value).replace('"', "'").split()) or MISSING

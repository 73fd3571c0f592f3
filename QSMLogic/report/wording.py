"""Values in words, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

UNKNOWN = "\u2013"

MANY = 1000
"""From here on numbers are written without decimals."""

LONGEST = 300
"""Characters of a value from a header that are shown."""


def number(value: float | None, unit: str = "", digits: str = ".3g") -> str:
    """Return a number with its unit, with all of its digits before the point; what is not known is a dash."""
    if value is None:
        return UNKNOWN
    return f"{value:{',.0f' if abs(value) >= MANY else digits}} {unit}".strip()


def words(value: Any) -> str:
    """Return any value of a header or side-car: a number, a text, several, or several by name."""
    if isinstance(value, Mapping):
        text = "; ".join(f"{key}: {words(each)}" for key, each in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(words(each) for each in value)
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = UNKNOWN if value is None else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"


def by(numbers: Iterable[float]) -> str:
    """Return the edges of a box, to about a thousandth."""
    return " \u00d7 ".join(f"{n:.3g}" if n < 10 else f"{n:.4g}" for n in numbers)


def milliseconds(seconds: Iterable[float]) -> str:
    """Return times (s) in ms."""
    return ", ".join(f"{1000 * s:.4g}" for s in seconds) + " ms"

"""Values of DICOM elements, looked for in several datasets, the first of which that has one is believed.

A chain is a list of datasets, a name a keyword or a private tag. A number that is none counts as not said.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..candidate import clean

SHORT = 2
"""Bytes of the one private number whose kind a file may leave out: GE's word for the part."""


def value_of(chain: list[Any], name: Any) -> Any:
    """Return the first value that is not empty, of a keyword or a private tag."""
    tag = _tag(name)
    for item in chain:
        if tag in item:
            element = item[tag]
            if element.value not in (None, "", b"") and element.VM > 0:
                return element.value
    return None


@lru_cache(maxsize=1024)
def _tag(name: Any) -> Any:
    """Return pydicom's tag of a keyword or a pair of numbers; looking it up takes longer than all the rest."""
    from pydicom.tag import Tag  # noqa: PLC0415 (an extra)

    return Tag(name)


def text_of(chain: list[Any], name: Any) -> str:
    """Return a text as it can be shown, several joined, empty where there is none."""
    value = value_of(chain, name)
    if isinstance(value, bytes):
        return " ".join(words_of(chain, name))
    several = value is not None and not isinstance(value, str) and hasattr(value, "__iter__")
    return clean(" ".join(map(str, value)) if several else value)


def words_of(chain: list[Any], name: Any) -> list[str]:
    """Return the values of a text, each as it can be shown; private ones too whose kind the file does not name."""
    value = value_of(chain, name)
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace").rstrip("\0 ")
    several = value.split("\\") if isinstance(value, str) else value if hasattr(value, "__iter__") else [value]
    return [clean(word) for word in several or () if word is not None]


def uid_of(chain: list[Any], name: Any) -> str:
    """Return a text to compare by, whole, empty where there is none."""
    return str(value_of(chain, name) or "").strip()


def number_of(chain: list[Any], name: Any) -> float | None:
    """Return a finite number, the first where there are several, None where there is none."""
    numbers = numbers_of(chain, name, 1)
    return None if numbers is None else numbers[0]


def numbers_of(chain: list[Any], name: Any, count: int) -> tuple[float, ...] | None:
    """Return so many finite numbers, None where there are others; for one, the first of several is taken."""
    value = value_of(chain, name)
    if isinstance(value, bytes):
        value = int.from_bytes(value, "little", signed=True) if len(value) == SHORT else None
    if value is None:
        return None
    try:
        numbers = np.atleast_1d(np.asarray(value, float))
    except (TypeError, ValueError):
        return None
    if count == 1:
        numbers = numbers[:1]
    return tuple(numbers.tolist()) if numbers.shape == (count,) and np.isfinite(numbers).all() else None

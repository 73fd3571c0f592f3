"""What methods choose by themselves, told to whoever runs them, so that a run can state the number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_noted: ContextVar[dict[str, float] | None] = ContextVar("noted", default=None)


def chose(parameter: str, value: float) -> float:
    """Return the value that a method chose for a parameter, and note it where somebody listens."""
    noted = _noted.get()
    if noted is not None:
        noted[parameter] = float(value)
    return value


@contextmanager
def listening() -> Iterator[dict[str, float]]:
    """Give a table that fills with what methods choose while the block runs, by the names of their parameters."""
    noted: dict[str, float] = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)

"""Progress and cancel as one argument: ``progress(fraction, message)`` is called often and may raise Cancelled."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with a fraction from 0 to 1 that never falls, and a few words on what is being done."""


def no_progress(fraction: float, message: str = "") -> None:
    """Ignore progress."""


def part(progress: Progress, start: float, stop: float, name: str = "") -> Progress:
    """Progress of one part of a larger job, which spans start to stop of the whole; name stands in for no message."""

    def report(fraction: float, message: str = "") -> None:
        progress(start + (stop - start) * min(max(fraction, 0.0), 1.0), message or name)

    return report


def rising(progress: Progress) -> Progress:
    """Progress that never falls, whatever the estimates it is told."""
    furthest = 0.0

    def report(fraction: float, message: str = "") -> None:
        nonlocal furthest
        furthest = max(furthest, fraction)
        progress(furthest, message)

    return report

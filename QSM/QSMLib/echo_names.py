"""Which volumes are phase and magnitude of which echo, told by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

PHASE = re.compile(r"(?<![a-z])(phase|phas|pha|ph)(?![a-z])|(?<=[a-z])(phase)(?![a-z])", re.IGNORECASE)
"""phase, pha or ph as a word of its own, or phase at the end of one: "GREphase", but not "phantom"."""

MAGNITUDE = re.compile(r"(?<![a-z])(magnitude|magn|mag)(?![a-z])|(?<=[a-z])(magnitude|mag)(?![a-z])", re.IGNORECASE)

ECHO = re.compile(r"(?<![a-z])(echo|te|e)[-_ ]?\d+(?![a-z0-9])", re.IGNORECASE)
"""Number of an echo, as in "echo-1" or "e2"."""

PHASE_ECHO = re.compile(rf"(part-)?({PHASE.pattern})([-_ ]*\d{{1,2}}(?![a-z0-9]))?", re.IGNORECASE)
"""The word for phase, with what BIDS puts before it and the echo's number behind it."""

MADE = re.compile(r"field|chi|mask|unwrapped|weights|residual|noise|quality", re.IGNORECASE)
"""Words in the names of results, which are no images to begin with."""


def echoesByName(names: Sequence[str]) -> list[tuple[int, int | None]]:
    """Return, per echo, the places of its phase and its magnitude (None where there is none), in order of the echoes.

    Names are sorted as people count: "e2" before "e10". A phase and a magnitude belong together where their names are
    the same but for that word, or else by their order where there are as many of both.
    """
    phases = [i for i, name in enumerate(names) if PHASE.search(name) and not MADE.search(name)]
    others = set(range(len(names))) - set(phases)
    magnitudes = [i for i in others if MAGNITUDE.search(names[i]) and not MADE.search(names[i])]
    phases.sort(key=lambda i: _counted(names[i]))
    magnitudes.sort(key=lambda i: _counted(names[i]))
    partners = {_stem(names[i], MAGNITUDE): i for i in magnitudes}
    paired = [(i, partners.get(_stem(names[i], PHASE))) for i in phases]
    if any(partner is None for _, partner in paired) and len(phases) == len(magnitudes):
        return list(zip(phases, magnitudes, strict=True))
    return paired


def scansByName(names: Sequence[str]) -> dict[str, list[tuple[int, int | None]]]:
    """Return the echoes, as `echoesByName` does, by the names of their scans, the newest scan last.

    Names that all differ by more than an echo's number tell of one scan.
    """
    echoes, scans = echoesByName(names), {}
    for echo in sorted(echoes):
        scans.setdefault(scanName(names[echo[0]]), []).append(echo)
    several = {name: [echo for echo in echoes if echo in held] for name, held in scans.items() if len(held) > 1}
    return several or ({scanName(names[echoes[0][0]]): echoes} if echoes else {})


def scanName(phase: str) -> str:
    """Return what the name of a phase volume says of its scan: "head" for "head phase 1"."""
    left = ECHO.sub("", PHASE_ECHO.sub("", phase))
    return re.sub(r"([-_ ])[-_ ]+", r"\1", left).strip("-_ ") or phase


def _stem(name: str, word: re.Pattern[str]) -> str:
    return word.sub("", name).lower()


def _counted(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in names by their value."""
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]

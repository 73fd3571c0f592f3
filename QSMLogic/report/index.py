"""The page over the reports of a cohort: failures first, numbers to sort by with outliers marked, pictures to flick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..quality_words import TOLD
from .html import Content, Element, data_url, document, tag
from .style import FLICK, INDEX_STYLE, STYLE
from .wording import number

FAILED = "failed"
"""Status of an entry without a result."""

FARTHEST = 3.0
"""Robust z-score beyond which a number is marked."""

FEWEST = 5
"""Numbers from which outliers can be told."""

FROM_MAD, FROM_MEAN = 1.4826, 1.2533
"""Times the median, and the mean, absolute deviation of normal values is their standard deviation."""

LABELS = MappingProxyType({name: label for name, label, _, _ in TOLD})
UNITS = MappingProxyType({name: f", {unit}" for name, _, unit, _ in TOLD if unit})
EXPLANATIONS = MappingProxyType({name: explanation for name, _, _, explanation in TOLD})
"""Of the measures of quality, by their names."""

MOST_NAMED, MOST_LINES = 5, 10
"""Names that a warning lists, and warnings from which on their list is folded."""


@dataclass(frozen=True)
class Entry:
    """One line of the index.

    name: of the acquisition; link: relative URL of its report, empty where there is none; status: in a word, such as
    "done" or "failed"; reason: a sentence where there is no result; quality: numbers by the names of `quality.Measure`;
    picture: PNG of chi (see `pictures.thumbnail`), may be empty; warnings: sentences of its report.
    """

    name: str
    link: str
    status: str
    reason: str
    quality: Mapping[str, float | None]
    picture: bytes
    warnings: tuple[str, ...] = ()


def index_page(entries: Sequence[Entry], *, title: str = "Cohort report") -> str:
    """Return the page over the reports of a cohort as one HTML document; it holds everything but the reports."""
    ordered = sorted(entries, key=lambda entry: (entry.status != FAILED, entry.name))
    names = list(dict.fromkeys(name for entry in ordered for name in entry.quality))
    scores = {name: robust_scores([entry.quality.get(name) for entry in ordered]) for name in names}
    odd = [[n for n in names if _is_far(scores[n][i])] for i in range(len(ordered))]
    body = [
        _head(title, ordered, sum(map(bool, odd))),
        tag("main", tag("section", _pictures(ordered, odd)), tag("section", _numbers(ordered, names, odd))),
        _flick(),
    ]
    return document(title, STYLE + INDEX_STYLE, FLICK, body, frames=True)


def robust_scores(values: Sequence[float | None]) -> list[float | None]:
    """Return how far each value is from the median, in standard deviations that outliers do not widen.

    The deviation is that of the median absolute deviation, where that is zero of the mean one; None where a value is
    missing, there are fewer than FEWEST, or all are the same.
    """
    known = np.array([v for v in values if v is not None and np.isfinite(v)], float)
    if known.size < FEWEST:
        return [None] * len(values)
    middle = float(np.median(known))
    away = np.abs(known - middle)
    spread = FROM_MAD * float(np.median(away)) or FROM_MEAN * float(away.mean())
    if spread == 0:
        return [None] * len(values)
    return [None if v is None or not np.isfinite(v) else (v - middle) / spread for v in values]


def _is_far(score: float | None) -> bool:
    return score is not None and abs(score) > FARTHEST


def _head(title: str, entries: Sequence[Entry], odd: int) -> Element:
    """Return how many there are of each status, and why those without a result have none."""
    statuses = [entry.status for entry in entries]
    tally = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
    said = f"{len(entries)} acquisition{'s' * (len(entries) != 1)}: {tally or 'none'}."
    far = f"{odd} with a number more than {FARTHEST:g} robust standard deviations from the median of the cohort."
    return tag(
        "header",
        tag("p", "SlicerQSM", class_="eyebrow"),
        tag("h1", title),
        tag("p", said, class_="verdict"),
        [_listed(entries, status) for status in dict.fromkeys(statuses)],
        _warned(entries),
        tag("p", far, class_="note") if odd else None,
    )


def _listed(entries: Sequence[Entry], status: str) -> Element | None:
    """Return the entries of a status with their reasons, nothing where they have none."""
    lines = [tag("li", tag("b", e.name), f": {e.reason}") for e in entries if e.status == status and e.reason]
    kind = "failures" if status == FAILED else "warnings"
    return tag("div", tag("strong", f"{len(lines)} {status}"), tag("ul", lines), class_=kind) if lines else None


def _warned(entries: Sequence[Entry]) -> Element | None:
    """Return the warnings, each with those that have it; nothing where there are none."""
    having: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        for warning in entry.warnings:
            having[warning].append(entry.name)
    if not having:
        return None
    count = sum(bool(entry.warnings) for entry in entries)
    lines = [tag("li", tag("b", _named(names)), f": {warning}") for warning, names in having.items()]
    heading = tag("summary", tag("strong", f"{count} with warnings: read before their maps are used"))
    unfolded = "" if len(lines) <= MOST_LINES else None
    return tag("div", tag("details", heading, tag("ul", lines), open=unfolded), class_="warnings", role="alert")


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _pictures(entries: Sequence[Entry], odd: Sequence[Sequence[str]]) -> list[Element]:
    note = "Chi, axial, -0.1 to 0.2 ppm. A click opens the report; arrow keys go on to the next one, Escape comes back."
    cards = [_card(place, entry, far) for place, (entry, far) in enumerate(zip(entries, odd, strict=True))]
    return [tag("h2", "Pictures"), tag("p", note, class_="note"), tag("div", cards, class_="cards")]


def _card(place: int, entry: Entry, odd: Sequence[str]) -> Element:
    kinds = ["card", *["failed"] * (entry.status == FAILED), *["odd"] * bool(odd or entry.warnings)]
    picture = tag("img", src=data_url(entry.picture), alt=f"Chi of {entry.name}") if entry.picture else None
    notes = [] if entry.link else [entry.status]
    notes += ["warning"] * bool(entry.warnings)
    notes += [f"outlier: {', '.join(LABELS.get(name, name) for name in odd)}"] * bool(odd)
    return tag(
        "a",
        tag("div", picture),
        entry.name,
        tag("i", "; ".join(notes)) if notes else None,
        class_=" ".join(kinds),
        href=entry.link or None,
        data_name=entry.name,
        data_place=str(place),
    )


def _numbers(entries: Sequence[Entry], names: Sequence[str], odd: Sequence[Sequence[str]]) -> list[Element]:
    """Return the table of all numbers; the outliers are marked by a sign, not by colour alone."""
    head = [
        *(tag("th", title, scope="col") for title in ("acquisition", "status")),
        *(tag("th", _title(name), scope="col", class_="number", title=EXPLANATIONS.get(name)) for name in names),
    ]
    rows = []
    for place, (entry, far) in enumerate(zip(entries, odd, strict=True)):
        name: Content = tag("a", entry.name, href=entry.link) if entry.link else entry.name
        cells = [_cell(entry.quality.get(measure), measure in far) for measure in names]
        rows.append(
            tag("tr", tag("th", name, scope="row"), tag("td", entry.status), cells, data_place=str(place)),
        )
    note = (
        f"A click on a title sorts. ! marks what is more than {FARTHEST:g} robust standard deviations off the median."
    )
    table = tag("table", tag("thead", tag("tr", head)), tag("tbody", rows))
    return [tag("h2", "Numbers"), tag("p", note, class_="note"), tag("div", table, class_="wide")]


def _title(measure: str) -> str:
    return LABELS.get(measure, measure) + UNITS.get(measure, "")


def _cell(value: float | None, odd: bool) -> Element:
    known = value is not None and np.isfinite(value)
    text = number(value if known else None) + " !" * odd
    return tag("td", text, class_="number odd" if odd else "number", data_value=repr(float(value)) if known else "")  # type: ignore[arg-type]


def _flick() -> Element:
    """Return the hidden frame in which the script shows one report after another."""
    buttons = [tag("button", said, type="button") for said in ("\u2190 Back", "Next \u2192", "Close")]
    line = tag("div", buttons[:2], tag("strong"), tag("span"), tag("em"), buttons[2])
    return tag("section", line, tag("iframe", sandbox="", title="Report"), id="flick", hidden="")

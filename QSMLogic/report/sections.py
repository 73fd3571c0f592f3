"""Parts of a report made of words and numbers: quality, regions, checklist, acquisition, methods, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..io.load import Loaded
from ..methods import STAGES
from ..pipeline import Result
from ..quality import Measure
from ..roi import Reference, RegionStatistics
from .account import Account
from .charts import RANGE, histogram, outside
from .html import Content, Element, tag

UNKNOWN = "\u2013"

LONGEST = 300
"""Characters of a value from a header that are shown."""


def quality_table(measures: Sequence[Measure]) -> Element:
    """Return the measures of quality, each with what it means."""
    rows: list[Sequence[Content]] = [
        [tag("b", m.label), number(m.value, m.unit), tag("span", m.explanation, class_="why")] for m in measures
    ]
    return table(("Measure", "Value", "What it says"), rows, numbers=(1,))


def distribution(result: Result) -> list[Element]:
    """Return the histogram of chi in its mask."""
    values = result.maps["chi"][result.maps["eroded_mask"].astype(bool)]
    note = f"Chi in the mask; {outside(values):.2g} % of the voxels lie beyond {RANGE:g} ppm and are not drawn."
    return [tag("h3", "Histogram"), tag("p", note, class_="note"), histogram(values)]


def region_table(rows: Sequence[RegionStatistics], zero: Reference | None) -> list[Element]:
    """Return mean, SD, median, quartiles and volume of every region, and what the values are relative to."""
    if zero is None:
        said = "In ppm. The map was not referenced: only differences between regions have a meaning."
    else:
        said = (
            f"In ppm, relative to the {zero.name}: the map's mean there was {zero.mean:.4f} ppm "
            f"(SD {zero.sd:.4f}, {zero.voxels} voxels) before it was subtracted."
        )
    head = ("Region", "Mean", "SD", "Median", "1st quartile", "3rd quartile", "Volume, ml", "Voxels")
    body: list[Sequence[Content]] = [
        [
            tag("b", row.name),
            *(number(value, digits="+.3f") for value in (row.mean,)),
            number(row.sd, digits=".3f"),
            *(number(value, digits="+.3f") for value in (row.median, row.q1, row.q3)),
            number(row.volume / 1000, digits=".3g"),
            str(row.voxels),
        ]
        for row in rows
    ]
    return [tag("p", said), table(head, body, numbers=range(1, len(head)))]


def checks(told: Account, loaded: Loaded, result: Result) -> list[Element]:
    """Return the checklist of the 2024 consensus."""
    return []


def acquisition(loaded: Loaded) -> list[Element]:
    """Return what is known of the scan, and who said so."""
    facts = {key: value for key, value in loaded.facts.items() if key not in ("acquisition", "said_by")}
    said_by = loaded.facts.get("said_by") or {}
    known = [(key, value, said_by.get(key.removesuffix("_s").removesuffix("_t"), "")) for key, value in facts.items()]
    headers = loaded.facts.get("acquisition") or {}
    known += [(key, value, "the images' headers") for key, value in headers.items()]
    rows: list[Sequence[Content]] = [[tag("b", str(key)), shown(value), str(source)] for key, value, source in known]
    return [table(("Fact", "Value", "Said by"), rows)]


def methods(told: Account) -> list[Element]:
    """Return the paragraph for a paper, its references in BibTeX and the settings."""
    return [
        *_copied("Text for a paper", "methods-text", told.methods, "prose"),
        *_copied("References, BibTeX", "methods-bibtex", told.references),
        *_copied("Settings, TOML", "methods-settings", told.settings.to_toml()),
    ]


def provenance(told: Account, result: Result) -> list[Element]:
    """Return command, versions, input files and the time every stage took."""
    record = told.provenance
    versions = ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items())
    files: list[Sequence[Content]] = [
        [tag("code", str(entry.get("file", ""))), shown(entry.get("bytes")), tag("code", str(entry.get("sha256", "")))]
        for entry in record.get("inputs", ())
    ]
    seconds: list[Sequence[Content]] = [
        [STAGES[stage].label, f"{value:.2f}"] for stage, value in result.seconds.items()
    ]
    seconds.append([tag("b", "Together"), f"{result.total_seconds:.2f}"])
    return [
        *_copied("Command", "command", str(record.get("command", ""))),
        tag("p", f"{versions}; {record.get('system', '')}", class_="note"),
        tag("h3", "Time"),
        table(("Stage", "Seconds"), seconds, numbers=(1,)),
        *([tag("h3", "Input files"), table(("File", "Bytes", "SHA-256"), files, numbers=(1,))] if files else []),
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[Content]], numbers: Iterable[int] = ()) -> Element:
    """Return a table; numbers: the columns that are numbers."""
    kinds = dict.fromkeys(numbers, "number")
    titles = [tag("th", title, class_=kinds.get(i), scope="col") for i, title in enumerate(head)]
    body = [tag("tr", [tag("td", cell, class_=kinds.get(i)) for i, cell in enumerate(row)]) for row in rows]
    return tag("div", tag("table", tag("thead", tag("tr", titles)), tag("tbody", body)), class_="wide")


def number(value: float | None, unit: str = "", digits: str = ".3g") -> str:
    """Return a number with its unit; what is not known is a dash."""
    return UNKNOWN if value is None else f"{value:{digits}} {unit}".strip()


def shown(value: Any) -> str:
    """Return any value of a header or side-car as a person reads it."""
    if isinstance(value, Mapping):
        text = "; ".join(f"{key}: {shown(each)}" for key, each in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(shown(each) for each in value)
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = UNKNOWN if value is None else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _copied(title: str, place: str, text: str, kind: str | None = None) -> list[Element]:
    """Return a text under its title, with a button that copies it."""
    button = tag("button", "Copy", type="button", hidden="", data_copies=place)
    return [tag("div", tag("h3", title), button, class_="titled"), tag("pre", text, id=place, class_=kind, tabindex=0)]

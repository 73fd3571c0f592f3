"""Parts of a report made of words and numbers: quality, regions, checklist, acquisition, methods, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..io.load import Loaded
from ..methods import STAGES
from ..pipeline import Result
from ..quality import Measure
from ..roi import Reference, RegionStatistics
from .account import Account
from .bibliography import references
from .charts import RANGE, histogram, outside
from .checklist import Item, State, counted, reporting
from .html import Content, Element, tag
from .recommendations import recommendations
from .wording import UNKNOWN, by, milliseconds, number, words

CONSENSUS = "Bilgic2024"
SIGNS = {State.MET: "\u2713", State.NOT_MET: "\u2717", State.UNKNOWN: "?"}

UNFOLDED = 24
"""Files up to which their table is open; a DICOM series has one per slice."""

SIGN_OF_PHASE = {1: "grows with the field", -1: "falls with the field, and was turned"}


def quality_table(measures: Sequence[Measure]) -> Element:
    """Return the measures of quality, each with what it means."""
    rows: list[Sequence[Content]] = [
        [tag("b", m.label), number(m.value, m.unit), tag("span", m.explanation, class_="why")] for m in measures
    ]
    return table(("Measure", "Value", "What it says"), rows, numbers=(1,), kind="measures")


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
            f"(SD {zero.sd:.4f}, {zero.voxels:,} voxels) before it was subtracted."
        )
    head = ("Region", "Mean", "SD", "Median", "1st quartile", "3rd quartile", "Volume, ml", "Voxels")
    body: list[Sequence[Content]] = [
        [
            tag("b", row.name),
            *(number(value, digits="+z.3f") for value in (row.mean,)),
            number(row.sd, digits=".3f"),
            *(number(value, digits="+z.3f") for value in (row.median, row.q1, row.q3)),
            number(row.volume / 1000, digits=".3g"),
            f"{row.voxels:,}",
        ]
        for row in rows
    ]
    return [tag("p", said), table(head, body, numbers=range(1, len(head)))]


def checks(told: Account, loaded: Loaded, result: Result) -> list[Element]:
    """Return the checklist of the 2024 consensus: what it recommends, and what it asks to be reported."""
    done, stated = recommendations(told.settings, loaded, result), reporting(told, loaded, result)
    doi = references()[CONSENSUS].fields["doi"]
    note = tag(
        "p",
        "From the consensus recommendations for QSM of the brain (",
        tag("a", f"doi:{doi}", href=f"https://doi.org/{doi}", rel="noreferrer"),
        "), in our words. Unknown means that the files do not say.",
        class_="note",
    )
    return [
        note,
        tag("h3", f"Recommended practice: {_tally(done)}"),
        _checked(done),
        tag("h3", f"To be reported: {_tally(stated)}"),
        _checked(stated),
    ]


def _tally(items: Sequence[Item]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counted(items).items() if count)


def _checked(items: Sequence[Item]) -> Element:
    rows: list[Sequence[Content]] = [
        [
            tag("span", f"{SIGNS[item.state]} {item.state}", class_=f"state {item.state.replace(' ', '-')}"),
            [tag("b", item.name), tag("span", " essential", class_="why") if item.essential else ""],
            words(item.value),
            tag("span", item.reason, class_="why"),
        ]
        for item in items
    ]
    return table(("State", "Item", "Value", "Why"), rows, kind="checklist")


def acquisition(loaded: Loaded) -> list[Element]:
    """Return what is known of the scan, and who said so."""
    scan, facts = loaded.scan, loaded.facts
    assert scan is not None
    said_by = facts.get("said_by") or {}
    used = (
        ("Echo times", milliseconds(scan.echo_times), said_by.get("echo_times", "")),
        ("Field strength", f"{scan.field_strength:.6g} T", said_by.get("field_strength", "")),
        (
            "Direction of B0, voxel axes",
            words([round(c, 4) for c in scan.grid.b0_direction]),
            said_by.get("b0_direction", ""),
        ),
        ("Voxel size", f"{by(scan.grid.voxel_size)} mm", said_by.get("voxel_size", "the image header")),
        ("Matrix", by(scan.grid.shape), "the image header"),
        ("Scale of the phase", words(facts.get("phase_scale")), ""),
        ("Sign of the phase", SIGN_OF_PHASE.get(facts.get("phase_sign", 0), UNKNOWN), ""),
    )
    rows: list[Sequence[Content]] = [[tag("b", name), value, str(source)] for name, value, source in used]
    parts = [tag("h3", "What the map was computed with"), table(("Fact", "Value", "Said by"), rows)]
    headers: list[Sequence[Content]] = [
        [tag("code", str(key)), words(value)] for key, value in (facts.get("acquisition") or {}).items()
    ]
    if headers:
        note = tag("p", "Names and units are those of BIDS.", class_="note")
        parts += [tag("h3", "What headers or side-cars say"), note, table(("Fact", "Value"), headers)]
    return parts


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
        [
            tag("code", " in ".join(str(entry[key]) for key in ("entry", "file") if key in entry)),
            words(entry.get("bytes")),
            tag("code", str(entry.get("sha256", ""))),
        ]
        for entry in record.get("inputs", ())
    ]
    seconds: list[Sequence[Content]] = [
        [STAGES[stage].label, f"{value:.2f}"] for stage, value in result.seconds.items()
    ]
    seconds.append([tag("b", "Together"), f"{result.total_seconds:.2f}"])
    return [
        *_copied("Command", "command", str(record.get("command", ""))),
        tag("p", f"{versions}; {record.get('system', '')}; {record.get('threads', '?')} threads", class_="note"),
        tag("h3", "Time"),
        table(("Stage", "Seconds"), seconds, numbers=(1,)),
        *_files(files),
    ]


def _files(rows: Sequence[Sequence[Content]]) -> list[Element]:
    """Return the table of input files, folded where there are many."""
    if not rows:
        return []
    listed = table(("File", "Bytes", "SHA-256"), rows, numbers=(1,))
    if len(rows) > UNFOLDED:
        listed = tag("details", tag("summary", f"{len(rows):,} files"), listed)
    return [tag("h3", "Input files"), listed]


def table(
    head: Sequence[str], rows: Iterable[Sequence[Content]], numbers: Iterable[int] = (), kind: str | None = None
) -> Element:
    """Return a table; numbers: the columns that are numbers; kind: how it folds on a narrow screen."""
    kinds = dict.fromkeys(numbers, "number")
    titles = [tag("th", title, class_=kinds.get(i), scope="col") for i, title in enumerate(head)]
    body = [tag("tr", [tag("td", cell, class_=kinds.get(i)) for i, cell in enumerate(row)]) for row in rows]
    return tag("div", tag("table", tag("thead", tag("tr", titles)), tag("tbody", body), class_=kind), class_="wide")


def _copied(title: str, place: str, text: str, kind: str | None = None) -> list[Element]:
    """Return a text under its title, with a button that copies it."""
    button = tag("button", "Copy", type="button", hidden="", data_copies=place)
    return [tag("div", tag("h3", title), button, class_="titled"), tag("pre", text, id=place, class_=kind, tabindex=0)]

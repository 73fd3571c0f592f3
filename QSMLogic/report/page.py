"""The report of one run: a page by itself, that loads nothing and can be read, kept, printed and sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np

from ..io.load import Loaded
from ..io.outputs import OutputFolder
from ..methods import METHODS
from ..pipeline import Result
from ..roi import RegionStatistics, region_statistics
from .account import Account
from .html import Element, document, tag
from .pictures import Viewer
from .sections import acquisition, checks, distribution, methods, provenance, quality_table, region_table
from .style import COPY, STYLE
from .windows import Window, window
from .wording import by

REPORT = "report.html"
"""The page's name in an output folder."""

SLICES = 12
"""Of the strip of axial slices."""

SAID = {
    "magnitude": "As acquired, with the outline of the mask.",
    "phase": "As acquired, wrapped.",
    "unwrapped": "Without jumps; where lines of a whole turn are left, unwrapping failed.",
    "total_field": "The field of everything, tissue and what lies outside.",
    "field_noise": "Standard deviation of the field from the noise of the images.",
    "residual": "Phase that the fit over the echoes leaves: flow, motion and failed unwrapping stand out.",
    "weights": "How much the inversion trusts a voxel.",
    "local_field": "The field of the tissue, that of sources outside removed.",
}
"""What a reader sees in each picture, in the order of the stages."""

PARTS = (
    ("chi", "Susceptibility"),
    ("quality", "Quality"),
    ("stages", "Every stage"),
    ("regions", "Regions"),
    ("checklist", "Checklist"),
    ("acquisition", "Acquisition"),
    ("methods", "Methods"),
    ("provenance", "Provenance"),
)
"""Anchors and headings of the page."""


def page(
    told: Account,
    loaded: Loaded,
    result: Result,
    regions: Sequence[RegionStatistics] = (),
    *,
    name: str = "",
) -> str:
    """Return the report of a run as one HTML document that needs nothing else.

    Parameters: told: what the run says of itself; regions: rows of its table, by default one over the whole mask; name:
    what to call it, such as sub-01_ses-1. The same run gives the same page.
    """
    assert loaded.scan is not None
    rows = list(regions) or _whole(result, loaded)
    viewer = Viewer.of(result.maps["mask"], loaded.scan.grid, np.array(loaded.geometry.direction))
    contents = {
        "chi": _map(viewer, result),
        "quality": [quality_table(told.quality), *distribution(result)],
        "stages": [tag("div", _stages(viewer, loaded, result), class_="stages")],
        "regions": region_table(rows, result.reference),
        "checklist": checks(told, loaded, result),
        "acquisition": acquisition(loaded),
        "methods": methods(told),
        "provenance": provenance(told, result),
    }
    title = name or _named(loaded) or "Quantitative susceptibility map"
    parts = [tag("section", tag("h2", heading), contents[key], id=key) for key, heading in PARTS]
    links = [tag("a", heading, href=f"#{key}") for key, heading in PARTS]
    body = [_head(title, told, loaded, result), tag("nav", tag("div", links))]
    return document(f"{title}: report of SlicerQSM", STYLE, COPY, [*body, tag("main", parts), _foot()])


def write_page(
    out: OutputFolder,
    told: Account,
    loaded: Loaded,
    result: Result,
    regions: Sequence[RegionStatistics] = (),
    *,
    name: str = "",
) -> None:
    """Write the report of a run (see `page`) into its output folder."""
    out.path(REPORT).write_text(page(told, loaded, result, regions, name=name), "utf-8")


def _whole(result: Result, loaded: Loaded) -> list[RegionStatistics]:
    """Return the one row of a map without regions: over the whole mask."""
    assert loaded.scan is not None
    mask = result.maps["eroded_mask"].astype(np.int32)
    return region_statistics(result.maps["chi"], mask, loaded.scan.grid, names={1: "whole mask"})


def _named(loaded: Loaded) -> str:
    said = loaded.facts.get("acquisition") or {}
    return str(said.get("SeriesDescription") or said.get("ProtocolName") or "")


def _head(title: str, told: Account, loaded: Loaded, result: Result) -> Element:
    """Return the verdict: what was computed, when and from what; warnings."""
    scan, record = loaded.scan, told.provenance
    assert scan is not None
    times = [f"{1000 * t:.4g}" for t in scan.echo_times]
    echoes = f"{len(times)} echoes, {times[0]} to {times[-1]} ms" if len(times) > 1 else f"1 echo, {times[0]} ms"
    zero = "left as it was computed: zero has no meaning" if result.reference is None else result.reference.name
    files = len(record.get("inputs", ()))
    source = "a simulated head" if "phantom" in loaded.facts else f"{files} file{'s' * (files != 1)}"
    when = datetime.fromisoformat(record["date"])
    said = (
        f"Susceptibility computed from {source} with SlicerQSM {record['versions']['slicerqsm']} "
        f"on {when:%d %B %Y at %H:%M} {when.tzname() or ''}, in {result.total_seconds:.3g} s."
    )
    key = {
        "Field strength": f"{scan.field_strength:.4g} T",
        "Echoes": echoes,
        "Voxel size": f"{by(scan.grid.voxel_size)} mm",
        "Matrix": by(scan.grid.shape),
        "Zero": zero,
    }
    facts = tag("dl", [tag("div", tag("dt", k), tag("dd", v)) for k, v in key.items()], class_="key")
    return tag(
        "header",
        tag("p", "SlicerQSM report", class_="eyebrow"),
        tag("h1", title),
        tag("p", said, class_="verdict"),
        _warnings(record.get("warnings", ())),
        facts,
    )


def _warnings(warnings: Sequence[str]) -> Element:
    if not warnings:
        return tag("p", "No warnings.", class_="fine")
    heading = f"{len(warnings)} warning{'s' * (len(warnings) > 1)} on the way: read before the map is used"
    listed = tag("ul", [tag("li", str(warning)) for warning in warnings])
    return tag("div", tag("strong", heading), listed, class_="warnings", role="alert")


def _map(viewer: Viewer, result: Result) -> list[Element]:
    """Return the pictures of chi."""
    chi, inside, view = result.maps["chi"], result.maps["eroded_mask"].astype(bool), window("chi")
    note = (
        "Planes through the middle of the mask, seen from the feet, the front and the left; below, axial slices from "
        "the lowest to the highest. Grey is linear over the range of the 2024 consensus; black outside the mask."
    )
    return [tag("p", note, class_="note"), viewer.planes(chi, view, inside), viewer.strip(chi, view, inside, SLICES)]


def _stages(viewer: Viewer, loaded: Loaded, result: Result) -> Iterator[Element]:
    """Return the pictures of every stage, with what they show."""
    scan, maps = loaded.scan, result.maps
    assert scan is not None
    mask, eroded = maps["mask"].astype(bool), maps["eroded_mask"].astype(bool)
    last = scan.echoes - 1
    for name, said in SAID.items():
        view, image = window(name), maps.get(name)
        if name == "magnitude":
            if scan.magnitude is not None:
                yield _figure(view, said, viewer.planes(scan.magnitude[..., 0], view, outline=mask), 0, scan.echo_times)
        elif name == "phase":
            yield _figure(view, said, viewer.planes(scan.phase[..., last], view), last, scan.echo_times)
        elif name == "unwrapped" and image is not None:
            yield _figure(view, said, viewer.planes(image[..., last], view, mask), last, scan.echo_times)
        elif image is not None and image.any():
            inside = eroded if name == "local_field" else mask
            yield _figure(view, said, viewer.planes(image, view, inside))
    for step in result.settings.maps:
        method = METHODS["maps"][step.method]
        for name in method.outputs:
            yield _figure(
                window(name), f"{method.label}: {method.summary}", viewer.planes(maps[name], window(name), mask)
            )


def _figure(view: Window, said: str, picture: Element, echo: int | None = None, times: Sequence[float] = ()) -> Element:
    which = f", echo {echo + 1} of {len(times)} ({1000 * times[echo]:.4g} ms)" if echo is not None else ""
    return tag("figure", tag("figcaption", tag("b", view.title + which), tag("span", said)), picture)


def _foot() -> Element:
    said = "For research: not a medical device. This page holds everything it shows; nothing is loaded from elsewhere."
    return tag("footer", tag("p", said))

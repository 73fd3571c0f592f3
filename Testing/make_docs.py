"""Write docs/methods: a page for every registered method, with a picture of what it makes of the phantom.

python Testing/make_docs.py                 pages, from the register and docs/benchmarks.json
python Testing/make_docs.py --pictures      pictures too
python Testing/make_docs.py --pictures --only maps inversion/tkd    pictures of these alone
"""

import argparse
import inspect
import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cases import ALL, B0_DIRECTION, ECHO_TIMES, data_of, map_truths, run
from matplotlib.figure import Figure

from QSMLogic.constants import GAMMA_BAR
from QSMLogic.documents import AUTOMATIC
from QSMLogic.methods import METHODS, STAGES, Method
from QSMLogic.phantom import Phantom, head_phantom
from QSMLogic.registry import Parameter
from QSMLogic.report.bibliography import references
from QSMLogic.report.windows import window

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "methods"
BENCHMARKS = DOCS / "benchmarks.json"
SCORES = {
    "nrmse": ("error", "{:.1f} %"),
    "dice": ("overlap with the brain (Dice)", "{:.3f}"),
    "xsim": ("XSIM", "{:.3f}"),
    "slope": ("slope", "{:.2f}"),
    "seconds": ("time", "{:.2f} s"),
    "units": ("time in FFT units", "{:.0f}"),
    "volumes": ("memory, mask filling the image", "{:.0f} volumes"),
}
MEASURED = "## Measured"
PANEL, RESOLUTION = 2.2, 80
"""inch, dots per inch: three panels stay below 60 kB."""
SEVERAL_ROWS = 60
"""Dots per inch of more than three panels, for the same reason."""
GPU = "; also [on a GPU](../command-line.md#on-a-gpu)"

LETTERS = 34
"""Of a line of a panel's title."""
CONTRAST = 0.5
"""Width of the window of a difference, relative to the map's."""


class Panel(NamedTuple):
    """A picture: its title, the unit and values drawn black and white, and the image (x, y, z)."""

    title: str
    unit: str
    image: np.ndarray
    low: float
    high: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", action="store_true", help="draw them anew (a minute)")
    parser.add_argument("--only", nargs="*", default=[], help="stages or stage/name to draw; other pictures stay")
    arguments = parser.parse_args()
    draw, only = arguments.pictures, set(arguments.only)
    FOLDER.mkdir(parents=True, exist_ok=True)
    expected = {name_of(stage, name) for stage, name in ALL}
    for path in FOLDER.glob("*-*.*"):
        if path.stem not in expected:
            path.unlink()
    phantom = head_phantom(b0_direction=B0_DIRECTION, echo_times=ECHO_TIMES) if draw else None
    for stage, name in ALL:
        if phantom is not None and (not only or only & {stage, f"{stage}/{name}"}):
            picture(stage, name, phantom)
        (FOLDER / f"{name_of(stage, name)}.md").write_text(page(METHODS[stage][name]), "utf-8")
    (FOLDER / "README.md").write_text(index(), "utf-8")


def name_of(stage: str, name: str) -> str:
    return f"{stage}-{name}"


def page(method: Method) -> str:
    """Return the whole page: what the register says, the picture and what was measured."""
    name = name_of(method.stage, method.name)
    parts = [description(method)]
    if (FOLDER / f"{name}.png").exists():
        parts.append(f"## On the phantom\n\n![made, truth and difference]({name}.png)")
    scores = measured(f"{method.stage}:{method.name}")
    parts += [f"{MEASURED}\n\n{scores}"] if scores else []
    return "\n\n".join(parts) + "\n"


def description(method: Method) -> str:
    """Return the part of the page that follows from the register alone."""
    parts = [
        f"# {method.label}",
        f"{STAGES[method.stage].label}: `qsm {method.stage} {method.name}`{GPU if method.on_gpu else ''}",
        paragraphs(inspect.getdoc(method.function) or ""),
        f"> {method.described().rstrip('.')}.",
        "## Parameters\n\n" + parameters(method),
    ]
    if method.cite:
        cited = "\n".join(f"- {key}: {references()[key].printed()}" for key in method.cite)
        parts.append(f"## References\n\n{cited}")
    return "\n\n".join(parts)


def paragraphs(text: str) -> str:
    """Set each of the docstring's headings (Parameters:, Returns: ...) on a line of its own."""
    for heading in ("Parameters:", "Returns", "Raises:", "Source:", "Notes:"):
        for before in ("\n", " "):
            text = text.replace(f".{before}{heading}", f".\n\n{heading}").replace(
                f"s;{before}{heading}", f"s;\n\n{heading}"
            )
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def parameters(method: Method) -> str:
    if not method.parameters:
        return "None."
    rows = ["| name | what | unit | allowed | default |", "|---|---|---|---|---|"]
    for parameter in method.parameters:
        info = parameter.info
        what = f"{info.label}: {info.help}" if info.help else info.label
        rows.append(f"| `{parameter.name}` | {what} | {info.unit} | {allowed(parameter)} | {default(parameter)} |")
    return "\n".join(rows)


def allowed(parameter: Parameter) -> str:
    if parameter.choices:
        return ", ".join(parameter.choices)
    return "true, false" if parameter.kind is bool else parameter.range_text()


def default(parameter: Parameter) -> str:
    value = AUTOMATIC if parameter.default is None else parameter.default
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def measured(row: str) -> str:
    """Return a table of the benchmark's figures, a column for each phantom; empty where there are none."""
    sections = json.loads(BENCHMARKS.read_text("utf-8")) if BENCHMARKS.exists() else {}
    found = {name: s["rows"][row] for name, s in sections.items() if "error" not in s["rows"].get(row, {"error": ""})}
    if not found:
        return ""
    rows = ["| | " + " | ".join(found) + " |", "|---|" + "---:|" * len(found)]
    for key, (label, form) in SCORES.items():
        if any(key in values for values in found.values()):
            cells = [form.format(values[key]) if key in values else "" for values in found.values()]
            rows.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n\nHow this was measured: [benchmarks](../benchmarks.md)."


def index() -> str:
    parts = ["# Methods", "Made by `make docs` from the register; do not edit."]
    for stage, methods in METHODS.items():
        if methods:
            lines = (f"- [{m.label}]({name_of(stage, n)}.md): {m.summary}" for n, m in sorted(methods.items()))
            listed = "\n".join(lines)
            parts.append(f"## {STAGES[stage].label}\n\n{listed}")
    return "\n\n".join(parts) + "\n"


def picture(stage: str, name: str, phantom: Phantom) -> None:
    """Draw the middle slice of what a method makes, of the truth and of their difference.

    Of further maps each is drawn whose truth is known; where none is, the first beside the magnitude.
    """
    outputs = run(stage, name, data_of(phantom)).outputs
    first = METHODS[stage][name].outputs[0]
    truths = map_truths(name, outputs, phantom) if stage == "maps" else {first: truth_of(first, phantom)}
    rows = [beside_truth(kind, outputs[kind], truth, phantom.mask) for kind, truth in truths.items()]
    if first not in truths:
        magnitude = phantom.scan.magnitude[..., 0] * phantom.mask
        plain = {"made": outputs[first], "magnitude, first echo": magnitude}
        rows.insert(0, [Panel(title, "", image, *window(first).limits(image)) for title, image in plain.items()])
    save(rows, int(np.nonzero(phantom.mask)[2].mean()), FOLDER / f"{name_of(stage, name)}.png")


def beside_truth(kind: str, made: Any, truth: Any, mask: np.ndarray) -> list[Panel]:
    if kind in ("phase", "unwrapped"):
        made = made[..., -1]
    if kind == "chi":
        truth = truth - truth[mask].mean()
        made = made - made[mask].mean()
    made, truth = (np.where(mask, image, 0).astype(float) if kind != "mask" else image for image in (made, truth))
    view = window(kind)
    low, high = view.limits(truth)
    half = CONTRAST * (high - low) / 2
    difference = made.astype(float) - truth.astype(float)
    panels = {view.title: (made, low, high), "truth": (truth, low, high), "difference": (difference, -half, half)}
    return [Panel(title, view.unit, *content) for title, content in panels.items()]


def truth_of(kind: str, phantom: Phantom) -> Any:
    if kind not in ("phase", "unwrapped"):
        return getattr(phantom, kind)
    scan = phantom.scan
    phase = 2 * np.pi * GAMMA_BAR * scan.field_strength * scan.echo_times[-1] * phantom.total_field
    return np.angle(np.exp(1j * phase)) if kind == "phase" else phase


def save(rows: list[list[Panel]], place: int, path: Path) -> None:
    across = max(len(row) for row in rows)
    size = PANEL * across, PANEL * 1.2 * len(rows)
    dots = RESOLUTION if len(rows) == 1 else SEVERAL_ROWS
    figure = Figure(size, dpi=dots, layout="constrained", facecolor="black")
    grid = figure.subplots(len(rows), across, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for places, row in zip(grid, rows, strict=True):
        for axes, panel in zip(places, row, strict=False):
            axes.imshow(np.flip(panel.image[:, :, place].T, 0), cmap="gray", vmin=panel.low, vmax=panel.high)
            title = textwrap.fill(panel.title, LETTERS)
            axes.set_title(f"{title}\n{panel.low:.2g} to {panel.high:.2g} {panel.unit}".rstrip(), color="white", size=7)
    figure.savefig(path, facecolor="black")


if __name__ == "__main__":
    main()

"""Measure the measures of quality: on good maps, on maps with one fault made on purpose. Writes docs/quality.md.

    python Testing/quality_evidence.py

Good maps: the default preset on the five heads of robustness.py, with the mask it makes, and on the real scans where
they lie beside the checkout. Faults: each alone, on one of the heads and on the real scans.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from robustness import HEADS
from scipy import ndimage

from QSMLogic import pipeline
from QSMLogic.io.acquisitions import choose, find_acquisitions, read_acquisition
from QSMLogic.phantom import head_phantom
from QSMLogic.quality import Measure, doubts, quality
from QSMLogic.quality_words import DOUBTS, TOLD
from QSMLogic.report.provenance import versions
from QSMLogic.scan import Scan
from QSMLogic.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quality.md"
REAL = ROOT.parent / "shared" / "data" / "bids-invivo"
SIMULATED = "1.5 T, 2 mm"
"""The head the faults are made on."""

Made = tuple[Measure, ...]


def filtered(scan: Scan) -> Scan:
    """Return the scan with the phase that is made for SWI: less that of the image blurred by 8 mm in its slices."""
    signal = scan.magnitude * np.exp(1j * scan.phase)
    width = [*(8 / s for s in scan.grid.voxel_size[:2]), 0, 0]
    low = ndimage.gaussian_filter(signal.real, width) + 1j * ndimage.gaussian_filter(signal.imag, width)
    return replace(scan, phase=np.angle(signal * np.exp(-1j * np.angle(low))))


def bipolar(scan: Scan) -> Scan:
    """Return the scan with the phase of a bipolar readout: a ramp of 4 rad in every second echo."""
    phase = scan.phase.copy()
    phase[..., 1::2] += np.linspace(-2, 2, scan.grid.shape[0])[:, None, None, None]
    return replace(scan, phase=np.angle(np.exp(1j * phase)))


def other_times(scan: Scan) -> Scan:
    """Return the scan with the middle echoes said to be at half their distance from the first."""
    first, *between, last = scan.echo_times
    return replace(scan, echo_times=(first, *(first + (t - first) / 2 for t in between), last))


def along_x(scan: Scan) -> Scan:
    return replace(scan, grid=replace(scan.grid, b0_direction=(1, 0, 0)))


def thicker(scan: Scan) -> Scan:
    x, y, z = scan.grid.voxel_size
    return replace(scan, grid=replace(scan.grid, voxel_size=(x, y, 2 * z)))


def same(scan: Scan) -> Scan:
    return scan


FAULTS: dict[str, tuple[Callable[[Scan], Scan], dict[str, str]]] = {
    "none": (same, {}),
    "phase of the other sign": (lambda scan: replace(scan, phase=-scan.phase), {}),
    "phase half as large": (lambda scan: replace(scan, phase=scan.phase / 2), {}),
    "phase smaller by a tenth": (lambda scan: replace(scan, phase=scan.phase * np.float32(0.9)), {}),
    "high-pass filtered phase": (filtered, {}),
    "wrong echo times": (other_times, {}),
    "bipolar readout taken as monopolar": (bipolar, {}),
    "echoes in reverse order": (lambda scan: replace(scan, phase=scan.phase[..., ::-1].copy()), {}),
    "B0 along x": (along_x, {}),
    "voxels twice as thick": (thicker, {}),
    "mask 6 mm too large": (same, {}),
    "TKD, threshold 0.1": (same, {"inversion.method": "tkd", "inversion.threshold": "0.1"}),
    "TKD, threshold 0.02": (same, {"inversion.method": "tkd", "inversion.threshold": "0.02"}),
}
"""What is done to the scan, and what is changed in the settings."""


def main() -> None:
    good, truths = {}, {}
    for name, choice in HEADS.items():
        head = head_phantom(**choice)
        scan = head.scan
        maps = pipeline.run(scan, Settings.preset()).maps
        good[name] = quality(scan, maps)
        true = {"chi": head.chi * head.mask, "local_field": head.local_field, "mask": head.mask}
        truths[name] = quality(scan, maps | true | {"eroded_mask": head.mask})
        print(name, flush=True)
        if name == SIMULATED:
            faulty = {name: with_faults(scan)}
    for name, scan in real_scans().items():
        faulty[name] = with_faults(scan)
        good[name] = faulty[name]["none"]
    PAGE.write_text(page(good, truths, faulty), encoding="utf-8")


def real_scans() -> dict[str, Scan]:
    if not REAL.is_dir():
        print(f"No real scans: {REAL} is not there.")
        return {}
    return {name.name: read_acquisition(choose(find_acquisitions(name))).scan for name in sorted(REAL.glob("sub-*"))}


def with_faults(scan: Scan) -> dict[str, Made | None]:
    """Return the measures with every fault; None where the scan has too few echoes for it."""
    mask, found = None, {}
    for name, (spoil, changes) in FAULTS.items():
        if (scan.echoes < 3 and spoil is other_times) or (scan.echoes < 2 and spoil is bipolar):
            found[name] = None
            continue
        given = None
        if name.startswith("mask") and mask is not None:
            given = ndimage.binary_dilation(mask, iterations=max(1, round(6 / min(scan.grid.voxel_size))))
        spoilt = spoil(scan)
        maps = pipeline.run(spoilt, Settings.preset().changed(changes), given_mask=given).maps
        mask = maps["mask"] if name == "none" else mask
        found[name] = quality(spoilt, maps)
        print("  ", name, [doubt[:40] for doubt in doubts(found[name])], flush=True)
    return found


INTRODUCTION = """# How far to trust a map

Every run measures its own maps. The numbers are in `provenance.json` under `quality` and in `report.html`; where one is
far from what good maps have, the run warns. They need no truth and take about a second. This page says what each is,
what is usual, and which faults it sees. Made by `make evidence` (`Testing/quality_evidence.py`).

## The measures
"""

MORE = """\
*Residual background* is the best fit to the local field of the solid harmonics up to degree 4: what sources far
outside make. The true local field of a brain has such a part too, a third of the rest and more; background removal
takes some of it away. *Data misfit* leaves these harmonics and a constant over the map free, as sources outside and
the reference make them, and weighs voxels as the inversion does. *Streaks* compares the power of the map at the
spatial frequencies where the dipole is below 0.1 with that where it is above 0.2, in shells of equal frequency
(Milovic et al., 2021, compare such parts to choose a weight): anatomy and noise have 1, a regularised map less, a
streaky one more. *Agreement with decay* is the cosine between susceptibility and R2* (with one echo: darkness), each
less its mean over 20 mm, in the 2 % of the voxels whose susceptibility deviates most, the largest deviations cut.
Iron and deoxygenated blood are paramagnetic and let the signal decay faster (Langkammer et al., 2012), so it is
positive, and an inverted phase turns it round.

## What is usual

The default preset on the five simulated heads of [presets.md](presets.md), with the mask it makes, and on the two
real scans of [in-vivo.md](in-vivo.md). A dash: it cannot be told.
"""

ANATOMY = """The true map in its own field and in the true mask: what the measures have of anatomy alone.
"""

FAULTY = """## Which faults are seen

One fault at a time; the measures that the warnings go by, **bold** where the run warns.
"""

NOT_SEEN = """\
What they do not see: a wrong field strength, or phase and echo times wrong by one and the same factor, scale the map
and change nothing else (a field strength that contradicts the imaging frequency is warned of when the images are
read); phase that is too small by a tenth; a ramp of phase between two echoes, which background removal takes away.
The sign is told by iron and veins: where the strong sources are calcium, or there are none, the warning may be wrong
or missing. In the patch, which has neither nuclei nor an edge of tissue, a wrong direction of B0, wrong voxels and
echoes in reverse order pass as well, and no mask can be too large. All limits are for brains.
"""


def page(good: Mapping[str, Made], truths: Mapping[str, Made], faulty: Mapping[str, Mapping[str, Made | None]]) -> str:
    """Return the page."""
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    warned = [
        f"| `{d.name}` | {d.sentence.format(d.limit).split(':')[0]} | {'below' if d.low else 'above'} {d.limit:g} |"
        for d in DOUBTS
    ]
    lines = [
        INTRODUCTION,
        "| measure | unit | what it is |",
        "|---|---|---|",
        *(f"| {label} (`{name}`) | {unit} | {told} |" for name, label, unit, told in TOLD),
        "",
        MORE,
        *table(good),
        "",
        ANATOMY,
        *table(truths, ("residual_background", "edge_field", "data_misfit", "streaks", "sign", "chi_sd")),
        "",
        FAULTY,
        *(line for name, faults in faulty.items() for line in (f"### {name}", "", *fault_table(faults), "")),
        "## The warnings",
        "",
        "| measure | said | limit |",
        "|---|---|---|",
        *warned,
        "",
        NOT_SEEN,
        f"Versions: {used}.",
        "",
    ]
    return "\n".join(lines)


def table(made: Mapping[str, Made], names: tuple[str, ...] = tuple(row[0] for row in TOLD)) -> list[str]:
    rows = {name: [] for name in names}
    for measures in made.values():
        for measure in measures:
            if measure.name in rows:
                rows[measure.name].append(number(measure.value))
    units = {name: unit for name, _, unit, _ in TOLD}
    return [
        f"| measure | {' | '.join(made)} |",
        f"|---|{'---|' * len(made)}",
        *(f"| `{name}`{f' ({units[name]})' if units[name] else ''} | {' | '.join(v)} |" for name, v in rows.items()),
    ]


def fault_table(faults: Mapping[str, Made | None]) -> list[str]:
    lines = [
        f"| fault | {' | '.join(f'`{doubt.name}`' for doubt in DOUBTS)} |",
        f"|---|{'---|' * len(DOUBTS)}",
    ]
    for name, measures in faults.items():
        if measures is None:
            continue
        values = {measure.name: measure.value for measure in measures}
        cells = []
        for doubt in DOUBTS:
            value = values[doubt.name]
            met = value is not None and doubt.met(value)
            cells.append(f"**{number(value)}**" if met else number(value))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"


if __name__ == "__main__":
    main()

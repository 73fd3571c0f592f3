"""Compare ways from raw phase to susceptibility on heads unlike each other. Writes docs/presets.md.

    python Testing/robustness.py

Five simulated heads differ in field strength, voxel size, tilt, echoes and noise; three of them are simulated on voxels
of half the size. Each way starts from the same total field, which the default preset's methods estimated from wrapped
phase in the true mask. Errors are those of chi in the mask less 4 mm; what a method drops counts as zero.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from QSMLogic import metrics, pipeline
from QSMLogic.inversion.tv import automatic_weight
from QSMLogic.morphology import erode
from QSMLogic.phantom import Phantom, head_phantom
from QSMLogic.report.provenance import versions
from QSMLogic.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "presets.md"
EDGE = 4.0
"""mm; left out of the comparison: no background removal knows the field beyond the mask."""

HEADS: dict[str, dict[str, Any]] = {
    "3 T, 1.5 mm": {
        "shape": (128, 150, 120),
        "voxel_size": (1.5, 1.5, 1.5),
        "b0_direction": (0, 0.2, 1),
        "echo_times": (0.005, 0.011, 0.017, 0.023),
        "snr": 60,
        "seed": 1,
        "fine": 2,
    },
    "7 T, 1.25 mm": {
        "shape": (150, 180, 140),
        "voxel_size": (1.25, 1.25, 1.25),
        "b0_direction": (0.1, -0.15, 1),
        "field_strength": 7.0,
        "echo_times": (0.004, 0.009, 0.014),
        "snr": 40,
        "seed": 2,
    },
    "1.5 T, 2 mm": {
        "shape": (96, 112, 90),
        "voxel_size": (2, 2, 2),
        "field_strength": 1.5,
        "echo_times": (0.01, 0.02, 0.03, 0.04),
        "snr": 40,
        "seed": 3,
        "fine": 2,
    },
    "3 T, 1.2 x 1.2 x 2.4 mm": {
        "shape": (160, 190, 72),
        "voxel_size": (1.2, 1.2, 2.4),
        "b0_direction": (0, 0.35, 1),
        "echo_times": (0.006, 0.014, 0.022),
        "snr": 100,
        "seed": 4,
    },
    "3 T, 2 mm, one echo": {
        "shape": (96, 112, 90),
        "voxel_size": (2, 2, 2),
        "b0_direction": (0.2, 0.1, 1),
        "echo_times": (0.02,),
        "snr": 20,
        "offset": False,
        "seed": 5,
        "fine": 2,
    },
}

BACKGROUNDS = ("jpdf", "vsharp", "pdf")
INVERSIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "tv, sources outside": ("tv", {"exterior": "free"}),
    "tv, none outside": ("tv", {"exterior": "zero"}),
    "tv, as the field shows": ("tv", {"exterior": "auto"}),
    "tv, half the weight": ("tv", {"exterior": "auto", "regularization": 0.5}),
    "tv, double the weight": ("tv", {"exterior": "auto", "regularization": 2.0}),
    "rts": ("rts", {}),
    "tikhonov": ("tikhonov", {}),
}
"""Regularisation is given here as a multiple of the automatic weight."""


def main() -> None:
    table: dict[tuple[str, str], list[str]] = {way: [] for way in product(BACKGROUNDS, INVERSIONS)}
    for name, choice in HEADS.items():
        head = head_phantom(**choice)
        data = total_field(head)
        for (background, inversion), cells in table.items():
            error, similarity = scores(chi(background, inversion, data), head)
            cells.append(f"{error:.1f} ({similarity:.2f})")
            print(name, background, inversion, cells[-1], flush=True)
    PAGE.write_text(page(table), encoding="utf-8")


def total_field(head: Phantom) -> dict[str, Any]:
    """Return the data of a head from phase to total field, by the default preset, in the true mask."""
    scan, settings = head.scan, Settings.preset()
    data: dict[str, Any] = {
        name: getattr(scan, name) for name in ("phase", "magnitude", "echo_times", "field_strength", "grid", "valid")
    } | {"mask": head.mask}
    for stage in ("conditioning", "unwrapping", "field"):
        step = getattr(settings, stage)
        data |= pipeline.run_stage(stage, step.method, step.parameters, data)
    return data


def chi(background: str, inversion: str, data: dict[str, Any]) -> np.ndarray:
    """Return chi by one way from the total field."""
    data = data | pipeline.run_stage("background", background, {}, data)
    name, parameters = INVERSIONS[inversion]
    if "regularization" in parameters:
        weight = automatic_weight(data["local_field"], data["mask"], data["grid"])
        parameters = parameters | {"regularization": parameters["regularization"] * weight}
    return pipeline.run_stage("inversion", name, parameters, data)["chi"]


def scores(made: np.ndarray, head: Phantom) -> tuple[float, float]:
    """Return error (percent) and XSIM."""
    inner = erode(head.mask, head.scan.grid, EDGE)
    recon, truth = made * inner, head.chi * inner
    return metrics.nrmse(recon, truth, inner), metrics.xsim(recon, truth, inner)


def page(table: dict[tuple[str, str], list[str]]) -> str:
    """Return the page."""
    rows = [f"| {background} | {inversion} | {' | '.join(cells)} |" for (background, inversion), cells in table.items()]
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    return "\n".join(
        [
            "# Why the default preset is what it is",
            "",
            "Error of chi in percent (and XSIM) from wrapped phase to map, on five simulated heads. Made by",
            "`make evidence`; the script says how.",
            "",
            f"| background | inversion | {' | '.join(HEADS)} |",
            f"|---|---|{'---|' * len(HEADS)}",
            *rows,
            "",
            f"Least error on each head: {'; '.join(best(table))}.",
            "",
            "The preset `accurate` is JPDF and TV with no source outside. The default takes V-SHARP with sources",
            "outside: it takes half the time, hardly feels the rounding of its input, and bears phase that no sources",
            "explain.",
            "",
            f"Versions: {used}.",
            "",
        ]
    )


def best(table: dict[tuple[str, str], list[str]]) -> list[str]:
    """Say which way has the least error on each head."""
    ways = [min(table, key=lambda way: float(table[way][i].split()[0])) for i in range(len(HEADS))]
    return [f"{head}: {background} and {inversion}" for head, (background, inversion) in zip(HEADS, ways, strict=True)]


if __name__ == "__main__":
    main()

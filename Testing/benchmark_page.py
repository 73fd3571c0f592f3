"""The figures of the benchmark as a page: docs/benchmarks.md."""

from typing import Any

COLUMNS = ("nrmse", "xsim", "slope", "seconds", "units", "volumes", "stated", "silence")
HEADINGS = ("error %", "XSIM", "slope", "s", "FFT units", "volumes", "stated", "longest silence, s")
DECIMALS = (1, 3, 2, 2, 0, 1, 1, 2)
PEER = ("nrmse", "xsim", "units")


def page(everything: dict[str, Any], how: str) -> str:
    """Return the page: a table for each phantom; how: what is said of the way it was measured."""
    parts = ["# Benchmarks", "Made by `make bench`; do not edit.", how]
    parts.append(
        "The longest silence is the longest time between two reports of progress: a run can be cancelled then."
    )
    for name, section in everything.items():
        parts += [f"## {name}", facts(section), table(section)]
    return "\n\n".join(parts) + "\n"


def facts(section: dict[str, Any]) -> str:
    sides, sizes = (" x ".join(f"{n:g}" for n in section[key]) for key in ("shape", "voxel_size"))
    used = ", ".join(f"{name} {version}" for name, version in section["versions"].items())
    lines = [
        f"- data: {section['what']}; {sides} voxels of {sizes} mm, {section['echoes']} echoes",
        f"- machine: {section['machine']}; one FFT unit = {section['fft_unit_s'] * 1e3:.0f} ms",
        f"- versions: {used}",
    ]
    if section.get("peer"):
        lines.append(
            f"- peer: {section['peer']['peer']}; its FFT unit was {section['peer']['fft_unit_s'] * 1e3:.0f} ms"
        )
    return "\n".join(lines)


def table(section: dict[str, Any]) -> str:
    peer = (section.get("peer") or {}).get("rows", {})
    heads = ["method", *HEADINGS, *(f"peer: {HEADINGS[COLUMNS.index(key)]}" for key in PEER if peer)]
    rows = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for row, values in section["rows"].items():
        if "error" in values:
            rows.append(f"| {row} | {values['error']} |" + " |" * (len(heads) - 2))
            continue
        cells = [cell(values, key) for key in COLUMNS] + [cell(peer.get(row, {}), key) for key in PEER if peer]
        rows.append(f"| {row} | " + " | ".join(cells) + " |")
        for name, errors_of in values.get("further", {}).items():
            cells = [cell(errors_of, key) for key in COLUMNS] + [""] * len(PEER if peer else ())
            rows.append(f"| {row}, {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def cell(values: dict[str, Any], key: str) -> str:
    return f"{values[key]:.{DECIMALS[COLUMNS.index(key)]}f}" if key in values else ""

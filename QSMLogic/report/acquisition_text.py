"""The first sentence of a methods section: how the images were acquired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..io.load import Loaded

EVEN = 1e-5
"""s; echo times this near to even steps are told by their step."""

FEWEST_STEPS = 3
"""Echoes from which telling the step is shorter than telling all."""


def acquisition_sentence(loaded: Loaded) -> str:
    """Return in a sentence the sequence, scanner, timing, voxels and matrix of a scan, as far as they are known."""
    scan, facts = loaded.scan, loaded.facts.get("acquisition") or {}
    assert scan is not None
    strength = f"{_rounded(scan.field_strength)} T"
    if "phantom" in loaded.facts:
        began = f"A gradient-echo scan of a simulated head was made at {strength}"
    else:
        began = f"Images were acquired with {_sequence(facts)} at {strength}{_scanner(facts)}"
    told = [_echoes(scan.echo_times), *_timing(facts), _by("voxel size", scan.grid.voxel_size, " mm")]
    return f"{began}: {', '.join([*told, _by('matrix', scan.grid.shape)])}"


def phase_sentence(loaded: Loaded) -> str:
    """Return what was done to the phase when it was read, empty where it was nothing."""
    return "The sign of the phase was inverted" if loaded.facts.get("phase_sign") == -1 else ""


def _sequence(facts: Mapping[str, Any]) -> str:
    kind = facts.get("MRAcquisitionType")
    name = facts.get("PulseSequenceType") or facts.get("SequenceName")
    named = f" ({name})" if isinstance(name, str) else ""
    return f"a {f'{kind} ' if kind in ('2D', '3D') else ''}gradient-echo sequence{named}"


def _scanner(facts: Mapping[str, Any]) -> str:
    maker = [facts[name] for name in ("Manufacturer", "ManufacturersModelName") if isinstance(facts.get(name), str)]
    software = facts.get("SoftwareVersions")
    told = [" ".join(maker), f"software {software}" if isinstance(software, str) else ""]
    listed = ", ".join(part for part in told if part)
    return f" ({listed})" if listed else ""


def _echoes(times: Sequence[float]) -> str:
    told = [_rounded(1000 * time) for time in times]
    if len(told) == 1:
        return f"echo time {told[0]} ms"
    steps = np.diff(times)
    if len(told) >= FEWEST_STEPS and np.ptp(steps) <= EVEN:
        return f"{len(told)} echoes at {told[0]} to {told[-1]} ms in steps of {_rounded(1000 * float(steps.mean()))} ms"
    return f"{len(told)} echoes at {', '.join(told[:-1])} and {told[-1]} ms"


def _timing(facts: Mapping[str, Any]) -> list[str]:
    """Return repetition time, flip angle, bandwidth and acceleration, each where it is known."""
    rows = (
        (("RepetitionTimeExcitation", "RepetitionTime"), 1000, "repetition time {} ms"),
        (("FlipAngle",), 1, "flip angle {}°"),
        (("PixelBandwidth",), 1, "bandwidth {} Hz per pixel"),
        (("ParallelReductionFactorInPlane",), 1, "parallel imaging factor {}"),
    )
    told = []
    for names, factor, sentence in rows:
        value = next((facts[name] for name in names if facts.get(name)), None)
        if isinstance(value, int | float) and not (names[0].startswith("Parallel") and value == 1):
            told.append(sentence.format(_rounded(factor * value)))
    return told


def _by(name: str, numbers: Sequence[float], unit: str = "") -> str:
    return f"{name} {' x '.join(_rounded(n) for n in numbers)}{unit}"


def _rounded(number: float) -> str:
    """Return a number as papers print it: four digits, no zeros behind."""
    return f"{number:.4g}"

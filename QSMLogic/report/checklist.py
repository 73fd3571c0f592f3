"""What the 2024 consensus asks to be reported of a QSM study, and what it recommends to do: met, not met or unknown.

The items are those of the tables on reporting, and of the recommendations that a scan or its settings can be judged by.
Source: Bilgic2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ..io.load import Loaded
from ..methods import METHODS
from ..pipeline import Result
from ..settings import Settings
from .account import Account
from .wording import by, milliseconds, words

HARDWARE, SEQUENCE, PROCESSING = "Scanner", "Sequence", "Processing"
GROUPS = (HARDWARE, SEQUENCE, PROCESSING)
"""Of what is to be reported."""

STRAIGHT = 2.0
"""Degrees; slices less tilted than this count as straight."""


class State(StrEnum):
    """Of an item. For an item to be reported: it is known and stated, it is not so, or no file says it."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Item:
    """One item: its group, name and state, the value it was judged by, and why. essential: the consensus insists."""

    group: str
    name: str
    state: State
    value: str
    reason: str
    essential: bool = False


@dataclass(frozen=True)
class Stated:
    """An item that headers state: its group, the facts that tell it by their BIDS names, how a number is written."""

    group: str
    name: str
    facts: tuple[str, ...]
    form: str = "{}"
    essential: bool = False
    factor: float = 1.0


FROM_HEADERS = (
    Stated(HARDWARE, "Vendor", ("Manufacturer",), essential=True),
    Stated(HARDWARE, "Scanner model", ("ManufacturersModelName",)),
    Stated(HARDWARE, "Software release", ("SoftwareVersions",)),
    Stated(HARDWARE, "Receive coil", ("ReceiveCoilName", "ReceiveCoilActiveElements")),
    Stated(HARDWARE, "Centre frequency", ("ImagingFrequency",), "{:.6g} MHz"),
    Stated(SEQUENCE, "2D or 3D", ("MRAcquisitionType",), essential=True),
    Stated(SEQUENCE, "Type of sequence", ("ScanningSequence", "PulseSequenceType"), essential=True),
    Stated(SEQUENCE, "Repetition time", ("RepetitionTimeExcitation", "RepetitionTime"), "{:.4g} ms", True, 1000.0),
    Stated(SEQUENCE, "Name of sequence", ("PulseSequenceDetails", "SequenceName", "ProtocolName")),
    Stated(SEQUENCE, "Flip angle", ("FlipAngle",), "{:.4g} degrees"),
    Stated(SEQUENCE, "Bandwidth", ("PixelBandwidth",), "{:.5g} Hz/pixel"),
    Stated(SEQUENCE, "Polarity of the readout", ("ReadoutPolarity",)),
    Stated(SEQUENCE, "Partial Fourier", ("PartialFourier",)),
)

ACCELERATION = ("ParallelReductionFactorInPlane", "ParallelReductionFactorOutOfPlane")
"""Facts that tell it."""

NOT_SAID = "Not in headers or side-cars ({}): see the protocol."
"""With the names of the facts that would tell."""

NONE = "none"
"""Method of a stage that is left out."""

ONLY_BY_HAND = (
    (HARDWARE, "Gradient system", False, "No header says it: see the data sheet of the scanner."),
    (SEQUENCE, "Sampling of k-space", False, "No header says it; essential where it is not Cartesian."),
    (SEQUENCE, "Partial echo", False, "Headers do not say it reliably: see the protocol; essential where it is used."),
    (
        PROCESSING,
        "Criteria of inclusion",
        True,
        "For the study to say: which artefacts, and how severe, led to exclusion.",
    ),
)
"""Items that nothing in the files tells."""


def reporting(told: Account, loaded: Loaded, result: Result) -> tuple[Item, ...]:
    """Return what is to be reported of a run, each met where this run's report states it."""
    facts = loaded.facts.get("acquisition") or {}
    items = [
        *_of_scan(loaded),
        *(_from_header(facts, item) for item in FROM_HEADERS),
        _acceleration(facts),
        _flow_compensation(facts),
        *_of_processing(told, result),
        *(Item(group, name, State.UNKNOWN, "", why, essential) for group, name, essential, why in ONLY_BY_HAND),
    ]
    return tuple(sorted(items, key=lambda item: (GROUPS.index(item.group), not item.essential)))


def counted(items: Iterable[Item]) -> Mapping[State, int]:
    """Return how many items are in each state."""
    states = [item.state for item in items]
    return {state: states.count(state) for state in State}


def _from_header(facts: Mapping[str, Any], item: Stated) -> Item:
    found = [facts[name] for name in item.facts if facts.get(name) not in (None, "", [])]
    if not found:
        why = NOT_SAID.format(" or ".join(item.facts[:2]))
        return Item(item.group, item.name, State.UNKNOWN, "", why, item.essential)
    first = found[0]
    single = isinstance(first, int | float) and item.form != "{}"
    value = item.form.format(item.factor * first) if single else ", ".join(words(each) for each in found)
    return Item(item.group, item.name, State.MET, value, "Said by the headers or side-cars.", item.essential)


def _acceleration(facts: Mapping[str, Any]) -> Item:
    """Return how many times less was measured; the name of a technique alone does not tell."""
    factors = " \u00d7 ".join(words(facts[name]) for name in ACCELERATION if facts.get(name))
    value = " ".join(filter(None, [words(facts.get("ParallelAcquisitionTechnique") or ""), factors]))
    if factors:
        return Item(SEQUENCE, "Acceleration", State.MET, value, "Said by the headers or side-cars.", essential=True)
    why = f"Its factor: {NOT_SAID[0].lower()}{NOT_SAID[1:]}".format(ACCELERATION[0])
    return Item(SEQUENCE, "Acceleration", State.UNKNOWN, value, why, essential=True)


def _flow_compensation(facts: Mapping[str, Any]) -> Item:
    """Return whether the scan options name it; that they do not proves nothing."""
    options = words(facts.get("ScanOptions") or "")
    named = [option for option in re.split(r"[\s,]+", options) if option.upper().startswith("FC")]
    state, value = (State.MET, f"yes ({', '.join(named)})") if named else (State.UNKNOWN, "")
    return Item(SEQUENCE, "Flow compensation", state, value, "Headers do not say of which echoes: see the protocol.")


def _of_scan(loaded: Loaded) -> list[Item]:
    """Return what is known of every scan: no map can be made without it."""
    scan, said = loaded.scan, "Stated here."
    assert scan is not None
    grid = scan.grid
    view = np.multiply(grid.shape, grid.voxel_size)
    field = f"{scan.field_strength:.4g} T"
    echoes = f"{scan.echoes}: {milliseconds(scan.echo_times)}"
    coverage = f"{by(view)} mm, matrix of the images {by(grid.shape)}"
    return [
        Item(HARDWARE, "Field strength", State.MET, field, said, essential=True),
        Item(SEQUENCE, "Echo times", State.MET, echoes, said, essential=True),
        Item(SEQUENCE, "Coverage and matrix", State.MET, coverage, said, essential=True),
        Item(SEQUENCE, "Voxel size", State.MET, f"{by(grid.voxel_size)} mm", said, essential=True),
        Item(SEQUENCE, "Orientation of the slices", State.MET, _orientation(loaded), "From the axes of the images."),
    ]


def _orientation(loaded: Loaded) -> str:
    across = np.abs(np.array(loaded.geometry.direction, float).reshape(3, 3)[:, 2])
    name = ("sagittal", "coronal", "axial")[int(np.argmax(across))]
    tilt = np.degrees(np.arccos(np.clip(across.max(), -1, 1)))
    return name if tilt < STRAIGHT else f"oblique, {tilt:.0f} degrees from {name}"


def _of_processing(told: Account, result: Result) -> list[Item]:
    version = told.provenance["versions"]["slicerqsm"]
    same = "The maps lie on the voxels of the images, with their header: nothing was interpolated."
    return [
        Item(PROCESSING, "Software", State.MET, f"SlicerQSM {version}", "Stated here.", essential=True),
        Item(
            PROCESSING,
            "Algorithms and parameters",
            State.MET,
            algorithms(told.settings),
            "All values stand under Methods.",
            essential=True,
        ),
        Item(PROCESSING, "Further processing", State.MET, "none", same),
        *_referencing(result),
    ]


def algorithms(settings: Settings) -> str:
    """Return the methods that were carried out by their labels, in their order."""
    steps = [(stage, step) for stage in settings.stages for step in settings.steps(stage) if step.method != NONE]
    return ", ".join(METHODS[stage][step.method].label for stage, step in steps)


def _referencing(result: Result) -> list[Item]:
    zero = result.reference
    if zero is None:
        why = "Zero of the map has no meaning: choose a referencing method, such as mean."
        return [
            Item(PROCESSING, "Reference and unit", State.NOT_MET, "ppm, without a reference", why, essential=True),
            Item(PROCESSING, "Reference against the whole brain", State.NOT_MET, "", why, essential=True),
        ]
    whole = result.settings.referencing.method == "mean"
    mean = float(result.maps["chi"][result.maps["eroded_mask"].astype(bool)].mean())
    value = "is the whole brain" if whole else f"{-mean:+.4f} \u00b1 {zero.sd:.4f} ppm"
    why = "Mean and SD of the reference region where zero is the whole brain, for those who compare studies."
    return [
        Item(
            PROCESSING, "Reference and unit", State.MET, f"ppm, zero is the {zero.name}", "Stated here.", essential=True
        ),
        Item(PROCESSING, "Reference against the whole brain", State.MET, value, why, essential=True),
    ]

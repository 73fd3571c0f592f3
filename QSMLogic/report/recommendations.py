"""What the 2024 consensus recommends to do, as far as a scan and its settings tell. Source: Bilgic2024."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..io.load import Loaded
from ..methods import METHODS
from ..pipeline import Result
from ..scan import Scan
from ..settings import Settings
from .checklist import NOT_SAID, Item, State
from .wording import by, milliseconds, words

ACQUISITION, COMPUTATION = "Acquisition", "Computation"
"""Groups of the items."""

FEWEST_ECHOES = 3
UNEVEN = 0.02
"""Relative difference between the spacings of echoes that rounding in a header explains."""

ELONGATED = 1.1
"""Ratio of a voxel's edges up to which it counts as isotropic."""

LARGEST_VOXEL = 1.01
"""mm3; one, and what rounding in a header adds."""

PUTAMEN = ((1.5, 3.0, 7.0), (55.5, 31.5, 16.1))
"""Field strengths (T) and T2* (ms) of the putamen, the shortest of healthy grey matter. Source: Peters2007."""

EXACT = frozenset({"romeo", "best_path"})
SHARP_OR_PDF = frozenset({"sharp", "vsharp", "resharp", "pdf", "jpdf"})
SPARSE = frozenset({"fansi_nltv", "hdqsm", "l1qsm", "medi", "nltv", "rts", "star", "tgv", "tv", "whqsm"})
SPARSE_STEPS = frozenset({"tfi", "tgv"})
"""Methods of unwrapping that add whole turns only, of background removal of the kinds recommended, and inversions and
single steps by optimisation with a prior on sparse edges."""

BRAIN, QUALITY = "bet", "phase_quality"
"""Masking by brain extraction, and by the quality of the phase."""


def recommendations(settings: Settings, loaded: Loaded, result: Result) -> tuple[Item, ...]:
    """Return which recommendations a run follows."""
    facts, scan = loaded.facts.get("acquisition") or {}, loaded.scan
    assert scan is not None
    return (
        _three_dimensional(facts),
        _gradient_echo(facts),
        _monopolar(facts),
        _enough_echoes(scan),
        _even_echoes(scan),
        _late_enough(scan),
        _isotropic(scan),
        _small_voxels(scan),
        _mask(settings),
        _one_of(settings, "unwrapping", "Exact unwrapping", EXACT, "whole turns are added, and nothing else"),
        _one_of(settings, "background", "Background removal by SHARP or PDF", SHARP_OR_PDF, "it is one of their kind"),
        _one_of(
            settings,
            "inversion",
            "Inversion with a sparse prior",
            SPARSE,
            "edges are kept sparse by optimisation",
            single=SPARSE_STEPS,
        ),
        _reference(result),
    )


def _three_dimensional(facts: Mapping[str, Any]) -> Item:
    value = words(facts.get("MRAcquisitionType") or "")
    state = {"3D": State.MET, "2D": State.NOT_MET}.get(value.upper(), State.UNKNOWN)
    why = "Slices of a 2D scan may differ in phase." if value else NOT_SAID.format("MRAcquisitionType")
    return Item(ACQUISITION, "3D acquisition", state, value, why)


def _gradient_echo(facts: Mapping[str, Any]) -> Item:
    value = words(facts.get("ScanningSequence") or "")
    kinds = {kind.strip().upper() for kind in value.split(",")} - {""}
    state = State.UNKNOWN
    if kinds & {"GR", "SE", "EP"}:
        state = State.MET if "GR" in kinds and not kinds & {"SE", "EP"} else State.NOT_MET
    why = (
        "A spoiled gradient echo is best understood; EPI is faster but distorted."
        if kinds
        else NOT_SAID.format("ScanningSequence")
    )
    return Item(ACQUISITION, "Gradient echo", state, value, why)


def _monopolar(facts: Mapping[str, Any]) -> Item:
    value = words(facts.get("ReadoutPolarity") or "")
    state = {"monopolar": State.MET, "bipolar": State.NOT_MET}.get(value.lower(), State.UNKNOWN)
    why = (
        "Even and odd echoes of a bipolar readout differ in phase and place."
        if value
        else NOT_SAID.format("ReadoutPolarity")
    )
    return Item(ACQUISITION, "Monopolar readout", state, value, why)


def _enough_echoes(scan: Scan) -> Item:
    enough = scan.echoes >= FEWEST_ECHOES
    why = "Two tell the field from the offset of the coils, and more are surer."
    return Item(ACQUISITION, f"At least {FEWEST_ECHOES} echoes", _state(enough), str(scan.echoes), why)


def _even_echoes(scan: Scan) -> Item:
    spacing = np.diff(scan.echo_times)
    value = milliseconds(spacing)
    if spacing.size < 2:
        return Item(ACQUISITION, "Evenly spaced echoes", State.UNKNOWN, "", "It takes three echoes to tell.")
    even = bool(spacing.max() / spacing.min() - 1 <= UNEVEN)
    return Item(ACQUISITION, "Evenly spaced echoes", _state(even), value, "From echo to echo.")


def _late_enough(scan: Scan) -> Item:
    name, last = "Last echo as late as T2*", 1000 * scan.echo_times[-1]
    strengths, times = PUTAMEN
    if not strengths[0] <= scan.field_strength <= strengths[-1]:
        why = f"T2* of deep grey matter at {scan.field_strength:.3g} T is not tabulated here."
        return Item(ACQUISITION, name, State.UNKNOWN, f"{last:.4g} ms", why)
    needed = 1 / float(np.interp(scan.field_strength, strengths, 1 / np.array(times)))
    why = f"T2* of the putamen, the shortest of grey matter, is about {needed:.0f} ms at {scan.field_strength:.3g} T."
    return Item(ACQUISITION, name, _state(last >= needed), f"{last:.4g} ms", why)


def _isotropic(scan: Scan) -> Item:
    size = scan.grid.voxel_size
    why = "Long voxels blur the field along one direction."
    return Item(ACQUISITION, "Isotropic voxels", _state(max(size) / min(size) <= ELONGATED), f"{by(size)} mm", why)


def _small_voxels(scan: Scan) -> Item:
    volume = scan.grid.voxel_volume
    why = "Large voxels lose phase, and mix tissues."
    return Item(ACQUISITION, "Voxels of at most 1 mm3", _state(volume <= LARGEST_VOXEL), f"{volume:.3g} mm3", why)


def _mask(settings: Settings) -> Item:
    name = "Mask by brain extraction and phase quality"
    value = ", ".join(METHODS["masking"][step.method].label for step in settings.masking)
    first, *others = settings.masking
    steps = {first.method, *(step.method for step in others if step.combine == "intersection")}
    quality = QUALITY in steps or settings.two_pass
    if "given" in steps and not (BRAIN in steps and quality):
        return Item(COMPUTATION, name, State.UNKNOWN, value, "The mask was made beforehand: say how.")
    lacking = [what for what, there in (("brain extraction", BRAIN in steps), ("phase quality", quality)) if not there]
    why = "Voxels without usable phase are left out."
    if lacking:
        why = f"Without {' and '.join(lacking)}; voxels whose phase cannot be trusted have little weight instead."
    return Item(COMPUTATION, name, _state(not lacking), value, why)


def _one_of(
    settings: Settings,
    stage: str,
    name: str,
    recommended: frozenset[str],
    so: str,
    *,
    single: frozenset[str] = frozenset(),
) -> Item:
    """Judge the method that was carried out: that of the stage, or the single step in its place."""
    ran = stage if stage in settings.stages else "single_step"
    method = getattr(settings, ran).method
    met = method in (recommended if ran == stage else single)
    others = ", ".join(sorted(METHODS[stage][each].label for each in recommended))
    why = f"{so[0].upper()}{so[1:]}." if met else f"Recommended are: {others}."
    return Item(COMPUTATION, name, _state(met), METHODS[ran][method].label, why)


def _reference(result: Result) -> Item:
    zero = result.reference
    value = "none" if zero is None else zero.name
    why = "Values of a map have a meaning only relative to a region that is named."
    return Item(COMPUTATION, "Values relative to a stated reference", _state(zero is not None), value, why)


def _state(met: bool) -> State:
    return State.MET if met else State.NOT_MET

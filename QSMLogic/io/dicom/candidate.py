"""What a person chooses by: an acquisition of DICOM files with its volumes, its facts, and what is wrong with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ..candidate import Candidate, Stack, clean, lacking, other_geometry, wanted
from .facts import siemens_protocol
from .headers import Slice, unreadable
from .kinds import FIELD_MAP
from .sorting import Found
from .stacks import stack_of

SAME_SCALE = 1e-3
"""Largest difference between the scales of slices of one volume, as a part of the slope, that is rounding."""

THICK = 1.5
"""Slices this much thicker than they are apart were interpolated."""

FIELD_MAP_ONLY = (
    "There is a field map (Hz), which the scanner made of two echoes, but no phase: export the phase of every echo of "
    "a gradient-echo scan."
)
DIFFERENCE = (
    "There is one phase image for {count} echoes of magnitude: it is the phase difference of a field map, or the phase "
    "of other echoes was left out. Export the phase of every echo, as a difference is no substitute."
)
FIELD_MAPPING = (
    "The phase is that of a field-mapping protocol ({said}), whose scanner stores the difference of two echoes: export "
    "the phase of every echo of a gradient-echo scan."
)
FIELD_MAPPING_SEQUENCE = "fm2d"
"""In the name of Siemens' sequence gre_field_mapping, *fm2d2r."""

LONGEST_TRAIN = 32
"""Echoes of a multi-echo scan at most; a longer train is one of excitations, or of an echo-planar readout."""

GAPS = "Echo {missing} is missing (there are {there}): export it too; the map is made of the others."
FEWER = "The header names {count} echoes but {there} are here: export all of them; the map is made of these."
SOME_TIMES = (
    "Some images name their echo time and others of them none, so that their order is not certain: export them again, "
    "or convert them to NIfTI, and name the files and their echo times."
)
SEPARATE = (
    "Every echo is the first one of a series of its own: they are of separate scans, between which the head and the "
    "field of the scanner may have moved."
)
BIPOLAR = (
    "The echoes were read in both directions (bipolar), by which even and odd ones differ: set the readout of the "
    "conditioning to bipolar."
)
THIN = (
    "The slices are {thickness:g} mm thick but {step:.3g} mm apart: they were interpolated, and the map is not sharper "
    "for it."
)


@dataclass(frozen=True)
class Parts:
    """The parts a map is made of, with their echoes. there: the echoes of every part; said: what a person calls them.

    slices: those of the parts, and of field maps; fields: whether there are field maps.
    """

    there: Mapping[str, Sequence[float]]
    said: Mapping[float, str]
    slices: Sequence[Slice]
    fields: bool

    @property
    def echoes(self) -> tuple[float, ...]:
        """The echoes of all parts, in order."""
        return tuple(self.said)


def candidate_of(found: Found, broken: Sequence[str]) -> Candidate | None:
    """Return an acquisition, None for a series that is no part of one: no phase, and no gradient echo either.

    broken: sentences on files that cannot be read.
    """
    parts = _parts(found)
    first = min((s.series for s in parts.slices), key=lambda series: series.number)
    if set(parts.there) <= {"magnitude"} and not first.gradient_echo and not parts.fields:
        return None
    stacks, irregular = _stacks(found, parts)
    named = {f"{part} {i + 1}": s.geometry for part, several in stacks.items() for i, s in enumerate(several)}
    facts = _facts(parts.slices)
    again = f"repetition {found.repetition + 1}" if found.several else ""
    said = ", ".join(filter(None, (f"series {first.number}", again, first.patient)))
    problem = found.problem or _problem(parts) or irregular or other_geometry(named) or _processed(parts)
    return Candidate(
        name=first.name or f"series {first.number}",
        kind="DICOM",
        description=clean(f"({said})"),
        volumes=stacks or dict.fromkeys(parts.there or ("phase",), ()),
        echo_times=parts.echoes if parts.echoes and min(parts.echoes) > 0 else None,
        field_strength=first.field_strength,
        shape=next(iter(named.values())).shape if named else None,
        problem=problem,
        warnings=(*found.said, *_warnings(parts, stacks, broken), *([] if problem else _of_echoes(parts, facts))),
        facts=facts,
    )


def _parts(found: Found) -> Parts:
    there: dict[str, list[float]] = defaultdict(list)
    for part, echo in sorted(found.volumes):
        there[part].append(echo)
    fields = there.pop(FIELD_MAP, [])
    used = {part: there[part] for part in wanted(there) if part in there}
    echoes = sorted({echo for several in used.values() for echo in several}, key=abs)
    said = {echo: f"echo {i + 1}{f' ({echo * 1000:g} ms)' if echo > 0 else ''}" for i, echo in enumerate(echoes)}
    slices = [s for (part, _), several in found.volumes.items() if part in (*used, FIELD_MAP) for s in several]
    return Parts(used, said, slices, bool(fields))


def _problem(parts: Parts) -> str:
    """Return in a sentence why the images that were found make no map, empty where they do."""
    phase, magnitude = parts.there.get("phase", ()), parts.there.get("magnitude", ())
    if parts.fields and not set(parts.there) & {"phase", "real", "imaginary"}:
        return FIELD_MAP_ONLY
    if len(phase) == 1 and len(magnitude) > 1 and max(phase) >= max(magnitude):
        return DIFFERENCE.format(count=len(magnitude))
    names = (str(s.series.facts.get("SequenceName", "")) for s in parts.slices if s.part == "phase")
    sequence = next((name for name in names if FIELD_MAPPING_SEQUENCE in name), "")
    if sequence and len(phase) == 1:
        return FIELD_MAPPING.format(said=sequence)
    if parts.echoes and min(parts.echoes) < 0 < max(parts.echoes):
        return SOME_TIMES
    return lacking({part: parts.there.get(part, ()) for part in wanted(parts.there)}, parts.said)


def _processed(parts: Parts) -> str:
    return next((s.processing.problem for s in parts.slices if s.processing.problem), "")


def _stacks(found: Found, parts: Parts) -> tuple[dict[str, tuple[Stack, ...]], str]:
    """Return the volumes of every part, and why they are none, empty where they are."""
    stacks: dict[str, tuple[Stack, ...]] = {}
    try:
        for part, echoes in parts.there.items():
            stacks[part] = tuple(stack_of(found.volumes[part, e], f"{part} of {parts.said[e]}") for e in echoes)
    except InputError as error:
        return stacks, str(error)
    return stacks, ""


def _facts(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return the facts of the phase, or of what there is instead; Siemens' protocol is read of one file only."""
    chosen = min(slices, key=lambda s: (s.part in ("magnitude", FIELD_MAP), s.series.number))
    facts = dict(chosen.series.facts)
    if chosen.series.manufacturer.startswith("SIEMENS"):
        try:
            facts |= siemens_protocol(chosen.frame.path)
        except unreadable():
            pass  # a private part that is damaged tells nothing; the voxels are read later, and checked then
    return facts


def _warnings(parts: Parts, stacks: Mapping[str, Sequence[Stack]], broken: Sequence[str]) -> list[str]:
    said = list(dict.fromkeys(word for s in parts.slices for word in (*s.processing.doubts, s.doubt) if word))
    thickness = next((float(s.series.facts.get("SliceThickness", 0)) for s in parts.slices), 0.0)
    steps = [stack.geometry.spacing[2] for several in stacks.values() for stack in several if len(stack.frames) > 1]
    if steps and thickness > THICK * max(steps):
        said.append(THIN.format(thickness=thickness, step=max(steps)))
    if broken:
        said.append(f"{len(broken)} files cannot be read; the first: {broken[0]}")
    if len({s.series.field_strength for s in parts.slices}) > 1:
        said.append("The series name different field strengths: check that they are of one scan.")
    for part, several in stacks.items():
        if any(map(_unevenly_scaled, several)):
            said.append(f"Slices of the {part} are scaled in different ways: one of their headers may be damaged.")
    return said


def _unevenly_scaled(stack: Stack) -> bool:
    """Tell whether the slices of a volume are scaled in different ways."""
    scales = np.array([(f.slope / f.private_scale, f.intercept / f.private_scale) for f in stack.frames])
    return bool(np.ptp(scales, axis=0).max() > SAME_SCALE * np.abs(scales[:, 0]).max())


def _of_echoes(parts: Parts, facts: Mapping[str, Any]) -> list[str]:
    """Return in sentences which echoes the headers speak of that are not there, and how they were read."""
    said = [BIPOLAR] if facts.get("ReadoutPolarity") == "bipolar" else []
    numbers = sorted({s.number for s in parts.slices if s.part in parts.there and s.number > 0})
    if numbers == [1] and len(parts.echoes) > 1 and _one_echo_each(parts.slices):
        said.append(SEPARATE)
    gaps = sorted(set(range(1, max(numbers, default=0))) - set(numbers))
    if gaps and len(numbers) == len(parts.echoes):
        return [*said, GAPS.format(missing=_listed(gaps), there=_listed(numbers))]
    train = int(facts.get("EchoTrainLength", 0))
    planar = "EP" in facts.get("ScanningSequence", ()) or train > LONGEST_TRAIN
    count = int(facts.get("NumberOfEchoes", 0 if planar else train))
    if 1 < len(parts.echoes) < count:
        return [*said, FEWER.format(count=count, there=len(parts.echoes))]
    return said


def _one_echo_each(slices: Sequence[Slice]) -> bool:
    """Whether no series holds two echoes."""
    return len({(s.series.uid, s.echo) for s in slices}) == len({s.series.uid for s in slices})


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, np.asarray(numbers).tolist()))

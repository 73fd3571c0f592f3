"""From a scan to susceptibility: the only file that knows the order of the stages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .chosen import listening
from .device import computing_on, describe
from .errors import InputError
from .footprint import memory_needed, memory_of
from .memory import check_memory
from .methods import METHODS, STAGES, Method
from .morphology import not_empty
from .progress import Progress, no_progress, part
from .registry import refuse_few_echoes
from .roi import Reference
from .scan import Scan
from .settings import Settings, Step
from .weighting import refuse_absent_echo
from .weights import data_weights, magnitude_weights

SHARE = {
    "masking": 0.1,
    "conditioning": 0.1,
    "unwrapping": 0.1,
    "field": 0.05,
    "background": 0.25,
    "inversion": 0.4,
    "single_step": 0.0,
    "referencing": 0.0,
    "maps": 0.0,
}
"""Each stage's part of the progress bar, as the default preset spends its time. A single step has the parts of the
stages that it stands in for; further maps are added to the whole."""

MAP_SHARE = 0.05
"""A further map's part, while the stages before have 1 together."""

IN_WORDS = {
    "phase": "the phase (--phase)",
    "magnitude": "the magnitude (--magnitude)",
    "mask": "a mask (--mask)",
    "given_mask": "a mask (--mask)",
    "labels": "a label image (--labels)",
    "echo_times": "the echo times (--params or --echo-times)",
    "field_strength": "the field strength (--params or --field-strength)",
    "unwrapped": "the unwrapped phase (--unwrapped)",
    "total_field": "the total field (--total-field)",
    "local_field": "the local field (--local-field)",
    "chi": "a susceptibility map (--chi)",
    "r2": "an R2 map (--r2)",
    "r2star": "an R2* map (--r2star, or a method that makes one before it)",
    "r2prime": "an R2' map (--r2prime, or a method that makes one before it)",
}
"""How to say what a method lacks, and how to give it."""


@dataclass
class Result:
    """What a run made: every map by its name, seconds per stage, what zero means in chi, and warnings.

    maps: mask, phase, unwrapped, total_field, field_noise, residual, weights, local_field, eroded_mask, chi; (x, y, z)
    or (x, y, z, echo); those of stages that a single-step method stands in for are not there. reference is None where
    chi was not referenced; chosen: the parameters that methods chose themselves, by "stage/method";
    device: what solvers computed with, where that was not NumPy.
    """

    settings: Settings
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    reference: Reference | None = None
    warnings: list[str] = field(default_factory=list)
    chosen: dict[str, dict[str, float]] = field(default_factory=dict)
    device: str = ""

    @property
    def total_seconds(self) -> float:
        """Seconds of computation, all stages."""
        return sum(self.seconds.values())


def run(
    scan: Scan,
    settings: Settings,
    *,
    given_mask: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    r2: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> Result:
    """Run the whole pipeline.

    given_mask (x, y, z): taken instead of the masking steps, unless they use the method `given` themselves; labels
    (x, y, z) int, for a reference region; r2 (x, y, z) 1/s, for further maps. Raises InputError where the input or a
    setting cannot be used, Cancelled where progress asks for it.
    """
    given = {"given_mask": given_mask, "labels": labels, "r2": r2}
    for name, image in given.items():
        scan.refuse_other_shape(name, image)
    job = _Job(scan, settings, given, progress)
    job.refuse_missing()
    check_memory(memory_needed(scan.grid.shape, scan.echoes, settings))
    job.make_mask()
    check_memory(memory_needed(scan.grid.shape, scan.echoes, settings, job.data["mask"]))
    for stage in ("conditioning", "unwrapping", "field"):
        if stage in settings.stages:
            job.data |= job.stage(stage, getattr(settings, stage), job.data)
    job.data["weights"] = _derived_weights(job.data)
    found = job.two_passes() if settings.two_pass else job.invert(job.data)
    eroded = found.pop("mask")
    outputs = job.stage("referencing", settings.referencing, job.data | found | {"mask": eroded})
    job.data |= found | {"eroded_mask": eroded, "chi": outputs["chi"]}
    for step in settings.maps:
        job.data |= job.stage("maps", step, job.data, 1 / len(settings.maps))
    job.result.maps = {name: job.data[name] for name in settings.makes if job.data.get(name) is not None}
    job.result.reference = outputs["reference"]
    progress(1.0, "done")
    return job.result


def run_stage(
    stage: str, name: str, parameters: Mapping[str, Any], data: Mapping[str, Any], progress: Progress = no_progress
) -> dict[str, Any]:
    """Run one method on data bound by name, and return its outputs by name.

    What can be derived is: a field method that is given phase unwraps it first, with the default preset's methods;
    weights come from the field noise, else from magnitude and echo times. Raises InputError naming what is missing.
    """
    record = METHODS[stage][name]
    data = dict(data)
    if "unwrapped" in record.inputs and "unwrapped" not in data:
        preset = Settings.preset()
        for before, span in (("conditioning", (0.0, 0.4)), ("unwrapping", (0.4, 0.7))):
            step = getattr(preset, before)
            data |= run_stage(before, step.method, step.parameters, data, part(progress, *span, STAGES[before].label))
        progress = part(progress, 0.7, 1.0)
    if "weights" in record.optional_inputs and "weights" not in data:
        data["weights"] = _derived_weights(data)
    _refuse(record, parameters, data)
    _check_stage_memory(record, data)
    bound = {n: data[n] for n in (*record.inputs, *record.optional_inputs) if n in data}
    with nullcontext() if record.on_gpu else computing_on("cpu"):
        outputs = record.function(**bound, **record.settings(**parameters), progress=progress)
    progress(1.0, "")
    return dict(zip(record.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True))


def _refuse(record: Method, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Raise InputError where a method lacks data or echoes."""
    values = record.settings(**parameters)
    if data.get("echo_times") is not None:
        refuse_few_echoes(record.label, record.fewest_echoes, len(data["echo_times"]))
        refuse_absent_echo(values.get("echo"), len(data["echo_times"]))
    if missing := _in_words(record.inputs, data):
        raise InputError(f"{record.label} needs {missing}, which is not given.")
    for switch, names in record.needed_by.items():
        missing = _in_words(names, data)
        if values[switch] and missing:
            label = next(p.info.label for p in record.parameters if p.name == switch)
            raise InputError(f"{record.label}: {label} needs {missing}, which is not given: give it, or turn that off.")


def _in_words(names: Iterable[str], data: Mapping[str, Any]) -> str:
    """Those of the data that are not there, and how to give them."""
    return ", ".join(IN_WORDS.get(n, n.replace("_", " ")) for n in names if data.get(n) is None)


def _check_stage_memory(record: Method, data: Mapping[str, Any]) -> None:
    """Refuse a method that cannot fit beside what is held already."""
    image = next((data[n] for n in ("mask", "phase", "magnitude", *record.inputs) if _is_image(data.get(n))), None)
    if image is not None:
        check_memory(memory_of(record, image.shape[:3], len(data.get("echo_times") or (0,)), data.get("mask")))


def _is_image(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim >= 3


def _derived_weights(data: Mapping[str, Any]) -> np.ndarray | None:
    mask, magnitude = data.get("mask"), data.get("magnitude")
    if mask is None:
        return None
    if data.get("field_noise") is not None:
        return data_weights(data["field_noise"], mask, data.get("residual"))
    if magnitude is None:
        return None
    times = data.get("echo_times")
    same = times is not None and len(times) == magnitude.shape[-1]
    return magnitude_weights(magnitude, mask, times if times is not None and same else (1.0,) * magnitude.shape[-1])


def _named(progress: Progress, label: str) -> Progress:
    """Progress that shows the stage, not the method's own words: they are for runs of that method alone."""

    def report(fraction: float, message: str = "") -> None:
        progress(fraction, label)

    return report


class _Job:
    """One run under way: its data so far, its clock and its place on the progress bar."""

    def __init__(
        self,
        scan: Scan,
        settings: Settings,
        given: Mapping[str, np.ndarray | None],
        progress: Progress,
    ) -> None:
        self.settings, self.progress, self.done = settings, progress, 0.0
        self.share = dict(SHARE)
        self.share["single_step"] += sum(SHARE[stage] for stage in STAGES if stage not in settings.stages)
        self.share["maps"] = MAP_SHARE * len(settings.maps)
        whole = sum(self.share.values())
        self.share = {stage: share / whole for stage, share in self.share.items()}
        self.result = Result(settings)
        self.data: dict[str, Any] = {
            "phase": scan.phase,
            "magnitude": scan.magnitude,
            "echo_times": scan.echo_times,
            "field_strength": scan.field_strength,
            "grid": scan.grid,
            "valid": scan.valid,
            **given,
        }

    def stage(self, stage: str, step: Step, data: Mapping[str, Any], share: float = 1.0) -> dict[str, Any]:
        """Run one step; share is its part of the stage's place on the progress bar."""
        label = f"{STAGES[stage].label}: {METHODS[stage][step.method].label}"
        end = min(self.done + share * self.share[stage], 1.0)
        inner = part(self.progress, self.done, end, label)
        start = time.perf_counter()
        inner(0.0, label)
        with listening() as chosen, computing_on(self.settings.device):
            outputs = run_stage(stage, step.method, step.parameters, data, _named(inner, label))
        if chosen:
            self.result.chosen[f"{stage}/{step.method}"] = chosen
        self.result.seconds[stage] = self.result.seconds.get(stage, 0.0) + time.perf_counter() - start
        self.done = end
        return outputs

    def refuse_missing(self) -> None:
        """Refuse at once, not after minutes, a device that is not there, and a method that lacks data or echoes."""
        with computing_on(self.settings.device):
            self.result.device = describe()
        there = self.data | dict.fromkeys(("mask", "weights", "eroded_mask"), True)
        for stage in self.settings.stages:
            for step in self.settings.steps(stage):
                record = METHODS[stage][step.method]
                if stage != "masking":
                    _refuse(record, step.parameters, there)
                there |= dict.fromkeys(record.outputs, True)

    def make_mask(self) -> None:
        """Run the masking steps, or take the user's mask."""
        steps = self.settings.masking
        given = self.data["given_mask"]
        if given is not None and all(step.method != "given" for step in steps):
            steps = (Step("given", {}),)
        mask: np.ndarray | None = None
        for step in steps:
            made = self.stage("masking", step, self.data | {"mask": mask}, 1 / len(steps))["mask"]
            if mask is not None and "mask" not in METHODS["masking"][step.method].inputs:
                made = mask | made if step.combine == "union" else mask & made
            mask = made
        assert mask is not None
        self.data["mask"] = not_empty(mask & self.data["valid"], "Masking", "choose another method or give a mask")

    def invert(self, data: Mapping[str, Any], share: float = 1.0) -> dict[str, np.ndarray]:
        """Return chi, eroded mask and, where it was made, the local field, from what data hold in their mask."""
        made: dict[str, Any] = {}
        for stage in ("background", "inversion", "single_step"):
            if stage in self.settings.stages:
                made |= self.stage(stage, getattr(self.settings, stage), {**data, **made}, share)
        return made

    def two_passes(self) -> dict[str, np.ndarray]:
        """Invert in the reliable voxels and in the whole mask; take the second where the first has nothing.

        Sources whose own field cannot be measured do not streak into the first. Source: Stewart2022.
        """
        quality = METHODS["masking"]["phase_quality"]
        reliable = run_stage("masking", quality.name, {"hole_radius": 0.0, "largest_only": False}, self.data)["mask"]
        reliable = not_empty(reliable & self.data["mask"], "Two passes", "run in one pass")
        weights = None if self.data["weights"] is None else self.data["weights"] * reliable
        first = self.invert(self.data | {"mask": reliable, "weights": weights}, 0.5)
        second = self.invert(self.data, 0.5)
        inside = first["mask"]
        return {name: np.where(inside, first[name], second[name]) for name in first if name != "mask"} | {
            "mask": inside | second["mask"]
        }

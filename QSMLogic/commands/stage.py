"""`qsm STAGE METHOD`: one method by itself, for every method in the register."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

from .. import pipeline
from ..chosen import listening
from ..device import DEVICE_HELP, Device, computing_on, describe
from ..documents import listed
from ..io.load import Loaded, load
from ..io.outputs import OutputFolder
from ..io.writing import FILES, PROVENANCE, RESULTS, file_of, kept, sidecar_of, write_json, write_maps
from ..methods import METHODS, STAGES, Method
from ..progress import Progress, part
from ..report.provenance import provenance
from ..report.sidecar import sidecar
from ..settings import Settings, Step
from ..weights import given_weights
from .arguments import (
    RAW,
    add_command,
    add_echoes,
    add_facts,
    add_output,
    add_parameters,
    chosen,
    flag,
    sources,
)
from .run import warn
from .terminal import Reporter

MAPS = {
    "unwrapped": "unwrapped phase of every echo, rad, one 4-D file",
    "total_field": "total field, ppm",
    "field_noise": "noise of the total field, ppm",
    "residual": "phase noise that the misfit of the echoes shows, rad",
    "local_field": "local field, ppm",
    "weights": "weight of every voxel, in any unit",
    "chi": "susceptibility, ppm",
    "eroded_mask": "where the susceptibility is known: voxels above 0",
    "r2": "R2 map, 1/s",
    "r2star": "R2* map, 1/s",
    "r2prime": "R2' map, 1/s",
}
"""Data that can be given as an image each, and what the image holds."""

FROM_PHASE = ("phase", "unwrapped")
"""A method that needs one of these can start from phase: the stages between are run for it."""

TO_FIELD = ("conditioning", "unwrapping", "field")
"""What `qsm field METHOD` runs for the name of an unwrapping method; the others are the default preset's."""


def add(commands: Any) -> None:
    """Add a command per stage, with a command per method below it."""
    for stage in STAGES.values():
        parser = commands.add_parser(stage.name, help=f"{stage.label} alone, by one of its methods")
        methods = parser.add_subparsers(title="methods", metavar="METHOD", required=True)
        for method in _offered(stage.name):
            _add_method(methods, method, stage.name)


def _offered(stage: str) -> Iterator[Method]:
    """Methods of a stage; a field can be asked for by the name of the unwrapping method too."""
    yield from METHODS[stage].values()
    if stage == "field":
        yield from (method for name, method in METHODS["unwrapping"].items() if name not in METHODS["field"])


def _add_method(methods: Any, method: Method, stage: str) -> None:
    parser = add_command(methods, method.name, _work, f"{method.label}: {method.summary}")
    parser.set_defaults(method=method, stage=stage)
    needed = (*method.inputs, *method.optional_inputs)
    from_phase = stage == "single_step" or set(needed) & set(FROM_PHASE)
    add_echoes(parser, RAW if from_phase else ("magnitude",))
    group = parser.add_argument_group("maps to start from")
    for name, content in MAPS.items():
        if name in needed:
            group.add_argument(flag(name), type=Path, metavar="FILE", help=content)
    group.add_argument("--mask", type=Path, metavar="FILE", help="where to compute: voxels above 0")
    if "labels" in needed:
        group.add_argument("--labels", type=Path, metavar="FILE", help="regions, whole numbers")
    add_facts(parser)
    if method.stage != stage or stage == "single_step":
        names = listed(METHODS["conditioning"])
        parser.add_argument("--conditioning", metavar="METHOD", help=f"what is done to the phase before: {names}")
    add_output(parser, keep=[FILES[name] for name in _made(method, stage) if name not in RESULTS])
    add_parameters(parser, method.parameters, f"parameters of {method.label}")
    if method.on_gpu:
        parser.add_argument("--device", choices=get_args(Device), default="cpu", help=DEVICE_HELP)


def _made(method: Method, stage: str) -> list[str]:
    """Names of the maps that a command makes."""
    stages: tuple[str, ...] = (stage,) if method.stage == stage else TO_FIELD
    if stage == "single_step":
        stages = (*Settings.preset().stages_to(method.inputs), stage)
    return list(dict.fromkeys(name for stage in stages for name in _outputs(method, stage) if name in FILES))


def _outputs(method: Method, stage: str) -> tuple[str, ...]:
    return STAGES[stage].outputs or method.outputs


def _steps(args: argparse.Namespace) -> dict[str, Step]:
    """Return the steps of a command by their stages."""
    method: Method = args.method
    own = Step(method.name, chosen(args, method))
    if method.stage == args.stage != "single_step":
        return {method.stage: own}
    changes = {} if args.conditioning is None else {"conditioning.method": args.conditioning}
    settings = replace(Settings.preset().changed(changes), **cast(Any, {method.stage: own}))
    stages: tuple[str, ...] = TO_FIELD
    if args.stage == "single_step":
        given = [name for name in MAPS if vars(args).get(name) is not None]
        stages = (*settings.stages_to(method.inputs, given), args.stage)
    return {stage: getattr(settings, stage) for stage in stages}


def _work(args: argparse.Namespace) -> None:
    steps = _steps(args)
    made_here = _made(args.method, args.stage)
    product = args.method.outputs[0]
    written = dict.fromkeys([product, *kept(made_here, getattr(args, "keep", ()))])
    named = sources(args, tuple(MAPS))
    beside = {name: sidecar_of(name) for name in made_here if args.stage == "maps"}
    names = [*map(file_of, written), *beside.values(), PROVENANCE]
    with OutputFolder(args.out, names, stale=map(file_of, made_here), force=args.force) as out:
        loaded = load(named)
        with Reporter() as progress, listening() as chosen, computing_on(getattr(args, "device", "cpu")):
            device = describe()
            made, seconds = _compute(steps, _with_mask(loaded.data), progress)
        warn(loaded.warnings)
        write_maps(out, made, written, loaded.geometry)
        for name, file in beside.items():
            alone = replace(Settings.preset(), maps=(steps["maps"],))
            write_json(out, file, sidecar(name, alone, None if loaded.scan is None else loaded.scan.echoes))
        record = provenance(
            args.command,
            named.files(),
            seconds=sum(seconds.values()),
            stage_seconds=seconds,
            settings={stage: {"method": step.method} | step.parameters for stage, step in steps.items()},
            chosen=chosen,
            **({"device": device} if device else {}),
            scan=loaded.facts,
            reference=made.get("reference"),
            warnings=loaded.warnings,
            methods=_said(steps, loaded),
        )
        write_json(out, PROVENANCE, record)
    print(f"{args.out}: {', '.join(map(file_of, written))}")


def _said(steps: Mapping[str, Step], loaded: Loaded) -> str:
    """Say in words what the steps do, and what they assume."""
    echoes = None if loaded.scan is None else loaded.scan.echoes
    said = (METHODS[stage][step.method].described(echoes, **step.parameters) for stage, step in steps.items())
    return " ".join(f"{sentence.rstrip('. ')}." for sentence in said if sentence)


def _with_mask(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with the mask that the user gave, where the images hold values, and weights for it."""
    if "given_mask" not in data:
        return dict(data)
    mask = data["given_mask"] & data.get("valid", True)
    weights = {"weights": given_weights(data["weights"], mask)} if "weights" in data else {}
    return {**data, "mask": mask, **weights}


def _compute(
    steps: Mapping[str, Step], data: Mapping[str, Any], progress: Progress
) -> tuple[dict[str, Any], dict[str, float]]:
    """Run the steps one after the other; return what they made and how long each took."""
    made: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for i, (stage, step) in enumerate(steps.items()):
        label = STAGES[stage].label
        inner = _labelled(part(progress, i / len(steps), (i + 1) / len(steps)), label)
        inner(0.0, "")
        start = time.perf_counter()
        made |= pipeline.run_stage(stage, step.method, step.parameters, {**data, **made}, inner)
        seconds[stage] = time.perf_counter() - start
    return made, seconds


def _labelled(progress: Progress, label: str) -> Progress:
    """Progress whose messages begin with the stage's label."""

    def report(fraction: float, message: str = "") -> None:
        progress(fraction, f"{label}: {message}" if message else label)

    return report

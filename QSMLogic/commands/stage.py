"""`qsm STAGE METHOD`: one method by itself, for every method in the register."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import pipeline
from ..io.load import load
from ..io.outputs import OutputFolder
from ..methods import METHODS, STAGES, Method
from ..progress import Progress, part
from ..report.provenance import provenance
from ..settings import Settings
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
from .writing import FILES, PROVENANCE, RESULTS, file_of, kept, write_json, write_maps

MAPS = ("unwrapped", "total_field", "field_noise", "residual", "local_field", "weights", "chi")
"""Data that can be given as an image each."""

FROM_PHASE = ("phase", "unwrapped")
"""A method that needs one of these can start from phase: the stages between are run for it."""

UNWRAPPING_SHARE = 0.7
"""Part of the progress bar for unwrapping where the field is estimated after it."""


def add(commands: Any) -> None:
    """Add a command per stage, with a command per method below it."""
    for stage in STAGES.values():
        parser = commands.add_parser(stage.name, help=f"{stage.label} alone, by one of its methods")
        methods = parser.add_subparsers(title="methods", metavar="METHOD", required=True)
        for method in _offered(stage.name):
            _add_method(methods, method)


def _offered(stage: str) -> Iterator[Method]:
    """Methods of a stage; a field can be asked for by the name of the unwrapping method too."""
    yield from METHODS[stage].values()
    if stage == "field":
        yield from (method for name, method in METHODS["unwrapping"].items() if name not in METHODS["field"])


def _add_method(methods: Any, method: Method) -> None:
    parser = add_command(methods, method.name, _work, f"{method.label}: {method.summary}")
    parser.set_defaults(method=method)
    needed = (*method.inputs, *method.optional_inputs)
    add_echoes(parser, RAW if set(needed) & set(FROM_PHASE) else ("magnitude",))
    group = parser.add_argument_group("maps to start from")
    for name in MAPS:
        if name in needed:
            group.add_argument(flag(name), type=Path, metavar="FILE", help=f"{name.replace('_', ' ')}, one volume")
    group.add_argument("--mask", type=Path, metavar="FILE")
    if "labels" in needed:
        group.add_argument("--labels", type=Path, metavar="FILE")
    add_facts(parser)
    steps = _stages_run(method)
    made = [name for stage in steps for name in STAGES[stage].outputs]
    add_output(parser, keep=[FILES[name] for name in made if name not in RESULTS and name != made[0]])
    add_parameters(parser, method.parameters, f"parameters of {method.label}")


def _stages_run(method: Method) -> tuple[str, ...]:
    """After unwrapping the field is estimated too, by the default preset's method: it is what unwrapping is for."""
    return ("unwrapping", "field") if method.stage == "unwrapping" else (method.stage,)


def _work(args: argparse.Namespace) -> None:
    method: Method = args.method
    steps = {method.stage: (method.name, chosen(args, method))}
    if "field" in _stages_run(method):
        field = Settings.preset("default").field
        steps.setdefault("field", (field.method, field.parameters))
    made = [name for stage in steps for name in STAGES[stage].outputs]
    written = dict.fromkeys([made[0], *kept(made, getattr(args, "keep", ()))])
    named = sources(args, MAPS)
    with OutputFolder(args.out, [*map(file_of, written), PROVENANCE], force=args.force) as out:
        loaded = load(named)
        data = dict(loaded.data)
        if "given_mask" in data:
            data["mask"] = data["given_mask"]
        with Reporter() as progress:
            maps, seconds = _compute(steps, data, progress)
        warn(loaded.warnings)
        write_maps(out, maps, written, loaded.geometry)
        record = provenance(
            args.command,
            named.files(),
            seconds=sum(seconds.values()),
            stage_seconds=seconds,
            settings={stage: {"method": name} | values for stage, (name, values) in steps.items()},
            scan=loaded.facts,
            warnings=loaded.warnings,
        )
        write_json(out, PROVENANCE, record)
    print(f"{args.out}: {', '.join(map(file_of, written))}")


def _compute(
    steps: dict[str, tuple[str, dict[str, Any]]], data: dict[str, Any], progress: Progress
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Run the steps one after the other; return what they made and how long each took."""
    maps: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    share = UNWRAPPING_SHARE if len(steps) > 1 else 1.0
    spans = [(0.0, share), (share, 1.0)]
    for (stage, (name, parameters)), span in zip(steps.items(), spans, strict=False):
        label = STAGES[stage].label
        progress(span[0], label)
        start = time.perf_counter()
        outputs = pipeline.run_stage(stage, name, parameters, data | maps, _labelled(part(progress, *span), label))
        seconds[stage] = time.perf_counter() - start
        maps |= outputs
    return maps, seconds


def _labelled(progress: Progress, label: str) -> Progress:
    """Progress whose messages begin with the stage's label."""

    def report(fraction: float, message: str = "") -> None:
        progress(fraction, f"{label}: {message}" if message else label)

    return report

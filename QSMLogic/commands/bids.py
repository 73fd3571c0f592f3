"""`qsm bids`: the acquisitions of a BIDS data set, into a data set of derivatives, as BIDS apps are called."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..cohort.dataset import units
from ..cohort.derivative import begin
from ..cohort.group import QUALITY_TABLE, REGION_TABLE, write_group
from ..cohort.index import INDEX, write_index
from ..cohort.labels import SUFFIX
from ..cohort.maps import KEPT
from ..cohort.outcomes import TABLE, note, told, write_table
from ..cohort.process import memory_needed, process
from ..cohort.runners import outcomes
from ..cohort.schedulers import Where
from ..cohort.unit import Outcome, Plan, Status, Unit
from ..documents import listed
from ..errors import InputError
from ..io.parameters import DATA_SET
from ..io.phase_scale import SCALES, PhaseScale
from ..io.sources import Sources
from ..io.writing import FILES
from ..methods import METHODS
from ..scan import checked_field_strength
from .arguments import Parser, add_command
from .chosen import add_settings, chosen_settings
from .cluster import add_where, chosen_where
from .terminal import Reporter, one_line

PARTICIPANT, GROUP = LEVELS = "participant", "group"

STOPPED = "Stopped; the acquisitions that were finished are kept, and the same command goes on from there."


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "bids", _work, "Map every acquisition of a BIDS data set, as BIDS apps do.")
    parser.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="root of the data set")
    parser.add_argument("output_dir", type=Path, metavar="OUT", help="folder for the derivatives")
    parser.add_argument("level", choices=LEVELS, metavar="LEVEL", help=f"{listed(LEVELS)}")
    _add_choice(parser)
    group = parser.add_argument_group("computation")
    group.add_argument(
        "--phase-scale", default="auto", metavar="SCALE", help=f"of all: {listed(SCALES)}, or the units of one turn"
    )
    group.add_argument("--field-strength", type=float, metavar="T", help="where no side-car says it, in tesla")
    group.add_argument("--phase-sign", type=int, choices=(1, -1), default=1, help="-1 where phase falls with the field")
    group.add_argument(
        "--mask-from", type=Path, metavar="DIR", help="derivatives whose masks (desc-brain_mask) are taken"
    )
    group.add_argument(
        "--labels-from", type=Path, metavar="DIR", help="derivatives whose segmentations (_dseg) are measured"
    )
    names = [FILES[name] for name in KEPT]
    group.add_argument(
        "--keep",
        nargs="+",
        choices=("all", *names),
        default=(),
        metavar="MAP",
        help=f"maps to write too: all, {', '.join(names)}",
    )
    group.add_argument(
        "--force", action="store_true", help="compute what has not changed too, and replace edited files"
    )
    group.add_argument(
        "--skip-bids-validation",
        "--skip_bids_validator",
        action="store_true",
        help="for callers of BIDS apps; nothing is validated",
    )
    add_where(parser)
    add_settings(parser)


def _add_choice(parser: Parser) -> None:
    group = parser.add_argument_group("which acquisitions (by default all; labels with or without sub-, ses-, ...)")
    for flag, said in (
        ("--participant-label", "subjects"),
        ("--session-label", "sessions"),
        ("--acquisition-label", "labels of acq"),
        ("--run-label", "runs"),
    ):
        group.add_argument(flag, flag.replace("-label", "_label"), nargs="+", default=(), metavar="LABEL", help=said)


def _work(args: argparse.Namespace) -> None:
    settings, where = chosen_settings(args), chosen_where(args)
    plan = Plan(
        dataset=_placed(args.bids_dir),
        out=_placed(args.output_dir),
        settings=settings,
        command=tuple(args.command),
        keep=tuple(args.keep),
        force=args.force,
        sources=_sources(args),
        masks=None if args.mask_from is None else _placed(args.mask_from),
        labels=None if args.labels_from is None else _placed(args.labels_from),
    )
    if args.level == GROUP:
        _group(plan)
        return
    _refuse_useless(plan)
    with Reporter() as progress:
        found = units(
            plan.dataset,
            participants=args.participant_label,
            sessions=args.session_label,
            acquisitions=args.acquisition_label,
            runs=args.run_label,
            progress=progress,
        )
    if all(unit.nothing for unit in found):
        first = found[0]
        said = f"such as {first.name}: {first.candidate.problem}"
        raise InputError(f"None of {len(found)} sessions has gradient-echo phase, {said}")
    begin(plan)
    _run(found, plan, where)


def _refuse_useless(plan: Plan) -> None:
    """Raise InputError where masks, segmentations or maps are asked for and cannot be: a typing error costs days."""
    for method in (METHODS["maps"][step.method] for step in plan.settings.maps):
        if "r2" in method.inputs:
            raise InputError(f"{method.label} needs an R2 map, which qsm bids does not take: make that map by qsm run.")
    for flag, folder, kind in (("--mask-from", plan.masks, "brain_mask"), ("--labels-from", plan.labels, SUFFIX)):
        if folder is not None and not any(folder.glob(f"sub-*/**/*{kind}.nii*")):
            raise InputError(f"{flag} {folder}: there are no images sub-*/.../*{kind}.nii.gz: name a data set of them.")


def _sources(args: argparse.Namespace) -> Sources:
    """Return what a user says of all images. Raises InputError for what makes no sense, before anything begins."""
    if args.phase_scale != "auto":
        PhaseScale.named(args.phase_scale)
    known = {} if args.field_strength is None else {"field_strength": checked_field_strength(args.field_strength)}
    return Sources(phase_scale=args.phase_scale, phase_sign=args.phase_sign, known=known)


def _placed(path: Path) -> Path:
    """Return a path that holds for workers in other folders too; links are left, as other machines may see them."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _group(plan: Plan) -> None:
    """Write the tables of all units, whose maps an earlier run made."""
    if not (plan.out / DATA_SET).is_file():
        raise InputError(f"{plan.out} holds no results of qsm bids: run level participant first.")
    begin(plan)
    for warning in write_group(plan.dataset, plan.out):
        print(f"Warning: {one_line(warning)}", file=sys.stderr)
    write_index(plan.out)
    print(f"{plan.out}: {REGION_TABLE}, {QUALITY_TABLE} and {INDEX}")


def _run(found: list[Unit], plan: Plan, where: Where) -> None:
    """Compute units, tell what became of them, and raise InputError where some failed."""
    ended: list[Outcome] = []
    try:
        with Reporter() as progress:
            for outcome in outcomes(found, plan, where, progress, work=process, memory=memory_needed):
                ended.append(outcome)
                note(plan.out, outcome)
    except InputError:
        raise
    except BaseException as error:
        error.add_note(STOPPED)
        raise
    finally:
        for line in told(ended, len(found)):
            print(one_line(line), flush=True)
        write_table(plan.out)
        write_index(plan.out)
    failed = sum(outcome.status is Status.FAILED for outcome in ended)
    if failed:
        raise InputError(f"{failed} of {len(found)} acquisitions failed: {plan.out / TABLE} lists them with reasons.")

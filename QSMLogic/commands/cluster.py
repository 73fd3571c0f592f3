"""The flags that say where a cohort is computed: here, by worker processes, a Dask scheduler, or jobs of SLURM."""

from __future__ import annotations

import argparse
import re

from ..cohort.schedulers import Slurm, Where
from ..errors import InputError
from ..memory import GIBIBYTE
from .arguments import Parser

SLURM = "slurm_"
"""Begins the names of what is said of the jobs among the parsed arguments."""

TIME = re.compile(r"(\d+-)?\d{1,3}(:\d{2}){0,2}")
"""As SLURM writes it: minutes, MM:SS, HH:MM:SS, days-HH, days-HH:MM, days-HH:MM:SS."""

ADDRESS = re.compile(r"(\w+://)?[^\s/]+:\d+/?")
"""Of a Dask scheduler."""


def add_where(parser: Parser) -> None:
    """Add the flags."""
    group = parser.add_argument_group("where (by default here, one after another; else needs slicerqsm[cluster])")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--local-cluster", type=int, metavar="N", help="N processes here, as far as memory goes")
    one.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler that runs, such as tcp://host:8786")
    one.add_argument("--slurm", type=int, metavar="N", help="N jobs of SLURM at once")
    given = Slurm(0)
    for name, kind, metavar, said in (
        ("partition", str, "NAME", "partition of the jobs"),
        ("account", str, "NAME", "account they are charged to"),
        ("time", str, "TIME", f"longest time of one job (default {given.time})"),
        ("memory", float, "GIB", "of one job (default: what the largest acquisition takes)"),
        ("cores", int, "N", f"of one job (default {given.cores})"),
    ):
        group.add_argument(f"--slurm-{name}", type=kind, metavar=metavar, help=said)
    group.add_argument(
        "--slurm-extra", action="append", metavar="WORDS", help="more for sbatch, as --slurm-extra=--qos=long (repeat)"
    )


def chosen_where(args: argparse.Namespace) -> Where:
    """Return what the flags say. Raises InputError for numbers that make no sense and for words on jobs without any."""
    said = {name.removeprefix(SLURM): v for name, v in vars(args).items() if name.startswith(SLURM) and v is not None}
    if said and args.slurm is None:
        raise InputError(f"--slurm-{next(iter(said))} speaks of jobs: say how many with --slurm N.")
    for flag, number in (("--local-cluster", args.local_cluster), ("--slurm", args.slurm)):
        if number is not None and number < 1:
            raise InputError(f"{flag} {number}: at least 1 is needed.")
    for name in ("memory", "cores"):
        if said.get(name, 1) <= 0:
            raise InputError(f"--slurm-{name} {said[name]}: a number above zero is needed.")
    if "time" in said and not TIME.fullmatch(said["time"]):
        raise InputError(f"--slurm-time {said['time']}: HH:MM:SS is needed, such as 08:00:00.")
    if "memory" in said:
        said["memory"] = round(said["memory"] * GIBIBYTE)
    if "extra" in said:
        said["extra"] = tuple(said["extra"])
    if args.scheduler and not ADDRESS.fullmatch(args.scheduler):
        raise InputError(f"--scheduler {args.scheduler}: an address with its port is needed, such as tcp://host:8786.")
    slurm = None if args.slurm is None else Slurm(args.slurm, **said)
    return Where(args.scheduler or "", args.local_cluster or 0, slurm)

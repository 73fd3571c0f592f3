"""Arguments that several commands share, made from the register where it knows them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..documents import AUTOMATIC, listed, value_of
from ..errors import InputError
from ..io.acquisitions import choose, find_acquisitions
from ..io.phase_scale import SCALES
from ..io.sources import Sources
from ..registry import Method, Parameter

ECHOES = {
    "phase": "wrapped phase",
    "magnitude": "magnitude of the same echoes",
    "real": "real part, instead of phase and magnitude",
    "imaginary": "imaginary part, with --real",
}
RAW = tuple(ECHOES)
"""Images of the echoes: one 4-D file, or one file per echo."""

PARAMETER_FILE = 'JSON: {"TE": [s], "B0": T, "B0_dir": [x, y, z], "voxel_size": [mm]}; the last two may be left out'
PARAMETER = "parameter_"
"""Begins the names of methods' parameters among the parsed arguments, so that they meet no other."""


class UsageError(InputError):
    """The command line is not understood."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions in one line."""

    def __init__(self, **options: Any) -> None:
        """Switch off abbreviations: a new option must not change what an old command means."""
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_command(commands: Any, name: str, work: Callable[[argparse.Namespace], None], text: str) -> Parser:
    """Add a command that calls work with the parsed arguments."""
    parser = commands.add_parser(name, help=_escaped(text), description=_escaped(text))
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(work=work)
    return parser


def add_echoes(parser: Parser, names: Sequence[str] = RAW) -> None:
    """Add the images of the echoes and what must be known of them."""
    group = parser.add_argument_group("images of the echoes (one 4-D file, or one file per echo)")
    for name in names:
        group.add_argument(f"--{name}", nargs="+", type=Path, default=(), metavar="FILE", help=ECHOES[name])
    if "phase" in names:
        group.add_argument("--folder", type=Path, metavar="DIR", help="BIDS, NIfTI or DICOM, or a zip of these")
        group.add_argument("--acquisition", metavar="NAME", help="of several in the folder: name or number")
        group.add_argument(
            "--phase-scale",
            default="auto",
            metavar="SCALE",
            help=f"{listed(SCALES)}, or the units of one turn (default: what the headers say)",
        )
        group.add_argument(
            "--phase-sign",
            type=int,
            choices=(1, -1),
            default=1,
            help="-1 where phase falls with a positive field (default 1)",
        )


def add_facts(parser: Parser) -> None:
    """Add what must be known of the scan: file or single values."""
    group = parser.add_argument_group("the scan (by default from the side-car JSON files and the image header)")
    group.add_argument("--params", type=Path, metavar="FILE", help=PARAMETER_FILE)
    group.add_argument("--echo-times", nargs="+", type=float, metavar="S", help="in seconds, one per echo")
    group.add_argument("--field-strength", type=float, metavar="T", help="in tesla")
    group.add_argument(
        "--b0-direction", nargs=3, type=float, metavar=("X", "Y", "Z"), help="of the main field, in voxel axes"
    )


def add_output(parser: Parser, *, keep: Sequence[str] = (), default: str | None = None) -> None:
    """Add the output folder (required without a default) and what may be kept in it beside the results."""
    group = parser.add_argument_group("output")
    said = "folder for the results" + (f" (default {default})" if default else "")
    group.add_argument("--out", type=Path, required=default is None, default=default, metavar="DIR", help=said)
    group.add_argument("--force", action="store_true", help="overwrite what is there")
    if keep:
        group.add_argument(
            "--keep",
            nargs="+",
            choices=("all", *keep),
            default=(),
            metavar="MAP",
            help=f"intermediate maps to write too: all, {', '.join(keep)}",
        )


def add_parameters(parser: Parser, parameters: Sequence[Parameter], title: str) -> None:
    """Add a flag for every parameter."""
    group = parser.add_argument_group(title)
    for parameter in parameters:
        options: dict[str, Any] = {"dest": PARAMETER + parameter.name, "default": argparse.SUPPRESS}
        options["help"] = _escaped(described(parameter))
        if parameter.kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["metavar"] = parameter.info.unit or parameter.kind.__name__.upper()
        group.add_argument(flag(parameter.name), **options)


def chosen(args: argparse.Namespace, method: Method) -> dict[str, Any]:
    """Return every parameter of a method, the flags given by the user among them; InputError for bad values."""
    given = {name.removeprefix(PARAMETER): v for name, v in vars(args).items() if name.startswith(PARAMETER)}
    known = {p.name: p for p in method.parameters}
    return method.settings(**{n: value_of(known[n], v) if isinstance(v, str) else v for n, v in given.items()})


def described(parameter: Parameter) -> str:
    """Return what a user must know of a parameter in one line."""
    info = parameter.info
    default = AUTOMATIC if parameter.default is None else parameter.default
    if parameter.kind is bool:
        default = "on" if parameter.default else "off"
    allowed = ", ".join(parameter.choices)
    if not allowed and parameter.kind in (int, float) and (info.low, info.high) != (None, None):
        allowed = f"{parameter.range_text()} {info.unit}".strip()
    said = f"{info.label}: {info.help}" if info.help else info.label
    return "; ".join(part for part in (said, allowed, f"default {default}") if part)


def flag(name: str) -> str:
    """Return the flag of a name: max_radius becomes --max-radius."""
    return "--" + name.replace("_", "-")


def sources(args: argparse.Namespace, maps: Sequence[str] = ()) -> Sources:
    """Return the files and facts a user named; maps are the names of the data given as single volumes.

    Raises InputError where a folder holds no acquisition, or several and none is named.
    """
    given = vars(args)
    known = {
        "echo_times": given.get("echo_times") and tuple(given["echo_times"]),
        "field_strength": given.get("field_strength"),
        "b0_direction": given.get("b0_direction") and tuple(given["b0_direction"]),
    }
    images: dict[str, Any] = {name: tuple(given.get(name, ())) for name in RAW}
    named = Sources(
        **images,
        mask=given.get("mask"),
        labels=given.get("labels"),
        maps={name: given[name] for name in maps if given.get(name) is not None},
        params=given.get("params"),
        known=known,
        phase_scale=given.get("phase_scale", "auto"),
        phase_sign=given.get("phase_sign", 1),
    )
    if given.get("folder") is None:
        if given.get("acquisition") is not None:
            raise InputError("--acquisition names one of several in a folder: give --folder too.")
        return named
    if any(images.values()):
        raise InputError("--folder stands in for the images: leave out --phase, --magnitude, --real and --imaginary.")
    return named.of(choose(find_acquisitions(args.folder), args.acquisition))


def _escaped(text: str) -> str:
    return text.replace("%", "%%")

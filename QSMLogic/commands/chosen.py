"""The settings a user chooses on the command line: flags that several commands share, and what they come to."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..documents import listed
from ..errors import InputError
from ..methods import METHODS, STAGES
from ..registry import SEVERAL
from ..settings import OPTIONS, Settings, preset_names
from .arguments import PARAMETER, Parser, add_parameters, flag


def add_settings(parser: Parser) -> None:
    """Add the flags that choose the settings of the pipeline."""
    group = parser.add_argument_group("settings (later ones override earlier ones)")
    base = group.add_mutually_exclusive_group()
    base.add_argument("--preset", default="default", metavar="NAME", help=f"one of {listed(preset_names())}")
    base.add_argument("--settings", type=Path, metavar="FILE", help="TOML or JSON, see qsm settings")
    for stage in STAGES:
        several = "+" if stage in SEVERAL else 1
        group.add_argument(flag(stage), nargs=several, metavar="METHOD", help=f"one of {listed(METHODS[stage])}")
    group.add_argument(
        "--set", action="append", default=[], metavar="STAGE.PARAMETER=VALUE", help="change one value (may be repeated)"
    )
    add_parameters(parser, OPTIONS, "options of the pipeline")


def chosen_settings(args: argparse.Namespace) -> Settings:
    """Return the settings a user chose: a preset or a document, then methods, then single values."""
    settings = Settings.preset(args.preset) if args.settings is None else Settings.read(args.settings)
    given = vars(args)
    changes = {f"{stage}.method": " ".join(given[stage]) for stage in STAGES if given[stage] is not None}
    for option in OPTIONS:
        if PARAMETER + option.name in given:
            changes[f"pipeline.{option.name}"] = str(given[PARAMETER + option.name])
    for text in args.set:
        place, equals, value = text.partition("=")
        if not equals or "." not in place:
            raise InputError(f"--set {text}: STAGE.PARAMETER=VALUE is needed, such as background.max_radius=12.")
        changes[place.strip()] = value.strip()
    return settings.changed(changes)

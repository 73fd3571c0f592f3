"""`qsm methods` and `qsm settings`: what there is to choose from."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..documents import listed
from ..methods import METHODS, STAGES, Method
from ..registry import Parameter
from ..settings import Settings, preset_names
from .arguments import add_command, described, flag


def add(commands: Any) -> None:
    """Add both commands."""
    parser = add_command(commands, "methods", _methods, "List every method of every stage with its parameters.")
    parser.add_argument("--json", action="store_true", help="for programs: a list of objects")
    parser = add_command(commands, "settings", _settings, "Print the settings of a preset as TOML, ready to be edited.")
    parser.add_argument("--preset", default="default", metavar="NAME", help=f"one of {listed(preset_names())}")


def _methods(args: argparse.Namespace) -> None:
    methods = [method for stage in STAGES for method in METHODS[stage].values()]
    if args.json:
        print(json.dumps([_record(method) for method in methods], indent=2))
        return
    for method in methods:
        gpu = " (also on a GPU)" if method.on_gpu else ""
        print(f"{method.stage} {method.name}: {method.label}. {method.summary}{gpu}")
        for parameter in method.parameters:
            print(f"    {flag(parameter.name)}: {described(parameter)}")


def _record(method: Method) -> dict[str, Any]:
    return {
        "stage": method.stage,
        "name": method.name,
        "label": method.label,
        "summary": method.summary,
        "references": list(method.cite),
        "inputs": list(method.inputs),
        "optional_inputs": list(method.optional_inputs),
        "on_gpu": method.on_gpu,
        "parameters": [_parameter(parameter) for parameter in method.parameters],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    info = parameter.info
    return {
        "name": parameter.name,
        "type": parameter.kind.__name__,
        "default": parameter.default,
        "label": info.label,
        "unit": info.unit,
        "low": info.low,
        "high": info.high,
        "choices": list(parameter.choices),
        "optional": parameter.optional,
        "help": info.help,
    }


def _settings(args: argparse.Namespace) -> None:
    print(Settings.preset(args.preset).to_toml(), end="")

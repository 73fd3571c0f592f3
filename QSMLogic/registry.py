"""The register of methods. A method's signature is the only place where its parameters are written.

Panel, command line, settings file, documentation, methods paragraph and tests are all derived from the records here.
"""

from __future__ import annotations

import inspect
import math
import numbers
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from .errors import InputError

MOST_VOLUMES = 25.0
"""Memory taken for granted of a method that does not state it."""

CHOSEN = "chosen automatically"
"""How a parameter left to the method reads in a text."""

ONE_ECHO = "one echo"
"""When a method says another sentence; other occasions are a switch that is on, by its name, or "not" and its name, and
a choice, as "name=value"."""


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline: its printed label and the names of what its methods return, in order.

    Where the outputs are empty, each method names its own.
    """

    name: str
    label: str
    outputs: tuple[str, ...]


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            Stage("masking", "Masking", ("mask",)),
            Stage("conditioning", "Phase conditioning", ("phase",)),
            Stage("unwrapping", "Phase unwrapping", ("unwrapped",)),
            Stage("field", "Field estimation", ("total_field", "field_noise", "residual")),
            Stage("background", "Background field removal", ("local_field", "mask")),
            Stage("inversion", "Dipole inversion", ("chi",)),
            Stage("single_step", "Single step", ("chi", "mask")),
            Stage("referencing", "Referencing", ("chi", "reference")),
            Stage("maps", "Further maps", ()),
        )
    }
)
"""The stages in the order in which they run, as far as the single step needs them (see `Settings.stages`). A method
lives in the folder of its stage's name."""


SEVERAL = ("masking", "maps")
"""Stages that may have several steps; `maps` may have none."""


@dataclass(frozen=True)
class Param:
    """What a user needs to know of one parameter, beside its name, type and default (those are in the signature)."""

    label: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    help: str = ""
    advanced: bool = False
    unset: str = CHOSEN
    """How it reads in a text where it is left to the method."""


@dataclass(frozen=True)
class Parameter:
    """One parameter as read from a signature.

    kind is bool, int, float or str; a str has choices where its type is a Literal; optional parameters may be None,
    which means that the method chooses.
    """

    name: str
    kind: type
    default: Any
    info: Param
    choices: tuple[str, ...] = ()
    optional: bool = False

    def checked(self, value: Any, method: str) -> Any:
        """Return value as the parameter's kind; InputError where it has another type or lies out of range."""
        if value is None and self.optional:
            return None
        said = f"{method}: {self.info.label} ="
        if self.choices and value not in self.choices:
            raise InputError(f"{said} {value!r}, allowed {', '.join(self.choices)}")
        if self.kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
            value = float(value)
        elif self.kind is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
            value = int(value)
        if type(value) is not self.kind:
            raise InputError(f"{said} {value!r}, a value of type {self.kind.__name__} is needed")
        if isinstance(value, int | float) and not self._in_range(value):
            unit = f" {self.info.unit}" if self.info.unit else ""
            raise InputError(f"{said} {value:g}{unit}, allowed {self.range_text()}")
        return value

    def _in_range(self, value: float) -> bool:
        low = -math.inf if self.info.low is None else self.info.low
        high = math.inf if self.info.high is None else self.info.high
        return math.isfinite(value) and low <= value <= high

    def range_text(self) -> str:
        """Range in words: "2 to 40", "at least 0", or "any number"."""
        low, high = self.info.low, self.info.high
        if low is not None and high is not None:
            return f"{low:g} to {high:g}"
        if low is not None:
            return f"at least {low:g}"
        return f"at most {high:g}" if high is not None else "any number"


@dataclass(frozen=True)
class Method:
    """One registered method: its function and everything derived from the function's signature."""

    stage: str
    name: str
    label: str
    function: Callable[..., Any]
    cite: tuple[str, ...]
    cite_if: Mapping[str, str]
    """References that are cited on one occasion only, with the occasion: a switch or a choice (see ONE_ECHO)."""
    sentence: str
    otherwise: Mapping[str, str]
    """Sentences to say instead, by the occasion (see ONE_ECHO); the first that applies is said."""
    volumes: float
    """Peak memory of a call beyond its inputs, in float32 volumes of the image's size, as measured with four echoes and
    a mask that fills the image; where the mask fills less, methods take less."""
    inputs: tuple[str, ...]
    """Names of the data it must be given."""
    optional_inputs: tuple[str, ...]
    """Names of the data it uses where they are there."""
    parameters: tuple[Parameter, ...]
    outputs: tuple[str, ...]
    """Names of what it returns, in order: those of its stage, or its own."""
    fewest_echoes: int
    """It refuses a scan that has fewer."""
    needed_by: Mapping[str, tuple[str, ...]]
    """Names of optional data that it must be given where a switch is on, by the switch's name."""
    on_gpu: bool
    """Whether it iterates where the settings' device says (see `device`); other methods compute with NumPy always."""

    def settings(self, **chosen: Any) -> dict[str, Any]:
        """Return every parameter's value, defaults filled in; InputError for unknown names and bad values."""
        known = {p.name: p for p in self.parameters}
        for name in chosen:
            if name not in known:
                offered = ", ".join(known) or "none"
                raise InputError(f"{self.label} has no parameter {name!r}; its parameters: {offered}")
        return {n: p.checked(chosen[n], self.label) if n in chosen else p.default for n, p in known.items()}

    def described(self, echoes: int | None = None, words: Mapping[str, str] | None = None, /, **chosen: Any) -> str:
        """Return the sentence of the methods section for these settings.

        echoes: how many there are, where it is known; words: what to say in place of a parameter's value, by its name.
        """
        values = self.settings(**chosen)
        occasions = _occasions(values) | ({ONE_ECHO} if echoes == 1 else set())
        sentence = next((said for when, said in self.otherwise.items() if when in occasions), self.sentence)
        unset = {p.name: p.info.unset for p in self.parameters}
        told = {name: unset[name] if value is None else value for name, value in values.items()} | dict(words or {})
        return sentence.format(**told)

    def cited(self, **chosen: Any) -> tuple[str, ...]:
        """Return the keys of the references that these settings call for."""
        occasions = _occasions(self.settings(**chosen))
        return tuple(key for key in self.cite if key not in self.cite_if or self.cite_if[key] in occasions)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]


METHODS: dict[str, dict[str, Method]] = {name: {} for name in STAGES}
"""METHODS[stage][name]; filled by importing `QSMLogic.methods`."""


def method(
    *,
    stage: str,
    label: str,
    cite: tuple[str, ...],
    sentence: str,
    cite_if: Mapping[str, str] = MappingProxyType({}),
    otherwise: Mapping[str, str] = MappingProxyType({}),
    volumes: float = MOST_VOLUMES,
    outputs: tuple[str, ...] = (),
    fewest_echoes: int = 1,
    needed_by: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    on_gpu: bool = False,
) -> Callable[[Callable], Callable]:
    """Register a function as a method of a stage.

    Data come first and are bound by name (`total_field`, `mask`, `grid`, ...); one with a default of None is optional.
    Parameters are keyword-only, annotated with a `Param`. `progress` is passed to every method. outputs: the names of
    what it returns, in a stage that leaves them to its methods; cite_if, fewest_echoes, needed_by and on_gpu: see
    `Method`.
    """

    def register(function: Callable) -> Callable:
        name = function.__name__
        if name in METHODS[stage]:
            raise TypeError(f"{stage} has a method {name} already")
        if bool(outputs) == bool(STAGES[stage].outputs):
            raise TypeError(f"{name} names outputs that its stage has, or none where its stage has none")
        signature = inspect.signature(function)
        hints = typing.get_type_hints(function, include_extras=True)
        data: dict[bool, list[str]] = {True: [], False: []}
        parameters = []
        for argument in signature.parameters.values():
            if argument.name == "progress":
                continue
            if get_origin(hints[argument.name]) is Annotated:
                parameters.append(parameter_of(argument.name, argument.default, hints[argument.name]))
            else:
                data[argument.default is inspect.Parameter.empty].append(argument.name)
        record = Method(
            stage=stage,
            name=name,
            label=label,
            function=function,
            cite=cite,
            cite_if=MappingProxyType(dict(cite_if)),
            sentence=sentence,
            otherwise=MappingProxyType(dict(otherwise)),
            volumes=volumes,
            inputs=tuple(data[True]),
            optional_inputs=tuple(data[False]),
            parameters=tuple(parameters),
            outputs=STAGES[stage].outputs or outputs,
            fewest_echoes=fewest_echoes,
            needed_by=MappingProxyType(dict(needed_by)),
            on_gpu=on_gpu,
        )
        _refuse_unknown_words(record)
        record.settings(**{p.name: p.default for p in parameters})
        METHODS[stage][name] = record
        return function

    return register


def refuse_few_echoes(label: str, fewest: int, echoes: int) -> None:
    """Raise InputError where a method needs more echoes than there are."""
    if echoes < fewest:
        there = "there is one" if echoes == 1 else f"there are {echoes}"
        raise InputError(f"{label} needs {fewest} echoes or more, and {there}: leave it out, or take another method.")


def _occasions(values: Mapping[str, Any]) -> set[str]:
    """Return what settings are an occasion for: switches that are on or off, and choices."""
    switches = {name if value else f"not {name}" for name, value in values.items() if isinstance(value, bool)}
    return switches | {f"{name}={value}" for name, value in values.items() if isinstance(value, str)}


def _refuse_unknown_words(record: Method) -> None:
    """Raise TypeError where a sentence, or an occasion, names what the method does not have."""
    named = set(re.findall(r"{(\w+)", " ".join([record.sentence, *record.otherwise.values()])))
    occasions = (set(record.otherwise) - {ONE_ECHO}) | set(record.cite_if.values())
    named |= {occasion.removeprefix("not ").partition("=")[0] for occasion in occasions}
    named |= record.cite_if.keys() - set(record.cite)
    unknown = named - {p.name for p in record.parameters}
    if unknown:
        raise TypeError(f"the sentence of {record.name} names {', '.join(sorted(unknown))}, which it does not have")


def parameter_of(name: str, default: Any, hint: Any) -> Parameter:
    """Return the parameter that an annotation describes: Annotated[type, Param(...)]. Raises TypeError for another."""
    kind, info = get_args(hint)
    optional = get_origin(kind) in (UnionType, typing.Union) and NoneType in get_args(kind)
    if optional:
        kind = next(k for k in get_args(kind) if k is not NoneType)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if choices:
        kind = str
    if kind not in (bool, int, float, str) or not isinstance(info, Param):
        raise TypeError(f"parameter {name}: Annotated[bool, int, float, str or Literal, Param(...)] is needed")
    return Parameter(name, kind, default, info, choices, optional)

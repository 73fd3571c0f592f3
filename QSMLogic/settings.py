"""What a run does: one method with its parameters per stage, as one readable document that round-trips exactly."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from .device import DEVICE_HELP, Device
from .documents import (
    AUTOMATIC,
    as_table,
    as_text,
    listed,
    read_document,
    refuse_unknown,
    toml,
    value_of,
    write_document,
)
from .errors import InputError
from .methods import METHODS, STAGES, Method
from .registry import SEVERAL, Param, Parameter, parameter_of

PRESETS = Path(__file__).parent / "presets"
"""One TOML document per preset; the list of presets is the list of these files."""

COMBINE = ("intersection", "union")
"""How a second mask joins what the steps before it made."""

NONE = "none"
"""Of single-step methods the one that stands in for no stage, and is not run."""

CHAIN = ("conditioning", "unwrapping", "field", "background", "inversion")
"""From phase to susceptibility, stage by stage; a single-step method stands in for the last ones."""


@dataclass(frozen=True)
class Step:
    """A method of a stage and its parameters; combine says how a second or later mask joins the others."""

    method: str
    parameters: dict[str, Any]
    combine: str = COMBINE[0]


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know beside its data.

    Complete after construction: every step holds every parameter of its method. Raises InputError for unknown methods
    and parameters and for values out of range.
    """

    masking: tuple[Step, ...]
    conditioning: Step
    unwrapping: Step
    field: Step
    background: Step
    inversion: Step
    single_step: Step
    referencing: Step
    maps: tuple[Step, ...] = ()
    two_pass: Annotated[
        bool, Param("Two passes", help="a reliable and a filled mask, combined: fewer streaks from strong sources")
    ] = False
    device: Annotated[Device, Param("Device", help=DEVICE_HELP)] = "cpu"
    description: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        """Fill in the defaults and check every name and value."""
        if not self.masking:
            raise InputError(f"At least one masking method is needed: {listed(METHODS['masking'])}.")
        for stage in STAGES:
            steps = tuple(_complete(stage, step) for step in self.steps(stage))
            object.__setattr__(self, stage, steps if stage in SEVERAL else steps[0])
        _refuse_same_maps(self.maps)
        for option in OPTIONS:
            object.__setattr__(self, option.name, option.checked(getattr(self, option.name), "Pipeline"))

    def steps(self, stage: str) -> tuple[Step, ...]:
        """Return the steps of a stage in their order; all stages but masking and further maps have one."""
        value = getattr(self, stage)
        return value if isinstance(value, tuple) else (value,)

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages that are carried out: a single-step method stands in for those it does not start from."""
        single = METHODS["single_step"][self.single_step.method]
        left_out = set(CHAIN) - set(self.stages_to(single.inputs)) | ({"single_step"} if single.name == NONE else set())
        return tuple(stage for stage in STAGES if stage not in left_out)

    @property
    def makes(self) -> tuple[str, ...]:
        """Names of the maps that a run makes."""
        records = [METHODS[stage][step.method] for stage in self.stages for step in self.steps(stage)]
        made = [name for record in records for name in record.outputs if name != "reference"]
        return tuple(dict.fromkeys([*made, "weights", "eroded_mask"]))

    def stages_to(self, wanted: Iterable[str], given: Iterable[str] = ()) -> tuple[str, ...]:
        """Names of the stages from the phase on that make the data wanted, where some data are given."""
        given = set(given)
        missing = set(wanted) - given
        found: list[str] = []
        for stage in reversed(CHAIN):
            if STAGES[stage].outputs[0] in missing:
                missing |= set(METHODS[stage][getattr(self, stage).method].inputs) - given
                found.insert(0, stage)
        return tuple(found)

    @classmethod
    def preset(cls, name: str = "default") -> Self:
        """Return the settings of a preset. Raises InputError where there is none of that name."""
        if name not in preset_names():
            raise InputError(f"There is no preset {name!r}; the presets: {listed(preset_names())}.")
        return cls.read(PRESETS / f"{name}.toml")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a settings document, TOML or JSON by its suffix. Raises InputError naming the file."""
        document = read_document(Path(path))
        try:
            return cls.from_dict(document)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Return the settings of a document; what it does not mention is as in its `preset` (without: default).

        A stage's table that names a method starts from that method's defaults; one that names none changes single
        parameters of the preset's method. Raises InputError for unknown names and bad values.
        """
        if not isinstance(document, Mapping):
            raise InputError("The settings are not a table of stages.")
        known = ("preset", "description", "pipeline", *STAGES)
        refuse_unknown("The settings have", document, known)
        base = _base(document)
        values: dict[str, Any] = {}
        for stage in STAGES:
            tables = document.get(stage)
            before = base.get(stage, ())
            if tables is None:
                steps = before
            else:
                tables = list(tables) if isinstance(tables, list | tuple) else [tables]
                if stage not in SEVERAL and len(tables) != 1:
                    raise InputError(f"{stage}: one method is needed, {len(tables)} are given.")
                steps = tuple(_step(stage, table, before) for table in tables)
            if not steps and stage != "maps":
                raise InputError(f"The settings name no method for {stage}: {listed(METHODS[stage])}.")
            values[stage] = steps if stage in SEVERAL else steps[0]
        options = base.get("pipeline", {}) | as_table("pipeline", document.get("pipeline", {}))
        refuse_unknown("[pipeline] has", options, [option.name for option in OPTIONS])
        return cls(**values, **options, description=as_text("description", document.get("description", "")))

    def to_dict(self) -> dict[str, Any]:
        """Return the document: plain tables, lists, numbers and text."""
        document: dict[str, Any] = {"description": self.description} if self.description else {}
        document["pipeline"] = {option.name: getattr(self, option.name) for option in OPTIONS}
        for stage in STAGES:
            joined = stage == "masking"
            tables = [_written(step, combine=joined and i > 0) for i, step in enumerate(self.steps(stage))]
            document[stage] = tables if stage in SEVERAL else tables[0]
        return document

    def to_toml(self) -> str:
        """Return the document as TOML."""
        return toml(self.to_dict())

    def write(self, path: str | Path) -> None:
        """Write the document, TOML or JSON by the file's suffix."""
        write_document(Path(path), self.to_dict())

    def changed(self, changes: Mapping[str, str]) -> Self:
        """Return these settings with single values replaced, each written as text under "stage.parameter".

        "stage.method" chooses another method with its defaults, for masking and further maps several with spaces
        between; there, a parameter is set in every step that has it. Raises InputError for names and values that are
        not known.
        """
        document = self.to_dict()
        if changes:
            document.pop("description", None)
        for place, text in sorted(changes.items(), key=lambda change: not change[0].endswith(".method")):
            stage, _, name = place.partition(".")
            if stage == "pipeline":
                option = _named(OPTIONS, name, "[pipeline] has")
                document[stage][name] = value_of(option, text)
            elif name == "method":
                chosen = [{"method": _method(stage, each).name} for each in text.split()]
                document[stage] = chosen if stage in SEVERAL else chosen[0]
            else:
                _change(document, stage, name, text)
        return type(self).from_dict(document)


def preset_names() -> tuple[str, ...]:
    """Names of the presets, `default` first."""
    return tuple(sorted((path.stem for path in PRESETS.glob("*.toml")), key=lambda name: (name != "default", name)))


def _options() -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(Settings, include_extras=True)
    annotated = {f.name: f for f in dataclasses.fields(Settings) if typing.get_origin(hints[f.name]) is Annotated}
    return tuple(parameter_of(name, field.default, hints[name]) for name, field in annotated.items())


def _base(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return steps and options of the preset a document starts from; empty where the document is complete by itself."""
    if "preset" not in document and all(stage in document for stage in STAGES if stage != "maps"):
        return {}
    preset = Settings.preset(as_text("preset", document.get("preset", "default")))
    options = {option.name: getattr(preset, option.name) for option in OPTIONS}
    return {stage: preset.steps(stage) for stage in STAGES} | {"pipeline": options}


def _step(stage: str, content: Any, before: tuple[Step, ...]) -> Step:
    table = as_table(stage, content)
    combine = table.pop("combine", COMBINE[0])
    if stage != "masking" and "combine" in content:
        raise InputError(f"{stage}: combine is for masks only.")
    if "method" in table:
        return Step(as_text(f"{stage}: method", table.pop("method")), table, combine)
    if len(before) != 1:
        raise InputError(f"{stage}: the method is not named: {listed(METHODS[stage])}.")
    return Step(before[0].method, before[0].parameters | table, combine)


def _complete(stage: str, step: Step) -> Step:
    method = _method(stage, step.method)
    if step.combine not in COMBINE:
        raise InputError(f"{stage}: combine = {step.combine!r}, allowed {listed(COMBINE)}.")
    optional = {p.name for p in method.parameters if p.optional and AUTOMATIC not in p.choices}
    chosen = {n: None if n in optional and v == AUTOMATIC else v for n, v in step.parameters.items()}
    return Step(method.name, method.settings(**chosen), step.combine)


def _refuse_same_maps(steps: tuple[Step, ...]) -> None:
    """Refuse methods that make the same map: one would replace the other's."""
    made: dict[str, str] = {}
    for method in (METHODS["maps"][step.method] for step in steps):
        for output in method.outputs:
            if output in made:
                raise InputError(f"maps: {made[output]} and {method.label} make the same map: leave one out.")
            made[output] = method.label


def _written(step: Step, combine: bool) -> dict[str, Any]:
    parameters = {name: AUTOMATIC if value is None else value for name, value in step.parameters.items()}
    return {"method": step.method} | ({"combine": step.combine} if combine else {}) | parameters


def _change(document: dict[str, Any], stage: str, name: str, text: str) -> None:
    if stage not in STAGES:
        raise InputError(f"There is no stage {stage!r}; the stages: {listed([*STAGES, 'pipeline'])}.")
    tables = document[stage] if stage in SEVERAL else [document[stage]]
    if not tables:
        raise InputError(f"{stage}.{name} cannot be set: no method of {stage} is chosen ({listed(METHODS[stage])}).")
    having = [t for t in tables if name in {p.name for p in METHODS[stage][t["method"]].parameters}]
    for table in having or tables[:1]:
        method = METHODS[stage][table["method"]]
        table[name] = value_of(_named(method.parameters, name, f"{method.label} has"), text)


def _method(stage: str, name: str) -> Method:
    if stage not in STAGES:
        raise InputError(f"There is no stage {stage!r}; the stages: {listed(STAGES)}.")
    if name not in METHODS[stage]:
        raise InputError(f"There is no {stage} method {name!r}; its methods: {listed(METHODS[stage])}.")
    return METHODS[stage][name]


def _named(parameters: typing.Iterable[Parameter], name: str, having: str) -> Parameter:
    found = {p.name: p for p in parameters}
    refuse_unknown(having, [name], found)
    return found[name]


OPTIONS = _options()
"""The choices that belong to no single stage, read from the annotations of `Settings`."""

"""The register: everything about a method is read from its signature."""

import math
import re
import sys
import types
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest

from QSMLogic import registry
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.methods import METHODS, STAGES
from QSMLogic.progress import Progress, no_progress, part
from QSMLogic.registry import Param, method


@pytest.fixture
def example(monkeypatch):
    """Register an example method in an empty register."""
    monkeypatch.setattr(registry, "METHODS", {name: {} for name in STAGES})

    @method(stage="inversion", label="Example", cite=("Wu2012",), sentence="Inverted with steps of {size:g} mm")
    def example(
        local_field: np.ndarray,
        mask: np.ndarray,
        weights: np.ndarray | None = None,
        *,
        size: Annotated[float, Param("Step", "mm", 1, 10, "of the search")] = 2.0,
        rounds: Annotated[int, Param("Rounds", low=1)] = 5,
        limit: Annotated[float | None, Param("Limit", high=7)] = None,
        kind: Annotated[Literal["soft", "hard"], Param("Kind")] = "soft",
        twice: Annotated[bool, Param("Twice")] = False,
        progress: Progress = no_progress,
    ) -> np.ndarray:
        """Do nothing.

        More.
        """
        return local_field

    return registry.METHODS["inversion"]["example"]


def test_a_record_holds_what_the_signature_says(example):
    assert (example.stage, example.name, example.label, example.cite) == (
        "inversion",
        "example",
        "Example",
        ("Wu2012",),
    )
    assert example.inputs == ("local_field", "mask")
    assert example.optional_inputs == ("weights",)
    assert [(p.name, p.kind, p.default, p.optional, p.choices) for p in example.parameters] == [
        ("size", float, 2.0, False, ()),
        ("rounds", int, 5, False, ()),
        ("limit", float, None, True, ()),
        ("kind", str, "soft", False, ("soft", "hard")),
        ("twice", bool, False, False, ()),
    ]
    assert example.summary == "Do nothing."


def test_settings_are_filled_in_and_described(example):
    assert example.settings(size=3) == {"size": 3.0, "rounds": 5, "limit": None, "kind": "soft", "twice": False}
    assert type(example.settings(size=3)["size"]) is float
    assert example.settings(limit=None)["limit"] is None
    assert example.described(size=4) == "Inverted with steps of 4 mm"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"size": 99}, "Example: Step = 99 mm, allowed 1 to 10"),
        ({"size": math.nan}, "Example: Step = nan mm, allowed 1 to 10"),
        ({"size": True}, "Example: Step = True, a value of type float is needed"),
        ({"size": "2"}, "Example: Step = '2', a value of type float is needed"),
        ({"size": None}, "Example: Step = None, a value of type float is needed"),
        ({"rounds": 0}, "Example: Rounds = 0, allowed at least 1"),
        ({"rounds": 2.0}, "Example: Rounds = 2.0, a value of type int is needed"),
        ({"limit": 8}, "Example: Limit = 8, allowed at most 7"),
        ({"kind": "other"}, "Example: Kind = 'other', allowed soft, hard"),
        ({"twice": 1}, "Example: Twice = 1, a value of type bool is needed"),
        ({"sise": 1}, "Example has no parameter 'sise'; its parameters: size, rounds, limit, kind, twice"),
    ],
)
def test_settings_are_refused_in_words(example, chosen, said):
    with pytest.raises(InputError) as caught:
        example.settings(**chosen)
    assert str(caught.value) == said


@pytest.mark.usefixtures("example")
def test_a_method_registers_once_and_names_only_what_it_has():
    def example(chi: np.ndarray) -> np.ndarray:
        return chi

    with pytest.raises(TypeError, match="already"):
        method(stage="inversion", label="", cite=(), sentence="")(example)
    with pytest.raises(TypeError, match="names depth"):
        method(stage="masking", label="", cite=(), sentence="to {depth} mm")(example)


@pytest.mark.usefixtures("example")
def test_a_default_out_of_range_and_a_foreign_type_are_refused():
    def far(*, size: Annotated[float, Param("Size", "", 0, 1)] = 2.0) -> None: ...

    def odd(*, size: Annotated[list, Param("Size")] = ()) -> None: ...  # type: ignore[assignment]

    with pytest.raises(InputError, match="allowed 0 to 1"):
        method(stage="masking", label="Far", cite=(), sentence="")(far)
    with pytest.raises(TypeError, match="bool, int, float, str or Literal"):
        method(stage="masking", label="Odd", cite=(), sentence="")(odd)


BINDABLE = {
    *("phase", "magnitude", "echo_times", "field_strength", "grid", "valid", "given_mask", "weights", "labels"),
    *("r2", "eroded_mask"),
    *(output for methods in METHODS.values() for method in methods.values() for output in method.outputs),
}


@pytest.mark.parametrize("record", [m for stage in METHODS.values() for m in stage.values()], ids=lambda m: m.name)
def test_every_method_can_be_bound_and_described(record):
    assert set(record.inputs) | set(record.optional_inputs) <= BINDABLE
    assert record.summary.endswith(".")
    assert "{" not in record.described()
    for parameter in record.parameters:
        assert parameter.info.label, parameter.name
        assert parameter.checked(parameter.default, record.label) == parameter.default


def test_a_part_of_a_job_reports_within_its_share():
    seen = []
    inner = part(lambda fraction, message: seen.append((fraction, message)), 0.2, 0.6, "stage")
    for fraction in (0, 0.5, 1, 2):
        inner(fraction)
    inner(0.5, "own words")
    assert seen == [(0.2, "stage"), (0.4, "stage"), (0.6, "stage"), (0.6, "stage"), (0.4, "own words")]


def test_the_example_of_the_contributors_guide_works(monkeypatch):
    guide = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    name, code = re.search(r"`QSMLogic/background/(\w+)\.py`:\n\n```python\n(.*?)```", guide, re.DOTALL).groups()
    monkeypatch.setattr(registry, "METHODS", {stage: {} for stage in STAGES})
    module = types.ModuleType(f"QSMLogic.background.{name}")
    module.__package__ = "QSMLogic.background"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, name, "exec"), module.__dict__)
    made = registry.METHODS["background"][name]
    grid = Grid((20, 21, 22), (1, 1, 2), b0_direction=(0, 0, 1))
    mask = np.zeros(grid.shape, bool)
    mask[2:-2, 2:-2, 2:-2] = True
    local, inside = made.function(np.ones(grid.shape, np.float32), mask, grid, **made.settings(radius=3))
    assert abs(local[10, 10, 11]) < 1e-5
    assert not local[~mask].any()
    assert (inside == mask).all()

"""A further map has the same settings in the panel, the command line, a settings file and Python."""

import dataclasses

import pytest

from QSMLogic.commands.arguments import Parser, add_parameters, chosen, flag
from QSMLogic.commands.chosen import add_settings, chosen_settings
from QSMLogic.methods import METHODS
from QSMLogic.settings import Settings, Step

EVERY = sorted(METHODS["maps"])
MAKERS = {output: name for name in reversed(EVERY) for output in METHODS["maps"][name].outputs}
"""A method that makes each further map."""


def with_its_ground(name):
    """Return the names of the methods that a map is made from, and its own."""
    needed = [MAKERS[data] for data in METHODS["maps"][name].inputs if data in MAKERS]
    return list(dict.fromkeys([*(before for maker in needed for before in with_its_ground(maker)), name]))


def other_values(name):
    """Return a value that is not the default for every parameter of a method."""
    found = {}
    for parameter in METHODS["maps"][name].parameters:
        low, high = parameter.info.low, parameter.info.high
        if parameter.kind is bool:
            value = not parameter.default
        elif parameter.choices:
            value = next(choice for choice in parameter.choices if choice != parameter.default)
        else:
            start = low if low is not None else 0
            value = parameter.kind(start + ((high if high is not None else start + 7) - start) / 7)
        assert value != parameter.default
        found[parameter.name] = value
    return found


def in_python(name, values):
    before = [Step(step, {}) for step in with_its_ground(name)[:-1]]
    return dataclasses.replace(Settings.preset(), maps=(*before, Step(name, values)))


@pytest.mark.parametrize("name", EVERY)
def test_command_line_and_python(name, tmp_path):
    values = other_values(name)
    python = in_python(name, values)
    assert python.maps[-1].parameters == METHODS["maps"][name].settings(**values)

    run = Parser()
    add_settings(run)
    changes = [f"maps.{key}={str(value).lower()}" for key, value in values.items()]
    words = ["--maps", *with_its_ground(name), *(word for change in changes for word in ("--set", change))]
    assert chosen_settings(run.parse_args(words)).maps[-1] == python.maps[-1]

    alone = Parser()
    add_parameters(alone, METHODS["maps"][name].parameters, "parameters")
    words = []
    for key, value in values.items():
        words += (
            [flag(key), str(value)]
            if not isinstance(value, bool)
            else [flag(key) if value else f"--no-{flag(key)[2:]}"]
        )
    assert chosen(alone.parse_args(words), METHODS["maps"][name]) == python.maps[-1].parameters

    written = tmp_path / "settings.toml"
    written.write_text(python.to_toml(), "utf-8")
    assert Settings.read(written).maps == python.maps


def test_panel(user):
    for name in EVERY:
        user.panel.changeSettings(maps=tuple(Step(step, {}) for step in with_its_ground(name)))
        editors = user.panel.sections[4].maps.rows[-1].form.parameters.editors
        assert {key: editor.value() for key, editor in editors.items()} == METHODS["maps"][name].settings()
        python = in_python(name, other_values(name))
        user.panel.changeSettings(maps=python.maps)
        assert {key: editor.value() for key, editor in editors.items()} == python.maps[-1].parameters
        assert user.parameters.settings.maps == python.maps

"""Settings: complete, round-trip exactly, refuse what they do not know."""

import json
import tomllib
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import settings as unhurried
from hypothesis import strategies as st

from QSMLogic.errors import InputError
from QSMLogic.methods import METHODS, STAGES
from QSMLogic.progress import no_progress
from QSMLogic.registry import Param, method
from QSMLogic.settings import COMBINE, PRESETS, Settings, Step, preset_names


@pytest.fixture
def small(monkeypatch):
    register_small(monkeypatch)


def register_small(monkeypatch):
    """Replace the register by one method per stage with a parameter of each kind, and a second mask maker."""
    for stage in STAGES:
        monkeypatch.setitem(METHODS, stage, {})

        @method(stage=stage, label="Plain", cite=(), sentence="Plain", outputs=("plain",) if stage == "maps" else ())
        def plain(
            mask: bool,
            *,
            size: Annotated[float, Param("Size", "mm", 1, 40)] = 12.0,
            count: Annotated[int, Param("Count", "", 0, 100)] = 3,
            sharp: Annotated[bool, Param("Sharp")] = True,
            shape: Annotated[Literal["ball", "cube"], Param("Shape")] = "ball",
            guess: Annotated[float | None, Param("Guess", "ppm", 0, 1)] = 0.5,
            progress=no_progress,
        ):
            """Do nothing."""

    @method(stage="masking", label="Other", cite=(), sentence="Other")
    def other(mask: bool, *, level: Annotated[float, Param("Level", "", 0, 1)] = 0.1, progress=no_progress):
        """Do nothing."""


def document(**stages):
    return {stage: {"method": "plain"} for stage in STAGES} | stages


def test_defaults_are_filled_in(small):
    settings = Settings.from_dict(document())
    assert settings.inversion == Step(
        "plain", {"size": 12.0, "count": 3, "sharp": True, "shape": "ball", "guess": 0.5}, "intersection"
    )
    assert settings.two_pass is False
    assert type(Settings.from_dict(document(field={"method": "plain", "size": 2})).field.parameters["size"]) is float


@pytest.mark.parametrize("suffix", ["toml", "json"])
@unhurried(deadline=None)
@given(
    values=st.fixed_dictionaries(
        {"size": st.floats(1, 40), "guess": st.none() | st.floats(0, 1), "count": st.integers(0, 100)}
    ),
    choices=st.fixed_dictionaries({"sharp": st.booleans(), "shape": st.sampled_from(["ball", "cube"])}),
    combine=st.sampled_from(COMBINE),
    two_pass=st.booleans(),
    description=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")),
)
def test_round_trip_is_exact(tmp_path_factory, suffix, **drawn):
    values, combine = drawn["values"] | drawn["choices"] | {"method": "plain"}, drawn["combine"]
    with pytest.MonkeyPatch.context() as patch:
        register_small(patch)
        masks = [{"method": "other"}, {"method": "plain", "combine": combine}]
        made = Settings.from_dict(
            document(inversion=values, masking=masks, pipeline={"two_pass": drawn["two_pass"]})
            | {"description": drawn["description"]}
        )
        path = tmp_path_factory.mktemp("settings") / f"a.{suffix}"
        made.write(path)
        again = Settings.read(path)
        assert again == made
        assert again.description == made.description
        assert again.inversion.parameters["guess"] == values["guess"]
        assert Settings.from_dict(made.to_dict()) == made
        again.write(path.with_name(f"b.{suffix}"))
        assert path.read_bytes() == path.with_name(f"b.{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inversion": {"method": "magic"}}, "There is no inversion method 'magic'; its methods: plain."),
        ({"inversion": {"method": "plain", "colour": 1}}, "Plain has no parameter 'colour'; its parameters: size, "),
        ({"inversion": {"method": "plain", "size": 99}}, "Plain: Size = 99 mm, allowed 1 to 40"),
        ({"inversion": {"method": "plain", "size": "big"}}, "Plain: Size = 'big', a value of type float is needed"),
        ({"inversion": {"method": "plain", "count": True}}, "Plain: Count = True, a value of type int is needed"),
        ({"inversion": {"method": "plain", "shape": "egg"}}, "Plain: Shape = 'egg', allowed ball, cube"),
        ({"inversion": {"method": 3}}, "inversion: method = 3: a text is needed."),
        ({"inversion": "plain"}, "inversion = 'plain': a table of names and values is needed."),
        ({"inversion": {"method": "plain", "combine": "union"}}, "inversion: combine is for masks only."),
        ({"inversion": [{"method": "plain"}] * 2}, "inversion: one method is needed, 2 are given."),
        ({"inversion": {"size": 3}}, "inversion: the method is not named: plain."),
        ({"masking": []}, "The settings name no method for masking: plain, other."),
        ({"masking": {"method": "plain", "combine": "xor"}}, "masking: combine = 'xor', allowed intersection, union."),
        ({"invertion": {}}, "The settings have no 'invertion'; known: preset, description, pipeline, masking, "),
        ({"pipeline": {"three_pass": True}}, "[pipeline] has no 'three_pass'; known: two_pass, device."),
        ({"pipeline": {"two_pass": "yes"}}, "Pipeline: Two passes = 'yes', a value of type bool is needed"),
        ({"preset": "9T"}, "There is no preset '9T'; the presets: default, 7T, accurate, body, fast, single-echo."),
    ],
)
def test_refuses_what_it_does_not_know(small, change, said):
    with pytest.raises(InputError) as error:
        Settings.from_dict(document() | change)
    assert str(error.value).startswith(said)


def test_files_that_are_no_settings(small, tmp_path):
    for name, content, said in [
        ("a.toml", "x = = 1", "is not a TOML document"),
        ("a.json", "{", "is not a JSON document"),
        ("b.json", "[1]", "not a table of stages"),
        ("a.yaml", "", "ends in .toml or .json"),
        ("c.toml", '[inversion]\nmethod = "no"', "c.toml: "),
    ]:
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=said):
            Settings.read(tmp_path / name)
    with pytest.raises(InputError, match=r"none\.toml cannot be read: No such file"):
        Settings.read(tmp_path / "none.toml")


def test_changed_from_text(small):
    settings = Settings.from_dict(document(masking=[{"method": "other"}, {"method": "plain"}]))
    made = settings.changed(
        {
            "masking.size": "4",
            "inversion.guess": "auto",
            "inversion.sharp": "no",
            "field.method": "plain",
            "pipeline.two_pass": "true",
        }
    )
    assert made.masking[1].parameters["size"] == 4.0
    assert made.masking[0] == settings.masking[0]
    assert made.inversion.parameters["guess"] is None
    assert made.inversion.parameters["sharp"] is False
    assert made.two_pass is True
    assert settings.two_pass is False
    for place, text, said in [
        ("inversion.size", "99", "Plain: Size = 99 mm, allowed 1 to 40"),
        ("inversion.size", "x", "Size = 'x': a number is needed."),
        ("inversion.count", "1.5", "Count = '1.5': a whole number is needed."),
        ("inversion.sharp", "maybe", "Sharp = 'maybe': true or false is needed."),
        ("inversion.colour", "1", "Plain has no 'colour'; known: size, count"),
        ("masking.colour", "1", "Other has no 'colour'; known: level"),
        ("magic.size", "1", "There is no stage 'magic'; the stages: masking"),
        ("pipeline.three", "1", "[pipeline] has no 'three'; known: two_pass, device."),
    ]:
        with pytest.raises(InputError) as error:
            settings.changed({place: text})
        assert str(error.value).startswith(said)


@pytest.mark.parametrize("name", preset_names())
def test_presets(name):
    preset = Settings.preset(name)
    assert preset.description
    assert Settings.from_dict(tomllib.loads(preset.to_toml())) == preset
    assert Settings.from_dict(json.loads(json.dumps(preset.to_dict()))) == preset
    assert Settings.from_dict({"preset": name}) == preset


def test_a_document_starts_from_its_preset():
    assert Settings.from_dict({}) == Settings.preset("default")
    assert Settings.from_dict({"pipeline": {"two_pass": True}}).two_pass is True
    assert preset_names()[0] == "default"


@pytest.mark.parametrize("name", preset_names())
def test_presets_write_only_what_differs_from_the_defaults(name):
    document = tomllib.loads((PRESETS / f"{name}.toml").read_text("utf-8"))
    base = Settings.preset(document.get("preset", name))
    for stage in STAGES:
        tables = document.get(stage, [])
        for table in tables if isinstance(tables, list) else [tables]:
            defaults = METHODS[stage][table.get("method", base.steps(stage)[0].method)].settings()
            same = [key for key, value in table.items() if key in defaults and defaults[key] == value]
            assert not same


def test_a_document_with_a_byte_order_mark(tmp_path):
    for name, text in {"a.toml": '[inversion]\nmethod = "tkd"\n', "a.json": '{"inversion": {"method": "tkd"}}'}.items():
        (tmp_path / name).write_text(text, "utf-8-sig")
        assert Settings.read(tmp_path / name).inversion.method == "tkd"

"""Bibliography, methods paragraph and provenance."""

import hashlib
import json
import re

import pytest

from QSMLogic import __version__
from QSMLogic.methods import METHODS, STAGES
from QSMLogic.report.bibliography import REFERENCES, parse, references
from QSMLogic.report.methods_text import methods_text, references_cited
from QSMLogic.report.provenance import provenance
from QSMLogic.settings import Settings, preset_names

EVERY_METHOD = [method for stage in STAGES for method in METHODS[stage].values()]

ODD = r"""
@comment{this is, no = {entry}}
@Article{One2001,
  author  = {K{\"u}rten, Bj{\o}rn and Jos{\'e} M. {\v{S}}m{\'\i}d and de la Cruz, Ana-Maria},
  title   = {A {B0} map of 5 \% \& more},
  journal = "Journal {of} Maps",
  year    = 2001, volume = {12}, number = {3},
  pages   = {1--20},
  doi     = {10.1/a_b}
}
@book{Two, author = {{Committee of {Maps}} and Ag{\'u}ndez, P.}, title = {Maps}, publisher = {Press}, year = {1999}}
"""


def test_bibtex_is_read():
    one, two = parse(ODD).values()
    assert one.key == "One2001"
    assert one.fields["author"] == "Kürten, Bjørn and José M. Šmíd and de la Cruz, Ana-Maria"
    assert one.authors == (("Kürten", "Bjørn"), ("Šmíd", "José M."), ("de la Cruz", "Ana-Maria"))
    assert one.short() == "Kürten et al., 2001"
    assert one.printed() == (
        "Kürten B, Šmíd JM, de la Cruz AM. A B0 map of 5 % & more. Journal of Maps 2001;12(3):1-20. doi:10.1/a_b"
    )
    assert two.short() == "Committee of Maps and Agúndez, 1999"
    assert two.printed() == "Committee of Maps, Agúndez P. Maps. Press 1999."
    assert ODD.count(one.source) == 1
    assert parse(one.source) == {"One2001": one}


def test_many_authors_and_open_braces():
    many = " and ".join(f"Name{i}, A." for i in range(9))
    entry = parse(f"@article{{x, author={{{many}}}, title={{T}}, journal={{J}}, year={{2020}}}}")["x"]
    assert entry.printed() == "Name0 A, Name1 A, Name2 A, et al. T. J 2020."
    with pytest.raises(ValueError, match="a brace is not closed"):
        parse("@article{x, author={A")


def test_no_key_twice():
    keys = re.findall(r"^@\w+\{([^,]+),", REFERENCES.read_text("utf-8"), re.MULTILINE)
    assert sorted(keys) == sorted(set(keys))
    assert set(keys) == set(references())


@pytest.mark.parametrize("key", references())
def test_every_reference_is_complete(key):
    entry = references()[key]
    assert entry.authors
    assert all(entry.fields.get(name) for name in ("title", "year"))
    assert re.fullmatch(r"\w.*\.( doi:10\.\d+/\S+)?", entry.printed())
    assert not set("{}\\$") & set(entry.printed().split(" doi:")[0])


@pytest.mark.parametrize("method", EVERY_METHOD, ids=lambda m: f"{m.stage}-{m.name}")
def test_every_method_says_what_it_did_and_cites_what_exists(method):
    said = method.described()
    if (method.stage, method.name) == ("single_step", "none"):
        assert not said  # where nothing stands in for the other stages, there is nothing to say
        return
    assert said[0].isupper()
    assert not said.endswith(".")
    assert not set("{}") & set(said)
    assert set(method.cite) <= set(references())


@pytest.mark.parametrize("name", preset_names())
def test_methods_paragraph(name):
    settings = Settings.preset(name)
    text = methods_text(settings)
    paragraph, _, listed = text.partition("\nReferences\n\n")
    assert paragraph.startswith(f"Susceptibility maps were computed with SlicerQSM {__version__}. ")
    numbers = [int(n) for group in re.findall(r"\[([\d, ]+)\]", paragraph) for n in group.split(", ")]
    assert list(dict.fromkeys(numbers)) == list(range(1, len(listed.splitlines()) + 1))
    for stage in STAGES:
        for step in settings.steps(stage):
            assert METHODS[stage][step.method].described(**step.parameters) in paragraph
    entries = parse(references_cited(settings))
    assert [f"[{i + 1}] {entry.printed()}" for i, entry in enumerate(entries.values())] == listed.splitlines()


def test_options_and_facts_are_told():
    settings = Settings.preset().changed({"pipeline.two_pass": "true", "masking.method": "threshold erode"})
    text = methods_text(settings, facts=["The reference was water."])
    for name in ("threshold", "erode"):
        assert METHODS["masking"][name].described() in text
    assert "run twice" in text
    assert "The reference was water." in text
    assert ".." not in text.replace("...", "")


def test_provenance(tmp_path):
    path = tmp_path / "a file.txt"
    path.write_text("content")
    record = provenance(
        ["qsm", "run", "--phase", str(path)],
        [path],
        seconds=1.23456,
        stage_seconds={"field": 1},
        settings={"field": {}},
        warnings=["odd"],
    )
    assert json.loads(json.dumps(record)) == record
    assert record["command"] == f"qsm run --phase '{path}'"
    assert record["inputs"] == [
        {"file": str(path), "bytes": 7, "sha256": hashlib.sha256(b"content").hexdigest()},
    ]
    assert record["seconds"] == 1.2346
    assert record["stage_seconds"] == {"field": 1}
    assert record["warnings"] == ["odd"]
    assert {"slicerqsm", "python", "numpy", "scipy", "SimpleITK"} == set(record["versions"])
    assert "unknown" not in record["versions"].values()

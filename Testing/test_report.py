"""Bibliography, methods paragraph and provenance."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from QSMLogic import __version__
from QSMLogic.io.load import Loaded
from QSMLogic.io.nifti import Geometry
from QSMLogic.methods import METHODS, STAGES
from QSMLogic.phantom import head_phantom
from QSMLogic.pipeline import Result
from QSMLogic.report.account import account
from QSMLogic.report.acquisition_text import acquisition_sentence
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
    asked = replace(two, fields={**two.fields, "title": "Maps?"})
    assert asked.printed() == "Committee of Maps, Agúndez P. Maps? Press 1999."
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
    assert abs(datetime.fromisoformat(record["date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert record["threads"] >= 1
    assert record["stage_seconds"] == {"field": 1}
    assert record["warnings"] == ["odd"]
    assert {"slicerqsm", "python", "numpy", "scipy", "SimpleITK"} == set(record["versions"])
    assert "unknown" not in record["versions"].values()


def loaded(echo_times=(0.004, 0.012, 0.02), **facts):
    """Return a scan as it is loaded, with facts of its acquisition."""
    head = head_phantom((16, 18, 14), (12.0, 12.0, 12.5), echo_times=echo_times)
    geometry = Geometry.centred(head.scan.grid, head.direction)
    sign = facts.pop("phase_sign", 1)
    return Loaded({}, head.scan, geometry, {"acquisition": facts, "phase_sign": sign}, [])


def text_of(scan, settings, **more):
    """Return the paragraph of a run with these settings."""
    head = head_phantom(scan.scan.grid.shape, scan.scan.grid.voxel_size)
    noise = np.random.default_rng(0).standard_normal(head.mask.shape).astype(np.float32)
    names = ("total_field", "field_noise", "residual", "local_field", "weights", "chi")
    maps = dict.fromkeys(names, noise) | {"mask": head.mask, "eroded_mask": head.mask, "unwrapped": scan.scan.phase}
    told = account(["qsm"], (), scan, Result(settings, maps), **more)
    assert told.provenance["quality"].keys() == {measure.name for measure in told.quality}
    return told.methods.partition("\n")[0]


def test_the_acquisition_is_told():
    facts = {
        "Manufacturer": "Maker", "ManufacturersModelName": "Model", "SoftwareVersions": "E11", "RepetitionTime": 0.0352,
        "MRAcquisitionType": "3D", "FlipAngle": 15, "PixelBandwidth": 280.26, "ParallelReductionFactorInPlane": 2,
    }  # fmt: skip
    assert acquisition_sentence(loaded(**facts)) == (
        "Images were acquired with a 3D gradient-echo sequence at 3 T (Maker Model, software E11): 3 echoes at 4 to 20 "
        "ms in steps of 8 ms, repetition time 35.2 ms, flip angle 15°, bandwidth 280.3 Hz per pixel, parallel imaging "
        "factor 2, voxel size 12 x 12 x 12.5 mm, matrix 16 x 18 x 14"
    )
    assert acquisition_sentence(loaded((0.02,))) == (
        "Images were acquired with a gradient-echo sequence at 3 T: echo time 20 ms, voxel size 12 x 12 x 12.5 mm, "
        "matrix 16 x 18 x 14"
    )
    assert "4 echoes at 4, 9, 15 and 30 ms" in acquisition_sentence(loaded((0.004, 0.009, 0.015, 0.03)))


def test_a_simulated_head_was_not_in_a_scanner():
    scan = loaded()
    scan.facts["phantom"] = "head"
    assert acquisition_sentence(scan).startswith("A gradient-echo scan of a simulated head was made at 3 T: 3 echoes")


def test_the_paragraph_of_one_echo_says_nothing_of_several():
    text = text_of(loaded((0.02,)), Settings.preset())
    assert "echo time 20 ms" in text
    assert "The total field was the phase divided by the echo time" in text
    assert "Phase was unwrapped with ROMEO [" in text
    assert "which a single echo does not tell" in text
    assert not re.search(r"echoes|template|MCPC", text)


def test_the_paragraph_of_several_echoes():
    text = text_of(loaded(phase_sign=-1), Settings.preset())
    assert "The total field was the mean of the echoes' estimates" in text
    assert "(template echo 1)" in text
    assert "The sign of the phase was inverted. Susceptibility maps were computed" in text
    every = text_of(loaded(), Settings.preset().changed({"unwrapping.individual": "true"}))
    assert "every echo in space" in every
    assert "template" not in every
    assert "inverted" not in every


def test_the_region_that_is_zero_is_told_by_name():
    settings = Settings.preset().changed({"referencing.method": "region", "referencing.label": "4"})
    assert "relative to its mean over the region CSF [" in text_of(loaded(), settings, names={4: "CSF"})
    assert "relative to its mean over the region 4 [" in text_of(loaded(), settings)


def test_a_switch_is_told_in_words():
    fit = METHODS["field"]["linear_fit"]
    assert "with an offset" in fit.described(3)
    assert "through the origin" in fit.described(3, offset=False)
    assert fit.described(1) == "The total field was the phase divided by the echo time"
    for method in EVERY_METHOD:
        for echoes in (None, 1, 3):
            within = method.described(echoes)[1:]  # "True SWI" may begin a sentence
            assert not re.search(r"\b(True|False|None)\b", within), method.name


@pytest.mark.parametrize(
    ("name", "chosen", "called_for", "left_out"),
    [
        ("swi", {}, "Schofield2003", "Reichenbach1997"),
        ("swi", {"phase_filter": "homodyne"}, "Reichenbach1997", "Schofield2003"),
        ("swi", {"phase_filter": "homodyne"}, "Haacke2004", "Tustison2010"),
        ("swi", {"bias_correction": "true"}, "Tustison2010", "Reichenbach1997"),
        ("clear_swi", {}, "Tustison2010", "Reichenbach1997"),
        ("clear_swi", {"bias_correction": "false"}, "Schofield2003", "Tustison2010"),
        ("r2star_arlo", {}, "FernandezSeara2000", "Salvador2005"),
        ("r2star_arlo", {"gradient_correction": "false"}, "Pei2015", "FernandezSeara2000"),
    ],
)
def test_what_was_not_done_is_not_cited(name, chosen, called_for, left_out):
    changes = {"maps.method": name} | {f"maps.{key}": value for key, value in chosen.items()}
    settings = Settings.preset().changed(changes)
    text, entries = methods_text(settings), references_cited(settings)
    assert references()[called_for].printed() in text
    assert references()[left_out].printed() not in text
    assert f"{{{called_for}," in entries
    assert f"{{{left_out}," not in entries

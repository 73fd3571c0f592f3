"""Source separation in runs, by command and in cohorts: where its maps come from, and that every assumption is said."""

import json

import numpy as np
import pytest
from bids_cohort import begin_data_set, bids, put_echoes
from command_line import given

from QSMLogic.cli import main
from QSMLogic.errors import InputError
from QSMLogic.io.nifti import read_volume, write_image
from QSMLogic.phantom import head_phantom
from QSMLogic.pipeline import run
from QSMLogic.report.methods_text import methods_text
from QSMLogic.settings import Settings


def test_a_run_separates_from_the_r2_that_is_given():
    phantom = head_phantom((32, 36, 32), (6.0, 6.0, 6.0))
    wanted = {"maps.method": "r2star_arlo r2prime separation_closed_form"}
    settings = Settings.preset("fast").changed(wanted)
    maps = run(phantom.scan, settings, r2=phantom.r2).maps
    assert np.allclose(maps["chi_para"] + maps["chi_dia"], maps["chi"] * maps["eroded_mask"], atol=1e-6)
    deep = maps["eroded_mask"] & np.isin(phantom.labels, [2, 3, 6])
    assert maps["chi_para"][deep].mean() > 2 * -maps["chi_dia"][deep].mean()
    with pytest.raises(InputError, match="R2"):
        run(phantom.scan, settings)


def test_every_assumption_is_said():
    preset = Settings.preset("fast")
    for method, said in {
        "separation_closed_form": ("137 1/s", "at 3 T", "nothing else to add", "zero in water"),
        "separation_r2prime": ("137 1/s", "at 3 T", "robust", "nothing else to add"),
        "separation_r2star": ("137 1/s", "R2 was not measured, but taken to be 9 + 1.4 B0", "1 times"),
    }.items():
        text = methods_text(preset.changed({"maps.method": f"r2star_arlo r2prime {method}"}))
        assert all(words in text for words in said), text


def test_one_separation_at_a_time():
    with pytest.raises(InputError, match="make the same map"):
        Settings.preset("fast").changed({"maps.method": "r2star_arlo separation_r2star r2prime separation_r2prime"})


def test_assumptions_are_in_the_side_cars_of_a_cohort(tiny_head, tmp_path):
    root, out = begin_data_set(tmp_path / "raw"), tmp_path / "out"
    put_echoes(root, "sub-a", tiny_head)
    chosen = ("--maps", "r2star_arlo", "separation_r2star", "--set", "maps.share=0.5")
    assert bids(root, out, *chosen) == 0
    for kind in ("para", "dia"):
        (said,) = out.glob(f"sub-a/anat/sub-a_desc-chi{kind}map_*.json")
        content = json.loads(said.read_text("utf-8"))
        assert content["Units"] == "ppm"
        assert "R2 was not measured, but taken to be 9 + 1.4 B0 everywhere" in content["Description"]
        assert "R2' to be 0.5 times what R2* has beyond that" in content["Description"]
        assert content["Settings"]["relaxivity_para"] == 137


def test_a_command_says_what_it_assumes(head, inputs, tmp_path):
    geometry = read_volume(inputs / "chi.nii.gz")[1]
    write_image(tmp_path / "r2prime.nii.gz", head.r2prime * head.mask, geometry)
    words = ["maps", "separation_closed_form", *given(inputs, "chi", "mask"), "--r2prime", tmp_path / "r2prime.nii.gz"]
    assert main([*map(str, words), "--relaxivity-dia", "100", "--out", str(tmp_path / "out")]) == 0
    found = read_volume(tmp_path / "out" / "chidiamap.nii.gz")[0]
    chi = np.where(head.mask, head.chi, 0)
    expected = chi - np.maximum((head.r2prime + 100 * chi) / 237, np.maximum(chi, 0))
    assert np.allclose(found, expected * head.mask, atol=1e-5)
    said = json.loads((tmp_path / "out" / "provenance.json").read_text("utf-8"))
    assert "diamagnetic sources 100 1/s" in said["methods"]
    for file in ("chidiamap.json", "chiparamap.json"):
        beside = json.loads((tmp_path / "out" / file).read_text("utf-8"))
        assert said["methods"].rstrip(".") in beside["Description"]
        assert (beside["Units"], beside["Settings"]["relaxivity_dia"]) == ("ppm", 100)

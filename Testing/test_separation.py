"""Source separation: on sources that are known, with what happens where its assumptions fail."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from analytic import covered, positions
from bids_cohort import begin_data_set, bids, put_echoes
from cases import data_of
from command_line import given
from scipy.optimize import minimize

from QSMLogic import metrics
from QSMLogic.chosen import listening
from QSMLogic.cli import main
from QSMLogic.decay_misfit import Decay, decay_of, nearest_sources
from QSMLogic.errors import InputError
from QSMLogic.forward_model import field_of
from QSMLogic.grid import Grid
from QSMLogic.io.nifti import read_volume, write_image
from QSMLogic.operators import Window
from QSMLogic.parallel import slabs
from QSMLogic.phantom import head_phantom
from QSMLogic.pipeline import run, run_stage
from QSMLogic.relaxivity import r2prime_from, relaxivity_at
from QSMLogic.report.methods_text import methods_text
from QSMLogic.settings import Settings
from QSMLogic.slab_transforms import slabs_inverted, slabs_transformed

GRID = Grid((44, 40, 36), (2.0, 2.2, 2.6), b0_direction=(0.35, -0.25, 0.9))
FIELD_NOISE, DECAY_NOISE = 5e-4, 1.0
"""ppm and 1/s."""


@dataclass(frozen=True)
class Sources:
    """Known sources on a slight background of both kinds: chi_para, chi_dia (ppm), labels of the shapes, mask."""

    para: np.ndarray
    dia: np.ndarray
    labels: np.ndarray
    mask: np.ndarray

    def data(self, *, relaxivities=(137.0, 137.0), noise=1.0, field_strength=3.0):
        """Return the scan of these sources: the field by the dipole, R2' by the model, and their noise."""
        random = np.random.default_rng(5)
        strong, weak = (relaxivity_at(field_strength, each) for each in relaxivities)
        field = field_of(self.para + self.dia, GRID) + noise * FIELD_NOISE * random.standard_normal(GRID.shape)
        decay = strong * self.para - weak * self.dia + noise * DECAY_NOISE * random.standard_normal(GRID.shape)
        return {
            "local_field": (field * self.mask).astype(np.float32),
            "r2prime": (decay * self.mask).astype(np.float32),
            "chi": self.para + self.dia,
            "mask": self.mask,
            "grid": GRID,
            "field_strength": field_strength,
        }

    def errors(self, made):
        """Return the error of each map's mean in each shape, (shape, 2), ppm."""
        inside = [self.labels == label for label in range(1, 5)]
        pairs = ((made["chi_para"], self.para), (made["chi_dia"], self.dia))
        return np.array([[float((found - truth)[where].mean()) for found, truth in pairs] for where in inside])


SHAPES = (
    (0.10, 0.0, (-18, -14, -10), (0, 0, 1), 9, 9),
    (0.0, -0.10, (18, -14, 8), (0, 0, 1), 9, 9),
    (0.08, -0.08, (0, 16, 0), (0, 0, 1), 10, 10),
    (0.12, -0.04, (4, -8, 0), (0.6, 0.0, 0.8), 5, 26),
)
"""Paramagnetic (ppm), diamagnetic, centre (mm), axis, radius and half length: spheres of one kind, of the other, of
both in balance, which make no field at all, and a rod of more of the one, askew to voxels and field."""


@pytest.fixture(scope="module")
def sources():
    place = positions(GRID)
    mask = ((place / np.array([40, 40, 42])[:, None, None, None]) ** 2).sum(axis=0) < 1
    para, dia = 0.010 * mask.astype(np.float32), -0.010 * mask.astype(np.float32)
    labels = np.zeros(GRID.shape, int)
    for label, (more, less, centre, axis, radius, half) in enumerate(SHAPES, 1):
        offset = positions(GRID, centre)
        along = np.tensordot(axis, offset, 1)
        beyond = np.clip(along, radius - half, half - radius)
        across = offset - np.array(axis)[:, None, None, None] * beyond
        cover = covered(np.sqrt((across**2).sum(axis=0)) - radius, GRID)
        para, dia = para + cover * (more - para), dia + cover * (less - dia)
        labels[cover > 0.9] = label
    return Sources((para * mask).astype(np.float32), (dia * mask).astype(np.float32), labels, mask)


def made(name, data, **parameters):
    return run_stage("maps", name, parameters, data)


@pytest.mark.parametrize("relaxivities", [(137.0, 137.0), (260.0, 90.0)])
@pytest.mark.parametrize("field_strength", [1.5, 3.0, 7.0])
def test_the_closed_form_is_exact(sources, relaxivities, field_strength):
    data = sources.data(relaxivities=relaxivities, noise=0, field_strength=field_strength)
    strong, weak = relaxivities
    found = made("separation_closed_form", data, relaxivity_para=strong, relaxivity_dia=weak)
    assert np.abs(found["chi_para"] - sources.para).max() < 1e-6
    assert np.abs(found["chi_dia"] - sources.dia).max() < 1e-6


def test_two_equations_by_hand():
    """+0.05 ppm and 13.7 1/s at 3 T: 0.1 ppm of both kinds together, so 0.075 and -0.025."""
    one = np.ones((2, 2, 2), np.float32)
    data = {"chi": 0.05 * one, "r2prime": 13.7 * one, "mask": one > 0, "field_strength": 3.0}
    found = made("separation_closed_form", data)
    assert np.allclose(found["chi_para"], 0.075)
    assert np.allclose(found["chi_dia"], -0.025)


@pytest.mark.parametrize("chi", [0.2, -0.2])
def test_where_r2prime_is_too_small_chi_is_of_one_kind(chi):
    one = np.ones((2, 2, 2), np.float32)
    found = made("separation_closed_form", {"chi": chi * one, "r2prime": one, "mask": one > 0, "field_strength": 3.0})
    assert np.allclose(found["chi_para"], max(chi, 0))
    assert np.allclose(found["chi_dia"], min(chi, 0))


@pytest.mark.parametrize("relaxivities", [(137.0, 137.0), (200.0, 100.0)])
def test_known_sources_are_found_by_their_field_and_r2prime(sources, relaxivities):
    strong, weak = relaxivities
    data = sources.data(relaxivities=relaxivities)
    found = made("separation_r2prime", data, relaxivity_para=strong, relaxivity_dia=weak)
    assert np.abs(sources.errors(found)).max() < 0.008, "of 0.1 ppm"
    assert metrics.nrmse(found["chi_para"], sources.para, sources.mask) < 15
    assert metrics.nrmse(found["chi_dia"], sources.dia, sources.mask) < 15
    assert found["chi_para"].min() == 0
    assert found["chi_dia"].max() == 0


def test_r2prime_makes_sources_visible_that_are_in_balance(sources):
    data = sources.data()
    found = made("separation_r2prime", data)
    alone = run_stage("inversion", "tv", {}, data)["chi"]
    balanced = sources.labels == 3
    assert abs(float(alone[balanced].mean())) < 0.01
    assert found["chi_para"][balanced].mean() == pytest.approx(0.08, abs=0.008)
    assert found["chi_dia"][balanced].mean() == pytest.approx(-0.08, abs=0.008)


def test_a_wrong_relaxivity_scales_what_r2prime_says(sources):
    """Balanced sources are known from R2' alone: half the relaxivity makes them twice as strong."""
    data = sources.data()
    found = made("separation_r2prime", data, relaxivity_para=68.5, relaxivity_dia=68.5)
    assert found["chi_para"][sources.labels == 3].mean() == pytest.approx(0.16, rel=0.1)


def test_a_few_voxels_off_the_model_leave_the_others_alone(sources):
    data = sources.data()
    off = np.random.default_rng(2).random(GRID.shape) < 0.01
    data["r2prime"] = np.where(off & data["mask"], 100, data["r2prime"]).astype(np.float32)
    found = made("separation_r2prime", data)
    assert np.abs(sources.errors(found)).max() < 0.01


def test_what_background_removal_left_is_taken_for_sources_outside(sources):
    data = sources.data()
    x, y, z = positions(GRID)
    rest = 0.01 * (x * y - y * z + 2 * z * z - x * x - y * y) / 40**2 * data["mask"]
    data["local_field"] = (data["local_field"] + rest).astype(np.float32)
    found = {exterior: made("separation_r2prime", data, exterior=exterior) for exterior in ("auto", "free", "zero")}
    worst = {exterior: np.abs(sources.errors(maps)).max() for exterior, maps in found.items()}
    assert worst["auto"] == pytest.approx(worst["free"], abs=2e-3)
    assert worst["auto"] < 0.012 < worst["zero"]


def test_the_nearest_sources_are_the_least_of_the_objective():
    random = np.random.default_rng(0)
    decay = Decay(lambda _: target, para=1.3, dia=0.7, weight=1.0, bound=0.02)
    start = (0.1 * random.standard_normal((2, 200))).astype(np.float32)
    target = (0.15 * random.standard_normal(200)).astype(np.float32)
    for weight in (0.0, 0.3, 5.0):
        found = nearest_sources(start, decay, target, weight)
        for i in range(0, 200, 7):

            def objective(s, i=i, weight=weight):
                left = abs(target[i] - 1.3 * s[0] + 0.7 * s[1])
                misfit = left**2 if left < 0.02 else 0.02 * (2 * left - 0.02)
                return 100 * ((s[0] - start[0, i]) ** 2 + (s[1] - start[1, i]) ** 2 + weight * misfit)

            best = minimize(objective, [0.05, -0.05], bounds=[(0, None), (None, 0)], tol=1e-12)
            assert found[0, i] >= 0 >= found[1, i]
            assert objective(found[:, i]) <= best.fun + 1e-5


def test_slabs_of_r2prime_are_those_of_its_window():
    """Of a mask askew in the image, whose window goes on beyond its box."""
    mask = np.zeros(GRID.shape, bool)
    mask[5:36, 2:39, 4:35] = True
    rate = np.random.default_rng(1).random(GRID.shape).astype(np.float32)
    window = Window(mask, GRID, 0.0)
    assert window.grid.shape[0] > 31
    target = decay_of(window, rate.__getitem__, mask, (200.0, 100.0), 1.0).target
    found = np.concatenate([target(slab) for slab in slabs(window.grid.shape, 5000)])
    assert np.allclose(found, window.cut(rate / 150), rtol=1e-6)


@pytest.mark.parametrize("shape", [(70, 32, 36), (45, 27, 35)])
def test_slabs_are_transformed_as_the_whole(shape):
    image = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    grid, back = GRID.with_shape(shape), np.empty_like(image)
    spectrum = slabs_transformed(grid, lambda slab: image[slab])
    assert np.abs(spectrum - np.fft.rfftn(image)).max() < 1e-5 * np.abs(spectrum).max()
    stops = slabs_inverted(grid, spectrum, lambda slab, made: (back.__setitem__(slab, made), slab.stop)[1])
    assert np.abs(back - image).max() < 1e-5
    assert len(stops) > 1
    assert stops[-1] == shape[0]


def test_without_r2_the_same_is_found_where_the_assumption_holds(sources):
    data = sources.data()
    data["r2star"] = data["r2prime"] + np.float32(13.2) * data["mask"]
    assumed, known = made("separation_r2star", data), made("separation_r2prime", data)
    for name in ("chi_para", "chi_dia"):
        assert np.abs(assumed[name] - known[name])[sources.labels > 0].mean() < 0.003


def test_an_r2_that_was_assumed_too_low_goes_into_both_kinds(sources):
    """5 1/s too much R2', of 137 1/s per ppm of both kinds together: half of it each."""
    data = sources.data()
    data["r2star"] = data["r2prime"] + np.float32(18.2) * data["mask"]
    errors = sources.errors(made("separation_r2star", data))
    assert errors[2] == pytest.approx([5 / 137 / 2, -5 / 137 / 2], abs=0.006)


def test_the_r2_assumed_grows_with_the_field_strength():
    one = np.full(1, 50.0, np.float32)
    for field_strength, r2 in ((1.5, 11.1), (3.0, 13.2), (7.0, 18.8)):
        assert r2prime_from(one, field_strength, 1.0, 9.0, 1.4)[0] == pytest.approx(50 - r2)
    assert r2prime_from(one, 3.0, 0.5, 10.5, 0.0)[0] == pytest.approx(19.75)
    assert r2prime_from(one / 10, 3.0, 1.0, 9.0, 1.4)[0] == 0


def test_the_head_s_nuclei(phantom):
    """Means of nuclei full of iron, and of white matter, which is more myelin than iron."""
    data = data_of(phantom)
    found = made("separation_r2prime", data)
    names = {name: label for label, name in phantom.label_names.items()}
    for name in ("pallidum", "putamen", "thalamus", "white matter", "grey matter"):
        where = phantom.mask & (phantom.labels == names[name])
        for kind, truth in (("chi_para", phantom.chi_para), ("chi_dia", phantom.chi_dia)):
            assert found[kind][where].mean() == pytest.approx(truth[where].mean(), abs=0.006), (name, kind)
    alone = run_stage("inversion", "tv", {}, data)["chi"]
    errors = [metrics.nrmse(chi, phantom.chi, phantom.mask) for chi in (found["chi_para"] + found["chi_dia"], alone)]
    assert errors[0] < 0.9 * errors[1], "R2' tells of the susceptibility too"


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


def test_the_weight_that_is_chosen_is_told(sources):
    with listening() as chosen:
        run_stage("maps", "separation_r2prime", {"iterations": 2}, sources.data())
    assert chosen["regularization"] > 0

"""Source separation: on sources that are known, with what happens where its assumptions fail."""

from dataclasses import dataclass

import numpy as np
import pytest
from analytic import covered, positions
from cases import data_of

from QSMLogic import metrics
from QSMLogic.chosen import listening
from QSMLogic.forward_model import field_of
from QSMLogic.grid import Grid
from QSMLogic.pipeline import run_stage
from QSMLogic.relaxivity import relaxivity_at

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


def test_the_weight_that_is_chosen_is_told(sources):
    with listening() as chosen:
        run_stage("maps", "separation_r2prime", {"iterations": 2}, sources.data())
    assert chosen["regularization"] > 0

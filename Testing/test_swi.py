"""Susceptibility-weighted images against what is known in closed form."""

import numpy as np
import pytest
from analytic import cylinder_field, positions

from QSMLogic.constants import GAMMA_BAR
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.methods import METHODS
from QSMLogic.pipeline import run_stage
from QSMLogic.settings import Settings
from QSMLogic.weighting import echoes_together, falling, phase_weight, sigmoid

GRID = Grid((45, 38, 31), (1.0, 1.3, 1.7), b0_direction=(0.0, 0.0, 1.0))
EVERYWHERE = np.ones(GRID.shape, bool)
MIDDLE = (slice(15, 30), slice(13, 25), slice(11, 20))
"""So far from the image's sides that they are not felt."""
TIMES, TESLA = (0.005, 0.010, 0.020), 3.0
WEIGHTINGS = ("paramagnetic", "diamagnetic", "triangular")


def turned(field: np.ndarray) -> np.ndarray:
    """Return the wrapped phase (x, y, z, echo) of a field in ppm."""
    phase = 2 * np.pi * GAMMA_BAR * TESLA * np.array(TIMES) * field[..., None]
    return np.angle(np.exp(1j * phase)).astype(np.float32)


def bright(field: np.ndarray, level: float = 500.0) -> np.ndarray:
    return np.full((*field.shape, len(TIMES)), level, np.float32)


# Masks


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("paramagnetic", [1, 1, 1, 0.5, 0, 0]),
        ("diamagnetic", [0, 0.5, 1, 1, 1, 1]),
        ("triangular", [0, 0.5, 1, 0.5, 0, 0]),
    ],
)
@pytest.mark.parametrize("power", [1, 4])
def test_a_phase_mask_is_a_straight_line_multiplied_by_itself(kind, expected, power):
    phase = np.array([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi, 4], np.float32)
    weight = phase_weight(phase, np.ones(6, bool), kind, power)
    assert weight == pytest.approx(np.array(expected) ** power, abs=1e-6)


def test_the_sigmoid_is_half_where_the_phase_is_its_typical_size_times_ten_over_the_strength():
    values = np.array([-9, -1, 0, 1, 2, 3, 5, 500], np.float32)
    mask = np.array([True] * 7 + [False])  # the last is outside: the median of what is positive is 2.5
    weight = sigmoid(values, mask, 5)
    assert weight[6] == pytest.approx(0.5, abs=1e-6)
    assert weight[2] == pytest.approx((1 + np.tanh(1)) / 2, abs=1e-6)
    assert weight[0] > 0.99
    assert weight[7] < 1e-6
    assert (np.diff(weight) <= 0).all()


def test_a_susceptibility_mask_falls_between_its_thresholds():
    assert falling(np.array([-1, 0.1, 0.2, 0.3, 0.5, 9.0]), 0.1, 0.5) == pytest.approx([1, 1, 0.75, 0.5, 0, 0])


def test_echoes_together_are_their_root_mean_square():
    magnitude = np.zeros((2, 1, 1, 2), np.float32)
    magnitude[0, 0, 0], magnitude[1, 0, 0] = (3, 4), (5, 5)
    assert echoes_together(magnitude, [0, 1])[:, 0, 0] == pytest.approx([np.sqrt(12.5), 5])
    assert echoes_together(magnitude, [1])[:, 0, 0] == pytest.approx([4, 5])


# SWI


@pytest.mark.parametrize("phase_filter", ["unwrapped", "homodyne"])
def test_a_vein_along_the_field_is_dark_as_its_phase_says(phase_filter):
    """Inside an endless cylinder along the field there is a third of its susceptibility."""
    chi, radius = 0.3, 2.0
    field = cylinder_field(GRID, (0, 0, 1), radius, chi)
    x, y, _ = positions(GRID)
    inside, beside = x**2 + y**2 < (radius - 1) ** 2, x**2 + y**2 > (radius + 3) ** 2
    angle = 2 * np.pi * GAMMA_BAR * TESLA * TIMES[2] * chi / 3
    assert 1 < angle < np.pi
    options = {"echo": 3, "wavelength": 60.0, "window": "gaussian", "phase_filter": phase_filter}
    data = {"phase": turned(field), "magnitude": bright(field), "mask": EVERYWHERE, "grid": GRID}
    made = run_stage("maps", "swi", options, data)
    assert made["swi_phase"][MIDDLE][inside[MIDDLE]] == pytest.approx(angle, abs=0.15)
    assert made["swi"][MIDDLE][inside[MIDDLE]].mean() == pytest.approx(500 * (1 - angle / np.pi) ** 4, rel=0.2)
    assert made["swi"][MIDDLE][beside[MIDDLE]].min() > 0.95 * 500
    bleached = run_stage("maps", "swi", options | {"weighting": "diamagnetic"}, data)["swi"]
    assert bleached[MIDDLE][inside[MIDDLE]].min() > 0.99 * 500


def test_a_vein_across_the_field_has_the_opposite_phase():
    field = cylinder_field(GRID, (0, 1, 0), 2.5, 0.4)
    x, _, z = positions(GRID)
    inside = (x**2 + z**2 < 1)[MIDDLE]
    angle = -2 * np.pi * GAMMA_BAR * TESLA * TIMES[2] * 0.4 / 6
    data = {"phase": turned(field), "magnitude": bright(field), "mask": EVERYWHERE, "grid": GRID}
    made = {
        kind: run_stage("maps", "swi", {"echo": 3, "weighting": kind, "wavelength": 60}, data) for kind in WEIGHTINGS
    }
    assert made["paramagnetic"]["swi_phase"][MIDDLE][inside] == pytest.approx(angle, abs=0.2)
    assert made["paramagnetic"]["swi"][MIDDLE][inside].min() > 0.99 * 500
    for kind in ("diamagnetic", "triangular"):
        expected = 500 * (1 + angle / np.pi) ** 4
        assert made[kind]["swi"][MIDDLE][inside].mean() == pytest.approx(expected, rel=0.3)


def test_all_echoes_are_the_mean_of_each():
    field = cylinder_field(GRID, (0, 0, 1), 2.0, 0.3)
    magnitude = bright(field) * np.array((3, 2, 1), np.float32)
    data = {"phase": turned(field), "magnitude": magnitude, "mask": EVERYWHERE, "grid": GRID}
    each = [run_stage("maps", "swi", {"echo": n}, data) for n in (1, 2, 3)]
    together = run_stage("maps", "swi", {}, data)
    for name in ("swi", "swi_phase"):
        np.testing.assert_allclose(together[name], np.mean([one[name] for one in each], axis=0), atol=1e-3)


@pytest.mark.parametrize("name", ["swi", "tswi", "smwi"])
def test_an_echo_that_is_not_there_is_refused(name):
    chi = np.zeros(GRID.shape, np.float32)
    data = {"phase": turned(chi), "magnitude": bright(chi), "mask": EVERYWHERE, "grid": GRID, "chi": chi}
    with pytest.raises(InputError, match="Echo 4 is asked for, but there are 3"):
        run_stage("maps", name, {"echo": 4}, data)


def test_two_ways_of_swi_are_not_made_in_one_run():
    settings = Settings.preset()
    with pytest.raises(InputError, match="SWI and CLEAR-SWI make the same map"):
        Settings.from_dict(settings.to_dict() | {"maps": [{"method": "swi"}, {"method": "clear_swi"}]})


@pytest.mark.parametrize("name", ["swi", "tswi", "smwi"])
def test_the_methods_text_says_which_echo(name):
    method = METHODS["maps"][name]
    assert "(echo: all)" in method.described()
    assert "(echo: 2)" in method.described(echo=2)


# CLEAR-SWI


def test_clear_swi_combines_the_echoes_into_the_phase_at_their_mean_echo_time():
    field = cylinder_field(GRID, (0, 0, 1), 2.0, 0.1)
    magnitude = bright(field) * np.array((1, 0.8, 0.5), np.float32)
    phase = turned(field)
    phase[..., 1] = np.random.default_rng(0).uniform(-np.pi, np.pi, field.shape)
    magnitude[..., 1] = 0  # what has no signal does not count
    data = {"phase": phase, "magnitude": magnitude, "mask": EVERYWHERE, "grid": GRID, "echo_times": TIMES}
    made = run_stage("maps", "clear_swi", {"wavelength": 60.0, "bias_correction": False}, data)
    x, y, _ = positions(GRID)
    inside = (x**2 + y**2 < 1)[MIDDLE]
    angle = 2 * np.pi * GAMMA_BAR * TESLA * np.mean(TIMES) * 0.1 / 3
    assert made["swi_phase"][MIDDLE][inside] == pytest.approx(angle, abs=0.03)


def test_clear_swi_without_shading_and_softplus_is_magnitude_times_sigmoid():
    field = cylinder_field(GRID, (0, 0, 1), 2.0, 0.1)
    data = {"phase": turned(field), "magnitude": bright(field), "mask": EVERYWHERE, "grid": GRID, "echo_times": TIMES}
    plain = {"bias_correction": False, "softplus": False}
    made = run_stage("maps", "clear_swi", plain, data)
    np.testing.assert_allclose(made["swi"], 500 * sigmoid(made["swi_phase"], EVERYWHERE, 4), rtol=1e-4)
    flat = run_stage("maps", "clear_swi", plain, data | {"phase": np.zeros_like(turned(field))})
    np.testing.assert_allclose(flat["swi"], 500 * (1 + np.tanh(1)) / 2, rtol=1e-4)


def test_softplus_darkens_the_dark_and_keeps_steps_between_bright_tissues():
    levels = np.array([0, 100, 400, 1000, 1100], np.float32)
    magnitude = np.broadcast_to(levels[:, None, None, None], (5, 6, 7, 1)).copy()
    grid = Grid((5, 6, 7), (2, 2, 2), b0_direction=(0, 0, 1))
    data = {"phase": np.zeros_like(magnitude), "magnitude": magnitude, "mask": np.ones(grid.shape, bool), "grid": grid}
    made = run_stage("maps", "clear_swi", {"bias_correction": False}, data | {"echo_times": (0.01,)})["swi"][:, 0, 0]
    made /= (1 + np.tanh(1)) / 2  # the mask of phase zero
    assert made[0] == 0
    assert made[1] / made[3] < 0.5 * levels[1] / levels[3]
    assert made[4] - made[3] == pytest.approx(100, rel=0.15)


# tSWI, SMWI


def test_tswi_and_smwi_are_the_magnitude_times_the_mask_of_the_susceptibility():
    chi = np.zeros(GRID.shape, np.float32)
    chi[:5], chi[5:10], chi[10:15], chi[15:20] = 0.225, 0.45, 2.0, -0.5
    mask = EVERYWHERE.copy()
    mask[:, :3] = False
    data = {"magnitude": bright(chi, 300), "chi": chi, "mask": mask, "grid": GRID}
    made = run_stage("maps", "tswi", {}, data)["tswi"]
    assert not made[:, :3].any()
    expected = [75, 0, 0, 300, 300]  # half of the threshold, the threshold, above, below zero, zero
    assert made[2::5, 9, 9][:5] == pytest.approx(expected, abs=1e-3)
    assert run_stage("maps", "tswi", {"power": 4}, data)["tswi"][2, 9, 9] == pytest.approx(300 / 16)
    made = run_stage("maps", "smwi", {}, data)["smwi"]
    assert made[2::5, 9, 9][:5] == pytest.approx([300 * 0.775**4, 300 * 0.55**4, 0, 300, 300], abs=1e-3)
    made = run_stage("maps", "smwi", {"weighting": "diamagnetic"}, data)["smwi"]
    assert made[2::5, 9, 9][:5] == pytest.approx([300, 300, 300, 300 / 16, 300], abs=1e-3)


def test_tswi_refuses_thresholds_in_the_wrong_order():
    chi = np.zeros(GRID.shape, np.float32)
    with pytest.raises(InputError, match=r"upper threshold \(0.1 ppm\) has to be above the lower \(0.2 ppm\)"):
        run_stage(
            "maps",
            "tswi",
            {"low": 0.2, "high": 0.1},
            {"magnitude": bright(chi), "chi": chi, "mask": EVERYWHERE, "grid": GRID},
        )

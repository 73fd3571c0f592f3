"""The data terms: proximal points against a search over all values, and what wrong voxels do to a map."""

import numpy as np
import pytest
from cases import small

from QSMLogic import metrics
from QSMLogic.constants import GAMMA_BAR
from QSMLogic.grid import Grid
from QSMLogic.misfit import Measured, absolute_split, measured, phase_split, radians_per_ppm, squared_split
from QSMLogic.operators import Window
from QSMLogic.pipeline import run_stage
from QSMLogic.solvers import Split

RADIANS = 5.0
ALL_OF_IT = slice(None)


def searched(energy, penalty: float, at: np.ndarray) -> np.ndarray:
    """Return the minimiser of energy(z) + penalty / 2 (z - at)^2 for each of `at`, to a thousandth."""
    z = np.linspace(-1.5, 1.5, 6001)[:, None]
    return z[np.argmin(energy(z) + penalty / 2 * (z - at) ** 2, axis=0), 0]


def given(field: np.ndarray, weight: np.ndarray) -> Measured:
    """Return a field of the values to look at; a proximal point needs neither window nor dipole."""
    return Measured(
        Window(np.ones((1, 1, 1), bool), Grid((1, 1, 1), (1, 1, 1), b0_direction=(0, 0, 1)), 0.0),
        field,
        weight,
        np.zeros(1),
    )


def proximal(split: Split, t: np.ndarray) -> np.ndarray:
    return t - split.remainder(t.copy(), ALL_OF_IT)


@pytest.mark.parametrize("weight", [0.1, 0.6, 2.0])
@pytest.mark.parametrize("radians", [0.0, RADIANS])
def test_proximal_point_of_the_signals_squared_distance(weight, radians):
    t = np.linspace(-0.5, 0.5, 41, dtype=np.float32)
    field = np.full_like(t, 0.05)
    split = phase_split(given(field, np.full_like(t, weight)), radians)

    def energy(z):
        d = z - 0.05
        return weight**2 * ((1 - np.cos(radians * d)) / radians**2 if radians else d * d / 2)

    np.testing.assert_allclose(proximal(split, t), searched(energy, split.penalty, t), atol=3e-3)


@pytest.mark.parametrize("weight", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("radians", [0.0, RADIANS])
def test_proximal_point_of_the_absolute_distance(weight, radians):
    t = np.linspace(-0.5, 0.5, 41, dtype=np.float32)
    field = np.full_like(t, 0.05)
    split = absolute_split(given(field, np.full_like(t, weight)), radians)

    def energy(z):
        d = np.abs(z - 0.05)
        return weight * (2 / radians * np.abs(np.sin(radians * d / 2)) if radians else d)

    np.testing.assert_allclose(proximal(split, t), searched(energy, split.penalty, t), atol=3e-3)


def test_a_whole_turn_is_no_misfit():
    random = np.random.default_rng(0)
    t, field = random.normal(0, 0.1, (2, 500)).astype(np.float32)
    weight, turn = np.ones_like(field), np.float32(2 * np.pi / RADIANS)
    there = absolute_split(given(field, weight), RADIANS).remainder(t.copy(), ALL_OF_IT)
    turned = absolute_split(given(field + turn, weight), RADIANS).remainder(t.copy(), ALL_OF_IT)
    np.testing.assert_allclose(turned, there, atol=1e-5)


def test_a_voxel_without_weight_asks_for_nothing():
    t = np.linspace(-1, 1, 11, dtype=np.float32)
    nothing = np.zeros_like(t)
    for split in (
        squared_split(given(t, nothing)),
        phase_split(given(t, nothing), RADIANS),
        absolute_split(given(t, nothing), RADIANS),
    ):
        assert not split.remainder(-t, ALL_OF_IT).any()


def test_phase_between_echoes():
    turn = 2 * np.pi * GAMMA_BAR * 3
    assert radians_per_ppm((0.005, 0.011, 0.017), 3.0) == pytest.approx(turn * 0.006)
    assert radians_per_ppm((0.02,), 3.0) == pytest.approx(turn * 0.02)
    assert radians_per_ppm(None, 3.0) == radians_per_ppm((0.02,), None) == 0


@pytest.mark.parametrize("name", ["l1qsm", "hdqsm"])
def test_wrong_voxels_count_little(name):
    data = small()
    random = np.random.default_rng(1)
    wrong = data["mask"] & (random.random(data["mask"].shape) < 0.01)
    spoilt = data | {"local_field": data["local_field"] + np.float32(0.3) * wrong, "weights": None}
    spoilt |= {"echo_times": None}

    def error(method):
        chi = run_stage("inversion", method, {"exterior": "zero"}, spoilt)["chi"]
        return metrics.nrmse(chi, data["chi"], data["mask"])

    assert error(name) < 0.9 * error("tv")


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (1.0, 1.2, 2.4)])
def test_a_coarser_grid_holds_the_same_field(size):
    """A smooth field comes back from larger voxels as it was, whatever the parity of the mask's sides."""
    grid = Grid((49, 44, 37), size, b0_direction=(0, 0.1, 1))
    mask = np.zeros(grid.shape, bool)
    mask[2:47, 3:41, 1:36] = True
    x, y, z = np.ogrid[: grid.shape[0], : grid.shape[1], : grid.shape[2]]
    field = (np.sin(x / 9) + np.cos(y / 11) + np.sin(z / 10)).astype(np.float32)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, grid.shape).astype(np.float32)
    data = measured(field, mask, grid, weights)
    coarse = data.coarser()
    halved = [s < 2 for s in size]
    box = (45, 38, 35)
    assert coarse.window.full_shape == tuple((n + 1) // 2 if h else n for n, h in zip(box, halved, strict=True))
    np.testing.assert_allclose(
        np.multiply(coarse.window.full_shape, coarse.window.grid.voxel_size), box * np.array(size)
    )
    assert coarse.window.mask.sum() > 0.9 * np.prod(coarse.window.full_shape)
    back = data.refined(coarse, coarse.field)
    inner = tuple(slice(4, n - 4) for n in box)
    assert np.sqrt(np.mean((back - data.field)[inner] ** 2)) < 0.1
    assert np.mean(coarse.weight[coarse.window.mask] ** 2) == pytest.approx(
        np.mean(data.weight[data.window.mask] ** 2), rel=0.05
    )


def test_no_coarser_grid_for_few_or_large_voxels():
    for shape, size in (((24, 24, 24), 1.0), ((60, 60, 60), 2.0)):
        grid = Grid(shape, (size,) * 3, b0_direction=(0, 0, 1))
        assert measured(np.zeros(shape, np.float32), np.ones(shape, bool), grid, None).coarser() is None

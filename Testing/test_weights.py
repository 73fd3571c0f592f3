"""Data weights: what is noisy or contradicts itself counts less."""

import numpy as np
import pytest

from QSMLogic.weights import GREATEST, MISFIT, data_weights, magnitude_weights

SHAPE = (9, 8, 7)
MASK = np.zeros(SHAPE, bool)
MASK[1:-1, 1:-1, 1:-1] = True
NOISE = np.where(MASK, np.random.default_rng(0).uniform(0.5, 1.5, SHAPE), 0).astype(np.float32)


def test_weights_go_with_one_over_the_noise_and_have_mean_one():
    weights = data_weights(NOISE, MASK)
    assert weights.dtype == np.float32
    assert weights[MASK].mean() == pytest.approx(1, abs=1e-5)
    assert not weights[~MASK].any()
    product = (weights * NOISE)[MASK]
    np.testing.assert_allclose(product, product.mean(), rtol=1e-5)
    np.testing.assert_allclose(data_weights(7 * NOISE, MASK), weights, rtol=1e-5)


def test_no_voxel_outweighs_the_others():
    noise = NOISE.copy()
    noise[4, 4, 4] /= 100
    weights = data_weights(noise, MASK)
    assert weights[4, 4, 4] == weights.max() < 2 * GREATEST


def test_a_misfit_of_the_stated_size_halves_the_weight():
    residual = np.zeros(SHAPE, np.float32)
    residual[4, 4, 4] = MISFIT
    with_misfit, without = data_weights(NOISE, MASK, residual), data_weights(NOISE, MASK)
    ratio = with_misfit / np.where(MASK, without, 1)
    assert ratio[4, 4, 4] / ratio[2, 2, 2] == pytest.approx(0.5, abs=1e-5)
    assert with_misfit[MASK].mean() == pytest.approx(1, abs=1e-5)


def test_unknown_noise_counts_for_nothing_or_makes_all_equal():
    noise = NOISE.copy()
    noise[3, 3, 3] = 0
    assert data_weights(noise, MASK)[3, 3, 3] == 0
    np.testing.assert_array_equal(data_weights(0 * NOISE, MASK), MASK)
    empty = data_weights(NOISE, np.zeros(SHAPE, bool))
    assert not empty.any()
    assert np.isfinite(empty).all()


def test_weights_of_the_magnitude_alone():
    magnitude = np.random.default_rng(1).uniform(50, 150, (*SHAPE, 2)).astype(np.float32)
    times = (0.01, 0.02)
    weights = magnitude_weights(magnitude, MASK, times)
    expected = np.hypot(0.01 * magnitude[..., 0], 0.02 * magnitude[..., 1])
    np.testing.assert_allclose(weights[MASK], (expected / expected[MASK].mean())[MASK], rtol=2e-2)
    assert weights[MASK].mean() == pytest.approx(1, abs=1e-5)
    assert weights.max() <= GREATEST * 1.01

"""The measures of error, on maps whose error is known."""

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.metrics import dice, hfen, nrmse, nrmse_detrended, slope, xsim

MEASURES = [nrmse, nrmse_detrended, slope, xsim, hfen]
PERFECT = {nrmse: 0, nrmse_detrended: 0, slope: 1, xsim: 1, hfen: 0}


@pytest.fixture
def truth():
    smooth = np.random.default_rng(0).standard_normal((20, 22, 24)).cumsum(0).cumsum(1)
    return (0.05 * smooth / smooth.std()).astype(np.float32)


@pytest.fixture
def mask(truth):
    inside = np.zeros(truth.shape, bool)
    inside[2:-2, 2:-2, 2:-2] = True
    return inside


@pytest.mark.parametrize("measure", MEASURES)
def test_a_perfect_map(measure, truth, mask):
    assert measure(truth, truth, mask) == pytest.approx(PERFECT[measure], abs=1e-6)


@pytest.mark.parametrize("measure", [m for m in MEASURES if m is not xsim])  # whose window reaches out of the mask
def test_what_lies_outside_the_mask_does_not_count(measure, truth, mask):
    estimate = 0.9 * truth
    wild = np.where(mask, estimate, 99).astype(np.float32)
    assert measure(wild, truth, mask) == pytest.approx(measure(estimate, truth, mask), abs=1e-6)


def test_an_offset_is_no_error_and_a_scale_is_undone(truth, mask):
    assert nrmse(truth + 1, truth, mask) == pytest.approx(0, abs=1e-3)
    assert nrmse(0.7 * truth, truth, mask) == pytest.approx(30, abs=1e-3)
    assert nrmse_detrended(0.7 * truth + 2, truth, mask) == pytest.approx(0, abs=1e-3)
    assert slope(0.7 * truth + 2, truth, mask) == pytest.approx(0.7, abs=1e-5)
    assert hfen(0.7 * truth, truth, mask) == pytest.approx(30, abs=1e-3)


def test_noise_of_half_the_variation(truth, mask):
    noise = np.random.default_rng(1).standard_normal(truth.shape)
    estimate = truth + 0.5 * truth[mask].std() * noise
    assert nrmse(estimate, truth, mask) == pytest.approx(50, abs=1)
    assert slope(estimate, truth, mask) == pytest.approx(1, abs=0.02)


def test_xsim_of_two_constants_and_of_the_negative(mask):
    one, two = np.full(mask.shape, 0.1), np.full(mask.shape, 0.2)
    expected = (2 * 0.1 * 0.2 + 1e-4) / (0.1**2 + 0.2**2 + 1e-4)
    assert xsim(two, one, mask) == pytest.approx(expected, rel=1e-6)
    noise = 0.02 * np.random.default_rng(2).standard_normal(mask.shape)
    assert xsim(-noise, noise, mask) < -0.8


def test_hfen_does_not_see_a_slow_error_that_nrmse_does(truth, mask):
    ramp = 0.01 * np.arange(truth.shape[0], dtype=np.float32)[:, None, None]
    assert nrmse(truth + ramp, truth, mask) > 50
    rim = np.abs(hfen(np.where(mask, truth + ramp, 0), truth, mask))
    assert rim < 0.5 * nrmse(truth + ramp, truth, mask)


def test_dice():
    first, second = np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), bool)
    first[:2], second[1:3] = True, True
    assert dice(first, first) == 1
    assert dice(first, second) == 0.5
    assert dice(first, ~first) == 0
    with pytest.raises(InputError, match="not both empty"):
        dice(first & ~first, second & ~second)
    with pytest.raises(InputError, match="one shape"):
        dice(first, second[:2])


@pytest.mark.parametrize("measure", MEASURES)
def test_refusals(measure, truth, mask):
    with pytest.raises(InputError, match="empty"):
        measure(truth, truth, np.zeros_like(mask))
    with pytest.raises(InputError, match="must be equal"):
        measure(truth[1:], truth, mask)
    if measure is not xsim:
        with pytest.raises(InputError, match="constant"):
            measure(truth, np.zeros_like(truth), mask)


def test_more_refusals(truth, mask):
    thin = np.zeros_like(mask)
    thin[:, :, 5:8] = True
    with pytest.raises(InputError, match="deep"):
        hfen(truth, truth, thin)
    with pytest.raises(InputError, match="does not vary"):
        nrmse_detrended(np.ones_like(truth), truth, mask)

"""Phase conditioning: what is there at echo time zero goes, the field stays."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from QSMLogic.conditioning.mcpc3ds import _Smoother, mcpc3ds
from QSMLogic.conditioning.none import none
from QSMLogic.grid import Grid
from QSMLogic.phase_quality import wrapped
from QSMLogic.spanning_tree import Crop

SHAPE = (31, 26, 29)
SIZE = (1.0, 1.5, 0.8)
GRID = Grid(SHAPE, SIZE, b0_direction=(0, 0, 1))
TIMES = (0.005, 0.011, 0.017, 0.023)
NOISE = 0.02


def place():
    """Coordinates in mm from the centre."""
    return [(i - n / 2) * s for i, n, s in zip(np.indices(SHAPE), SHAPE, SIZE, strict=True)]


def ball():
    x, y, z = place()
    return x**2 + y**2 + z**2 < 11.5**2


def head(times=TIMES, readout=None, noise=NOISE):
    """Measured phase with a curved offset and the phase of the field alone; readout is added to the even echoes."""
    x, y, z = place()
    rate = 250 * np.exp(-(x**2 + y**2 + z**2) / 60) + 15 * x - 9 * z
    offset = 2.5 + 0.12 * x - 0.07 * y + 0.001 * z**2
    field = rate[..., None] * np.array(times)
    measured = field + offset[..., None]
    if readout is not None:
        measured[..., 1::2] += readout[..., None]
    measured += noise * np.random.default_rng(0).standard_normal(measured.shape)
    return wrapped(measured.astype(np.float32)), field


def error(result, field, mask):
    return np.abs(wrapped((result - field).astype(np.float32)))[mask]


@pytest.mark.parametrize("strength", [None, 800.0])
def test_offset_goes_and_field_stays(strength):
    phase, field = head()
    mask = ball()
    magnitude = None if strength is None else np.full(phase.shape, strength, np.float32)
    before = phase.copy()
    result = mcpc3ds(phase, mask, GRID, magnitude=magnitude, echo_times=TIMES)
    assert error(result, field, mask).mean() < 1.2 * NOISE
    assert np.abs(result).max() <= np.pi + 1e-5
    assert not result[~mask].any()
    np.testing.assert_array_equal(phase, before)


def test_slope_of_the_offset_is_kept_at_the_edge_of_the_mask():
    phase, field = head(noise=0)
    result = mcpc3ds(phase, ball(), GRID, echo_times=TIMES)
    assert error(result, field, ball()).max() < 0.06


def test_without_smoothing_the_first_echoes_are_explained_exactly():
    phase, _ = head(TIMES[:2])
    result = mcpc3ds(phase, ball(), GRID, echo_times=TIMES[:2], smoothing=0.0)
    ratio = TIMES[1] / TIMES[0]
    gain = wrapped(phase[..., 1] - phase[..., 0])
    for echo, share in ((0, 1 / (ratio - 1)), (1, ratio / (ratio - 1))):
        assert error(result[..., echo], gain * np.float32(share), ball()).max() < 1e-4


@pytest.mark.parametrize("times", [TIMES, TIMES[:3], (0.004, 0.011, 0.015, 0.023, 0.03)])
def test_bipolar_readout_phase_goes(times):
    x, y, _ = place()
    readout = 0.4 + 0.15 * x + 0.03 * y
    phase, field = head(times, readout)
    mask = ball()
    bipolar = mcpc3ds(phase, mask, GRID, echo_times=times, readout="bipolar")
    assert error(bipolar, field, mask).mean() < 1.5 * NOISE
    taken_for_monopolar = mcpc3ds(phase, mask, GRID, echo_times=times)
    assert error(taken_for_monopolar, field, mask).mean() > 10 * NOISE


def test_two_bipolar_echoes_leave_a_linear_field():
    x, _, _ = place()
    readout = 0.05 * x
    phase, field = head(TIMES[:2], readout)
    result = mcpc3ds(phase, ball(), GRID, echo_times=TIMES[:2], readout="bipolar")
    rate = readout / (TIMES[1] - TIMES[0])
    assert error(result, field + rate[..., None] * np.array(TIMES[:2]), ball()).mean() < 1.2 * NOISE


def test_single_echo_and_none_change_nothing():
    phase, _ = head(TIMES[:1])
    inside = np.where(ball()[..., None], phase, 0)
    np.testing.assert_array_equal(mcpc3ds(phase, ball(), GRID, echo_times=TIMES[:1]), inside)
    np.testing.assert_array_equal(none(phase, ball()), inside)


def test_smoothing_is_in_mm():
    """For small angles one pass is a Gaussian filter, and two are what Tukey's twicing says."""
    angle = np.zeros(SHAPE, np.float32)
    angle[15, 13, 14] = 0.01
    everywhere = np.ones(SHAPE, bool)
    smooth = _Smoother(Crop(everywhere, GRID), GRID, 1.6, np.ones(SHAPE, np.float32))
    sigma = [1.6 / s for s in SIZE]
    once = gaussian_filter(angle.astype(float), sigma, truncate=6)
    twice = once + gaussian_filter(angle - once, sigma, truncate=6)
    inner = (slice(9, -9), slice(8, -8), slice(9, -9))
    np.testing.assert_allclose(smooth(angle)[inner], twice[inner], atol=twice.max() * 0.01)

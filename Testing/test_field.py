"""Field estimation: right in ppm, with an honest noise, a misfit that means the same for any number of echoes."""

import numpy as np
import pytest

from QSMLogic.constants import GAMMA_BAR
from QSMLogic.echo_fit import line, through_origin
from QSMLogic.field.linear_fit import linear_fit
from QSMLogic.field.nonlinear_fit import nonlinear_fit
from QSMLogic.field.weighted_mean import weighted_mean
from QSMLogic.grid import Grid
from QSMLogic.noise import noise_level

SHAPE = (21, 18, 23)
GRID = Grid(SHAPE, (1, 1, 2), b0_direction=(0, 0, 1))
TIMES = (0.004, 0.010, 0.015, 0.023)
TESLA = 3.0
WHOLE = np.ones(SHAPE, bool)
ORIGIN = [
    pytest.param(weighted_mean, {}, id="weighted_mean"),
    pytest.param(linear_fit, {"offset": False}, id="linear_origin"),
    pytest.param(nonlinear_fit, {"offset": False}, id="nonlinear_origin"),
]
OFFSET = [pytest.param(linear_fit, {}, id="linear_fit"), pytest.param(nonlinear_fit, {}, id="nonlinear_fit")]


def truth():
    x, y, z = np.indices(SHAPE)
    return (0.02 * x - 0.01 * y + 0.3 * np.sin(z / 6)).astype(np.float32)


def phase_of(field, times=TIMES):
    return field[..., None] * (2 * np.pi * GAMMA_BAR * TESLA * np.array(times))


def magnitudes(times=TIMES):
    return np.full((*SHAPE, len(times)), 300.0) * np.exp(-np.array(times) / 0.03)


def measured(times=TIMES, sigma=6.0, offset=0.0, seed=0):
    """Unwrapped phase and magnitude of a noisy complex signal; sigma in units of the magnitude."""
    rng = np.random.default_rng(seed)
    signal = magnitudes(times) * np.exp(1j * phase_of(truth(), times))
    signal += sigma * (rng.standard_normal(signal.shape) + 1j * rng.standard_normal(signal.shape))
    phase = phase_of(truth(), times)
    phase += np.angle(signal * np.exp(-1j * phase)) + offset
    return phase.astype(np.float32), np.abs(signal).astype(np.float32)


def run(method, phase, magnitude=None, times=TIMES, mask=WHOLE, **settings):
    return method(phase, mask, GRID, magnitude=magnitude, echo_times=times, field_strength=TESLA, **settings)


@pytest.mark.parametrize(("method", "settings"), ORIGIN + OFFSET)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_field_is_exact_without_noise(method, settings, count):
    mask = np.random.default_rng(1).uniform(size=SHAPE) < 0.8
    phase = phase_of(truth(), TIMES[:count])
    field, noise, residual = run(method, phase, None, TIMES[:count], mask, **settings)
    np.testing.assert_allclose(field[mask], truth()[mask], atol=2e-6)
    assert residual.max() < 1e-4
    for image in (field, noise, residual):
        assert image.dtype == np.float32
        assert not image[~mask].any()


@pytest.mark.parametrize(("method", "settings"), OFFSET)
def test_offset_does_not_reach_the_field(method, settings):
    phase = phase_of(truth()) + 0.9 * np.sin(np.indices(SHAPE)[0])[..., None]
    field, _, residual = run(method, phase, magnitudes().astype(np.float32), **settings)
    np.testing.assert_allclose(field, truth(), atol=5e-6)
    assert residual.max() < 1e-4


@pytest.mark.parametrize(("method", "settings"), ORIGIN + OFFSET)
def test_noise_is_the_standard_deviation_of_the_field(method, settings):
    phase, magnitude = measured()
    field, noise, _ = run(method, phase, magnitude, **settings)
    assert np.std((field - truth()) / noise) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("scale", [1e-6, 1e7])
def test_unit_of_the_magnitude_does_not_matter(scale):
    phase, magnitude = measured()
    for one, other in zip(
        run(linear_fit, phase, magnitude), run(linear_fit, phase, magnitude * np.float32(scale)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def first_echo_noise(magnitude, phase, mask):
    return noise_level(magnitude[..., 0] * np.exp(1j * phase[..., 0]), mask)


@pytest.mark.parametrize("sigma", [2.0, 20.0])
def test_noise_level_is_found_under_a_steep_field(sigma):
    phase, magnitude = measured(sigma=sigma)
    assert first_echo_noise(magnitude, phase, WHOLE) == pytest.approx(sigma, rel=0.06)
    flat = WHOLE.copy()
    flat[:, 1:] = False
    assert first_echo_noise(magnitude[:, :1], phase[:, :1], flat[:, :1]) == pytest.approx(sigma, rel=0.15)
    assert first_echo_noise(magnitude[:1, :1, :1], phase[:1, :1, :1], WHOLE[:1, :1, :1]) == 0


@pytest.mark.parametrize(("method", "settings"), ORIGIN + OFFSET)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_residual_is_the_phase_noise_for_any_number_of_echoes(method, settings, count):
    times = tuple(0.004 + 0.001 * i for i in range(count))
    phase, magnitude = measured(times)
    _, _, residual = run(method, phase, magnitude, times, **settings)
    unknowns = 1 if settings.get("offset") is False or method is weighted_mean or count == 1 else 2
    expected = np.sqrt(np.mean((6.0 / magnitudes(times)) ** 2)) if count > unknowns else 0
    assert np.sqrt(np.mean(residual**2)) == pytest.approx(expected, rel=0.05, abs=1e-7)


def test_residual_shows_a_bad_voxel():
    phase, magnitude = measured()
    phase[10, 9, 11] += (0, 2, -1, 1.5)
    _, _, residual = run(weighted_mean, phase, magnitude)
    assert np.unravel_index(residual.argmax(), SHAPE) == (10, 9, 11)
    assert residual.max() > 0.8


@pytest.mark.parametrize(("method", "settings"), ORIGIN + OFFSET)
def test_nonlinear_fits_forgive_an_echo_off_by_a_turn(method, settings):
    phase, magnitude = measured(sigma=1.0)
    phase[..., 2] += 2 * np.pi
    field, _, _ = run(method, phase, magnitude, **settings)
    worst = np.abs(field - truth()).max()
    assert (worst < 0.01) == (method is nonlinear_fit)


@pytest.mark.parametrize(("method", "settings"), ORIGIN + OFFSET)
def test_voxels_without_signal_stay_finite_and_count_as_noise(method, settings):
    phase, magnitude = measured()
    magnitude[3:5] = 0
    field, noise, residual = run(method, phase, magnitude, **settings)
    for image in (field, noise, residual):
        assert np.isfinite(image).all()
    assert noise[3:5].min() > 5 * noise[6:].max()
    for image in run(method, np.zeros_like(phase), np.zeros_like(magnitude), **settings):
        assert not image.any()


def test_lines_are_the_weighted_least_squares():
    rng = np.random.default_rng(7)
    times = np.array(TIMES, np.float32)
    phase, weight = rng.uniform(-9, 9, (5, 4)).astype(np.float32), rng.uniform(0.1, 2, (5, 4)).astype(np.float32)
    rate, offset, information = line(phase, weight, times)
    through, _, certain = through_origin(phase, weight, times)
    for i in range(5):
        (slope, level), covariance = np.polyfit(TIMES, phase[i], 1, w=np.sqrt(weight[i]), cov="unscaled")
        np.testing.assert_allclose(
            [rate[i], offset[i], 1 / information[i]], [slope, level, covariance[0, 0]], rtol=1e-4
        )
        plain = np.linalg.lstsq((np.sqrt(weight[i]) * times)[:, None], np.sqrt(weight[i]) * phase[i])[0][0]
        np.testing.assert_allclose([through[i], certain[i]], [plain, weight[i] @ times**2], rtol=1e-4)

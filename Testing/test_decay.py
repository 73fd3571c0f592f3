"""R2*: exact without noise, right at the noise floor and in a field gradient, refused where data lack."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from QSMLogic.constants import GAMMA_BAR
from QSMLogic.decay import HIGHEST_RATE, LONGEST_TIME
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.maps.r2star_arlo import r2star_arlo
from QSMLogic.maps.r2star_loglinear import r2star_loglinear
from QSMLogic.maps.r2star_nonlinear import r2star_nonlinear
from QSMLogic.metrics import nrmse
from QSMLogic.morphology import erode
from QSMLogic.noise import rice_mean
from QSMLogic.phantom import head_phantom
from QSMLogic.pipeline import run as run_pipeline
from QSMLogic.settings import Settings, Step

SHAPE = (9, 12, 7)
SIZES = (1.0, 1.5, 2.5)
GRID = Grid(SHAPE, SIZES, b0_direction=(0, 0, 1))
EVEN, UNEVEN = (0.004, 0.009, 0.014, 0.019, 0.024), (0.003, 0.008, 0.012, 0.020, 0.025)
TESLA = 3.0
WHOLE = np.ones(SHAPE, bool)
RATES = np.linspace(2, 120, WHOLE.size).reshape(SHAPE)
ALL = [r2star_arlo, r2star_loglinear, r2star_nonlinear]
LEAST_SQUARES = [r2star_loglinear, r2star_nonlinear]

every = pytest.mark.parametrize("method", ALL, ids=lambda f: f.__name__)


def decayed(rates=RATES, times=EVEN, amplitude=800.0):
    return (amplitude * np.exp(-np.asarray(rates)[..., None] * np.array(times))).astype(np.float32)


def fit(method, magnitude, times=EVEN, mask=None, **more):
    shape = magnitude.shape[:3]
    mask = np.ones(shape, bool) if mask is None else mask
    more = {"gradient_correction": "total_field" in more} | more
    return method(magnitude, mask, Grid(shape, SIZES, b0_direction=(0, 0, 1)), times, field_strength=TESLA, **more)


@pytest.mark.parametrize("times", [EVEN, UNEVEN, EVEN[:2]], ids=["even", "uneven", "two"])
@pytest.mark.parametrize("method", LEAST_SQUARES, ids=lambda f: f.__name__)
def test_an_exponential_is_found_exactly(method, times):
    rate, time, misfit = fit(method, decayed(times=times), times)
    np.testing.assert_allclose(rate, RATES, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(time, 1 / rate, rtol=1e-6)
    assert misfit.max() < 1e-4


def test_arlo_finds_what_simpsons_rule_makes_of_an_exponential():
    """Its error on a pure exponential is that of the rule, and small."""
    step = EVEN[1] - EVEN[0]
    x = RATES * step
    expected = 2 * np.sinh(x) / (step / 3 * (2 * np.cosh(x) + 4))
    rate, _, misfit = fit(r2star_arlo, decayed())
    np.testing.assert_allclose(rate, expected, rtol=2e-4)
    np.testing.assert_allclose(rate, RATES, rtol=2e-3)
    assert misfit.max() < 2e-3


def test_arlo_takes_uneven_echoes():
    rate = fit(r2star_arlo, decayed(times=UNEVEN), UNEVEN)[0]
    np.testing.assert_allclose(rate, RATES, rtol=1e-2)
    late = (0.002, 0.004, 0.015)
    np.testing.assert_allclose(fit(r2star_arlo, decayed(times=late), late)[0][RATES < 50], RATES[RATES < 50], rtol=5e-2)


def test_the_nonlinear_fit_is_that_of_scipy():
    random = np.random.default_rng(2)
    magnitude = decayed(np.full((5, 4, 1), 35.0)) + random.normal(0, 25, (5, 4, 1, len(EVEN))).astype(np.float32)
    rate, _, misfit = fit(r2star_nonlinear, magnitude, noise=0.0, iterations=50)
    for voxel in np.ndindex(5, 4, 1):
        best, _ = scipy.optimize.curve_fit(lambda t, a, r: a * np.exp(-r * t), EVEN, magnitude[voxel], p0=(800, 30))
        apart = magnitude[voxel] - best[0] * np.exp(-best[1] * np.array(EVEN))
        assert rate[voxel] == pytest.approx(best[1], abs=0.02)
        assert misfit[voxel] == pytest.approx(np.linalg.norm(apart) / np.linalg.norm(magnitude[voxel]), rel=1e-3)


@every
def test_the_misfit_tells_what_is_no_exponential(method):
    clean, odd = decayed(), decayed()
    odd[..., 2] *= 1.3
    assert np.median(fit(method, clean)[2]) < 2e-3
    assert fit(method, odd)[2].min() > 0.05
    assert fit(method, odd)[2].max() < 0.3


@every
def test_the_unit_of_the_magnitude_does_not_matter(method):
    plain = fit(method, decayed())
    for unit in (1e-9, 1e9):
        for made, expected in zip(fit(method, decayed(amplitude=800 * unit)), plain, strict=True):
            np.testing.assert_allclose(made, expected, rtol=1e-3, atol=1e-4)


@every
@pytest.mark.parametrize("slope", [(0.12, 0, 0), (0, -0.07, 0), (0, 0, 0.05), (0.06, 0.04, -0.04)], ids=str)
def test_dephasing_by_a_field_gradient_is_undone(method, slope):
    """The signal is the mean over the voxel's box, taken point by point; slope: ppm per mm."""
    places = np.meshgrid(*(np.arange(n) * s for n, s in zip(SHAPE, SIZES, strict=True)), indexing="ij")
    field = 3.217 + sum(g * p for g, p in zip(slope, places, strict=True))
    inside = (np.arange(4000) + 0.5) / 4000 - 0.5
    left = np.ones(len(EVEN))
    for g, size in zip(slope, SIZES, strict=True):
        turns = GAMMA_BAR * TESLA * np.array(EVEN)[:, None] * g * size * inside
        left *= np.abs(np.exp(2j * np.pi * turns).mean(axis=1))
    assert left[-1] < 0.9
    mask = np.random.default_rng(0).random(SHAPE) < 0.8
    magnitude = decayed(np.full(SHAPE, 30.0)) * left.astype(np.float32)
    known = np.where(mask, field, 0).astype(np.float32)
    rate, _, misfit = fit(method, magnitude, mask=mask, total_field=known)
    beside = has_neighbours(mask)
    np.testing.assert_allclose(rate[beside], 30, rtol=5e-3)
    assert misfit[beside].max() < 2e-3
    assert (fit(method, magnitude, mask=mask)[0][mask] > 31.5).all()


def has_neighbours(mask):
    """Voxels of the mask with a neighbour in the mask along every axis."""
    found = mask.copy()
    for axis in range(3):
        padded = np.moveaxis(np.pad(mask, 1), axis, 0)
        here = padded[2:] | padded[:-2]
        found &= np.moveaxis(here[:, 1:-1, 1:-1], 0, axis)
    return found


@pytest.mark.parametrize("snr", [5, 10])
def test_the_nonlinear_fit_knows_the_noise_floor(snr):
    """A fast decay sinks into the noise: the line is drawn too flat, the fit with the floor is not."""
    shape, times = (24, 24, 24), (0.002, 0.006, 0.010, 0.014, 0.018, 0.022)
    random, sigma = np.random.default_rng(5), 800 / snr
    signal = decayed(np.full(shape, 150.0), times)
    noise = random.normal(0, sigma, (2, *signal.shape))
    magnitude = np.hypot(signal + noise[0], noise[1]).astype(np.float32)
    line, known, found, bare = (
        float(np.median(fit(method, magnitude, times, **more)[0]))
        for method, more in (
            (r2star_loglinear, {}),
            (r2star_nonlinear, {"noise": sigma}),
            (r2star_nonlinear, {}),
            (r2star_nonlinear, {"noise": 0.0}),
        )
    )
    assert line < 125
    assert bare < 140
    assert known == pytest.approx(150, rel=0.04)
    assert found == pytest.approx(150, rel=0.06)


def test_the_mean_of_a_rician_magnitude_and_its_slope():
    signal = np.array([0, 0.3, 1, 3, 5.99, 6.01, 20, 30], np.float32) * 7
    noise = np.full(signal.shape, 7, np.float32)
    mean, slope = rice_mean(signal, noise)

    def expected(change):
        return scipy.stats.rice.mean(signal.astype(float) / 7 + change, scale=7.0)

    np.testing.assert_allclose(mean, expected(0), rtol=2e-5)
    np.testing.assert_allclose(slope[1:], ((expected(1e-4) - expected(-1e-4)) / (7 * 2e-4))[1:], atol=2e-4)
    assert slope[0] == 0
    assert rice_mean(signal, 0 * noise)[0] == pytest.approx(signal)


@every
def test_what_is_no_signal_makes_nothing_and_harms_no_neighbour(method):
    magnitude = decayed()
    magnitude[0, 0, 0] = 0
    magnitude[1, 0, 0] = np.nan
    magnitude[2, 0, 0] = (np.inf, -3, 0, 0, np.nan)
    magnitude[3, 0, 0, 3] = np.nan
    magnitude[4, 0, 0, 1:] = 0
    field = np.full(SHAPE, 0.1, np.float32)
    field[5, 5, 5] = np.nan
    maps = fit(method, magnitude, total_field=field)
    clean = fit(method, decayed(), total_field=np.full(SHAPE, 0.1, np.float32))
    for image, expected in zip(maps, clean, strict=True):
        assert np.isfinite(image).all()
        assert image.dtype == np.float32
        assert not image[:3, 0, 0].any()
        np.testing.assert_array_equal(image[5:], expected[5:])
    assert maps[2][4, 0, 0] > 0.3 or maps[0][4, 0, 0] > 300


@every
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 1), (5, 1, 3), (13, 2, 1)], ids=str)
def test_odd_shapes_and_masks(method, shape):
    rates = RATES.ravel()[: int(np.prod(shape))].reshape(shape)
    mask = np.ones(shape, bool)
    mask.flat[1::2] = False
    rate = fit(method, decayed(rates), mask=mask, total_field=np.ones(shape, np.float32))[0]
    np.testing.assert_allclose(rate[mask], rates[mask], rtol=3e-3)
    assert not rate[~mask].any()


@every
def test_rates_and_times_stay_in_their_bounds(method):
    rising, sudden = decayed(np.full(SHAPE, -40.0)), decayed(np.full(SHAPE, 9e3))
    rate, time, _ = fit(method, rising)
    assert not rate.any()
    assert (time == LONGEST_TIME).all()
    rate, time, _ = fit(method, sudden)
    assert rate.max() <= HIGHEST_RATE
    np.testing.assert_allclose(time, 1 / rate, rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "times"),
    [(r2star_arlo, EVEN[:2]), *((m, EVEN[:1]) for m in ALL)],
    ids=lambda value: getattr(value, "__name__", None) or f"{len(value)} echoes",
)
def test_too_few_echoes_are_refused(method, times):
    fewest = 3 if method is r2star_arlo else 2
    there = "there is one" if len(times) == 1 else "there are 2"
    with pytest.raises(InputError, match=f"needs {fewest} echoes or more, and {there}"):
        fit(method, decayed(times=times), times)


@every
def test_a_correction_without_a_field_is_refused(method):
    with pytest.raises(InputError, match="The gradient correction needs the total field"):
        fit(method, decayed(), gradient_correction=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"maps": (Step("r2star_arlo", {}),)}, "ARLO.* needs 3 echoes or more, and there are 2"),
        (
            {"maps": (Step("r2star_loglinear", {}),), "single_step": Step("tgv", {})},
            "Gradient correction needs the total field.*, which is not given: give it, or turn that off",
        ),
        ({"maps": (Step("r2prime", {}),)}, "R2' needs an R2\\* map"),
    ],
    ids=["echoes", "field", "maps"],
)
def test_a_run_is_refused_before_it_starts(changes, said):
    scan = head_phantom((16, 16, 16), (12, 14, 12), echo_times=(0.005, 0.02)).scan
    settings = Settings.preset("fast")
    settings = Settings(**{name: getattr(settings, name) for name in settings.__dataclass_fields__} | changes)
    heard = []
    with pytest.raises(InputError, match=said):
        run_pipeline(scan, settings, progress=lambda fraction, message: heard.append(message))
    assert not heard


def test_the_correction_is_worth_it(phantom):
    """Away from the air R2* is three times nearer to the truth: the evidence for the default."""
    scan, mask = phantom.scan, erode(phantom.mask, phantom.scan.grid, 6.0)
    for method in ALL:
        errors = [
            nrmse(
                method(
                    scan.magnitude,
                    phantom.mask,
                    scan.grid,
                    scan.echo_times,
                    total_field=phantom.total_field,
                    field_strength=scan.field_strength,
                    gradient_correction=correct,
                )[0],
                phantom.r2star,
                mask,
            )
            for correct in (False, True)
        ]
        assert errors[1] < 25
        assert errors[0] > 2.5 * errors[1]

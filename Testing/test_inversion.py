"""Inversions against answers that are known: plane waves, small problems solved by other means, made-up sources."""

import numpy as np
import pytest
from analytic import positions
from scipy.fft import irfftn, rfftn

from QSMLogic import closed_form, metrics
from QSMLogic.csf import decay_rate, ventricles
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.inversion.gradient_tikhonov import gradient_tikhonov
from QSMLogic.inversion.laplacian_tikhonov import laplacian_tikhonov
from QSMLogic.inversion.medi import medi
from QSMLogic.inversion.star import star
from QSMLogic.inversion.tikhonov import tikhonov
from QSMLogic.inversion.tv import tv
from QSMLogic.operators import convolve, dipole_kernel, gradient_squared, transform

PRIORS = {tikhonov: lambda k2: 1, gradient_tikhonov: lambda k2: k2, laplacian_tikhonov: lambda k2: k2 * k2}


@pytest.mark.parametrize("method", PRIORS)
def test_tikhonov_of_a_plane_wave(method, monkeypatch):
    """A wave stays a wave: its size follows from the dipole and the prior at its frequency."""
    monkeypatch.setattr(closed_form, "MARGIN", 0.0)
    grid = Grid((16, 20, 18), (1.0, 1.5, 2.0), b0_direction=(0.1, 0.3, 0.9))
    cycles, weight = np.array([2, 1, 3]), 0.05
    angles = 2 * np.pi * cycles / grid.shape
    wave = np.cos(sum(a * x for a, x in zip(angles, np.indices(grid.shape), strict=True)))
    k = cycles / (np.array(grid.shape) * grid.voxel_size)
    b0 = np.array(grid.b0_direction) / np.linalg.norm(grid.b0_direction)
    dipole = 1 / 3 - (k @ b0) ** 2 / (k @ k)
    differences = float(np.sum((2 - 2 * np.cos(angles)) / np.square(grid.voxel_size)))
    expected = dipole / (dipole**2 + weight * PRIORS[method](differences)) * wave
    chi = method(wave.astype(np.float32), np.ones(grid.shape, bool), grid, regularization=weight)
    np.testing.assert_allclose(chi, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("last", [8, 9])
@pytest.mark.parametrize("caution", [1.0, 1.3])
def test_cross_validation_finds_the_least_score(last, caution):
    """Against the score summed over the whole spectrum, weight by weight."""
    grid = Grid((10, 9, last), (1.0, 1.2, 2.0), b0_direction=(0.2, 0.1, 0.9))
    rng = np.random.default_rng(4)
    kernel, form = dipole_kernel(grid), gradient_squared(grid)
    chi = np.cumsum(rng.standard_normal(grid.shape), axis=0)
    clean = irfftn(rfftn(chi) * kernel, grid.shape)
    field = (clean + 0.3 * rng.standard_normal(grid.shape)).astype(np.float32)
    found = closed_form.cross_validated(transform(field), kernel, form, grid, caution)

    def score(weight: float) -> float:
        left = np.divide(weight * form, kernel**2 + weight * form, out=np.ones_like(form), where=form > 0)
        misfit = irfftn(rfftn(field) * left, grid.shape)
        everything = irfftn(left, grid.shape)[0, 0, 0] * field.size  # the sum over the whole spectrum
        return float(np.sum(misfit**2) / (field.size - caution * (field.size - everything)) ** 2)

    assert 1e-5 < found < 10
    assert score(found) <= 1.001 * min(score(w) for w in np.geomspace(1e-6, 1e2, 300) if w > found / 50)


def test_a_noisier_field_is_regularised_more(phantom):
    """The automatic weight follows the noise, and comes near the best weight there is."""
    rng, errors = np.random.default_rng(5), {}
    mask, grid = phantom.mask, phantom.scan.grid
    truth = np.where(mask, phantom.chi, 0)
    truth = truth - truth[mask].mean()
    for noise in (0.001, 0.01):
        field = (phantom.local_field + noise * rng.standard_normal(mask.shape)).astype(np.float32)
        for weight in (None, 1e-4, 1e-3, 1e-2, 1e-1):
            chi = gradient_tikhonov(field, mask, grid, regularization=weight)
            errors[noise, weight] = np.linalg.norm((chi - chi[mask].mean() - truth)[mask])
    for noise in (0.001, 0.01):
        best = min(error for (n, weight), error in errors.items() if n == noise and weight is not None)
        assert errors[noise, None] < 1.1 * best


def test_star_without_strong_sources_is_tv(phantom):
    data = phantom.local_field, phantom.mask, phantom.scan.grid
    expected = tv(*data, exterior="zero", tolerance=1e-3)
    made = star(*data, threshold=10, exterior="zero", tolerance=1e-3)
    assert metrics.nrmse(made, expected, phantom.mask) < 3


def test_star_finds_a_source_that_is_strong_and_without_signal(phantom):
    """A ball of 1 ppm in whose inside nothing can be measured: most of it is found, with less error than by TV."""
    mask, grid = phantom.mask, phantom.scan.grid
    distance = np.sqrt((positions(grid, (15.0, 20.0, 10.0)) ** 2).sum(axis=0))
    inside = distance < 8
    field = phantom.local_field + convolve(inside.astype(np.float32), dipole_kernel(grid))
    field[inside] += 0.1 * np.random.default_rng(6).standard_normal(int(inside.sum()))
    truth = np.where(mask, phantom.chi + inside, 0)
    weights = np.where(inside, 0.05, mask).astype(np.float32)
    found = {m: m((field * mask).astype(np.float32), mask, grid, weights=weights, exterior="zero") for m in (star, tv)}
    assert metrics.nrmse(found[star], truth, mask) < metrics.nrmse(found[tv], truth, mask)
    contrast = [image[inside].mean() - image[mask & ~inside].mean() for image in (found[star], truth)]
    assert contrast[0] == pytest.approx(contrast[1], rel=0.2)


def test_ventricles_are_found_by_their_slow_decay(phantom):
    scan = phantom.scan
    times = np.array(scan.echo_times)
    rate = np.random.default_rng(7).uniform(1, 60, scan.grid.shape)
    made = decay_rate((3 * np.exp(-rate[..., None] * times)).astype(np.float32), scan.echo_times)
    np.testing.assert_allclose(made, rate, atol=0.02)
    found = ventricles(scan.magnitude, phantom.mask, scan.grid, scan.echo_times)
    assert found.sum() > 20
    fluid = next(label for label, name in phantom.label_names.items() if name == "CSF")
    assert (phantom.labels[found] == fluid).mean() > 0.9


def test_medi_makes_the_fluid_even_and_zero(phantom):
    scan, mask = phantom.scan, phantom.mask
    found = ventricles(scan.magnitude, mask, scan.grid, scan.echo_times)
    given = {"magnitude": scan.magnitude, "echo_times": scan.echo_times, "exterior": "zero"}
    noise = 0.002 * np.random.default_rng(8).standard_normal(mask.shape)
    data = ((phantom.local_field + noise) * mask).astype(np.float32), mask, scan.grid
    before, after = (medi(*data, **given, csf_weight=weight) for weight in (0.0, 1.0))
    assert after[found].std() < 0.2 * before[found].std()
    assert abs(after[found].mean()) < 1e-5
    assert metrics.nrmse(after, phantom.chi, mask) < metrics.nrmse(before, phantom.chi, mask) + 1
    with pytest.raises(InputError, match="two echoes"):
        medi(*data, csf_weight=1.0)


def test_medi_with_spherical_means_does_not_see_a_harmonic_field(phantom):
    mask, grid = phantom.mask, phantom.scan.grid
    x, y, z = positions(grid) / 50
    harmonic = 0.1 * (x + 2 * y * z + x * x - z * z)
    fields = [((phantom.local_field + extra) * mask).astype(np.float32) for extra in (0, harmonic)]
    clean, seen, unseen = (
        medi(field, mask, grid, exterior="zero", regularization=1e-3, smv_radius=radius)
        for field, radius in ((fields[0], 9.0), (fields[1], 0.0), (fields[1], 9.0))
    )
    assert metrics.nrmse(unseen, clean, mask) < 2
    assert metrics.nrmse(seen, clean, mask) > 20

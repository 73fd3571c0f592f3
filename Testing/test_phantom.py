"""The phantom: its fields are right, its parts add up, and it works on any grid."""

import numpy as np
import pytest
from analytic import covered, positions, sphere_field
from scipy.ndimage import binary_erosion, laplace

from QSMLogic import phantom as module
from QSMLogic.constants import GAMMA_BAR
from QSMLogic.errors import InputError
from QSMLogic.forward_model import field_of
from QSMLogic.grid import Grid
from QSMLogic.phantom import head_phantom

OBLIQUE = Grid((40, 42, 37), (2, 1.6, 2.3), b0_direction=(0.3, -0.4, 0.8))


@pytest.mark.parametrize(("field", "bound"), [(module._field_outside, 0.005), (field_of, 0.025)])
def test_the_field_of_a_sphere(field, bound):
    distance = np.sqrt((positions(OBLIQUE) ** 2).sum(axis=0))
    error = np.abs(field(covered(distance - 15, OBLIQUE), OBLIQUE) - sphere_field(OBLIQUE, 15, 1.0))
    assert error[np.abs(distance - 15) > 4].max() < bound


def test_a_uniform_brick_has_the_field_of_its_shape():
    grid = Grid((9, 9, 9), (1, 1, 1), b0_direction=(0.5, 0.5, 0.7071))
    chi = np.zeros(grid.shape, np.float32)
    chi[3:6, 3:6, 3:6] = 1
    field = module._field_outside(chi, grid)
    assert field[4, 4, 4] == pytest.approx(0, abs=1e-6)  # a cube's middle is that of a sphere
    slab = Grid((5, 5, 5), (200, 200, 1), b0_direction=(0, 0, 1))
    flat = np.zeros(slab.shape, np.float32)
    flat[:, :, 2] = 1
    assert module._field_outside(flat, slab)[2, 2, 2] == pytest.approx(1 / 3 - 1, abs=0.002)


@pytest.mark.parametrize(
    ("shape", "voxel_size", "b0"),
    [
        ((31, 37, 29), (6, 6, 7), (0, 0, 1)),
        ((24, 48, 40), (8, 4.6, 5), (1, 1, 1)),
        ((48, 48, 48), (4, 4.7, 4.2), (0, 1, 0)),
    ],
)
def test_any_grid(shape, voxel_size, b0):
    phantom = head_phantom(shape, voxel_size, b0_direction=b0)
    litres = phantom.mask.sum() * phantom.scan.grid.voxel_volume / 1e6
    assert 1.1 < litres < 1.7
    for image in (phantom.chi, phantom.local_field, phantom.total_field, phantom.r2star):
        assert image.shape == shape
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
    assert phantom.labels.dtype == np.int16
    assert phantom.scan.phase.shape == (*shape, 4)
    assert not phantom.local_field[~phantom.mask].any()
    assert phantom.chi[phantom.mask].min() > -2.1
    assert phantom.chi[phantom.mask].max() < 1.1


def test_a_small_field_of_view_holds_a_small_head():
    phantom = head_phantom((40, 46, 41), (1, 1, 1), snr=None)
    assert 0.12 < phantom.mask.mean() < 0.3
    assert {1, 2, 3, 7, 8, 9, 10} <= set(np.unique(phantom.labels))


def test_what_is_not_local_is_harmonic_in_the_brain(clean_phantom):
    background = (clean_phantom.total_field - clean_phantom.local_field).astype(float)
    curvature = sum(
        (np.roll(background, 1, axis) - 2 * background + np.roll(background, -1, axis)) / size**2
        for axis, size in enumerate(clean_phantom.scan.grid.voxel_size)
    )
    deep = binary_erosion(clean_phantom.mask, iterations=4)
    rough = laplace(clean_phantom.local_field)[deep].std()
    assert np.abs(curvature[deep]).max() * 3**2 < 0.15 * rough


def test_the_shim_takes_most_of_the_background_away():
    shape, size = (40, 46, 40), (4.8, 4.9, 4.9)
    with_shim = head_phantom(shape, size, snr=None)
    without = head_phantom(shape, size, snr=None, shim=False)
    change = without.total_field - with_shim.total_field
    assert with_shim.total_field[with_shim.mask].std() < 0.5 * without.total_field[with_shim.mask].std()
    assert np.abs(laplace(change.astype(float)))[1:-1, 1:-1, 1:-1].max() < 1e-2
    np.testing.assert_array_equal(with_shim.local_field, without.local_field)


def test_the_phase_is_that_of_the_field_and_the_magnitude_decays(clean_phantom):
    scan = clean_phantom.scan
    cycles = GAMMA_BAR * scan.field_strength * clean_phantom.total_field * (scan.echo_times[2] - scan.echo_times[1])
    advance = scan.phase[..., 2] - scan.phase[..., 1]
    strong = clean_phantom.mask & (scan.magnitude[..., 2] > 0.05)
    difference = np.exp(1j * (advance - 2 * np.pi * cycles))[strong]
    assert (np.abs(np.angle(difference)) < 1e-2).mean() > 0.995  # beyond the first null of a gradient the sign turns
    ratio = scan.magnitude[..., 1][strong] / scan.magnitude[..., 0][strong]
    decay = np.exp(-clean_phantom.r2star[strong] * (scan.echo_times[1] - scan.echo_times[0]))
    assert np.median(ratio / decay) == pytest.approx(1, abs=0.02)
    assert (ratio <= decay * 1.001).mean() > 0.98  # a field gradient in the voxel can only weaken it


def test_the_phase_wraps_and_starts_off_zero(clean_phantom):
    phase = clean_phantom.scan.phase[..., -1]
    jumps = np.abs(np.diff(phase, axis=0))[clean_phantom.mask[1:] & clean_phantom.mask[:-1]]
    assert (jumps > 5).sum() > 100
    flat = head_phantom((24, 28, 24), (8, 8, 8), snr=None, offset=False)
    offset = head_phantom((24, 28, 24), (8, 8, 8), snr=None)
    turned = np.angle(np.exp(1j * (offset.scan.phase - flat.scan.phase)))[flat.mask]
    np.testing.assert_allclose(turned, turned[:, :1] * np.ones(4), atol=1e-3)
    assert np.ptp(turned[:, 0]) > 1


def test_the_noise_is_that_asked_for(phantom, clean_phantom):
    noisy, clean = (p.scan.magnitude * np.exp(1j * p.scan.phase) for p in (phantom, clean_phantom))
    noise = (noisy - clean)[phantom.mask]
    signal = clean_phantom.scan.magnitude[..., 0][phantom.mask].mean()
    assert signal / noise.real.std() == pytest.approx(100, rel=0.01)
    assert signal / noise.imag.std() == pytest.approx(100, rel=0.01)


def test_the_seed_decides_the_noise_and_nothing_else():
    first, again, other = (head_phantom((24, 28, 24), (8, 8, 8), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.scan.phase, again.scan.phase)
    assert (first.scan.phase != other.scan.phase).mean() > 0.9
    np.testing.assert_array_equal(first.chi, other.chi)


def test_the_regions_have_their_susceptibility(clean_phantom):
    names = {name: label for label, name in clean_phantom.label_names.items()}
    means = {
        name: clean_phantom.chi[(clean_phantom.labels == names[name]) & clean_phantom.mask].mean()
        for name in ("pallidum", "putamen", "caudate", "thalamus", "white matter", "grey matter", "red nucleus")
    }
    assert means["pallidum"] > means["red nucleus"] > means["putamen"] > means["caudate"] > means["thalamus"]
    assert means["white matter"] < -0.02 < 0 < means["grey matter"]
    white = clean_phantom.labels == names["white matter"]
    assert 0.005 < clean_phantom.chi[binary_erosion(white)].std() < 0.03  # textured, not flat


def test_a_finer_simulation_agrees_in_the_large_and_differs_in_the_small():
    plain = head_phantom((32, 37, 32), (6, 6, 6), snr=None)
    fine = head_phantom((32, 37, 32), (6, 6, 6), snr=None, fine=2)
    np.testing.assert_array_equal(plain.mask, fine.mask)
    inside = binary_erosion(plain.mask, iterations=2)
    assert np.corrcoef(plain.local_field[inside], fine.local_field[inside])[0, 1] > 0.8
    assert np.corrcoef(plain.chi[inside], fine.chi[inside])[0, 1] > 0.9
    assert (plain.local_field != fine.local_field)[inside].mean() > 0.9


def test_lesions_can_be_left_out():
    healthy = head_phantom((48, 56, 48), (4, 4, 4.1), snr=None, lesions=False)
    assert healthy.chi[healthy.mask].min() > -0.3


@pytest.mark.parametrize("b0", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.2, -0.3, 0.9)])
def test_the_direction_puts_the_field_along_the_patient(b0):
    phantom = head_phantom((20, 22, 20), (9, 10, 10), b0_direction=b0, snr=None)
    grid = phantom.scan.grid
    made = Grid.from_direction(grid.shape, grid.voxel_size, phantom.direction)
    np.testing.assert_allclose(made.b0_direction, grid.b0_direction, atol=1e-6)
    assert np.linalg.det(phantom.direction) == pytest.approx(1)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"snr": 0}, "SNR"), ({"fine": 0}, "fine"), ({"echo_times": ()}, "echo times")]
)
def test_refusals(wrong, said):
    with pytest.raises(InputError, match=said):
        head_phantom((20, 22, 20), (9, 10, 10), **wrong)

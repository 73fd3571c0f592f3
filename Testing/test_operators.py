"""Operators: linear, adjoint, and right where the answer is known."""

import numpy as np
import pytest
from analytic import covered, cylinder_field, positions, sphere_field

from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.operators import (
    Window,
    ball,
    convolve,
    dipole_kernel,
    good_size,
    gradient,
    gradient_adjoint,
    gradient_squared,
    inverse,
    transform,
)
from QSMLogic.slab_transforms import slabs_inverted, slabs_transformed

GRIDS = [
    Grid((32, 30, 36), (1, 1, 1), b0_direction=(0, 0, 1)),
    Grid((31, 29, 37), (1.2, 0.8, 2.0), b0_direction=(0.3, -0.5, 0.8)),
    Grid((17, 1, 23), (1, 3, 2), b0_direction=(1, 0, 0)),
]


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("kernel", [dipole_kernel, lambda grid: ball(grid, 4)], ids=["dipole", "ball"])
def test_a_convolution_is_linear_and_its_own_adjoint(grid, kernel):
    a, b = noise(grid.shape, 1), noise(grid.shape, 2)
    spectrum = kernel(grid)
    assert spectrum.dtype == np.float32
    assert np.vdot(convolve(a, spectrum), b) == pytest.approx(np.vdot(a, convolve(b, spectrum)), abs=1e-3 * a.size**0.5)
    together = convolve(2 * a - 3 * b, spectrum)
    np.testing.assert_allclose(together, 2 * convolve(a, spectrum) - 3 * convolve(b, spectrum), atol=1e-5)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_gradient_and_its_adjoint(grid):
    image, vector = noise(grid.shape, 1), noise((3, *grid.shape), 2)
    left, right = np.vdot(gradient(image, grid), vector), np.vdot(image, gradient_adjoint(vector, grid))
    assert left == pytest.approx(right, abs=1e-3 * image.size**0.5)
    twice = gradient_adjoint(gradient(image, grid), grid)
    np.testing.assert_allclose(convolve(image, gradient_squared(grid)), twice, atol=2e-4)


def test_the_gradient_is_per_mm():
    grid = GRIDS[1]
    ramp = np.tensordot((0.5, -2.0, 3.0), positions(grid), 1).astype(np.float32)
    inner = gradient(ramp, grid)[:, :-1, :-1, :-1]
    np.testing.assert_allclose(inner.reshape(3, -1).T, np.tile((0.5, -2.0, 3.0), (inner[0].size, 1)), atol=1e-3)


def test_inverse_undoes_transform():
    image = noise((9, 11, 7))
    np.testing.assert_allclose(inverse(transform(image), image.shape), image, atol=1e-5)


@pytest.mark.parametrize("b0", [(0, 0, 1), (1, 0, 0), (0.4, -0.5, 0.77)])
@pytest.mark.parametrize("voxel_size", [(1, 1, 1), (0.8, 1.0, 1.5)])
def test_the_field_of_a_sphere(b0, voxel_size):
    shape = tuple(good_size(int(96 / s)) for s in voxel_size)
    grid, radius = Grid(shape, voxel_size, b0_direction=b0), 10.0
    distance = np.sqrt((positions(grid) ** 2).sum(axis=0))
    field = convolve(covered(distance - radius, grid), dipole_kernel(grid))
    truth = sphere_field(grid, radius, 1.0)
    away = (np.abs(distance - radius) > 3) & (distance < 30)
    error = (field - truth)[away]
    assert np.abs(error).max() < 0.04  # the transform rings at the sphere's middle
    assert np.sqrt((error**2).mean()) < 0.003
    outside = (distance > radius + 3) & (distance < 30)
    assert np.corrcoef(field[outside], truth[outside])[0, 1] > 0.998


@pytest.mark.parametrize("b0", [(0, 0, 1), (1, 0, 0), (0.6, 0.0, 0.8), (0.3, -0.6, 0.5)])
def test_the_field_of_an_endless_cylinder(b0):
    grid, radius = Grid((100, 128, 8), (1.28, 1.0, 2.0), b0_direction=b0), 12.0
    distance = np.hypot(*positions(grid)[:2])
    field = convolve(covered(distance - radius, grid), dipole_kernel(grid))
    truth = cylinder_field(grid, (0, 0, 1), radius, 1.0)
    away = (np.abs(distance - radius) > 3) & (distance < 40)
    assert np.abs((field - field[away].mean()) - (truth - truth[away].mean()))[away].max() < 0.03


def test_the_dipole_turns_with_the_field():
    upright = Grid((16, 16, 16), (1, 1, 1), b0_direction=(0, 0, 1))
    lying = Grid((16, 16, 16), (1, 1, 1), b0_direction=(1, 0, 0))
    image = noise((16, 16, 16))
    turned = convolve(image.transpose(2, 1, 0), dipole_kernel(lying)).transpose(2, 1, 0)
    np.testing.assert_allclose(turned, convolve(image, dipole_kernel(upright)), atol=1e-5)


@pytest.mark.parametrize("shape", [(12, 10, 14), (11, 10, 14), (12, 9, 13)])
def test_the_field_does_not_depend_on_the_end_an_axis_is_counted_from(shape):
    grid = Grid(shape, (1.0, 1.3, 2.0), b0_direction=(0.3, -0.5, 0.8))
    flipped = Grid(shape, (1.0, 1.3, 2.0), b0_direction=(0.3, 0.5, -0.8))
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    field = convolve(image, dipole_kernel(grid))
    other = convolve(np.flip(image, (1, 2)).copy(), dipole_kernel(flipped))
    np.testing.assert_allclose(np.flip(other, (1, 2)), field, atol=2e-6)


@pytest.mark.parametrize("radius", [2.0, 5.0, 7.5])
def test_a_ball_keeps_constants_and_harmonic_fields(radius):
    grid = Grid((40, 41, 37), (1.0, 1.3, 0.9), b0_direction=(0, 0, 1))
    x, y, z = positions(grid) / 20
    harmonic = (1 + x - 2 * y + x * y + 2 * z * z - x * x - y * y).astype(np.float32)
    mean = convolve(harmonic, ball(grid, radius))
    deep = tuple(slice(int(radius / s) + 2, -int(radius / s) - 2) for s in grid.voxel_size)
    np.testing.assert_allclose(mean[deep], harmonic[deep], atol=0.004)


def test_the_weight_of_a_ball_is_one_and_its_extent_its_radius():
    grid = Grid((32, 32, 32), (1, 2, 0.5), b0_direction=(0, 0, 1))
    spot = np.zeros(grid.shape, np.float32)
    spot[16, 16, 16] = 1
    weights = convolve(spot, ball(grid, 4))
    assert weights.sum() == pytest.approx(1, abs=1e-4)
    x, y, z = (np.abs(np.arange(32) - 16) * s for s in grid.voxel_size)
    assert [
        float(axis[line > 1e-5].max())
        for axis, line in ((x, weights[:, 16, 16]), (y, weights[16, :, 16]), (z, weights[16, 16, :]))
    ] == [4, 4, 4]


def test_a_ball_smaller_than_a_voxel_changes_nothing():
    grid = Grid((8, 9, 10), (2, 2, 2), b0_direction=(0, 0, 1))
    image = noise(grid.shape)
    np.testing.assert_allclose(convolve(image, ball(grid, 0.1)), image, atol=1e-5)


def test_a_window_cuts_pads_and_pastes():
    grid = Grid((30, 31, 29), (1, 2, 1.5), b0_direction=(0, 0, 1))
    mask = np.zeros(grid.shape, bool)
    mask[5:12, 7:20, 9:28] = True
    mask[8, 10, 12] = False
    window = Window(mask, grid, margin=6)
    for side, size, extent in zip(window.grid.shape, grid.voxel_size, (7, 13, 19), strict=True):
        assert side >= extent + 6 / size
    image = noise(grid.shape)
    np.testing.assert_array_equal(window.paste(window.cut(image))[5:12, 7:20, 9:28], image[5:12, 7:20, 9:28])
    np.testing.assert_array_equal(window.paste(window.mask), mask)
    assert window.cut(image.astype(float)).dtype == np.float32
    assert window.cut(mask).dtype == bool
    assert window.grid.b0_direction == grid.b0_direction


def test_a_convolution_in_a_window_does_not_wrap_round():
    grid = Grid((24, 24, 24), (1, 1, 1), b0_direction=(0, 0, 1))
    mask = np.ones(grid.shape, bool)
    window = Window(mask, grid, margin=6)
    image = np.zeros(grid.shape, np.float32)
    image[0, 12, 12] = 1
    mean = window.paste(convolve(window.cut(image), ball(window.grid, 5)))
    assert mean[1:5, 12, 12].min() > 1e-4
    assert np.abs(mean[12:]).max() < 1e-6


def test_a_window_refuses_an_empty_or_foreign_mask():
    grid = Grid((4, 5, 6), (1, 1, 1), b0_direction=(0, 0, 1))
    with pytest.raises(InputError, match="empty"):
        Window(np.zeros(grid.shape, bool), grid, 1)
    with pytest.raises(InputError, match="must be equal"):
        Window(np.ones((4, 5, 7), bool), grid, 1)


@pytest.mark.parametrize("shape", [(70, 48, 50), (95, 47, 45)])
def test_slabs_are_transformed_as_the_whole(shape):
    image = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    grid, back = GRIDS[1].with_shape(shape), np.empty_like(image)
    spectrum = slabs_transformed(grid, lambda slab: image[slab])
    assert np.abs(spectrum - np.fft.rfftn(image)).max() < 1e-5 * np.abs(spectrum).max()
    stops = slabs_inverted(grid, spectrum, lambda slab, made: (back.__setitem__(slab, made), slab.stop)[1])
    assert np.abs(back - image).max() < 1e-5
    assert len(stops) > 1
    assert stops[-1] == shape[0]

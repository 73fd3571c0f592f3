"""Background methods and what they share: balls that fit, Laplace's equation, known answers."""

import numpy as np
import pytest
from analytic import positions, sphere_field
from scipy.ndimage import binary_erosion

from QSMLogic.background.iharperella import iharperella
from QSMLogic.background.ismv import ismv
from QSMLogic.background.lbv import lbv
from QSMLogic.background.resharp import resharp
from QSMLogic.background.sharp import sharp
from QSMLogic.background.vsharp import vsharp
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.laplace import Laplace
from QSMLogic.operators import ball, inverse
from QSMLogic.progress import no_progress
from QSMLogic.solvers import conjugate_gradients
from QSMLogic.spherical_mean import fits, window_of_balls

THICK = Grid((40, 44, 25), (1.5, 1.5, 3.0), b0_direction=(0.1, -0.2, 0.97))
BALLS = pytest.mark.parametrize("method", [sharp, resharp, ismv, vsharp])


def ellipsoid(grid: Grid) -> np.ndarray:
    x, y, z = positions(grid)
    return (x / 27) ** 2 + (y / 30) ** 2 + (z / 33) ** 2 < 1


def region(shape: tuple[int, int, int]) -> np.ndarray:
    """Return a ragged region that leaves the border empty."""
    inside = np.random.default_rng(1).random(shape) > 0.1
    for axis in range(3):
        inside.swapaxes(0, axis)[[0, -1]] = False
    return inside


@pytest.mark.parametrize("radius", [1.6, 2.0, 3.1, 6.0])
def test_a_ball_is_round_on_thick_voxels(radius):
    weights = inverse(ball(THICK, radius).astype(np.complex64), THICK.shape)
    shifted = np.fft.fftshift(weights)
    middle = [n // 2 for n in THICK.shape]
    places = np.ogrid[tuple(slice(-m, n - m) for m, n in zip(middle, THICK.shape, strict=True))]
    moments = [float(np.sum(shifted * (p * s) ** 2)) for p, s in zip(places, THICK.voxel_size, strict=True)]
    np.testing.assert_allclose(moments, moments[0], rtol=2e-3)
    assert weights.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("radius", [2.0, 4.7])
def test_a_ball_fits_where_no_voxel_it_touches_is_outside(radius):
    mask = ellipsoid(THICK)
    mask[20, 22, 12] = False
    mask[:8, :, 10:14] = True  # as far as the volume's border
    window = window_of_balls(mask, THICK)
    kernel = ball(window.grid, radius)
    found = window.paste(fits(window, kernel))
    weights = np.fft.fftshift(inverse(kernel.astype(np.complex64), window.grid.shape))
    middle = np.array(weights.shape) // 2
    touched = np.argwhere(weights > 1e-4) - middle
    padded = np.pad(mask, 8)
    expected = mask.copy()
    for offset in touched:
        expected &= padded[tuple(slice(8 + o, 8 + o + n) for o, n in zip(offset, mask.shape, strict=True))]
    assert np.array_equal(found, expected)


@BALLS
@pytest.mark.parametrize("along", [(1, -1, 0), (1, 0, -1), (0, -1, 1)])
def test_curved_harmonic_fields_leave_nothing_on_thick_voxels(method, along):
    place = positions(THICK)
    field = np.tensordot(along, place**2, 1).astype(np.float32) / 100
    local, eroded = method(field, ellipsoid(THICK), THICK)
    assert np.abs(local).max() < 2e-3 * np.abs(field[eroded]).max()


@BALLS
def test_no_ball_fits_is_said(method):
    mask = np.zeros(THICK.shape, bool)
    mask[10:12, 10:12, 10] = True
    with pytest.raises(InputError, match="no ball"):
        method(mask.astype(np.float32), mask, THICK)


@pytest.mark.parametrize("method", [sharp, resharp, ismv])
def test_a_ball_within_a_voxel_is_refused(method):
    with pytest.raises(InputError, match=r"no ball of Radius = 0\.6 mm"):
        method(np.ones(THICK.shape, np.float32), ellipsoid(THICK), THICK, radius=0.6)


def test_vsharp_keeps_no_voxel_whose_ball_is_itself():
    grid = Grid((24, 22, 20), (5, 5, 5), b0_direction=(0, 0, 1))
    mask = np.zeros(grid.shape, bool)
    mask[3:-3, 3:-3, 3:-3] = True
    _, eroded = vsharp(positions(grid)[0].astype(np.float32), mask, grid)
    assert np.array_equal(eroded, np.pad(np.ones((16, 14, 12), bool), 4))


def test_vsharp_keeps_what_the_smallest_radius_keeps_whatever_the_step():
    field, mask = np.ones(THICK.shape, np.float32), ellipsoid(THICK)
    _, smallest = vsharp(field, mask, THICK, max_radius=3.2, min_radius=3.2)
    _, eroded = vsharp(field, mask, THICK, max_radius=12, min_radius=3.2, step=5)
    assert np.array_equal(eroded, smallest)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_vsharp_does_not_depend_on_the_end_from_which_an_axis_is_counted(axis):
    """The larger voxels on which it solves for what is smooth have to lie alike at both ends of the mask."""
    b0 = [-b if place == axis else b for place, b in enumerate(THICK.b0_direction)]
    grid, mask = Grid(THICK.shape, THICK.voxel_size, b0_direction=tuple(b0)), ellipsoid(THICK)
    field = (mask * np.random.default_rng(4).standard_normal(mask.shape)).astype(np.float32)
    field += sphere_field(THICK, 8, 9, (0, 5, 45)).astype(np.float32)
    local, _ = vsharp(field, mask, THICK)
    mirrored, _ = vsharp(np.flip(field, axis), np.flip(mask, axis), grid)
    assert np.abs(np.flip(mirrored, axis) - local).max() < 1e-4 * local.std()


@pytest.mark.parametrize("method", [lbv, iharperella, ismv, resharp, sharp])
def test_a_deep_source_is_kept_and_the_background_goes(method):
    grid = Grid((61, 60, 50), (1.0, 1.0, 1.2), b0_direction=(0, 0, 1))
    x, y, z = positions(grid)
    mask = x**2 + y**2 + z**2 < 27**2
    local = sphere_field(grid, 5, 0.5, (2, -3, 1))
    outside = sphere_field(grid, 10, 9, (0, 5, 42))
    made, inner = method((local + outside).astype(np.float32), mask, grid)
    error = (made - local)[inner]
    assert np.sqrt(np.mean(error**2)) < 0.25 * local[inner].std()
    assert np.sqrt(np.mean(outside[inner] ** 2)) > 5 * local[inner].std()


def test_weighted_resharp_takes_over_less_noise():
    mask = ellipsoid(THICK)
    noisy = mask & (np.abs(positions(THICK)[2]) < 7)
    noise = np.where(noisy, 0.2, 0.002).astype(np.float32) * mask
    field = noise * np.random.default_rng(1).standard_normal(mask.shape).astype(np.float32)
    weights = np.divide(0.002, noise, out=np.zeros_like(noise), where=mask)
    left = {
        weighted: np.std(resharp(field, mask, THICK, weights=weights, weighted=weighted)[0][noisy])
        for weighted in (False, True)
    }
    assert left[True] < 0.75 * left[False]


def test_ismv_solves_the_equation_it_states():
    """In the eroded mask the background is its own spherical mean, beside it the total field."""
    mask, rng = ellipsoid(THICK), np.random.default_rng(0)
    field = (rng.standard_normal(THICK.shape) * mask).astype(np.float32)
    local, eroded = ismv(field, mask, THICK, radius=4, tolerance=1e-6, iterations=1000)
    window = window_of_balls(mask, THICK)
    kernel = ball(window.grid, 4)
    background = window.cut((field - local) * mask)
    mean = window.paste(inverse(np.fft.rfftn(background) * kernel, background.shape))
    np.testing.assert_allclose(mean[eroded], (field - local)[eroded], atol=1e-4)


def test_iharperella_keeps_the_laplacian_and_is_least():
    """Inside, the second differences are those of the total field; no harmonic field can be taken from it any more."""
    mask, rng = ellipsoid(THICK), np.random.default_rng(0)
    field = (rng.standard_normal(THICK.shape) * mask).astype(np.float32)
    local, eroded = iharperella(field, mask, THICK, tolerance=1e-5, iterations=2000)
    np.testing.assert_array_equal(eroded, binary_erosion(mask))
    inner, left = binary_erosion(eroded), field - local
    second = [
        (np.roll(left, 1, a) + np.roll(left, -1, a) - 2 * left)[inner] / s**2 for a, s in enumerate((1.5, 1.5, 3))
    ]
    np.testing.assert_allclose(sum(second), 0, atol=2e-4)
    x, y, z = positions(THICK) / 30
    for harmonic in (np.ones(THICK.shape), x, y, z, x * y, x * z, x * x - z * z):
        assert abs((local * harmonic)[eroded].mean()) < 5e-3 * local[eroded].std()


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1.4, 3), (2, 0.5, 0.9)])
@pytest.mark.parametrize("shape", [(17, 23, 14), (8, 9, 37)])
def test_laplace_is_the_sum_of_second_differences(shape, size):
    inside = region(shape)
    laplace = Laplace(inside, size, 0.01)
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    expected = 0.01 * image
    for axis, s in enumerate(size):
        expected += (2 * image - np.roll(image, 1, axis) - np.roll(image, -1, axis)) / s**2
    np.testing.assert_allclose(laplace.apply(image), expected * inside * min(size) ** 2, atol=2e-5)
    np.testing.assert_allclose(laplace.undamped(image), (expected - 0.01 * image) * inside * min(size) ** 2, atol=2e-5)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1.4, 3)])
def test_a_multigrid_cycle_is_symmetric_and_positive(size):
    inside = region((33, 26, 31))
    laplace = Laplace(inside, size, 0.0)
    assert laplace.coarser
    rng = np.random.default_rng(0)
    a, b = ((rng.standard_normal(inside.shape) * inside).astype(np.float32) for _ in range(2))
    forth, back = (float(np.sum(p * laplace.cycle(q), dtype=float)) for p, q in ((a, b), (b, a)))
    own = float(np.sum(a * laplace.cycle(a), dtype=float))
    assert own > 0
    assert forth == pytest.approx(back, abs=1e-4 * own)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1.4, 3), (0.5, 2, 2)])
def test_the_cycle_makes_few_steps_enough(size):
    x, y, z = positions(Grid((50, 46, 42), (1, 1, 1), b0_direction=(0, 0, 1)))
    inside = (x / 23) ** 2 + (y / 21) ** 2 + (z / 19) ** 2 < 1
    laplace = Laplace(inside, size, 0.0)
    truth = (np.cos(x / 5) * np.sin(y / 9) + z / 20).astype(np.float32) * inside
    steps = 0

    def normal(image: np.ndarray) -> np.ndarray:
        nonlocal steps
        steps += 1
        return laplace.apply(image)

    solved = conjugate_gradients(
        normal, laplace.apply(truth), tolerance=1e-4, iterations=100, progress=no_progress, precondition=laplace.cycle
    )
    assert steps <= 12
    np.testing.assert_allclose(solved, truth, atol=5e-3)


def test_lbv_takes_the_edge_as_background_and_peels():
    grid = Grid((40, 41, 37), (1.0, 1.1, 1.3), b0_direction=(0, 0, 1))
    x, y, z = positions(grid)
    mask = x**2 + y**2 + z**2 < 17**2
    field = np.exp(-(x**2 + y**2 + z**2) / 50).astype(np.float32)
    local, inner = lbv(field, mask, grid, reach=1e6)
    # The edge lies at 17 mm, where the field has fallen to 0.003.
    np.testing.assert_allclose(local[inner], field[inner], atol=0.01)
    _, peeled = lbv(field, mask, grid, peel=4)
    assert np.sqrt((x**2 + y**2 + z**2)[peeled].max()) < 13 < np.sqrt((x**2 + y**2 + z**2)[inner].max())

"""Iterations against answers that are known."""

import numpy as np
import pytest
from scipy.optimize import minimize

from QSMLogic.errors import Cancelled
from QSMLogic.grid import Grid
from QSMLogic.minimal_residuals import minimal_residuals
from QSMLogic.operators import convolve, dipole_kernel, gradient, gradient_adjoint, transform
from QSMLogic.parallel import PASS_VOXELS
from QSMLogic.progress import no_progress
from QSMLogic.solvers import OVER_RELAXATION, Split, admm, conjugate_gradients, fresh_state, right_side
from QSMLogic.vectors import dot

GRID = Grid((6, 5, 4), (1.0, 1.2, 2.0), b0_direction=(0.2, 0.1, 0.97))
EVERYWHERE = np.ones(GRID.shape, bool)


@pytest.fixture
def system():
    """Return a symmetric positive matrix and its inverse, of condition 100."""
    random = np.random.default_rng(0)
    axes, _ = np.linalg.qr(random.standard_normal((60, 60)))
    values = np.geomspace(1, 100, 60)
    return (axes * values) @ axes.T, (axes / values) @ axes.T


@pytest.mark.parametrize("conditioned", [False, True])
def test_conjugate_gradients_solve_a_system(system, conditioned):
    matrix, inverse = system
    right = np.random.default_rng(1).standard_normal((3, 4, 5)).astype(np.float32)
    told = []

    def times(m):
        return lambda x: (m @ x.ravel()).reshape(x.shape).astype(np.float32)

    before = right.copy()
    solved = conjugate_gradients(
        times(matrix),
        right,
        tolerance=1e-5,
        iterations=300,
        progress=lambda f, m: told.append(f),
        precondition=times(inverse) if conditioned else None,
    )
    np.testing.assert_allclose(solved.ravel(), inverse @ right.ravel(), atol=1e-4)
    assert (right == before).all()
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) < (5 if conditioned else 100)


def test_minimal_residuals_solve_a_system_that_is_not_symmetric():
    random = np.random.default_rng(3)
    matrix = np.eye(60) * 3 + random.standard_normal((60, 60)) / 4
    right = random.standard_normal((3, 4, 5)).astype(np.float32)
    before, told = right.copy(), []
    solved = minimal_residuals(
        lambda x: (matrix @ x.ravel()).reshape(x.shape).astype(np.float32),
        right.copy(),
        tolerance=1e-6,
        iterations=100,
        progress=lambda f, m: told.append(f),
        precondition=lambda x: x / 3,
    )
    np.testing.assert_allclose(solved.ravel(), np.linalg.solve(matrix, right.ravel()), atol=1e-5)
    assert (right == before).all()
    assert told == sorted(told)
    assert told[-1] == 1


def test_conjugate_gradients_stop_where_told_and_bear_nothing():
    right = np.ones((2, 3, 4), np.float32)
    scale = np.linspace(1, 9, 24, dtype=np.float32).reshape(right.shape)
    calls = []

    def normal(x):
        calls.append(1)
        return scale * x

    conjugate_gradients(normal, right, tolerance=1e-12, iterations=3, progress=no_progress)
    assert len(calls) == 3
    assert not conjugate_gradients(normal, 0 * right, tolerance=1e-3, iterations=9, progress=no_progress).any()
    assert len(calls) == 3


def test_cancel_leaves_the_loops():
    def cancel(fraction, message):
        raise Cancelled

    right = np.ones(GRID.shape, np.float32)
    with pytest.raises(Cancelled):
        conjugate_gradients(lambda x: x, right, tolerance=1e-3, iterations=9, progress=cancel)
    split = Split("identity", 1.0, lambda t, place: t)
    with pytest.raises(Cancelled):
        admm(GRID, [split], norm_mask=EVERYWHERE, tolerance=1e-3, iterations=9, progress=cancel)


def test_the_inner_product_is_summed_in_double():
    ones = np.ones((300, 300, 300), np.float32)
    assert dot(ones, ones) == 300**3


def solved(splits, **more):
    return admm(GRID, splits, norm_mask=EVERYWHERE, tolerance=1e-7, iterations=3000, progress=no_progress, **more)


def quadratic(image):
    """Half of the squared distance to the image, diagonal in the half spectrum."""
    spectrum = transform(image)
    return spectrum, np.ones(spectrum.shape, np.float32)


def test_soft_thresholding_is_the_answer_of_an_l1_norm():
    image = np.random.default_rng(2).standard_normal(GRID.shape).astype(np.float32)
    weight, penalty = 0.4, 1.3
    split = Split("identity", penalty, lambda t, place: np.clip(t, -weight / penalty, weight / penalty))
    expected = np.sign(image) * np.maximum(np.abs(image) - weight, 0)
    np.testing.assert_allclose(solved([split], quadratic=quadratic(image)), expected, atol=1e-5)


@pytest.mark.parametrize("penalty", [0.3, 2.0])
def test_total_variation_is_that_of_a_general_solver(penalty):
    """The dual of denoising, min |image - D'y| over |y| <= weight, has a smooth objective and bounds."""
    image = np.random.default_rng(3).standard_normal(GRID.shape).astype(np.float32)
    weight = 0.25
    split = Split("gradient", penalty, lambda t, place: np.clip(t, -weight / penalty, weight / penalty))
    found = solved([split], quadratic=quadratic(image))
    size = image.size
    columns = [gradient(np.eye(1, size, i).reshape(GRID.shape).astype(float), GRID).ravel() for i in range(size)]
    differences = np.stack(columns, axis=1)
    flat = image.ravel().astype(float)

    def distance(dual):
        rest = flat - differences.T @ dual
        return rest @ rest / 2, -differences @ rest

    start = np.zeros(differences.shape[0])
    dual = minimize(
        distance, start, jac=True, method="L-BFGS-B", bounds=[(-weight, weight)] * start.size,
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-14, "gtol": 1e-9},
    ).x  # fmt: skip
    np.testing.assert_allclose(found.ravel(), flat - differences.T @ dual, atol=1e-3)
    assert np.abs(gradient(found, GRID)).sum() < 0.7 * np.abs(gradient(image, GRID)).sum()


def test_a_convolution_is_undone_by_its_normal_equations():
    """A quadratic misfit through a kernel, with a quadratic penalty on x, has a closed form."""
    kernel = dipole_kernel(GRID)
    field = np.random.default_rng(4).standard_normal(GRID.shape).astype(np.float32)
    data, ridge, penalty = 2.0, 0.3, 0.7

    def misfit(t, place):
        return data / (data + penalty) * (t - field[place])

    splits = [Split("kernel", penalty, misfit), Split("identity", 1.0, lambda t, place: ridge / (ridge + 1) * t)]
    expected = convolve(field, data * kernel / (data * kernel**2 + ridge))
    np.testing.assert_allclose(solved(splits, kernel=kernel), expected, atol=1e-4)


def test_slabs_of_a_split_are_those_of_the_whole():
    """What flows from one slab into the next, and round the end, is the adjoint of the differences."""
    grid, penalty, bound = Grid((70, 48, 50), (1.0, 0.8, 2.0), b0_direction=(0, 0, 1)), 0.7, np.float32(0.4)
    random = np.random.default_rng(6)
    t, image = (random.standard_normal(shape).astype(np.float32) for shape in ((3, *grid.shape), grid.shape))
    moved = t + OVER_RELAXATION * gradient(image, grid)
    rest = np.clip(moved, -bound, bound)
    out = right_side(grid, [(Split("gradient", penalty, lambda t, place: np.clip(t, -bound, bound)), t)], image)
    assert image.size > PASS_VOXELS
    np.testing.assert_allclose(out, gradient_adjoint(penalty * (moved - 2 * rest), grid), atol=2e-5)
    np.testing.assert_allclose(t, (1 - OVER_RELAXATION) * moved + OVER_RELAXATION * rest, atol=2e-6)


def test_admm_goes_on_from_where_it_was():
    """Many iterations in one go, or some and then the rest from the states that are left, are the same."""
    image = np.random.default_rng(5).standard_normal(GRID.shape).astype(np.float32)
    splits = [
        Split("gradient", 0.5, lambda t, place: np.clip(t, -0.3, 0.3)),
        Split("kernel", 0.7, lambda t, place: np.clip(t, -0.2, 0.2)),
    ]

    def run(iterations, start):
        return admm(
            GRID, splits, kernel=dipole_kernel(GRID), quadratic=quadratic(image), norm_mask=EVERYWHERE, tolerance=0,
            iterations=iterations, progress=no_progress, start=start,
        )  # fmt: skip

    states = [fresh_state(GRID, split) for split in splits]
    run(7, states)
    np.testing.assert_allclose(run(5, states), run(12, None), atol=1e-5)

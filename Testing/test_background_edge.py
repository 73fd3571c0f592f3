"""mSMV and HARPERELLA: what they take away is harmonic, what lies inside stays."""

from functools import cache

import numpy as np
import pytest
from analytic import positions, sphere_field
from scipy.ndimage import binary_erosion

from QSMLogic.background.harperella import harperella
from QSMLogic.background.msmv import DAMPING, msmv
from QSMLogic.background.pdf import pdf
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.operators import Window, convolve
from QSMLogic.spherical_mean import high_pass

GRID = Grid((61, 60, 50), (1.0, 1.0, 1.2), b0_direction=(0, 0, 1))
INSIDE = (positions(GRID) ** 2).sum(axis=0) < 27**2
OUTSIDE = sphere_field(GRID, 10, 9, (0, 5, 42)).astype(np.float32)


@cache
def tissue() -> np.ndarray:
    """Return the field of small spheres all over the inside."""
    rng, field = np.random.default_rng(0), np.zeros(GRID.shape)
    for _ in range(30):
        centre = rng.uniform(-24, 24, 3)
        if np.linalg.norm(centre) < 23:
            field += sphere_field(GRID, 3, rng.uniform(-0.3, 0.3), tuple(centre))
    return (field * INSIDE).astype(np.float32)


def error(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Return the error in percent of the truth's variation."""
    return 100 * float((made - truth)[where].std() / truth[where].std())


def test_msmv_takes_away_a_field_that_equals_its_spherical_means_but_at_the_edge():
    total = tissue() + OUTSIDE
    local, mask = msmv(total, INSIDE, GRID, radius=6.0)
    taken = pdf(total, INSIDE, GRID)[0] - local
    window = Window(INSIDE, GRID, 6.0)
    kernel, inner = high_pass(window, 6.0, "")
    sources = window.paste(convolve(window.cut(taken), kernel) + np.float32(DAMPING) * window.cut(taken)) * INSIDE
    inner = window.paste(inner)
    assert np.array_equal(mask, INSIDE)
    assert taken[inner].any()
    assert sources[inner].std() < 0.01 * sources[INSIDE & ~inner].std()


def test_msmv_has_no_unit():
    """Its thresholds go with the field: four times the field, four times the answer."""
    total = tissue() + OUTSIDE
    np.testing.assert_allclose(msmv(4 * total, INSIDE, GRID)[0], 4 * msmv(total, INSIDE, GRID)[0], atol=1e-6)


def test_msmv_leaves_less_than_the_projection_it_starts_from(phantom):
    grid, mask, truth = phantom.scan.grid, phantom.mask, phantom.local_field
    total = phantom.total_field * mask
    made, kept = msmv(total, mask, grid)
    assert np.array_equal(kept, mask)
    assert error(made, truth, mask) < 0.95 * error(pdf(total, mask, grid)[0], truth, mask)


def test_msmv_without_a_share_is_the_projection():
    total = tissue() + OUTSIDE
    np.testing.assert_array_equal(msmv(total, INSIDE, GRID, share=0.0)[0], pdf(total, INSIDE, GRID)[0])


def test_msmv_refuses_bounds_that_cross():
    with pytest.raises(InputError, match="Lowest = 5 is above Highest = 4"):
        msmv(OUTSIDE, INSIDE, GRID, lowest=5.0)


def test_msmv_refuses_a_ball_that_fits_nowhere_before_the_long_projection():
    heard: list[float] = []
    with pytest.raises(InputError, match="mSMV: no ball of Radius = 40 mm"):
        msmv(OUTSIDE, INSIDE, GRID, radius=40.0, progress=lambda fraction, _: heard.append(fraction))
    assert not heard


@pytest.mark.parametrize(("method", "left", "deep", "all_over"), [(msmv, 0.02, 25, 36), (harperella, 0.002, 3, 15)])
def test_outside_sources_go_and_inside_sources_stay(method, left, deep, all_over):
    background, where = method(OUTSIDE, INSIDE, GRID)
    assert background[where].std() < left * OUTSIDE[where].std()
    inside = sphere_field(GRID, 5, 0.5, (2, -3, 1)).astype(np.float32)
    assert error(method(inside + OUTSIDE, INSIDE, GRID)[0], inside, where) < deep
    assert error(method(tissue() + OUTSIDE, INSIDE, GRID)[0], tissue(), where) < all_over


def test_harperella_keeps_the_laplacian_inside():
    total = tissue() + OUTSIDE + 0.005 * np.random.default_rng(1).standard_normal(GRID.shape).astype(np.float32)
    local, where = harperella(total, INSIDE, GRID)
    taken = np.where(where, total - local, np.nan)
    second = [(np.roll(taken, 1, a) + np.roll(taken, -1, a) - 2 * taken) / GRID.voxel_size[a] ** 2 for a in range(3)]
    assert np.nanmax(np.abs(sum(second))) < 1e-4
    assert np.array_equal(where, binary_erosion(INSIDE))


def test_harperella_is_where_it_says_it_stops():
    """The regularised minimum is reached: a tolerance a hundred times finer changes next to nothing."""
    total = tissue() + OUTSIDE
    local, where = harperella(total, INSIDE, GRID)
    assert error(local, harperella(total, INSIDE, GRID, tolerance=3e-4)[0], where) < 1

"""Spatially dependent filtering, vessels by their shape, and QSMART: known answers."""

import numpy as np
import pytest
from analytic import covered, cylinder_field, positions, sphere_field
from scipy.ndimage import binary_erosion

from QSMLogic.background.sdf import sdf
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.operators import transform
from QSMLogic.progress import no_progress
from QSMLogic.single_step.qsmart import qsmart
from QSMLogic.spatial_filter import Neighbourhood
from QSMLogic.vesselness import vessels_in

GRID = Grid((56, 50, 46), (1.0, 1.2, 1.3), b0_direction=(0.2, -0.1, 0.97))
AXIS = (0.6, 0.8, 0.0)
RADIUS, CHI = 2.0, 0.3


def head() -> np.ndarray:
    x, y, z = positions(GRID)
    return (x / 25) ** 2 + (y / 27) ** 2 + (z / 26) ** 2 < 1


def from_axis() -> np.ndarray:
    place = positions(GRID)
    along = np.tensordot(AXIS, place, 1)
    return np.sqrt((place**2).sum(axis=0) - along**2)


def dark_tube(shading: float = 0.0) -> np.ndarray:
    """Return the magnitude of two echoes: a tube that is darker than the rest, and noise of 2 %."""
    tube = covered(from_axis() - RADIUS, GRID)
    bright = 100 * (1 + shading * positions(GRID)[0] / 30)
    noise = np.random.default_rng(0).standard_normal((*GRID.shape, 2))
    echoes = np.stack([bright * (1 - 0.5 * tube), bright * (1 - 0.8 * tube)], axis=3)
    return (echoes * (1 + 0.02 * noise)).astype(np.float32)


def test_moments_are_sums_over_neighbours():
    image = np.zeros(GRID.shape, np.float32)
    image[20, 21, 22] = 1
    near = Neighbourhood(GRID, 3.0, no_progress, 3)
    weight, first, second = (near.moment(transform(image), *axes)[23, 20, 24] for axes in ((), (0,), (1, 2)))
    offset = np.array([-3 * 1.0, 1 * 1.2, -2 * 1.3])  # from the voxel that looks to the one that is seen
    volume = np.prod(GRID.voxel_size)
    assert weight == pytest.approx(volume * np.exp(-(offset**2).sum() / 18) / (np.sqrt(2 * np.pi) * 3) ** 3, rel=1e-3)
    assert first / weight == pytest.approx(offset[0], rel=1e-3)
    assert second / weight == pytest.approx(offset[1] * offset[2], rel=1e-3)


def test_curvature_of_a_sphere_and_of_a_saddle():
    x, y, z = positions(GRID)
    for mask, sign in ((x**2 + y**2 + z**2 < 18**2, 1), (z < (x**2 - y**2) / 40, -1)):
        surface = mask & ~binary_erosion(mask)
        surface &= x**2 + y**2 + z**2 < (19**2 if sign > 0 else 10**2)
        found = Neighbourhood(GRID, 5.0, no_progress, 10).gaussian_curvature(
            transform(mask.astype(np.float32)), surface
        )
        assert np.median(found) == pytest.approx(1 / 18**2 if sign > 0 else -1 / 20**2, rel=0.4)


@pytest.mark.parametrize("along", [(1, 0, 0), (0, 1, 1), (1, -2, 1)])
def test_a_slope_leaves_nothing_up_to_the_edge(along):
    """Where a mean over neighbours on one side would keep a millimetre's worth of it."""
    mask = head()
    field = (np.tensordot(along, positions(GRID), 1) / 10).astype(np.float32)
    local, kept = sdf(field, mask, GRID)
    assert np.array_equal(kept, mask)
    assert np.abs(local).max() < 0.02 * np.linalg.norm(along) / 10


def test_sdf_keeps_a_deep_source_and_removes_the_background():
    mask = head()
    local = sphere_field(GRID, 4, 0.5)
    outside = sphere_field(GRID, 10, 30, (0, 5, 42))
    made, _ = sdf((local + outside).astype(np.float32), mask, GRID)
    x, y, z = positions(GRID)
    deep = mask & ((x / 15) ** 2 + (y / 16) ** 2 + (z / 15) ** 2 < 1)
    assert np.sqrt(np.mean((made - local)[deep] ** 2)) < 0.5 * local[deep].std()
    assert outside[deep].std() > 4 * local[deep].std()


def test_a_wider_filter_keeps_more():
    mask, field = head(), sphere_field(GRID, 4, 0.5).astype(np.float32)
    narrow, wide = (sdf(field, mask, GRID, width=width)[0] for width in (3.0, 10.0))
    assert narrow[mask].std() < wide[mask].std()


def test_widths_in_the_wrong_order_are_refused():
    with pytest.raises(InputError, match="9 mm, is above the largest, 8 mm"):
        sdf(np.zeros(GRID.shape, np.float32), head(), GRID, min_width=9.0)


def test_qsmart_refuses_widths_in_the_wrong_order_before_it_computes():
    heard: list[float] = []
    with pytest.raises(InputError, match="7 mm, is above the largest, 6 mm"):
        qsmart(
            np.zeros(GRID.shape, np.float32),
            head(),
            GRID,
            dark_tube(),
            min_width=7.0,
            progress=lambda f, _: heard.append(f),
        )
    assert not heard


@pytest.mark.parametrize("shading", [0.0, 0.5])
def test_a_tube_is_found_and_a_sheet_is_not(shading):
    magnitude = dark_tube(shading)
    sheet = np.abs(positions(GRID)[2] - 14) < RADIUS
    magnitude[sheet] *= 0.4
    found = vessels_in(magnitude, head(), GRID, 3.0, no_progress)
    deep = binary_erosion(head(), iterations=4)
    tube = from_axis()
    assert found[deep & (tube < RADIUS - 0.6)].mean() > 0.9
    assert found[deep & (tube > RADIUS + 1.5) & ~sheet].mean() < 0.005
    assert found[deep & sheet].mean() < 0.1


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_no_vessel_in_a_uniform_image(noise):
    image = 1 + noise * np.random.default_rng(3).standard_normal((*GRID.shape, 1))
    assert not vessels_in(image.astype(np.float32), head(), GRID, 3.0, no_progress).any()


def test_qsmart_gives_a_vessel_its_susceptibility_among_background():
    mask = head()
    tube = from_axis() < RADIUS
    outside = sphere_field(GRID, 10, 9, (0, 5, 42))
    local = cylinder_field(GRID, AXIS, RADIUS, CHI)
    chi, kept = qsmart((local + outside).astype(np.float32), mask, GRID, dark_tube())
    x, y, z = positions(GRID)
    deep = (x / 15) ** 2 + (y / 16) ** 2 + (z / 15) ** 2 < 1
    tissue = deep & (from_axis() > RADIUS + 2)
    assert np.array_equal(kept, mask)
    contrast = chi[deep & tube].mean() - chi[tissue].mean()
    assert contrast == pytest.approx(CHI, rel=0.35)
    assert chi[tissue].std() < 0.15 * CHI

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.morphology import ball_volume, dilate, erode, filled, largest_part, not_empty, opened

SIZE = (1.0, 1.5, 4.0)
masks = hnp.arrays(bool, (7, 5, 6), elements=st.booleans())


def grid_of(shape, size=SIZE):
    return Grid(shape, size, b0_direction=(0.2, 0, 1))


def ellipsoid(shape, size, radius):
    place = [(np.arange(n) - n // 2) * s for n, s in zip(shape, size, strict=True)]
    return place[0][:, None, None] ** 2 + place[1][:, None] ** 2 + place[2] ** 2 <= radius**2


def test_dilation_of_a_point_is_a_ball_in_mm():
    shape = (31, 23, 11)
    point = np.zeros(shape, bool)
    point[15, 11, 5] = True
    np.testing.assert_array_equal(dilate(point, grid_of(shape), 8.0), ellipsoid(shape, SIZE, 8.0))


def test_erosion_of_a_box_takes_the_radius_off_every_side():
    mask = np.zeros((20, 20, 20), bool)
    mask[4:16, 4:16, 4:16] = True
    # a voxel is kept when the nearest outside voxel's centre is farther than 3 mm: 3, 2 and 0 layers go
    left = np.zeros_like(mask)
    left[7:13, 6:14, 4:16] = True
    np.testing.assert_array_equal(erode(mask, grid_of(mask.shape), 3.0), left)


def test_the_border_of_the_volume_is_an_edge():
    full = np.ones((9, 9, 9), bool)
    left = np.zeros_like(full)
    left[2:-2, 2:-2, 2:-2] = True
    np.testing.assert_array_equal(erode(full, grid_of(full.shape, (1, 1, 1)), 2.0), left)


def test_zero_radius_changes_nothing_and_header_rounding_does_not_matter():
    mask = np.random.default_rng(1).random((8, 9, 7)) > 0.4
    np.testing.assert_array_equal(erode(mask, grid_of(mask.shape), 0.0), mask)
    np.testing.assert_array_equal(dilate(mask, grid_of(mask.shape), 0.0), mask)
    exact, rounded = grid_of(mask.shape, (1, 1, 3)), grid_of(mask.shape, (1, 1, 3.0000002))
    np.testing.assert_array_equal(dilate(mask, exact, 3.0), dilate(mask, rounded, 3.0))


@settings(max_examples=30, deadline=None)
@given(masks, st.floats(0, 6))
def test_erosion_within_opening_within_mask_within_dilation(mask, radius):
    grid = grid_of(mask.shape)
    small, middle, large = erode(mask, grid, radius), opened(mask, grid, radius), dilate(mask, grid, radius)
    assert not (small & ~middle).any()
    assert not (middle & ~mask).any()
    assert not (mask & ~large).any()


@settings(max_examples=30, deadline=None)
@given(masks, st.floats(0, 6))
def test_dilation_is_erosion_of_the_outside(mask, radius):
    grid = grid_of(mask.shape)
    deep = np.pad(mask, 8)
    outside = ~erode(~deep, grid.with_shape(deep.shape), radius)[8:-8, 8:-8, 8:-8]
    if mask.any():
        np.testing.assert_array_equal(dilate(mask, grid, radius), outside)


def test_opening_cuts_a_thin_bridge():
    mask = np.zeros((40, 21, 21), bool)
    mask[2:16, 3:18, 3:18] = mask[24:38, 3:18, 3:18] = True
    mask[16:24, 9:12, 9:12] = True
    cut = opened(mask, grid_of(mask.shape, (1, 1, 1)), 3.0)
    assert cut[8, 10, 10]
    assert cut[30, 10, 10]
    assert not cut[20].any()


def test_holes_up_to_a_size_are_filled_and_open_ones_never():
    grid = grid_of((20, 20, 20), (1, 1, 2))
    mask = np.ones(grid.shape, bool)
    mask[5, 5, 5] = False
    mask[10:14, 10:14, 10:12] = False
    mask[0:3, 15, 15] = False
    small_only = filled(mask, grid, 2.0)
    assert small_only[5, 5, 5]
    assert not small_only[10:14, 10:14, 10:12].any()
    everything = filled(mask, grid)
    assert everything[10:14, 10:14, 10:12].all()
    assert not everything[0:3, 15, 15].any()
    np.testing.assert_array_equal(filled(mask, grid, 1.9), mask)


def test_largest_part_and_empty_masks():
    mask = np.zeros((9, 9, 9), bool)
    mask[1:4, 1:4, 1:4] = mask[5:7, 5:7, 5:7] = True
    kept = largest_part(mask)
    assert kept.sum() == 27
    assert kept[2, 2, 2]
    empty = np.zeros_like(mask)
    for result in (largest_part(empty), dilate(empty, grid_of(empty.shape), 3), erode(empty, grid_of(empty.shape), 3)):
        assert not result.any()
    with pytest.raises(InputError, match=r"Erosion .* smaller radius"):
        not_empty(empty, "Erosion", "use a smaller radius")


def test_inputs_stay_and_ball_volume():
    mask = np.random.default_rng(0).random((6, 6, 6)) > 0.5
    before = mask.copy()
    for step in (erode, dilate, opened, filled):
        step(mask, grid_of(mask.shape), 2.0)
    np.testing.assert_array_equal(mask, before)
    assert ball_volume(2.0) == pytest.approx(33.510322)

"""Projections over slabs: of a ramp, along the right axis, and of nothing outside the mask."""

import numpy as np
import pytest

from QSMLogic.grid import Grid
from QSMLogic.projection import projection

GRID = Grid((45, 38, 31), (1.0, 1.3, 1.7), b0_direction=(0.0, 0.0, 1.0))
EVERYWHERE = np.ones(GRID.shape, bool)


@pytest.mark.parametrize(("thickness", "reach"), [(0, 0), (1.7, 0), (5, 1), (8, 2), (1000, 99)])
def test_a_projection_of_a_ramp_is_the_ramp_of_its_slabs_end(thickness, reach):
    """The ramp runs along the third axis, whose voxels have 1.7 mm."""
    ramp = np.broadcast_to(np.arange(31, dtype=np.float32) + 1, GRID.shape)
    lowest = projection(ramp, EVERYWHERE, GRID, thickness, "minimum")
    highest = projection(ramp, EVERYWHERE, GRID, thickness, "maximum")
    places = np.arange(31)
    assert (lowest == ramp[..., np.maximum(places - reach, 0)]).all()
    assert (highest == ramp[..., np.minimum(places + reach, 30)]).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_projection_runs_along_the_axis_nearest_to_the_field(axis):
    direction = np.roll((0.9, -0.3, 0.3), axis)
    grid = Grid((9, 9, 9), (1, 1, 1), b0_direction=tuple(-direction))
    image = np.full((9, 9, 9), 5, np.float32)
    image[4, 4, 4] = 1
    dark = np.argwhere(projection(image, np.ones(grid.shape, bool), grid, 5, "minimum") == 1)
    assert len(dark) == 5
    assert np.ptp(dark, axis=0).tolist() == np.roll((4, 0, 0), axis).tolist()


def test_what_is_outside_the_mask_is_not_projected():
    mask = EVERYWHERE.copy()
    mask[..., :10] = False
    image = np.where(mask, np.float32(7), np.float32(0))
    assert (projection(image, mask, GRID, 20, "minimum") == image).all()
    assert (projection(-image, mask, GRID, 20, "maximum") == -image).all()

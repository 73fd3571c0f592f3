"""Images cut slab by slab, and which voxels of a slab lie in the mask together."""

from itertools import pairwise

import numpy as np
import pytest

from QSMLogic.device import computing_on, fetched, placed
from QSMLogic.grid import Grid
from QSMLogic.masked import Masked
from QSMLogic.operators import Window
from QSMLogic.slab_differences import together
from QSMLogic.total_generalized_variation import BENDS, STEPS
from QSMLogic.total_variation import between

SHAPE = (11, 13, 9)


def random_mask():
    mask = np.random.default_rng(3).uniform(size=SHAPE) < 0.8
    mask[[0, -1], 4, 4] = mask[4, [0, -1], 4] = mask[4, 4, [0, -1]] = True
    return mask


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8])
def test_slabs_are_those_of_the_image_cut_and_masked(kind):
    mask = np.pad(random_mask(), ((2, 1), (1, 3), (0, 2)))
    image = (100 * np.random.default_rng(4).uniform(size=mask.shape)).astype(kind)
    window = Window(mask, Grid(mask.shape, (1.0, 1.0, 1.0), b0_direction=(0.0, 0.0, 1.0)), 2.5)
    expected, found = (window.cut(image) * window.mask).astype(np.float32), Masked(image, window)
    for slab in (slice(0, 4), slice(4, 12), slice(12, window.grid.shape[0])):
        np.testing.assert_array_equal(found[slab], expected[slab])
        assert found[slab].dtype == np.float32
    np.testing.assert_array_equal(np.asarray(found), expected)


def test_it_is_placed_whole():
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    mask = random_mask()
    window = Window(mask, Grid(SHAPE, (1.0, 1.0, 1.0), b0_direction=(0.0, 0.0, 1.0)), 0.0)
    masked = Masked(np.ones(SHAPE), window)
    with computing_on("torch"):
        np.testing.assert_array_equal(fetched(placed(masked)), window.mask)


@pytest.mark.parametrize("steps", [*STEPS, *BENDS])
def test_together_is_within_the_image_and_the_same_in_any_slabs(steps):
    mask = random_mask()
    wide = np.pad(mask, 1)
    expected = mask.copy()
    for step in steps:
        expected &= wide[tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, SHAPE, strict=True))]
    for cut in ([0, 11], [0, 3, 11], range(12)):
        found = [together(mask, slice(a, b), steps) for a, b in pairwise(cut)]
        np.testing.assert_array_equal(np.concatenate(found), expected)


def test_voxels_at_opposite_ends_are_no_neighbours():
    mask = random_mask()
    whole = slice(0, SHAPE[0])
    found = between(mask)
    for axis, steps in enumerate(STEPS):
        np.testing.assert_array_equal(found[axis], together(mask, whole, steps))
        assert not np.take(found[axis], -1, axis).any()

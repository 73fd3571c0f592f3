"""Shading by the coil: a known one is undone, and one that cannot be told is none."""

import numpy as np
import pytest
from analytic import positions

from QSMLogic.bias_field import bias_field
from QSMLogic.grid import Grid
from QSMLogic.phantom import COIL_FALL_OFF
from QSMLogic.pipeline import run_stage

GRID = Grid((45, 38, 31), (1.0, 1.3, 1.7), b0_direction=(0.0, 0.0, 1.0))
EVERYWHERE = np.ones(GRID.shape, bool)


def test_n4_undoes_a_known_shading(phantom):
    grid, mask = phantom.scan.grid, phantom.mask
    x, y, z = positions(grid)
    shading = np.exp(0.004 * x - 0.003 * z - 4e-5 * (x * x + y * y)).astype(np.float32)
    coil = coil_of(grid)
    image = phantom.scan.magnitude[..., 0] / coil * shading
    found = bias_field(image, mask, grid, 12.0)
    before, after = shading[mask], (found / shading)[mask]
    assert before.std() / before.mean() > 0.14
    assert after.std() / after.mean() < 0.035
    assert (image / found)[mask].mean() == pytest.approx(image[mask].mean(), rel=1e-4)
    assert (found[~mask] == 1).all()
    np.testing.assert_allclose(bias_field(image / 1024, mask, grid, 12.0), found, rtol=1e-5)


def coil_of(grid: Grid) -> np.ndarray:
    """Return the shading that the phantom has already."""
    axes = [(2 * np.arange(n) + 1) / n - 1 for n in grid.shape]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return (1 - COIL_FALL_OFF * np.exp(-2 * (x * x + y * y + z * z))).astype(np.float32)


def test_shading_that_cannot_be_told_is_none():
    few = np.zeros(GRID.shape, bool)
    few[20:23, 20:23, 10:13] = True
    image = np.random.default_rng(0).uniform(1, 2, GRID.shape).astype(np.float32)
    assert (bias_field(image, few, GRID, 1.0) == 1).all()
    assert (bias_field(np.full_like(image, 3), EVERYWHERE, GRID, 4.0) == 1).all()
    assert (bias_field(np.zeros_like(image), EVERYWHERE, GRID, 4.0) == 1).all()


def test_swi_is_freed_of_shading_where_it_is_asked_for(phantom):
    scan = phantom.scan
    x = positions(scan.grid)[0].astype(np.float32)
    data = {"phase": scan.phase[..., :1], "mask": phantom.mask, "grid": scan.grid}
    data["magnitude"] = scan.magnitude[..., :1] * np.exp(0.01 * x)[..., None]
    tissue = phantom.mask & (phantom.labels == 8)
    spread = {}
    for switch in (False, True):
        made = run_stage("maps", "swi", {"power": 0.0, "bias_correction": switch}, data)["swi"][tissue]
        spread[switch] = made.std() / made.mean()
    assert spread[False] > 0.2
    assert spread[True] < 0.07

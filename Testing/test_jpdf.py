"""JPDF: sources inside and outside found together."""

import numpy as np
from analytic import positions, sphere_field

from QSMLogic import metrics
from QSMLogic.background.jpdf import jpdf
from QSMLogic.background.lbv import lbv
from QSMLogic.background.pdf import pdf
from QSMLogic.edges import without_steepest
from QSMLogic.grid import Grid
from QSMLogic.morphology import erode
from QSMLogic.operators import Window
from QSMLogic.phantom import head_phantom

EDGE = 4.0
"""mm; no method knows the field beyond the mask."""


def test_it_errs_by_a_quarter_less_than_methods_that_do_not_look_inside():
    head = head_phantom((64, 75, 64), (3, 3, 3), b0_direction=(0.1, 0.3, 1), snr=None)
    inner = erode(head.mask, head.scan.grid, EDGE)
    error = {
        method.__name__: metrics.nrmse(method(head.total_field, head.mask, head.scan.grid)[0], head.local_field, inner)
        for method in (lbv, pdf, jpdf)
    }
    assert error["jpdf"] < 0.75 * min(error["lbv"], error["pdf"]), error


def test_a_source_at_the_surface_is_told_from_one_outside():
    """Part of the field of a sphere below the surface could come from outside: PDF takes it for background."""
    grid = Grid((61, 60, 50), (1.0, 1.0, 1.2), b0_direction=(0, 0, 1))
    x, y, z = positions(grid)
    mask = x**2 + y**2 + z**2 < 27**2
    local = sphere_field(grid, 6, 0.5, (0, 19, 4))
    outside = sphere_field(grid, 10, 9, (0, -5, 42))
    inner = erode(mask, grid, EDGE)
    error = {
        method.__name__: metrics.nrmse(method((local + outside).astype(np.float32), mask, grid)[0], local, inner)
        for method in (pdf, jpdf)
    }
    assert error["jpdf"] < 0.6 * error["pdf"], error


def test_the_steepest_voxels_are_spared_along_all_axes():
    grid = Grid((20, 22, 23), (1.0, 1.0, 2.0), b0_direction=(0, 0, 1))
    mask = np.zeros(grid.shape, bool)
    mask[2:-2, 2:-2, 2:-2] = True
    window = Window(mask, grid, 0.0)
    chi = np.where(np.arange(window.grid.shape[2]) < 5, 1, 0) * np.ones(window.grid.shape)
    counts = without_steepest(chi.astype(np.float32), window, 0.1)
    assert counts.shape == (1, *window.grid.shape)
    assert np.array_equal(np.flatnonzero(~counts[0].all(axis=(0, 1))), [4])
    assert not counts[0][window.mask & (np.arange(window.grid.shape[2]) == 4)].any()

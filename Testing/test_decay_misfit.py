"""The misfit of a decay: the sources nearest to given ones, and its slabs."""

import numpy as np
from scipy.optimize import minimize

from QSMLogic.decay_misfit import Decay, decay_of, nearest_sources
from QSMLogic.grid import Grid
from QSMLogic.operators import Window
from QSMLogic.parallel import slabs

GRID = Grid((44, 40, 36), (2.0, 2.2, 2.6), b0_direction=(0.35, -0.25, 0.9))


def test_the_nearest_sources_are_the_least_of_the_objective():
    random = np.random.default_rng(0)
    decay = Decay(lambda _: target, para=1.3, dia=0.7, weight=1.0, bound=0.02)
    start = (0.1 * random.standard_normal((2, 200))).astype(np.float32)
    target = (0.15 * random.standard_normal(200)).astype(np.float32)
    for weight in (0.0, 0.3, 5.0):
        found = nearest_sources(start, decay, target, weight)
        for i in range(0, 200, 7):

            def objective(s, i=i, weight=weight):
                left = abs(target[i] - 1.3 * s[0] + 0.7 * s[1])
                misfit = left**2 if left < 0.02 else 0.02 * (2 * left - 0.02)
                return 100 * ((s[0] - start[0, i]) ** 2 + (s[1] - start[1, i]) ** 2 + weight * misfit)

            best = minimize(objective, [0.05, -0.05], bounds=[(0, None), (None, 0)], tol=1e-12)
            assert found[0, i] >= 0 >= found[1, i]
            assert objective(found[:, i]) <= best.fun + 1e-5


def test_slabs_of_r2prime_are_those_of_its_window():
    """Of a mask askew in the image, whose window goes on beyond its box."""
    mask = np.zeros(GRID.shape, bool)
    mask[5:36, 2:39, 4:35] = True
    rate = np.random.default_rng(1).random(GRID.shape).astype(np.float32)
    window = Window(mask, GRID, 0.0)
    assert window.grid.shape[0] > 31
    target = decay_of(window, rate.__getitem__, mask, (200.0, 100.0), 1.0).target
    found = np.concatenate([target(slab) for slab in slabs(window.grid.shape, 5000)])
    assert np.allclose(found, window.cut(rate / 150), rtol=1e-6)

"""The passes that bounds are made of, against solvers whose passes are known."""

import numpy as np
import pytest
from costs import passes, profile

from QSMLogic.grid import Grid
from QSMLogic.inversion.tgv import tgv
from QSMLogic.laplace import Laplace
from QSMLogic.minimal_residuals import minimal_residuals
from QSMLogic.parallel import each
from QSMLogic.progress import no_progress
from QSMLogic.solvers import conjugate_gradients
from QSMLogic.source_separation import separated

SHAPE = (18, 20, 16)
COARSE = Grid(SHAPE, (2.0, 2.0, 2.0), b0_direction=(0, 0, 1))
"""On voxels twice as large nothing would be known of a brain: methods solve on this grid alone."""

CHANGE = 2.25
"""Volumes that the relative change reads: both images, and a mask of a quarter of a volume."""


def noise(scale=1.0):
    return (scale * np.random.default_rng(0).standard_normal(SHAPE)).astype(np.float32)


def per_step(solve):
    """Volumes of the third step."""
    counts = []
    for steps in (2, 3):
        with passes(noise().size) as count:
            solve(steps)
        counts.append(count[0])
    return counts[1] - counts[0]


def test_a_step_of_conjugate_gradients_is_three_products_and_three_sums():
    weight = 1 + noise() ** 2
    volumes = per_step(
        lambda steps: conjugate_gradients(
            lambda image: weight * image, noise(), tolerance=0, iterations=steps, progress=no_progress
        )
    )
    assert volumes == pytest.approx(2 + 1 + 1 + 3 * 3)


def test_a_step_of_minimal_residuals_takes_two_earlier_directions_along():
    weight = 1 + noise() ** 2
    volumes = per_step(
        lambda steps: minimal_residuals(
            lambda image: weight * image,
            noise(),
            tolerance=0,
            iterations=steps,
            progress=no_progress,
            precondition=np.copy,
        )
    )
    assert volumes == pytest.approx(2 * (2 + 3 + 3) + 1 + 2 + 1 + 3 + 3)


@pytest.mark.parametrize(("exterior", "states"), [("free", 10), ("zero", 11)])
def test_a_step_of_tgv_moves_all_its_states(exterior, states):
    volumes = per_step(
        lambda steps: tgv(
            noise(0.01),
            np.ones(SHAPE, bool),
            COARSE,
            regularization=1e-3,
            data_term="linear",
            exterior=exterior,
            tolerance=1e-6,
            iterations=steps,
        )
    )
    right_sides = images = 5
    assert volumes == pytest.approx(2 * states + right_sides + images + 2 + CHANGE)


def test_a_step_of_source_separation_moves_the_states_of_both():
    rates = np.abs(noise(5))
    volumes = per_step(
        lambda steps: separated(
            noise(0.01),
            lambda box: rates[box],
            np.ones(SHAPE, bool),
            COARSE,
            weights=None,
            relaxivities=(137.0, 137.0),
            regularization=1e-3,
            r2prime_weight=1.0,
            exterior="free",
            tolerance=1e-6,
            iterations=steps,
            progress=no_progress,
        )
    )
    gradients, points, field = 2 * 3, 2, 1
    right_sides = images = 3
    assert volumes == pytest.approx(2 * (gradients + points + field) + right_sides + images + 2 * 2 + 2 * CHANGE)


def test_a_sweep_of_the_multigrid_cycle_is_four_volumes():
    region = np.zeros(SHAPE, bool)
    region[2:-2, 2:-2, 2:-2] = True
    laplace = Laplace(region, (1.0, 1.0, 1.0), 0.0)
    with passes(region.size) as count:
        laplace.apply(noise() * region)
    assert count == [pytest.approx(4)]


def test_the_profile_sees_what_threads_do():
    def busy(item):
        for _ in range(500_000):
            item += 1
        return item

    found = dict(profile(lambda: each(busy, [0, 1, 2])))
    assert sum(share for name, share in found.items() if name.startswith("test_costs")) > 0.9

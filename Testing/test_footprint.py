"""What methods state of their memory is what they take."""

import tracemalloc

import numpy as np
import pytest
from cases import ALL
from conftest import standard_phantom

from QSMLogic.methods import METHODS
from QSMLogic.pipeline import run_stage

MOST = 20
MORE = {"separation_r2prime": 34, "separation_r2star": 35}
"""Volumes. Source separation has two maps of each; others need no more than MOST."""

HELD = {
    "conditioning": ("mcpc3ds",),
    "unwrapping": ("romeo", "best_path"),
    "maps": ("simulated_field", "field_misfit"),
}
"""Methods whose memory grows with what they hold of every voxel and link; quick enough to be measured here."""

SLABS = 10 << 20
"""Bytes of what is worked on at once, whatever the size of the image: much beside a small one."""


@pytest.mark.parametrize(("stage", "name"), ALL)
def test_few_methods_state_more_than_twenty_volumes(stage, name):
    assert METHODS[stage][name].volumes <= MORE.get(name, MOST)


@pytest.mark.parametrize(("stage", "name"), [(stage, name) for stage, names in HELD.items() for name in names])
def test_a_method_takes_no_more_than_it_states_even_of_noise(stage, name):
    """Noise in a mask that fills the image is the worst: no voxel is joined before the tree grows."""
    rng, shape = np.random.default_rng(1), (64, 72, 60)
    images = {"chi": 0.1, "local_field": 0.02}
    data = {key: scale * rng.standard_normal(shape).astype(np.float32) for key, scale in images.items()}
    data |= {
        "phase": rng.uniform(-np.pi, np.pi, (*shape, 4)).astype(np.float32),
        "magnitude": rng.uniform(0, 1, (*shape, 4)).astype(np.float32),
        "echo_times": (0.004, 0.008, 0.012, 0.016),
        "mask": np.ones(shape, bool),
        "grid": standard_phantom().scan.grid.with_shape(shape),
    }
    tracemalloc.start()
    try:
        run_stage(stage, name, {}, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= METHODS[stage][name].volumes * 4 * data["mask"].size + SLABS

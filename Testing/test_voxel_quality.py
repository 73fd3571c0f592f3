"""ROMEO's voxel quality as a map: known answers for smooth and for random phase, and the way through a run."""

import numpy as np
import pytest
from cases import quality_by_hand, small

from QSMLogic import pipeline
from QSMLogic.io.writing import file_of
from QSMLogic.methods import METHODS
from QSMLogic.report.sidecar import sidecar
from QSMLogic.settings import Settings

quality_of = METHODS["maps"]["voxel_quality"].function
SHAPE = (24, 27, 22)
SLOPES = (0.5, -0.9, 0.2)
"""rad per voxel."""
TIMES = (0.006, 0.012)


def ramp(times):
    return sum(s * x for s, x in zip(SLOPES, np.indices(SHAPE), strict=True))[..., None] * np.array(times) / times[0]


def wrapped(phase):
    return np.angle(np.exp(1j * phase)).astype(np.float32)


@pytest.mark.parametrize("times", [TIMES[:1], TIMES])
def test_smooth_phase_loses_only_its_slope(times):
    quality = quality_of(wrapped(ramp(times) + 0.1), np.ones(SHAPE, bool), times)
    expected = 1 - np.mean(np.abs(SLOPES)) / np.pi
    assert np.allclose(quality[1:-1, 1:-1, 1:-1], expected, atol=1e-5)


def test_random_phase_of_one_echo_is_one_half_and_of_two_far_less():
    noise = np.random.default_rng(3).uniform(-np.pi, np.pi, (*SHAPE, 2)).astype(np.float32)
    every = np.ones(SHAPE, bool)
    one, two = quality_of(noise[..., :1], every, TIMES[:1]), quality_of(noise, every, TIMES)
    # The step between two random phases is anywhere between minus and plus half a turn.
    assert abs(one.mean() - 0.5) < 0.01
    assert two.mean() < 0.2


def test_it_is_the_papers_formula_on_a_head():
    data = small()
    found = quality_of(data["phase"], data["mask"], data["echo_times"], data["magnitude"])
    expected = quality_by_hand(data["phase"], data["magnitude"], data["echo_times"])
    assert np.allclose(found, np.where(data["mask"], expected, 0), atol=1e-4)


def test_a_blanked_background_is_no_measurement():
    phase = wrapped(ramp(TIMES) + 0.1)
    phase[:8] = 0
    quality = quality_of(phase, np.ones(SHAPE, bool), TIMES)
    assert not quality[:8].any()
    assert quality[8:].min() > 0


def test_a_run_maps_it_with_a_side_car(phantom):
    settings = Settings.preset("fast").changed({"maps.method": "voxel_quality", "inversion.method": "tkd"})
    maps = pipeline.run(phantom.scan, settings, given_mask=phantom.mask).maps
    quality = maps["voxel_quality"]
    assert not quality[~maps["mask"]].any()
    assert np.median(quality[maps["mask"]]) > 0.6
    assert file_of("voxel_quality") == "voxelquality.nii.gz"
    assert "between the first two echoes" in sidecar("voxel_quality", settings, 4)["Description"]
    assert "echoes" not in sidecar("voxel_quality", settings, 1)["Description"]


def test_a_negative_magnitude_is_no_signal():
    phase, every = wrapped(ramp(TIMES) + 0.1), np.ones(SHAPE, bool)
    magnitude = np.ones((*SHAPE, 2), np.float32)
    magnitude[8:12, 8:12, 8:12] = 0
    expected = quality_of(phase, every, TIMES, magnitude)
    magnitude[8:12, 8:12, 8:12] = -3
    assert np.array_equal(quality_of(phase, every, TIMES, magnitude), expected)

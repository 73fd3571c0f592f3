"""Unwrapping: exact where the answer is known, congruent everywhere."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, label, laplace
from SimpleITK import GetArrayFromImage, ReadImage

from QSMLogic import spanning_tree
from QSMLogic.conditioning.mcpc3ds import mcpc3ds
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.phase_bend import smoothness
from QSMLogic.phase_quality import edge_quality, voxel_quality, wrapped
from QSMLogic.unwrapping.best_path import best_path
from QSMLogic.unwrapping.laplacian import laplacian
from QSMLogic.unwrapping.romeo import romeo

TURN = 2 * np.pi
TIMES = (0.004, 0.009, 0.015)
SHAPE = (23, 31, 17)
DATA = Path(__file__).parents[2] / "shared" / "data" / "bids-invivo"


def grid_of(shape, voxel_size=(1.0, 0.7, 2.0)):
    return Grid(shape, voxel_size, b0_direction=(0.1, 0.2, 1))


def ramp(shape, slopes=(1.9, -1.3, 0.8)):
    """Phase (rad) that wraps many times."""
    return sum(s * x for s, x in zip(slopes, np.indices(shape), strict=True))


def echoes(rate, times=TIMES, noise=0.0, seed=0):
    """True and wrapped phase of a rate (rad/s) in all echoes."""
    truth = rate[..., None] * np.array(times)
    truth = truth + noise * np.random.default_rng(seed).standard_normal(truth.shape)
    return truth, wrapped(truth.astype(np.float32))


def whole_turns(difference):
    return np.abs(difference / TURN - np.rint(difference / TURN)).max()


@pytest.mark.parametrize("method", [romeo, best_path])
@pytest.mark.parametrize("shape", [SHAPE, (29, 1, 13), (8, 8, 8), (1, 1, 40)])
def test_ramp_of_many_wraps_is_exact(shape, method):
    truth = ramp(shape) + 0.15 * np.random.default_rng(1).standard_normal(shape)
    phase = wrapped(truth.astype(np.float32))[..., None]
    mask = np.ones(shape, bool)
    result = method(phase, mask, grid_of(shape), echo_times=(0.01,))
    error = result[..., 0] - truth
    assert np.ptp(error) < 1e-3
    assert whole_turns(error) < 1e-3
    assert abs(np.median(result)) <= np.pi + 0.1


def test_other_echoes_follow_exactly():
    truth, phase = echoes(ramp(SHAPE) / TIMES[0] / 2, noise=0.05)
    magnitude = np.full(phase.shape, 7.0, np.float32)
    result = romeo(phase, np.ones(SHAPE, bool), grid_of(SHAPE), magnitude=magnitude, echo_times=TIMES)
    assert whole_turns(result - phase) < 1e-4
    error = result - truth
    assert all(np.ptp(error[..., echo]) < 1e-3 for echo in range(3))


@pytest.mark.parametrize("template", [1, 2, 3, 9])
def test_place_of_every_part_is_found_from_the_echoes(template):
    rate = ramp(SHAPE, (40.0, 30.0, 50.0))
    mask = np.ones(SHAPE, bool)
    mask[11] = False
    rate[12:] += 1.4 * TURN / TIMES[0] - np.median(rate[12:])
    rate[:11] -= np.median(rate[:11]) + 0.2 * TURN / TIMES[0]
    truth, phase = echoes(rate, noise=0.02)
    result = romeo(phase, mask, grid_of(SHAPE), echo_times=TIMES, template=template)
    if template == 1:
        np.testing.assert_allclose(result[mask], truth[mask], atol=1e-3)
    for part in (slice(0, 11), slice(12, None)):
        assert all(np.ptp((result - truth)[part][..., echo]) < 1e-3 for echo in range(3))
    assert not result[~mask].any()


@pytest.mark.parametrize("method", [romeo, best_path])
@pytest.mark.parametrize("fill", [0.3, 0.7, 1.0])
def test_pure_noise_in_a_ragged_mask_stays_congruent(fill, method):
    rng = np.random.default_rng(2)
    phase = rng.uniform(-np.pi, np.pi, (*SHAPE, 3)).astype(np.float32)
    magnitude = rng.uniform(0, 1, phase.shape).astype(np.float32)
    magnitude[5:9] = 0
    mask = rng.uniform(size=SHAPE) < fill
    before = phase.copy(), magnitude.copy(), mask.copy()
    result = method(phase, mask, grid_of(SHAPE), magnitude=magnitude, echo_times=TIMES)
    assert whole_turns((result - phase)[mask]) < 1e-5
    assert not result[~mask].any()
    assert result.dtype == np.float32
    for now, then in zip((phase, magnitude, mask), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_bad_voxels_are_reached_last():
    """A wall of noise with a gap: whoever crosses the wall is wrong behind it."""
    truth = ramp(SHAPE, (1.2, 0.9, 0.5))
    noisy = np.zeros(SHAPE, bool)
    noisy[10:13, 3:] = True
    rng = np.random.default_rng(3)
    measured = np.where(noisy, rng.uniform(-np.pi, np.pi, SHAPE), truth)
    magnitude = np.where(noisy, rng.uniform(0, 0.05, SHAPE), 1)[..., None].astype(np.float32)
    phase = wrapped(measured.astype(np.float32))[..., None]
    result = romeo(phase, np.ones(SHAPE, bool), grid_of(SHAPE), magnitude=magnitude, echo_times=(0.01,))
    assert np.ptp((result[..., 0] - truth)[~noisy]) < 1e-3
    assert whole_turns(result - phase) < 1e-5


@pytest.mark.parametrize("method", [romeo, best_path])
def test_echoes_unwrapped_each_need_no_common_offset(method):
    """Offsets that differ from echo to echo, as after eddy currents, break the prediction from voxel to voxel."""
    truth, _ = echoes(ramp(SHAPE, (90.0, 70.0, 60.0)), noise=0.05)
    x, y, z = np.indices(SHAPE)
    truth += np.stack([0 * x, 3 * np.sin(y / 9), 4 * np.cos(x / 8 + z / 9)], axis=-1)
    phase = wrapped(truth.astype(np.float32))
    mask = np.ones(SHAPE, bool)
    mask[11] = False
    follow, alone = (
        method(phase, mask, grid_of(SHAPE), echo_times=TIMES, individual=each) - truth for each in (False, True)
    )
    for part in (slice(0, 11), slice(12, None)):
        assert all(np.ptp(alone[part][..., echo]) < 1e-3 for echo in range(3))
    assert np.ptp(follow[:11][..., 2]) > 6


def test_bend_of_a_parabola_by_hand():
    x = np.indices((7, 6, 5))[0]
    quality = smoothness((0.1 * x**2).astype(np.float32), np.ones(x.shape, bool))
    bend = 0.2 * np.sqrt(9 / 13)  # along the 9 of 13 lines that are not across x
    np.testing.assert_allclose(quality[0][2:4, 2:4, 2:3], 1 / (1 + bend), rtol=1e-5)
    alone = smoothness(np.zeros((3, 3, 3), np.float32), np.eye(3, dtype=bool)[:, :, None] & np.ones((3, 3, 3), bool))
    assert alone.min() == 0
    assert alone.max() == 1


def test_best_path_is_reliability_sorting():
    """Against the algorithm as it is described: sort the edges, join the groups of their ends one by one."""
    shape = (7, 6, 5)
    phase = np.random.default_rng(8).uniform(-np.pi, np.pi, shape).astype(np.float32)
    mask = np.ones(shape, bool)
    quality = smoothness(phase, mask)
    index = np.arange(mask.size).reshape(shape)
    near = np.concatenate([np.delete(index, -1, axis).ravel() for axis in range(3)])
    far = np.concatenate([np.delete(index, 0, axis).ravel() for axis in range(3)])
    good = np.concatenate([np.delete(quality[axis], -1, axis).ravel() for axis in range(3)])
    group, expected = np.arange(mask.size), phase.ravel().astype(float)
    for edge in np.argsort(-good, kind="stable"):
        a, b = near[edge], far[edge]
        if group[a] != group[b]:
            joined = group == group[b]
            expected[joined] -= TURN * np.rint((expected[b] - expected[a]) / TURN)
            group[joined] = group[a]
    result = best_path(phase[..., None], mask, grid_of(shape), echo_times=(0.01,))[..., 0]
    error = result.ravel() - expected
    assert np.ptp(error) < 1e-4
    assert whole_turns(error) < 1e-5


@pytest.mark.parametrize("individual", [False, True])
def test_merging_regions_lets_all_their_links_vote(individual):
    """One voxel bridges two regions on the wrong side: its links are better than each of the many right ones."""
    truth = np.zeros((12, 5, 5), np.float32)
    truth[6:] = 2.2
    phase = truth.copy()
    phase[6, 2, 2] = (2.2 - TURN) / 2
    others = np.ones(phase.shape, bool)
    others[6, 2, 2] = False
    mask, settings = np.ones(phase.shape, bool), {"echo_times": (0.01,), "individual": individual}
    fooled = romeo(wrapped(phase)[..., None], mask, grid_of(phase.shape), **settings)[..., 0]
    assert fooled[9, 2, 2] - fooled[2, 2, 2] == pytest.approx(2.2 - TURN, abs=1e-5)
    voted = romeo(wrapped(phase)[..., None], mask, grid_of(phase.shape), **settings, seeds=9, merge_regions=True)[
        ..., 0
    ]
    assert np.ptp((voted - truth)[others]) < 1e-5


@pytest.mark.parametrize("correct", [False, True])
def test_correcting_regions_lets_the_echoes_place_them(correct):
    rate = np.zeros((12, 5, 5)) + 0.1 * np.random.default_rng(3).standard_normal((12, 5, 5))
    rate[6:] += 3.3 / TIMES[0]
    truth, phase = echoes(rate)
    mask = np.ones(rate.shape, bool)
    result = romeo(phase, mask, grid_of(rate.shape), echo_times=TIMES, seeds=2, correct_regions=correct)
    assert (np.abs(result - truth).max() < 1e-3) == correct
    assert whole_turns(result - phase) < 1e-4


def vortex():
    x, y, _ = np.indices(SHAPE)
    return np.arctan2(y - 14.3, x - 11.4).astype(np.float32)


def noisy_ramp():
    return wrapped((ramp(SHAPE) + 1.1 * np.random.default_rng(4).standard_normal(SHAPE)).astype(np.float32))


@pytest.mark.parametrize("phase", [vortex(), noisy_ramp()], ids=["vortex", "noise"])
def test_joining_voxels_first_changes_nothing(phase, monkeypatch):
    """Round a vortex even the best edges contradict each other, and the tree must decide."""
    mask = np.random.default_rng(5).uniform(size=SHAPE) < 0.9
    quality = edge_quality(phase[..., None], None, (0.01,), 0)
    joined, parts = spanning_tree.turns_along_tree(phase, quality, mask)
    monkeypatch.setattr(spanning_tree, "SAFE_QUALITIES", (1.0,))
    full, _ = spanning_tree.turns_along_tree(phase, quality, mask)
    np.testing.assert_array_equal(joined[mask], full[mask])
    assert parts[mask].max() + 1 == label(mask)[1]


def test_single_voxel_and_empty_mask():
    phase = np.full((5, 5, 5, 2), 3.0, np.float32)
    mask = np.zeros((5, 5, 5), bool)
    with pytest.raises(InputError, match="mask is empty"):
        romeo(phase, mask, grid_of(mask.shape), echo_times=TIMES[:2])
    mask[2, 3, 1] = True
    assert np.isfinite(romeo(phase, mask, grid_of(mask.shape), echo_times=TIMES[:2])).all()
    assert np.isfinite(laplacian(phase, mask, grid_of(mask.shape))).all()


def test_quality_tells_signal_from_noise():
    rng = np.random.default_rng(6)
    _, phase = echoes(ramp(SHAPE, (20, 10, 5)))
    phase[:10] = rng.uniform(-np.pi, np.pi, phase[:10].shape)
    magnitude = np.ones_like(phase)
    magnitude[:10] = rng.uniform(0, 0.1, phase[:10].shape)
    with_magnitude, without = voxel_quality(phase, magnitude, TIMES), voxel_quality(phase, None, TIMES)
    for quality in (with_magnitude, without):
        assert quality.min() >= 0
        assert quality.max() <= 1
        assert quality[:9].mean() < 0.35
        assert quality[11:].min() > 0.7
    assert with_magnitude[:9].mean() < 0.1


def test_edge_quality_by_hand():
    phase = np.array([0.0, 0.5, 0.9], np.float32).reshape(3, 1, 1, 1) * np.array([1, 2], np.float32)
    phase[2, ..., 1] = 2.0
    magnitude = np.repeat(np.array([4, 2, 2], np.float32).reshape(3, 1, 1, 1), 2, axis=3)
    quality = edge_quality(phase, magnitude, (0.01, 0.02), 0)
    bright = np.quantile([4, 2, 2], 0.95)
    dark, flare_4, flare_2 = ((1 + f) / 2 for f in (1, bright / 2 / 4, bright / 2 / 2))
    by_hand = [(1 - 0.5 / np.pi) * (2 / 4) ** 2 * dark * flare_4, (1 - 0.4 / np.pi) * (1 - 0.1) * dark * flare_2]
    np.testing.assert_allclose(quality[0].ravel(), [*by_hand, 0], rtol=1e-5)
    assert not quality[1:].any()


@pytest.mark.parametrize("shape", [SHAPE, (16, 1, 11)])
def test_laplacian_is_exact_where_the_mask_fills_the_box(shape):
    x, y, z = np.indices(shape)
    rate = ramp(shape) / TIMES[1] + 30 * np.sin(x / 5) * np.cos(y / 7) + 0.3 * z**2
    truth, phase = echoes(rate, TIMES[:2])
    result = laplacian(phase, np.ones(shape, bool), grid_of(shape))
    error = result - truth
    assert all(np.ptp(error[..., echo]) < 2e-3 for echo in range(2))


def test_laplacian_errs_by_a_harmonic_field_only():
    shape = (41, 37, 39)
    x, y, z = (i - n / 2 for i, n in zip(np.indices(shape), shape, strict=True))
    mask = x**2 + y**2 + z**2 < 16**2
    truth = 0.6 * x + 4 * np.exp(-(x**2 + (y - 3) ** 2 + z**2) / 40)
    phase = wrapped(truth.astype(np.float32))[..., None]
    result = laplacian(phase, mask, grid_of(shape, (1, 1, 1)))
    inner = binary_erosion(mask)
    assert np.abs(laplace(result[..., 0].astype(float) - truth)[inner]).max() < 1e-3
    assert not result[~mask].any()


@pytest.mark.skipif(not DATA.exists(), reason=f"real data are not at {DATA}")
def test_whole_head_has_no_wrap_left_inside():
    folder = DATA / "sub-head" / "anat"
    images = {
        part: [ReadImage(folder / f"sub-head_echo-{e}_part-{part}_MEGRE.nii.gz") for e in (1, 2)]
        for part in ("phase", "mag")
    }
    phase, magnitude = (
        np.stack([GetArrayFromImage(i).T for i in images[p]], -1).astype(np.float32) for p in ("phase", "mag")
    )
    first = images["phase"][0]
    grid = Grid.from_direction(first.GetSize(), first.GetSpacing(), np.reshape(first.GetDirection(), (3, 3)))
    mask = magnitude[..., 0] > 0.1 * magnitude[..., 0].max()
    times = (0.0023, 0.0046)
    clean = mcpc3ds(phase, mask, grid, magnitude=magnitude, echo_times=times)
    result = romeo(clean, mask, grid, magnitude=magnitude, echo_times=times)
    assert whole_turns((result - clean)[mask]) < 1e-5
    brain = binary_erosion(label(binary_erosion(mask, iterations=4))[0] == 1, iterations=2)
    brain[:, :, :25] = False
    assert brain.sum() > 2000
    for axis in range(3):
        steps = np.abs(np.diff(np.where(brain[..., None], result, np.nan), axis=axis))
        assert np.nanmax(steps) < np.pi

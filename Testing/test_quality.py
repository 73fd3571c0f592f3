"""Measures of quality: each rises with the fault it is named for, keeps still otherwise, and warns of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from analytic import positions
from scipy.ndimage import gaussian_filter

from QSMLogic import pipeline
from QSMLogic.fringes import echo_turns, open_fringes
from QSMLogic.grid import Grid
from QSMLogic.inversion.tkd import tkd
from QSMLogic.io.acquisitions import choose, find_acquisitions, read_acquisition
from QSMLogic.morphology import erode
from QSMLogic.operators import convolve, dipole_kernel, transform
from QSMLogic.phantom import head_phantom
from QSMLogic.quality import Measure, doubts, quality
from QSMLogic.quality_words import DOUBTS, TOLD
from QSMLogic.scan import Scan
from QSMLogic.settings import Settings
from QSMLogic.sign import decay_agreement
from QSMLogic.smooth_field import solid_harmonics
from QSMLogic.streaks import streak_ratio

GRID = Grid((20, 22, 24), (1.0, 1.5, 2.0), b0_direction=(0, 0, 1))
TIMES = (0.004, 0.008, 0.012)


def values(measures):
    return {measure.name: measure.value for measure in measures}


def plain(mask, grid=GRID, *, eroded=None, chi=None, magnitude=None):
    """Return a scan and its maps that hold nothing but a mask."""
    empty = np.zeros(grid.shape, np.float32)
    echoes = np.zeros((*grid.shape, len(TIMES)), np.float32)
    echoes[0] = 0.1  # a scan whose phase is the same everywhere is refused
    scan = Scan(echoes, np.ones_like(echoes) if magnitude is None else magnitude, TIMES, 3.0, grid)
    names = ("total_field", "field_noise", "residual", "local_field", "chi")
    maps = dict.fromkeys(names, empty) | {"phase": echoes, "unwrapped": echoes, "weights": mask.astype(np.float32)}
    eroded = mask if eroded is None else eroded
    return scan, maps | {"mask": mask, "eroded_mask": eroded} | ({} if chi is None else {"chi": chi})


@pytest.fixture(scope="module")
def good(phantom):
    """Return the maps of a good run."""
    return pipeline.run(phantom.scan, Settings.preset()).maps


def changed(phantom, good, **maps):
    """Return the measures with some maps in place of those of the good run."""
    return values(quality(phantom.scan, {**good, **maps}))


def truth(phantom, good, **maps):
    """Return the measures of the true map, in its own field, with some maps changed."""
    true = {"chi": phantom.chi * phantom.mask, "local_field": phantom.local_field, "mask": phantom.mask}
    return changed(phantom, good, **{**true, "eroded_mask": phantom.mask, **maps})


def test_every_measure_is_told(phantom, good):
    measures = quality(phantom.scan, good)
    assert [measure.name for measure in measures] == [row[0] for row in TOLD]
    assert all(m.label and m.explanation.endswith(".") and isinstance(m.value, float) for m in measures)
    assert {doubt.name for doubt in DOUBTS} <= {measure.name for measure in measures}
    assert json.loads(json.dumps([m.value for m in measures])) == [m.value for m in measures]


def test_nothing_is_said_where_nothing_can_be_told():
    mask = np.zeros(GRID.shape, bool)
    mask[4:7, 4:7, 4:7] = True
    scan, maps = plain(mask)
    found = values(quality(replace(scan, magnitude=None, phase=scan.phase[..., :1], echo_times=(0.01,)), maps))
    for name in ("snr", "residual", "echo_disagreement", "echo_turns", "residual_background", "data_misfit", "streaks"):
        assert found[name] is None, name
    assert not doubts(quality(scan, maps))


def test_mask():
    mask = np.zeros(GRID.shape, bool)
    mask[2:12, 2:12, 2:12] = True
    mask[5, 5, 5] = mask[8:10, 8, 8] = False
    mask[15, 15, 15] = True
    eroded = mask.copy()
    eroded[2:4] = False
    found = values(quality(*plain(mask, eroded=eroded)))
    assert found["mask_volume"] == pytest.approx(998 * 3 / 1000)
    assert (found["mask_pieces"], found["mask_holes"]) == (2, 2)
    assert found["mask_lost"] == pytest.approx(100 * 200 / 998)


@pytest.mark.parametrize("snr", [10, 40])
def test_snr(snr):
    rng = np.random.default_rng(1)
    magnitude = 50 + 50 / snr * rng.standard_normal((*GRID.shape, 3)).astype(np.float32)
    phase = rng.standard_normal(magnitude.shape).astype(np.float32) / snr
    scan, maps = plain(np.ones(GRID.shape, bool), magnitude=magnitude)
    assert values(quality(replace(scan, phase=phase), maps))["snr"] == pytest.approx(snr, rel=0.05)


def test_open_fringes_are_counted():
    mask = np.ones(GRID.shape, bool)
    phase = np.zeros((*GRID.shape, 2), np.float32)
    phase[..., 1] = np.linspace(0, 50, GRID.shape[0])[
        :, None, None
    ]  # steep, but unwrapped: 2.6 rad from voxel to voxel
    assert open_fringes(phase, mask) == 0
    phase[5:8, 5:8, 5:8, 0] += 2 * np.pi
    assert open_fringes(phase, mask) * mask.sum() == pytest.approx(26 + 6 * 9)
    mask[5:8, 5:8, 5:8] = False
    assert open_fringes(phase, mask) == 0


def test_echoes_off_by_a_turn_are_counted():
    mask = np.ones(GRID.shape, bool)
    field = 600 * np.random.default_rng(0).standard_normal(GRID.shape).astype(np.float32)  # rad/s, to 7 turns an echo
    phase = field[..., None] * np.array((0.004, 0.01, 0.013, 0.02), np.float32) + 1
    assert echo_turns(phase, mask, (0.004, 0.01, 0.013, 0.02)) == 0
    phase[:3, ..., 2] -= 2 * np.pi
    assert echo_turns(phase, mask, (0.004, 0.01, 0.013, 0.02)) == pytest.approx(3 / 20)
    assert echo_turns(phase[..., :2], mask, (0.004, 0.01)) is None


def test_solid_harmonics_are_harmonic_and_complete():
    points = np.random.default_rng(0).uniform(-1, 1, (3, 200))
    step = 1e-3
    found = solid_harmonics(points, 4)
    bend = [
        solid_harmonics(points + step * e, 4) + solid_harmonics(points - step * e, 4) - 2 * found
        for e in np.eye(3)[..., None]
    ]
    assert np.abs(sum(bend)).max() < 1e-6 * step * 1e3
    assert found.shape == (200, 25)
    assert np.linalg.matrix_rank(found) == 25


def test_residual_background_rises_with_a_background(phantom, good):
    """The true field has a smooth part of its own; a background adds to it, in the end in proportion."""
    x, y, z = positions(phantom.scan.grid) / 100
    background = (x * y + 0.5 * (x**2 - z**2) + 0.3 * z * (2 * z**2 - 3 * x**2 - 3 * y**2)) * phantom.mask
    background *= phantom.local_field[phantom.mask].std() / background[phantom.mask].std()
    found = [
        truth(phantom, good, local_field=phantom.local_field + np.float32(a) * background)["residual_background"]
        for a in (0, 1, 2, 8, 16)
    ]
    assert 0.2 < found[0] < 0.5
    assert found[1] > 2 * found[0]
    assert found[2] > 1.5 * found[1]
    assert found[4] == pytest.approx(2 * found[3], rel=0.05)


def test_residual_background_is_no_noise_and_no_unit(phantom, good):
    noise = 0.005 * np.random.default_rng(0).standard_normal(phantom.mask.shape).astype(np.float32) * phantom.mask
    field, plainly = phantom.local_field, truth(phantom, good)["residual_background"]
    assert truth(phantom, good, local_field=field * 7)["residual_background"] == pytest.approx(plainly)
    assert plainly > truth(phantom, good, local_field=field + noise)["residual_background"] > 0.8 * plainly


def test_the_edge_stands_out_where_background_is_left_there(phantom, good):
    edge = good["mask"] & ~erode(good["mask"], phantom.scan.grid, 4.0)
    before = changed(phantom, good)["edge_field"]
    field = np.where(edge, np.float32(0.1), good["local_field"])
    found = changed(phantom, good, local_field=field, eroded_mask=good["mask"])["edge_field"]
    assert before < 1
    assert found > 2


def test_data_misfit_is_what_the_map_does_not_explain(phantom, good):
    chi = phantom.chi * phantom.mask
    found = {a: truth(phantom, good, chi=np.float32(a) * chi)["data_misfit"] for a in (0, 0.5, 1, -1)}
    assert found[0] == pytest.approx(100, abs=1)
    assert found[0.5] == pytest.approx(50, abs=5)
    assert found[1] < 15
    assert found[-1] == pytest.approx(200, abs=5)


def test_data_misfit_does_not_mind_the_reference_nor_a_smooth_field(phantom, good):
    x, _, z = positions(phantom.scan.grid) / 100
    shifted = (phantom.chi + np.float32(0.3)) * phantom.mask
    smooth = (phantom.local_field + 0.2 * x * z) * phantom.mask
    plainly = truth(phantom, good)["data_misfit"]
    assert truth(phantom, good, chi=shifted)["data_misfit"] == pytest.approx(plainly, rel=0.02)
    assert truth(phantom, good, local_field=smooth)["data_misfit"] == pytest.approx(plainly, rel=0.02)


def test_misfit_over_noise_is_one_for_noise_alone(phantom, good):
    noise = np.full(phantom.mask.shape, 0.05, np.float32)
    field = phantom.local_field + noise * np.random.default_rng(0).standard_normal(noise.shape) * phantom.mask
    found = truth(phantom, good, local_field=field.astype(np.float32), field_noise=noise)
    assert found["misfit_over_noise"] == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("b0", [(0, 0, 1), (0.5, -0.3, 0.8), (1, 0, 0)])
def test_streaks_are_told_by_their_place_in_k_space(b0):
    """Noise has none; noise in the cone alone has many, and none for a field that ran another way."""
    grid = Grid((48, 40, 36), (1, 1.2, 1.5), b0_direction=b0)
    noise = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
    mask = np.ones(grid.shape, bool)
    assert streak_ratio(noise, mask, grid) == pytest.approx(1, abs=0.05)
    streaks = convolve(noise, (np.abs(dipole_kernel(grid)) < 0.1).astype(np.float32))
    found = [streak_ratio(noise + a * streaks, mask, grid) for a in (1, 2, 4)]
    assert found == pytest.approx([4, 9, 25], rel=0.1)
    across = replace(grid, b0_direction=np.cross(b0, (0.3, 0.9, 0.2)))
    assert streak_ratio(noise + 4 * streaks, mask, across) < 5
    assert transform(streaks).shape == dipole_kernel(grid).shape


def test_streaks_of_truth_and_of_divisions_are_in_order(phantom):
    mask, grid = phantom.mask, phantom.scan.grid
    noisy = phantom.local_field + 0.002 * np.random.default_rng(0).standard_normal(mask.shape).astype(np.float32) * mask
    found = [streak_ratio(tkd(noisy, mask, grid, threshold=t), mask, grid) for t in (0.2, 0.1, 0.05, 0.02)]
    assert found == sorted(found)
    assert streak_ratio(phantom.chi, mask, grid) == pytest.approx(1, abs=0.2)
    assert found[0] < 1
    assert found[-1] > 2


def test_sign_agrees_on_the_phantom(phantom, good):
    upright, inverted = (changed(phantom, good, chi=s * good["chi"])["sign"] for s in (np.float32(1), np.float32(-1)))
    assert upright > 0.4
    assert inverted == pytest.approx(-upright)
    wide = gaussian_filter(np.random.default_rng(0).standard_normal(good["mask"].shape), 6).astype(np.float32)
    blind = changed(phantom, good, chi=wide * good["eroded_mask"])["sign"]
    assert abs(blind) < 0.3


@pytest.mark.parametrize(("echo_times", "snr"), [((0.02,), 20), ((0.005, 0.01), 20), ((0.005, 0.02, 0.035), 100)])
def test_sign_agrees_with_few_echoes_and_noise(echo_times, snr):
    head = head_phantom((48, 56, 44), (3.8, 3.8, 4.2), echo_times=echo_times, snr=snr, b0_direction=(0.3, 0, 1))
    chi = head.chi + np.random.default_rng(0).normal(0, 0.02, head.mask.shape)
    assert decay_agreement(chi, head.scan.magnitude, head.mask, head.scan.grid, echo_times) > 0.2


def test_one_calcified_lesion_does_not_turn_the_sign(phantom):
    """A lesion of 12 mm is strongly diamagnetic and dark: it speaks for the other sign, and is outvoted."""
    scan, chi, magnitude = phantom.scan, phantom.chi.copy(), phantom.scan.magnitude.copy()
    lesion = (positions(scan.grid, (20, 15, 15)) ** 2).sum(axis=0) < 6**2
    chi[lesion] = -0.5
    magnitude[lesion] *= np.exp(-80 * np.array(scan.echo_times, np.float32))
    assert decay_agreement(chi, magnitude, phantom.mask, scan.grid, scan.echo_times) > 0.3


@pytest.mark.parametrize("subject", ["sub-head", "sub-patch"])
def test_the_sign_of_real_scans_is_told(shared_data, subject):
    """The real proof: one sign is let pass, the other is warned of."""
    loaded = read_acquisition(choose(find_acquisitions(shared_data / "bids-invivo" / subject)))
    said, mask = [], None
    for sign in (1, -1):
        scan = replace(loaded.scan, phase=sign * loaded.scan.phase)
        maps = pipeline.run(scan, Settings.preset(), given_mask=mask).maps
        mask = maps["mask"]
        said.append(doubts(quality(scan, maps)))
    assert said[0] == []
    assert ["other sign" in sentence for sentence in said[1]] == [True]


def filtered(scan):
    """Return the scan with the phase that is made for SWI: less that of the blurred image."""
    signal = scan.magnitude * np.exp(1j * scan.phase)
    width = [*(8 / s for s in scan.grid.voxel_size[:2]), 0, 0]
    low = gaussian_filter(signal.real, width) + 1j * gaussian_filter(signal.imag, width)
    return replace(scan, phase=np.angle(signal * np.exp(-1j * np.angle(low))))


FAULTS = {
    "open_fringes": lambda scan: replace(scan, phase=scan.phase / 2),
    "echo_disagreement": lambda scan: replace(scan, echo_times=(0.005, 0.017, 0.02, 0.023)),
    "background": filtered,
}


def test_a_good_map_is_not_doubted(phantom, good):
    assert doubts(quality(phantom.scan, good)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_phase_are_doubted(phantom, fault):
    scan = FAULTS[fault](phantom.scan)
    made = pipeline.run(scan, Settings.preset(), given_mask=phantom.mask)
    said = doubts(quality(scan, made.maps))
    named = next(doubt.sentence for doubt in DOUBTS if doubt.name == fault)
    assert any(sentence.startswith(named.split("{")[0]) and sentence.endswith(named[-20:]) for sentence in said), said


def test_a_limit_is_told_with_the_value():
    for doubt in DOUBTS:
        step = -1 if doubt.low else 1
        at, beyond = (Measure(doubt.name, "", "", doubt.limit + d, "") for d in (-step, step))
        assert doubts((at,)) == []
        (said,) = doubts((beyond,))
        assert "{" not in said
        assert said.endswith(".")
    assert doubts((Measure("sign", "", "", None, ""),)) == []

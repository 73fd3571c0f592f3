"""High-pass filters of phase: waves, and smooth phase with a detail, against what is known in closed form."""

import numpy as np
import pytest
from analytic import positions

from QSMLogic.grid import Grid
from QSMLogic.high_pass import LowPass, UnwrappedHighPass

GRID = Grid((45, 38, 31), (1.0, 1.3, 1.7), b0_direction=(0.0, 0.0, 1.0))
EVERYWHERE = np.ones(GRID.shape, bool)
MIDDLE = (slice(15, 30), slice(13, 25), slice(11, 20))
"""So far from the image's sides that they are not felt."""


def wave(wavelength: float) -> np.ndarray:
    """Return a plane wave oblique to the axes, in rad, so small that homodyne filtering is linear."""
    direction = np.array((2, -1, 2)) / 3
    along = np.tensordot(direction, positions(GRID), 1)
    return (0.1 * np.sin(2 * np.pi * along / wavelength)).astype(np.float32)


def filtered(kind: str, phase: np.ndarray, wavelength: float, mask: np.ndarray = EVERYWHERE) -> np.ndarray:
    if kind == "unwrapped":
        high = UnwrappedHighPass(mask, GRID, wavelength)
        return high.window.paste(high(high.window.cut(phase)))
    low = LowPass(mask, GRID, wavelength, kind)
    return low.window.paste(low.homodyne(low.window.cut(phase), low.window.cut(np.ones_like(phase))))


@pytest.mark.parametrize(
    ("kind", "short", "long"), [("hann", 1, 0.1464), ("gaussian", 0.9868, 0.1591), ("unwrapped", 0.9991, 0.0699)]
)
def test_a_wave_of_the_filters_wavelength_is_halved(kind, short, long):
    """A wave 2.5 times as short, and one twice as long, are left as the windows say."""
    for length, wavelength, left in ((10, 10, 0.5), (4, 10, short), (16, 8, long)):
        made, expected = (
            image[MIDDLE].astype(float) for image in (filtered(kind, wave(length), wavelength), wave(length))
        )
        assert made == pytest.approx(left * expected, abs=2e-4)


@pytest.mark.parametrize("kind", ["hann", "gaussian", "unwrapped"])
def test_a_smooth_phase_of_many_turns_is_removed_and_what_is_fine_stays(kind):
    x, y, z = positions(GRID)
    smooth = 0.25 * x - 0.15 * y + 0.1 * z + 0.002 * (x * y - z * x)
    assert np.ptp(smooth) > 3 * np.pi
    detail = np.where(x**2 + y**2 + z**2 < 2.5**2, 1.0, 0.0)
    made = filtered(kind, np.angle(np.exp(1j * (smooth + detail))).astype(np.float32), 16)[MIDDLE]
    alone = filtered(kind, detail.astype(np.float32), 16)[MIDDLE]
    assert made.max() > 0.75
    assert np.abs(made - alone).max() < 0.08


def test_phase_zero_stays_zero_beside_a_far_larger_part_of_the_mask():
    """There the smoothed magnitude is negative, for the window has side lobes."""
    mask = np.zeros(GRID.shape, bool)
    mask[:20] = mask[27, 19, 15] = True
    low = LowPass(mask, GRID, 16, "hann")
    smoothed = low.smoothed(low.window.mask.astype(np.float32))
    assert smoothed[low.window.mask].min() < 0
    assert np.abs(low.homodyne(np.zeros_like(smoothed), np.ones_like(smoothed))).max() < 1e-5

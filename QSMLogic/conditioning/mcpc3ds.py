"""MCPC-3D-S: the phase that is there at echo time zero, found from two echoes and removed from all."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from ..grid import Grid
from ..operators import Window, convolve, wave_numbers
from ..parallel import each, slabs
from ..phase_quality import edge_quality, wrapped
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..spanning_tree import Crop, turns_along_tree

MARGIN = 3
"""Standard deviations of the Gaussian around the mask: beyond, it is below a hundredth."""

EVERY = 2
"""A mean slope needs no more than every second line of voxels."""

NOTHING = 1e-12
"""What is below in the kernel cannot be seen in float32, but denormal numbers would make the transform slow."""

BIPOLAR_ECHOES = 3
"""With two echoes of opposite readout, what the readout adds cannot be told from the field."""


@method(
    stage="conditioning",
    label="MCPC-3D-S",
    cite=("Eckstein2018",),
    sentence="The phase offset was removed with MCPC-3D-S (assuming a {readout} readout, smoothed by {smoothing:g} mm)",
    volumes=20,
)
def mcpc3ds(
    phase: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    magnitude: np.ndarray | None = None,
    readout: Annotated[
        Literal["monopolar", "bipolar"], Param("Readout", help="bipolar where its sign alternates from echo to echo")
    ] = "monopolar",
    smoothing: Annotated[
        float, Param("Smoothing", "mm", 0, 50, "standard deviation of the Gaussian that smooths the offset")
    ] = 5.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Estimate the phase at echo time zero from two echoes, smooth it, and subtract it from every echo.

    Parameters: phase (x, y, z, echo) rad, wrapped; mask (x, y, z) bool; magnitude (x, y, z, echo) or None;
    echo_times s. Returns: phase (x, y, z, echo) float32 rad, wrapped, zero outside the mask. A single echo is returned
    as it is, since its offset cannot be known. Raises: InputError where the mask is empty.

    Source: Eckstein2018.

    Notes: The two echoes are the first two; in a bipolar readout the first and the third, which were read in the same
    direction. What the even echoes then have more than the line between those two is smoothed and subtracted from them.
    With only two bipolar echoes, what the readout adds cannot be told from the field, and stays: nearly linear in
    space, so harmonic, it is left to background removal. A plane is taken out before smoothing, and what smoothing
    leaves is smoothed again and added (Tukey's twicing); both keep the offset's slope at the mask's edge.
    """
    progress(0, "phase offset")
    crop = Crop(mask, grid)
    out = crop.cut(phase)
    if out.shape[3] == 1:
        return crop.paste(out)
    times = np.asarray(echo_times, np.float32)
    second = 2 if readout == "bipolar" and times.size >= BIPOLAR_ECHOES else 1
    weight = np.ones(crop.mask.shape, np.float32)
    if magnitude is not None:
        weight = np.multiply(*np.moveaxis(crop.cut(magnitude[..., : second + 1 : second]), -1, 0))
    rate = _evolution(out, weight, crop.mask, second, part(progress, 0, 0.5))
    rate /= times[second] - times[0]
    smooth = _Smoother(crop, grid, smoothing, weight)
    if second > 1:
        extra = out[..., 1] - out[..., 0] - (times[1] - times[0]) * rate
        _subtract(out, smooth(extra, part(progress, 0.5, 0.7, "readout phase")), range(1, times.size, 2))
    offset = out[..., 0] - times[0] * rate
    _subtract(out, smooth(offset, part(progress, 0.7, 0.9, "phase offset")), range(times.size))
    return crop.paste(out)


def _evolution(phase: np.ndarray, weight: np.ndarray, mask: np.ndarray, second: int, progress: Progress) -> np.ndarray:
    """Phase gained from the first echo to another, unwrapped; weight: the product of their magnitudes."""
    progress(0, "phase between two echoes")
    gain = wrapped(phase[..., second] - phase[..., 0])
    quality = edge_quality(gain[..., None], np.sqrt(weight)[..., None], (1.0,), 0)
    turns, _ = turns_along_tree(gain, quality, mask, part(progress, 0.3, 1))
    return gain + np.float32(2 * np.pi) * turns


class _Smoother:
    """Smooths an angle as a complex number, weighted, with a Gaussian in mm that ends at the mask."""

    def __init__(self, crop: Crop, grid: Grid, sigma: float, weight: np.ndarray) -> None:
        inner = grid.with_shape(crop.mask.shape)
        self.window = Window(np.ones_like(crop.mask), inner, MARGIN * sigma)
        kx, ky, kz = wave_numbers(self.window.grid)
        exponent = np.float32(-2 * (np.pi * sigma) ** 2)
        self.kernel = np.exp(exponent * kx**2) * np.exp(exponent * ky**2) * np.exp(exponent * kz**2)
        self.kernel[self.kernel < NOTHING] = 0
        self.weight = weight * crop.mask
        self.weight /= self.weight.max() or 1

    def __call__(self, angle: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Take out a plane, then smooth twice, the second time what the first left: both keep slopes at the edge."""
        progress(0, "")
        plane = self._plane(angle)
        once = plane + self._once(angle - plane)
        progress(0.5, "")
        return once + self._once(angle - once)

    def _plane(self, angle: np.ndarray) -> np.ndarray:
        """Return the plane with the mean slope along each axis, taken from wrapped differences."""
        plane = np.zeros((1, 1, 1), np.float32)
        for axis, length in enumerate(angle.shape):
            lines = tuple(slice(None) if a == axis else slice(None, None, EVERY) for a in range(3))
            one, weight = np.moveaxis(angle[lines], axis, 0), np.moveaxis(self.weight[lines], axis, 0)
            step, both = one[1:] - one[:-1], weight[1:] * weight[:-1]
            slope = np.arctan2((both * np.sin(step)).sum(), (both * np.cos(step)).sum())
            shape = [length if a == axis else 1 for a in range(3)]
            plane = plane + slope * np.arange(length, dtype=np.float32).reshape(shape)
        return plane

    def _once(self, angle: np.ndarray) -> np.ndarray:
        real, imaginary = (
            convolve(self.window.cut(self.weight * of(angle)), self.kernel)[self.window.inner]
            for of in (np.cos, np.sin)
        )
        return np.arctan2(imaginary, real)


def _subtract(phase: np.ndarray, offset: np.ndarray, echoes: range) -> None:
    """Subtract the offset from these echoes, in place."""

    def subtract(slab: slice) -> None:
        for echo in echoes:
            here = phase[slab][..., echo]
            here[...] = wrapped(here - offset[slab])

    each(subtract, slabs(offset.shape))

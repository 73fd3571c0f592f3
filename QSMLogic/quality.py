"""Numbers that tell whether a map can be trusted, from the maps of a run alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .grid import Grid
from .harmonics import Harmonics
from .noise import GAUSSIAN_MEDIAN, noise_level
from .operators import Window, convolve, dipole_kernel
from .scan import Scan
from .streaks import streak_ratio

PPB = 1000.0
PERCENT = 100.0
MILLILITRE = 1000.0
"""mm3."""

DEGREE = 3
"""Of the harmonics that count as background: what the far sources make."""

MARGIN = 16.0
"""mm; of zeros around the map whose field is computed, so that it does not wrap round."""

DISAGREE = 0.3
"""rad; misfit of the echoes from which they contradict each other: it halves a voxel's weight."""

EXTREME = 1.0
"""ppm; no tissue of the brain is further from water."""

OUTER = (1.0, 99.0)
"""Percentiles."""


@dataclass(frozen=True)
class Measure:
    """One number on the quality of a map; value None: it cannot be told. explanation: what it is, in one sentence."""

    name: str
    label: str
    unit: str
    value: float | None
    explanation: str


def quality(scan: Scan, maps: Mapping[str, np.ndarray]) -> tuple[Measure, ...]:
    """Return every measure of a run's maps (as in `pipeline.Result.maps`), always the same ones in the same order."""
    mask, eroded = maps["mask"].astype(bool), maps["eroded_mask"].astype(bool)
    box = _box(mask)
    grid = scan.grid.with_shape(mask[box].shape)
    cut = {name: image[box] for name, image in maps.items()}
    cut |= {"mask": mask[box], "eroded_mask": eroded[box]}
    magnitude = None if scan.magnitude is None else scan.magnitude[box]
    return (
        *_mask(cut, grid),
        *_noise(cut, scan, box, magnitude),
        *_unwrapping(cut, scan),
        *_field(cut, grid),
        *_chi(cut, grid),
    )


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    sides = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)


def _mask(maps: Mapping[str, np.ndarray], grid: Grid) -> tuple[Measure, ...]:
    mask, eroded = maps["mask"], maps["eroded_mask"]
    voxels = int(mask.sum())
    pieces = ndimage.label(mask)[1]
    holes = ndimage.label(~np.pad(mask, 1))[1] - 1
    return (
        Measure("mask_volume", "Mask volume", "ml", voxels * grid.voxel_volume / MILLILITRE, "Volume of the mask."),
        Measure("mask_voxels", "Mask voxels", "", voxels, "Voxels of the mask."),
        Measure("mask_pieces", "Mask pieces", "", pieces, "Parts of the mask that do not touch each other."),
        Measure("mask_holes", "Mask holes", "", holes, "Enclosed voids in the mask."),
        Measure(
            "eroded",
            "Mask lost at its edge",
            "%",
            PERCENT * (1 - float(eroded.sum()) / voxels),
            "Share of the mask that background removal gave up, where no susceptibility is known.",
        ),
    )


def _noise(
    maps: Mapping[str, np.ndarray], scan: Scan, box: tuple[slice, ...], magnitude: np.ndarray | None
) -> tuple[Measure, ...]:
    mask = maps["mask"]
    snr = None
    if magnitude is not None:
        noise = noise_level(magnitude[..., 0] * np.exp(1j * scan.phase[box][..., 0]), mask)
        snr = float(magnitude[..., 0][mask].mean()) / noise if noise > 0 else None
    several = scan.echoes > 1
    residual = maps["residual"][mask]
    return (
        Measure("snr", "SNR of the first echo", "", snr, "Mean magnitude over the noise of one channel."),
        Measure(
            "field_noise",
            "Field noise",
            "ppb",
            PPB * float(np.median(maps["field_noise"][mask])),
            "Median standard deviation of the total field, from the noise of the images.",
        ),
        Measure(
            "residual",
            "Misfit of the echoes",
            "rad",
            float(np.median(residual)) if several else None,
            "Median phase that the fit over the echoes leaves.",
        ),
        Measure(
            "echo_disagreement",
            "Echoes that disagree",
            "%",
            PERCENT * float((residual > DISAGREE).mean()) if several else None,
            f"Share of voxels whose echoes leave more than {DISAGREE:g} rad.",
        ),
    )


def _unwrapping(maps: Mapping[str, np.ndarray], scan: Scan) -> tuple[Measure, ...]:
    return (
        Measure(
            "open_fringes",
            "Open fringe lines",
            "%",
            PERCENT * open_fringes(maps["unwrapped"], maps["mask"]),
            "Share of voxels whose unwrapped phase differs from a neighbour's by more than half a turn.",
        ),
        Measure(
            "echo_turns",
            "Echoes off by a turn",
            "%",
            None if scan.echoes < 3 else PERCENT * echo_turns(maps["unwrapped"], maps["mask"], scan.echo_times),
            "Share of voxels where unwrapping put an echo a whole turn off the others; it takes three echoes to tell.",
        ),
    )


def open_fringes(unwrapped: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of voxels that differ from a neighbour in the mask by more than half a turn, in any echo.

    Parameters: unwrapped (x, y, z, echo) rad; mask (x, y, z) bool, not empty.
    """
    bad = np.zeros(mask.shape, bool)
    for axis in range(3):
        near, far = [slice(None)] * 3, [slice(None)] * 3
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        one, other = tuple(near), tuple(far)
        both = mask[one] & mask[other]
        for echo in range(unwrapped.shape[3]):
            jump = both & (np.abs(unwrapped[..., echo][one] - unwrapped[..., echo][other]) > np.pi)
            bad[one] |= jump
            bad[other] |= jump
    return float(bad.sum() / mask.sum())


def echo_turns(unwrapped: np.ndarray, mask: np.ndarray, echo_times: tuple[float, ...]) -> float:
    """Return the share of voxels in which the phase between two echoes is a turn off that between the others.

    Parameters: unwrapped (x, y, z, echo) rad, three echoes or more; mask (x, y, z) bool, not empty; echo_times s.
    """
    spacing = np.diff(np.asarray(echo_times, np.float32))
    rates = np.diff(unwrapped[mask], axis=1) / spacing
    middle = np.median(rates, axis=1, keepdims=True)
    return float((np.abs(rates - middle) * spacing > np.pi).any(axis=1).mean())


def _field(maps: Mapping[str, np.ndarray], grid: Grid) -> tuple[Measure, ...]:
    eroded = maps["eroded_mask"]
    harmonics = Harmonics(eroded, grid, DEGREE)
    local = harmonics.values(maps["local_field"])
    smooth = harmonics.fit(local)
    rest = _rms(local - smooth)
    window = Window(eroded, grid, MARGIN)
    kernel = dipole_kernel(window.grid)
    made = window.paste(convolve(window.cut(np.where(eroded, maps["chi"], 0)), kernel))
    of_mask = window.paste(convolve(window.mask.astype(np.float32), kernel))
    misfit = local - harmonics.values(made)
    misfit -= harmonics.fit(misfit, harmonics.values(of_mask))
    noise = harmonics.values(maps["field_noise"])
    ratio = _rms(misfit) / rest if rest > 0 else None
    known = noise > 0
    over = float(np.median(np.abs(misfit[known]) / noise[known])) / GAUSSIAN_MEDIAN if known.any() else None
    return (
        Measure("local_field", "Local field", "ppb", PPB * _rms(local), "Root mean square of the local field."),
        Measure(
            "residual_background",
            "Residual background",
            "",
            _rms(smooth) / rest if rest > 0 else None,
            "Smooth part of the local field, such as sources outside make, over the rest of it.",
        ),
        Measure(
            "data_misfit",
            "Data misfit",
            "%",
            None if ratio is None else PERCENT * ratio,
            "Part of the local field that neither the map nor a smooth field from outside explains.",
        ),
        Measure(
            "misfit_over_noise",
            "Data misfit over noise",
            "",
            over,
            "The same misfit over the noise of the field: about 1 where only noise is left unexplained.",
        ),
    )


def _chi(maps: Mapping[str, np.ndarray], grid: Grid) -> tuple[Measure, ...]:
    eroded = maps["eroded_mask"]
    chi = maps["chi"][eroded]
    low, high = np.percentile(chi, OUTER)
    return (
        Measure(
            "streaks",
            "Streaks",
            "",
            streak_ratio(maps["chi"], eroded, grid),
            "Power of the map where the dipole vanishes, over that beside it at the same fineness: about 1 in anatomy.",
        ),
        Measure("chi_sd", "Spread of chi", "ppm", float(chi.std()), "Standard deviation of chi in the mask."),
        Measure("chi_low", "1st percentile of chi", "ppm", float(low), "One in a hundred voxels has less."),
        Measure("chi_high", "99th percentile of chi", "ppm", float(high), "One in a hundred voxels has more."),
        Measure(
            "chi_extreme",
            "Extreme chi",
            "%",
            PERCENT * float((np.abs(chi) > EXTREME).mean()),
            f"Share of voxels beyond {EXTREME:g} ppm either way: no tissue, but failed voxels, bleeds and calcium.",
        ),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))

"""Numbers that tell whether a map can be trusted, from the images and maps of a run alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .fringes import echo_turns, open_fringes
from .grid import Grid
from .noise import noise_level
from .quality_words import DOUBTS, TOLD
from .scan import Scan
from .sign import decay_agreement
from .smooth_field import Fields
from .streaks import streak_ratio

PPB, PERCENT, MILLILITRE = 1000.0, 100.0, 1000.0
"""ppb per ppm, percent, mm3 per ml."""

EDGE = 5.0
"""mm; how far the edge of the mask reaches inwards: background fields change most there."""

DEEP = 7.0
"""mm; from the mask's edge, where the map's sign is told: magnitude and map are sure there, whatever the background
method drops at the edge."""

DISAGREE = 0.3
"""rad; misfit of the echoes from which they contradict each other: it halves a voxel's weight."""

NOISE_SLICES = 32
"""Are enough to tell the noise from."""

EXTREME = 1.0
"""ppm; no tissue of the brain is further from water."""

OUTER = (1.0, 99.0)
"""Percentiles that stand for the least and the greatest susceptibility."""


@dataclass(frozen=True)
class Measure:
    """One number on the quality of a map; value None: it cannot be told. explanation: what it is, in one sentence."""

    name: str
    label: str
    unit: str
    value: float | None
    explanation: str


@dataclass(frozen=True)
class Seen:
    """A scan and its maps in the box of the mask, and the mask less its edge."""

    scan: Scan
    maps: Mapping[str, np.ndarray]
    grid: Grid
    phase: np.ndarray
    magnitude: np.ndarray | None
    inner: np.ndarray


def quality(scan: Scan, maps: Mapping[str, np.ndarray]) -> tuple[Measure, ...]:
    """Return every measure of a run's maps (`pipeline.Result.maps`): always the same ones, in the same order.

    What is measured on a map that was not made, where a single step stood in for its stage, has no value.
    """
    seen = _seen(scan, maps)
    values: dict[str, float | None] = {}
    for needed, group in GROUPS:
        if set(needed) <= set(maps):
            values |= group(seen)
    return tuple(Measure(*row[:3], _plain(values.get(row[0])), row[3]) for row in TOLD)


def doubts(measures: tuple[Measure, ...]) -> list[str]:
    """Return in sentences which measures are so far from what maps of brains have that something went wrong."""
    values = {measure.name: measure.value for measure in measures}
    told = [(doubt, values.get(doubt.name)) for doubt in DOUBTS]
    return [doubt.sentence.format(value) for doubt, value in told if value is not None and doubt.met(value)]


def _seen(scan: Scan, maps: Mapping[str, np.ndarray]) -> Seen:
    """Cut everything to the box of the mask."""
    mask = maps["mask"].astype(bool)
    sides = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    box = tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)
    cut = {name: image[box] for name, image in maps.items()}
    cut |= {name: cut[name].astype(bool) for name in ("mask", "eroded_mask")}
    inner = _within(cut["eroded_mask"], scan.grid, EDGE)
    magnitude = None if scan.magnitude is None else scan.magnitude[box]
    return Seen(scan, cut, scan.grid.with_shape(inner.shape), scan.phase[box], magnitude, inner)


def _within(mask: np.ndarray, grid: Grid, depth: float) -> np.ndarray:
    """Return the voxels of a mask about which a box of so many mm to each side lies in it."""
    width = [2 * round(depth / size) + 1 for size in grid.voxel_size]
    return ndimage.minimum_filter(mask.view(np.uint8), width, mode="constant").view(bool)


def _of_the_mask(seen: Seen) -> dict[str, float | None]:
    mask, eroded = seen.maps["mask"], seen.maps["eroded_mask"]
    voxels = int(mask.sum())
    return {
        "mask_volume": voxels * seen.grid.voxel_volume / MILLILITRE,
        "mask_pieces": ndimage.label(mask)[1],
        "mask_holes": ndimage.label(~np.pad(mask, 1))[1] - 1,
        "mask_lost": PERCENT * (1 - float(eroded.sum()) / voxels),
        "snr": None if seen.magnitude is None else _snr(seen.magnitude[..., 0], seen.phase[..., 0], mask),
    }


def _of_the_echoes(seen: Seen) -> dict[str, float | None]:
    mask, residual = seen.maps["mask"], seen.maps["residual"]
    several = seen.scan.echoes > 1
    return {
        "field_noise": PPB * float(np.median(seen.maps["field_noise"][mask])),
        "residual": float(np.median(residual[mask])) if several else None,
        "echo_disagreement": PERCENT * float((residual[mask] > DISAGREE).mean()) if several else None,
    }


def _of_the_unwrapping(seen: Seen) -> dict[str, float | None]:
    unwrapped, mask = seen.maps["unwrapped"], seen.maps["mask"]
    turns = echo_turns(unwrapped, mask, seen.scan.echo_times)
    return {
        "open_fringes": PERCENT * open_fringes(unwrapped, mask),
        "echo_turns": None if turns is None else PERCENT * turns,
    }


def _snr(magnitude: np.ndarray, phase: np.ndarray, mask: np.ndarray) -> float | None:
    """Tell it from the middle slices: noise is much the same everywhere, and a whole head takes its time."""
    first = max(0, (mask.shape[2] - NOISE_SLICES) // 2)
    slices = (..., slice(first, first + NOISE_SLICES))
    noise = noise_level(magnitude[slices] * np.exp(1j * phase[slices]), mask[slices])
    return float(magnitude[mask].mean()) / noise if noise > 0 else None


def _of_the_field(seen: Seen) -> dict[str, float | None]:
    maps, eroded, inner = seen.maps, seen.maps["eroded_mask"], seen.inner
    fields = Fields(maps["local_field"], eroded, seen.grid, maps["weights"])
    misfit, share = fields.misfit(maps["chi"])
    local = _rms(maps["local_field"][eroded])
    edge, middle = (_rms(maps["local_field"][part]) for part in (eroded & ~inner, inner))
    return {
        "local_field": PPB * local,
        "background": _rms(maps["total_field"][eroded]) / local if local else None,
        "residual_background": fields.smooth_share(),
        "edge_field": edge / middle if edge and middle else None,
        "data_misfit": None if share is None else PERCENT * share,
        "misfit_over_noise": fields.over_noise(misfit, maps["field_noise"]),
    }


def _of_the_map(seen: Seen) -> dict[str, float | None]:
    eroded = seen.maps["eroded_mask"]
    chi = seen.maps["chi"][eroded]
    low, high = np.percentile(chi, OUTER)
    agreement = None
    if seen.magnitude is not None:
        deep = eroded & _within(seen.maps["mask"], seen.grid, DEEP)
        where = deep if deep.any() else eroded
        agreement = decay_agreement(seen.maps["chi"], seen.magnitude, where, seen.grid, seen.scan.echo_times)
    return {
        "streaks": streak_ratio(seen.maps["chi"], eroded, seen.grid),
        "sign": agreement,
        "chi_sd": float(chi.std()),
        "chi_low": float(low),
        "chi_high": float(high),
        "chi_extreme": PERCENT * float((np.abs(chi) > EXTREME).mean()),
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float)))) if values.size else 0.0


def _plain(value: float | None) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if value is not None and np.isfinite(value) else None


GROUPS: tuple[tuple[tuple[str, ...], Callable[[Seen], dict[str, float | None]]], ...] = (
    ((), _of_the_mask),
    (("field_noise", "residual"), _of_the_echoes),
    (("unwrapped",), _of_the_unwrapping),
    (("total_field", "local_field", "field_noise", "weights"), _of_the_field),
    ((), _of_the_map),
)
"""The maps that measures need beside mask, eroded mask and chi, and the measures."""

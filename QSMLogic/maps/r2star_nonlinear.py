"""R2* by nonlinear least squares that know what noise adds to a magnitude."""

from __future__ import annotations

from functools import partial
from typing import Annotated, NamedTuple

import numpy as np

from ..decay import (
    CORRECTION,
    CORRECTION_NEEDS,
    OUTPUTS,
    Decay,
    Dephasing,
    Signal,
    best_amplitude,
    decay_maps,
    divided,
    held,
    log_slope,
)
from ..grid import Grid
from ..noise import noise_level, rice_mean
from ..progress import Progress, no_progress, part
from ..registry import Param, method

LABEL = "R2* (nonlinear)"
FEWEST = 2
"""Echoes for two unknowns."""

SETTLED = 0.01
"""1/s; change of the rate at which a voxel is done: far below what noise makes of it."""

DAMPING, EASED, RAISED = 1e-3, 0.1, 10.0
"""First damping of the steps, and its change after one that helped or did not, as Levenberg and Marquardt have it."""


@method(
    stage="maps",
    label=LABEL,
    cite=("Feng2013", "FernandezSeara2000"),
    cite_if={"FernandezSeara2000": "gradient_correction"},
    sentence="R2* was fitted by nonlinear least squares to the mean that Rician noise gives the magnitude (standard "
    "deviation of the noise: {noise}), with the dephasing by gradients of the total field across a voxel",
    otherwise={
        "not gradient_correction": "R2* was fitted by nonlinear least squares to the mean that Rician noise gives the "
        "magnitude (standard deviation of the noise: {noise}), without a correction for field gradients"
    },
    outputs=OUTPUTS,
    fewest_echoes=FEWEST,
    needed_by=CORRECTION_NEEDS,
    volumes=10.5,
)
def r2star_nonlinear(
    magnitude: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    echo_times: tuple[float, ...],
    *,
    total_field: np.ndarray | None = None,
    field_strength: float | None = None,
    gradient_correction: Annotated[bool, CORRECTION] = True,
    noise: Annotated[
        float | None,
        Param("Noise", "", 0, help="standard deviation, in the magnitude's unit; auto: from the images; 0: no floor"),
    ] = None,
    iterations: Annotated[int, Param("Iterations", "", 1, 200, "of Levenberg and Marquardt", advanced=True)] = 8,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit amplitude and R2* to the magnitude, which is on average what Rician noise makes of the decay.

    Parameters: magnitude (x, y, z, echo), any unit; mask (x, y, z) bool; echo_times s, two or more, in any spacing;
    total_field (x, y, z) ppm and field_strength T, for the gradient correction.
    Returns, all (x, y, z) float32, zero outside the mask: r2star 1/s, at most 2000; t2star s, at most 1;
    r2star_misfit, what the fit leaves over the signal.
    Raises: InputError where the mask is empty, there is one echo, or the correction lacks the field.

    Source: Feng2013, the first moment, with one coil.

    Notes: it starts from the log-linear fit. The noise is estimated from the finest detail of the first echo, the
    farthest from the floor, and taken to be the same everywhere: parallel imaging and filters make it vary, and several
    coils whose squares were summed have a higher floor.
    """
    signal = Signal(magnitude, mask, grid, echo_times)
    dephasing = Dephasing.wanted(total_field, field_strength, correct=gradient_correction)
    progress(0.0, "noise level")
    deviation = noise_level(np.nan_to_num(magnitude[..., 0]), mask) if noise is None else noise
    solve = partial(_solve, noise=deviation, iterations=iterations)
    return decay_maps(signal, dephasing, Decay(solve, FEWEST, LABEL), part(progress, 0.1, 1.0))


def _solve(
    signal: np.ndarray, left: np.ndarray, times: np.ndarray, *, noise: float, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    size = signal.max(axis=0)
    scale = divided(np.ones_like(size), size, 0)
    start = log_slope(signal, left, times)
    data = _Data(signal * scale, left, np.broadcast_to(np.float32(noise) * scale, signal.shape))
    amplitude = best_amplitude(data.signal, data.left * np.exp(-times[:, None] * held(start)))
    fit = _fit_of(data, times, amplitude, held(start), np.full_like(size, DAMPING))
    rate, mean = fit.rate.copy(), fit.mean.copy()
    unsettled = np.arange(len(rate))
    for _ in range(iterations):
        fit, change = _improved(data, fit, times)
        rate[unsettled], mean[:, unsettled] = fit.rate, fit.mean
        go_on = np.abs(change) > SETTLED
        unsettled = unsettled[go_on]
        data = _Data(*(image[..., go_on] for image in data))
        fit = _Fit(*(image[..., go_on] for image in fit))
    return np.where(np.isfinite(start), rate, np.nan), mean * size


class _Data(NamedTuple):
    """What is fitted, (echo, voxel): the signal, scaled to 1, what dephasing leaves of it, the noise."""

    signal: np.ndarray
    left: np.ndarray
    noise: np.ndarray


class _Fit(NamedTuple):
    """State of the fit: per voxel amplitude, rate, damping and squared misfit; per echo and voxel the rest."""

    amplitude: np.ndarray
    rate: np.ndarray
    damping: np.ndarray
    misfit: np.ndarray
    decay: np.ndarray
    mean: np.ndarray
    slope: np.ndarray


def _fit_of(data: _Data, times: np.ndarray, amplitude: np.ndarray, rate: np.ndarray, damping: np.ndarray) -> _Fit:
    decay = data.left * np.exp(-times[:, None] * rate)
    mean, slope = rice_mean(amplitude * decay, data.noise)
    return _Fit(amplitude, rate, damping, _squared(data.signal - mean), decay, mean, slope)


def _improved(data: _Data, fit: _Fit, times: np.ndarray) -> tuple[_Fit, np.ndarray]:
    """Return the fit after a step, where the step helped, and the change of the rate that was tried."""
    by_amplitude = fit.slope * fit.decay
    by_rate = -times[:, None] * fit.amplitude * by_amplitude
    more, faster = _step(by_amplitude, by_rate, data.signal - fit.mean, fit.damping)
    tried = _fit_of(data, times, np.maximum(fit.amplitude + more, 0), held(fit.rate + faster), fit.damping)
    better = tried.misfit < fit.misfit
    merged = _Fit(*(np.where(better, new, old) for new, old in zip(tried, fit, strict=True)))
    damping = fit.damping * np.where(better, np.float32(EASED), np.float32(RAISED))
    return merged._replace(damping=damping), tried.rate - fit.rate


def _step(
    by_amplitude: np.ndarray, by_rate: np.ndarray, apart: np.ndarray, damping: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Change of amplitude and rate: the two damped normal equations of every voxel."""
    first, second = _squared(by_amplitude) * (1 + damping), _squared(by_rate) * (1 + damping)
    mixed = np.einsum("ev,ev->v", by_amplitude, by_rate)
    right = np.einsum("ev,ev->v", by_amplitude, apart), np.einsum("ev,ev->v", by_rate, apart)
    determinant = first * second - mixed * mixed
    more = divided(second * right[0] - mixed * right[1], determinant, 0)
    return more, divided(first * right[1] - mixed * right[0], determinant, 0)


def _squared(image: np.ndarray) -> np.ndarray:
    return np.einsum("ev,ev->v", image, image)

"""Variable-radius sophisticated harmonic artefact reduction."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..operators import Window, ball, convolve, inverse, transform
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients
from ..spherical_mean import fits, window_of_balls

HARMONIC_LEFT = 1e-3
"""Damping of the deconvolution: what the spherical means cannot tell from background stays near zero."""


@method(
    stage="background",
    label="V-SHARP",
    cite=("Schweser2011", "Wu2012"),
    sentence="Background fields were removed with V-SHARP (radii {max_radius:g} to {min_radius:g} mm)",
    volumes=20,
)
def vsharp(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    max_radius: Annotated[float, Param("Largest radius", "mm", 2, 40, "of the spherical mean")] = 12.0,
    min_radius: Annotated[float, Param("Smallest radius", "mm", 0.5, 20, "kept at the mask's edge")] = 2.0,
    step: Annotated[float, Param("Step", "mm", 0.5, 20, "from one radius to the next", advanced=True)] = 2.0,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 5e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 200, "of the deconvolution", advanced=True)] = 50,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the mean over the largest ball that fits in the mask, then undo the blur.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool.
    Returns: local_field (x, y, z) float32, ppm, zero outside eroded; eroded (x, y, z) bool.
    Raises: InputError where no ball fits in the mask, or the smallest radius is above the largest.

    Notes: the papers undo the blur with the largest ball alone and cut small values of its spectrum. Here each voxel's
    own ball is undone, in the least-squares sense, by conjugate gradients.
    """
    if min_radius > max_radius:
        raise InputError(
            f"V-SHARP: Smallest radius = {min_radius:g} mm is above Largest radius = {max_radius:g} mm: lower it."
        )
    window = window_of_balls(mask, grid)
    balls = _Balls(_shells(window, np.arange(max_radius, min_radius - 1e-6, -step)))
    local = conjugate_gradients(
        balls.normal,
        balls.adjoint(balls.high_pass(window.cut(total_field * mask))),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.1, 0.98, "undoing the blur"),
        precondition=balls.precondition,
    )
    progress(1.0, "")
    return window.paste(local), window.paste(balls.eroded)


class _Balls:
    """The operator that takes from each voxel the mean over its own ball, and what solving with it needs."""

    def __init__(self, shells: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.shells = shells
        self.eroded = np.any([where for where, _ in shells], axis=0)
        largest = 1 - shells[0][1]
        self.sharpening = 1 / (largest * largest + np.float32(HARMONIC_LEFT))

    def high_pass(self, image: np.ndarray) -> np.ndarray:
        spectrum = transform(image)
        out = image * self.eroded
        for where, kernel in self.shells:
            mean = inverse(spectrum * kernel, image.shape)
            mean *= where
            out -= mean
        return out

    def adjoint(self, image: np.ndarray) -> np.ndarray:
        spectrum = transform(image)
        for where, kernel in self.shells:
            mean = transform(where * image)
            mean *= kernel
            spectrum -= mean
        image = inverse(spectrum, image.shape)
        image *= self.eroded
        return image

    def normal(self, image: np.ndarray) -> np.ndarray:
        out = self.adjoint(self.high_pass(image))
        out += np.float32(HARMONIC_LEFT) * image
        return out

    def precondition(self, image: np.ndarray) -> np.ndarray:
        image = convolve(image, self.sharpening)
        image *= self.eroded
        return image


def _shells(window: Window, radii: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each radius: the voxels for which it is the largest whose ball lies in the mask, and the ball's spectrum."""
    shells, free = [], window.mask.copy()
    for radius in radii:
        mean = ball(window.grid, float(radius))
        where = free & fits(window, mean)
        if where.any():
            free &= ~where
            shells.append((where, mean))
    if not shells:
        raise InputError(
            f"V-SHARP: no ball of {radii[-1]:g} to {radii[0]:g} mm both reaches a voxel's neighbours and fits in the "
            "mask. Change the radii, or check the mask."
        )
    return shells

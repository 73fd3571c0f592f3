"""Variable-radius sophisticated harmonic artefact reduction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import numpy as np

from ..device import copied, library, placed
from ..errors import InputError
from ..grid import Grid
from ..minimal_residuals import minimal_residuals
from ..operators import MOSTLY, Window, along_axes, ball, convolve, good_size, hats, inverse, transform
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients
from ..spherical_mean import fits, window_of_balls
from ..vectors import product

NO_BALL = 255
"""In place of a ball's number; the parameters' ranges allow at most 80."""

HARMONIC_LEFT = 2e-3
"""Damping of the deconvolution: what the spherical means cannot tell from background stays near zero. Near the best of
0.0005 to 0.008 on heads of 1 to 3 mm."""

COARSENED = 3
"""Times the shortest side of a voxel: sides on which the smooth part is solved for; fastest of 2 to 4."""

SPARE = 1e-3
"""Of a larger voxel: no row of them is added for what the rounding of a header's voxel size adds."""

ROUNDING = 1e-6
"""mm; radii that differ by less are one."""

COARSE_TOLERANCE, COARSE_ITERATIONS = 0.02, 50
"""Fall of the residual on the coarse voxels, reached in 5 to 15 iterations; less makes more on the fine ones."""


@method(
    stage="background",
    label="V-SHARP",
    cite=("Schweser2011", "Wu2012"),
    sentence="Background fields were removed with V-SHARP (radii {max_radius:g} to {min_radius:g} mm)",
    volumes=20,
    on_gpu=True,
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
    own ball is undone, by iterations that solve for what is smooth on larger voxels, and what would need more than a
    twentyfold amplification is damped, as the least-squares solution would.
    """
    if min_radius > max_radius:
        raise InputError(
            f"V-SHARP: Smallest radius = {min_radius:g} mm is above Largest radius = {max_radius:g} mm: lower it."
        )
    window = window_of_balls(mask, grid)
    radii = np.append(np.arange(max_radius, min_radius + ROUNDING, -step), min_radius)
    found, kernels = _shells(window, radii, part(progress, 0, 0.1, "spherical means"))
    numbers, kernels = placed(found), [placed(kernel) for kernel in kernels]
    balls = _Balls(lambda number: numbers == number, kernels)
    smooth = _SmoothPart(balls, window)
    local = minimal_residuals(
        balls.high_pass,
        balls.high_pass(placed(window.cut(total_field * mask))),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.1, 0.9, "undoing the blur"),
        precondition=smooth.undone,
    )
    local = smooth.damped(local)
    progress(1.0, "")
    return window.paste(local), window.paste(balls.eroded)


class _Balls:
    """The operator that takes from each voxel the mean over its own ball, and what solving with it needs.

    share: of each voxel that has a ball, by the ball's number; kernels: the balls' half spectra, by their number.
    """

    def __init__(self, share: Callable[[int], np.ndarray], kernels: list[np.ndarray]) -> None:
        self.share, self.kernels = share, kernels
        self.eroded = share(0) != 0
        for number in range(1, len(kernels)):
            self.eroded |= share(number) != 0

    def high_pass(self, image: np.ndarray) -> np.ndarray:
        spectrum = transform(image)
        out = image * self.eroded
        for number, kernel in enumerate(self.kernels):
            mean = inverse(product(spectrum, kernel), image.shape)
            mean *= self.share(number)
            out -= mean
        return out

    def adjoint(self, image: np.ndarray) -> np.ndarray:
        spectrum = transform(image)
        for number, kernel in enumerate(self.kernels):
            mean = transform(self.share(number) * image)
            mean *= kernel
            spectrum -= mean
        image = inverse(spectrum, image.shape)
        image *= self.eroded
        return image

    def normal(self, image: np.ndarray) -> np.ndarray:
        out = self.adjoint(self.high_pass(image))
        out += HARMONIC_LEFT * image
        return out

    def sharpened(self, image: np.ndarray) -> np.ndarray:
        image = convolve(image, 1 / (1 - self.kernels[0] + math.sqrt(HARMONIC_LEFT)))
        image *= self.eroded
        return image


class _SmoothPart:
    """What undoing the blur changes is smooth: it is solved for on larger voxels."""

    def __init__(self, balls: _Balls, window: Window) -> None:
        self.eroded, grid = balls.eroded, window.grid
        side = COARSENED * min(grid.voxel_size)
        shape = [
            good_size(int(np.ceil(n * min(s / side, 1) - SPARE)))
            for n, s in zip(grid.shape, grid.voxel_size, strict=True)
        ]
        # About the middle of the mask's box, or the answer would depend on the end from which an axis is counted.
        middles = [(side.stop - 1) / 2 for side in window.inner]
        self.means = [placed(hats(*row)) for row in zip(grid.shape, shape, middles, strict=True)]
        self.spread = [mean.T * (mean.shape[1] / mean.shape[0]) for mean in self.means]
        numbers = range(len(balls.kernels))
        of = library(self.eroded)
        shares = [along_axes(self.means, of.asarray(balls.share(number), dtype=of.float32)) for number in numbers]
        inside = of.stack(shares).sum(0)
        inside[inside <= MOSTLY] = math.inf  # of what is divided by it nothing is left
        inside = 1 / inside
        for number in numbers:
            shares[number] *= inside
        self.coarse = _Balls(lambda number: shares[number], [_lowest(kernel, shape) for kernel in balls.kernels])

    def undone(self, image: np.ndarray) -> np.ndarray:
        """Undo the blur of an image on the fine voxels, nearly."""
        mean = self._means_of(image)
        smooth = minimal_residuals(
            self.coarse.high_pass,
            copied(mean),
            tolerance=COARSE_TOLERANCE,
            iterations=COARSE_ITERATIONS,
            progress=no_progress,
            precondition=self.coarse.sharpened,
        )
        smooth -= mean
        return self._added(image, smooth)

    def damped(self, image: np.ndarray) -> np.ndarray:
        """Take from a deblurred image what the least-squares solution with the damping would not have."""
        solved = conjugate_gradients(
            self.coarse.normal,
            self._means_of(image),
            tolerance=COARSE_TOLERANCE,
            iterations=COARSE_ITERATIONS,
            progress=no_progress,
            precondition=lambda residual: self.coarse.sharpened(self.coarse.sharpened(residual)),
        )
        return self._added(image, -HARMONIC_LEFT * placed(solved))

    def _means_of(self, image: np.ndarray) -> np.ndarray:
        means = along_axes(self.means, image)
        means *= self.coarse.eroded
        return means

    def _added(self, image: np.ndarray, smooth: np.ndarray) -> np.ndarray:
        out = along_axes(self.spread, smooth)
        out += image
        out *= self.eroded
        return out


def _lowest(kernel: np.ndarray, shape: list[int]) -> np.ndarray:
    """Half spectrum, on a grid of this shape over the same box, of a kernel on a finer one."""
    rows, columns = (
        np.r_[: (n + 1) // 2, size - n // 2 : size] for n, size in zip(shape, kernel.shape[:2], strict=False)
    )
    return kernel[np.ix_(rows, columns, np.arange(shape[2] // 2 + 1))]


def _shells(window: Window, radii: np.ndarray, progress: Progress) -> tuple[np.ndarray, list[np.ndarray]]:
    """Find for each voxel the largest ball that lies in the mask; radii: mm, falling.

    Returns the ball's number of each voxel (NO_BALL where none fits), uint8, and the balls' half spectra, by number.
    """
    kernels: list[np.ndarray] = []
    numbers = np.full(window.grid.shape, NO_BALL, np.uint8)
    spectrum = transform(window.mask.astype(np.float32))
    for i, radius in enumerate(radii):
        progress(i / len(radii), "")
        mean = ball(window.grid, float(radius))
        where = (numbers == NO_BALL) & fits(window, mean, spectrum)
        if where.any():
            numbers[where] = len(kernels)
            kernels.append(mean)
    if not kernels:
        raise InputError(
            f"V-SHARP: no ball of {radii[-1]:g} to {radii[0]:g} mm both reaches a voxel's neighbours and fits in the "
            "mask. Change the radii, or check the mask."
        )
    return numbers, kernels

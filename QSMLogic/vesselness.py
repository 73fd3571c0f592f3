"""Vessels in a magnitude image: dark tubes, by the eigenvalues of the second derivatives at several scales."""

from __future__ import annotations

from itertools import product

import numpy as np
import scipy.ndimage
import SimpleITK

from .blur import blurred
from .grid import Grid
from .intensity import combined_magnitude, otsu
from .operators import Window
from .parallel import slabs
from .progress import Progress, part

REACH = 2.0
"""Times the largest radius: half the side of the box over which darkness is measured; it holds any vessel's breadth."""

FIRST_RADIUS = 0.5
"""Of the shortest side of a voxel: thinner vessels look no thinner."""

SCALES_PER_OCTAVE = 1
"""Radii at which tubes are sought, from the smallest to the largest; more find no more."""

CONTRAST = 0.2
"""Size of the second derivatives of the relative darkness, times the squared radius, at which a tube begins to count.
That of a black vessel is about a half, that of noise and of the folds of white matter below a tenth."""

PLATE, BLOB = 0.5, 0.5
"""Frangi's alpha and beta, his values."""

LEAST_TUBE = 0.04
"""Of the measure, which a tube a quarter darker than its surroundings reaches and noise of 5 % does not. Otsu's
threshold splits whatever there is, be it noise alone."""

DARKNESS_SHARE = 0.2
"""Of the progress bar."""


def vessels_in(magnitude: np.ndarray, mask: np.ndarray, grid: Grid, largest: float, progress: Progress) -> np.ndarray:
    """Return the voxels of the mask in vessels darker than what is around them, (x, y, z) bool.

    Parameters: magnitude (x, y, z, echo), any unit; mask (x, y, z) bool; largest: mm, radius of the largest vessel.
    Raises InputError where the mask is empty. Source: Yaghmaie2021, Frangi1998, Otsu1979.

    Notes: darkness is relative to the brightness around, so that shading by coils does not count, and a box stands for
    the paper's ball.
    """
    window = Window(mask, grid, 0)
    inside = mask[window.box]
    dark = _darkness(
        combined_magnitude(magnitude[window.box]), inside, grid, largest, part(progress, 0, DARKNESS_SHARE)
    )
    tubes = _tubes(dark, grid, largest, part(progress, DARKNESS_SHARE, 1))
    tubes *= inside
    found = np.zeros(mask.shape, bool)
    if tubes.any():
        found[window.box] = tubes > max(otsu(tubes[inside].reshape(-1, 1, 1)), LEAST_TUBE)
    progress(1.0, "")
    return found


def _darkness(image: np.ndarray, inside: np.ndarray, grid: Grid, largest: float, progress: Progress) -> np.ndarray:
    """How much darker voxels are than the brightness that a box closes over them, 0 to 1; zero outside."""
    closed = image * inside
    filters = (scipy.ndimage.maximum_filter1d, 0.0), (scipy.ndimage.minimum_filter1d, np.inf)
    for step, ((bound, beyond), axis) in enumerate(product(filters, range(3))):
        progress(step / (2 * 3), "vessels")
        side = 1 + 2 * int(REACH * largest / grid.voxel_size[axis])
        closed = bound(closed, side, axis, mode="constant", cval=beyond)
    dark = np.zeros_like(closed)
    np.divide(closed - image, closed, out=dark, where=inside & (closed > 0))
    return dark


def _tubes(dark: np.ndarray, grid: Grid, largest: float, progress: Progress) -> np.ndarray:
    """Greatest of Frangi's measures of tubes over the scales, 0 to 1."""
    smallest = min(largest, FIRST_RADIUS * min(grid.voxel_size))
    count = 1 + int(np.ceil(SCALES_PER_OCTAVE * np.log2(largest / smallest)))
    best = np.zeros_like(dark)
    for scale, radius in enumerate(np.geomspace(smallest, largest, count)):
        told = part(progress, scale / count, (scale + 1) / count, "vessels")
        told(0, "")
        smooth = blurred(dark, [radius / size for size in grid.voxel_size], mode="nearest")
        smooth *= np.float32(radius**2)
        parts = slabs(dark.shape)
        for place, slab in enumerate(parts):
            told(0.5 + place / (2 * len(parts)), "")
            np.maximum(best[slab], _measure(smooth, slab, grid), out=best[slab])
    return best


def _measure(smooth: np.ndarray, slab: slice, grid: Grid) -> np.ndarray:
    """Frangi's measure of bright tubes in a slab of a smoothed image; its neighbours are seen too."""
    first = max(slab.start - 1, 0)
    image = SimpleITK.GetImageFromArray(smooth[first : slab.stop + 1])
    image.SetSpacing([float(size) for size in reversed(grid.voxel_size)])
    frangi = SimpleITK.ObjectnessMeasureImageFilter()
    frangi.SetObjectDimension(1)
    frangi.SetScaleObjectnessMeasure(False)
    frangi.SetAlpha(PLATE)
    frangi.SetBeta(BLOB)
    frangi.SetGamma(CONTRAST)
    start = slab.start - first
    return SimpleITK.GetArrayFromImage(frangi.Execute(image))[start : start + slab.stop - slab.start]

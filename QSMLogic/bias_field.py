"""The receive coils' shading of a magnitude image, by N4."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import SimpleITK

from .errors import InputError
from .grid import Grid
from .intensity import coarser
from .itk_threads import one_thread
from .operators import Window

ITERATIONS = (50, 50, 50)
"""At most so many on each level of splines, each level with half the spacing of the one before. A fourth level follows
the tissues themselves: of a shading of 7.7 % it leaves 2.6 % on the phantom, where three leave 2.2 %."""

LEVEL = 100.0
"""To which the mean is brought: N4 takes logarithms, and does badly with what is below 1."""

FEWEST = 64
"""Voxels of the coarse image: the splines have as many coefficients at the first level, so fewer voxels say nothing."""


def bias_field(image: np.ndarray, mask: np.ndarray, grid: Grid, voxel: float) -> np.ndarray:
    """Return the smooth factor by which the image is too bright, float32 (x, y, z), 1 outside the mask.

    It is scaled so that dividing by it leaves the mean in the mask as it is. Where the mask is too small, or the image
    too uniform, to tell shading from tissue it is 1 everywhere.
    Parameters: image (x, y, z), any unit; mask (x, y, z) bool; voxel: mm, the size of the coarser voxels in which N4
    works. Raises InputError where N4 fails. Source: Tustison2010.
    """
    box = Window(mask, grid, 0).box
    shading = np.ones(mask.shape, np.float32)
    known = _shading(image[box], mask[box], grid, voxel)
    if known is not None:
        before, after = image[mask].mean(dtype=float), (image[box] / known)[mask[box]].mean(dtype=float)
        shading[box] = np.where(mask[box], known * np.float32(after / before), np.float32(1))
    return shading


def _shading(image: np.ndarray, mask: np.ndarray, grid: Grid, voxel: float) -> np.ndarray | None:
    small, size = coarser(np.where(mask, image, 0), grid.voxel_size, voxel)
    cover, _ = coarser(mask, grid.voxel_size, voxel)
    inside = (cover > 1 / 2) & (small > 0)
    np.divide(small, cover, out=small, where=inside)
    if np.count_nonzero(inside) < FEWEST or np.ptp(small[inside]) == 0:
        return None
    factors = [n / m for n, m in zip(mask.shape, small.shape, strict=True)]
    found = scipy.ndimage.zoom(_logarithm(small, inside, size), factors, order=1, mode="nearest", grid_mode=True)
    return np.exp(found, dtype=np.float32)


def _logarithm(image: np.ndarray, inside: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Logarithm of the shading of a coarse image."""
    # SimpleITK counts axes from the last one.
    level = image * np.float32(LEVEL / image[inside].mean())
    picture, where = SimpleITK.GetImageFromArray(level), SimpleITK.GetImageFromArray(inside.astype(np.uint8))
    picture.SetSpacing([float(s) for s in size[::-1]])
    where.CopyInformation(picture)
    with one_thread():
        correction = SimpleITK.N4BiasFieldCorrectionImageFilter()
        correction.SetMaximumNumberOfIterations(ITERATIONS)
        try:
            correction.Execute(picture, where)
        except RuntimeError as error:
            raise InputError(f"N4 cannot correct the magnitude: switch bias_correction off. ({error})") from error
        return SimpleITK.GetArrayFromImage(correction.GetLogBiasFieldAsImage(picture))

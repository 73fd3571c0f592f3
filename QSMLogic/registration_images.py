"""Images of heads made ready to be registered, and what the details of two of them share.

Grey values are replaced by their ranks in the brain: of most gradient-echo images all tissue lies in a few of the
histogram's bins, and the rest is spent on liquid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK

from .errors import InputError

FLOOR = 0.2
"""Lowest rank in the brain; what lies outside is 0, so that the edge of the brain is seen."""

COARSE, FINE = 4.0, 2.0
"""mm; voxels that images are compared on. The first is for what is far, the second for the result."""

BOX = 12.0
"""mm of room around the mask in the images compared."""

RIM = 2
"""Fine voxels that are left out at the edge of the brain."""

DETAILS = 8.0
"""mm; what varies over more than this is not what tells one brain from another thing."""

TINY = 1e-6
"""Keeps what is far from the brain from being divided by nothing."""

DETAIL_BINS = 16


@dataclass(frozen=True)
class Picture:
    """An image to register: ranks of its grey values (float32) and its brain mask (uint8), on the same voxels."""

    image: SimpleITK.Image
    mask: SimpleITK.Image


def picture(image: SimpleITK.Image, mask: SimpleITK.Image) -> Picture:
    """Return an image made ready.

    Raises: InputError where the mask is empty, or the image is the same everywhere in it.
    """
    mask = SimpleITK.Cast(mask > 0, SimpleITK.sitkUInt8)
    inside = SimpleITK.GetArrayViewFromImage(mask) > 0
    if not inside.any():
        raise InputError("The brain mask is empty: an image cannot be registered without one.")
    values = SimpleITK.GetArrayFromImage(image).astype(np.float64)
    values[~np.isfinite(values)] = 0
    quantiles = np.quantile(values[inside], np.linspace(0, 1, 257))
    if quantiles[0] == quantiles[-1]:
        raise InputError("The image to register is the same everywhere in its mask: check the two belong together.")
    levels, first = np.unique(quantiles, return_index=True)
    ranks = FLOOR + (1 - FLOOR) * np.interp(values, levels, first / 256)
    ranked = SimpleITK.GetImageFromArray(np.where(inside, ranks, 0).astype(np.float32))
    ranked.CopyInformation(mask)
    return Picture(ranked, mask)


def scaled(picture: Picture, voxel: float, width: float | None = None) -> Picture:
    """Return a picture on cubic voxels (mm) around its mask.

    It is smoothed before (standard deviation width, mm; by default half a voxel), so that nothing falls between them.
    """
    grid = _grid_around(picture.mask, voxel)
    image = SimpleITK.Resample(
        _smooth(picture.image, voxel / 2 if width is None else width),
        grid,
        SimpleITK.Transform(),
        SimpleITK.sitkLinear,
        0.0,
    )
    return Picture(
        image, SimpleITK.Resample(picture.mask, grid, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor, 0.0)
    )


def _smooth(image: SimpleITK.Image, width: float) -> SimpleITK.Image:
    return SimpleITK.SmoothingRecursiveGaussian(SimpleITK.Cast(image, SimpleITK.sitkFloat32), width)


def _grid_around(mask: SimpleITK.Image, voxel: float) -> SimpleITK.Image:
    """Return an empty image of cubic voxels over the box of a mask, along its axes."""
    box = _shape(mask).GetBoundingBox(1)
    size = [max(8, int(np.ceil((n * s + 2 * BOX) / voxel))) for n, s in zip(box[3:], mask.GetSpacing(), strict=True)]
    middle = mask.TransformContinuousIndexToPhysicalPoint(
        [i + (n - 1) / 2 for i, n in zip(box[:3], box[3:], strict=True)]
    )
    axes = np.array(mask.GetDirection()).reshape(3, 3)
    grid = SimpleITK.Image(size, SimpleITK.sitkUInt8)
    grid.SetSpacing([voxel] * 3)
    grid.SetDirection(mask.GetDirection())
    grid.SetOrigin((np.array(middle) - axes @ ((np.array(size) - 1) * voxel / 2)).tolist())
    return grid


def centre(mask: SimpleITK.Image) -> tuple[float, ...]:
    """Return the centre of a mask, mm."""
    return _shape(mask).GetCentroid(1)


def _shape(mask: SimpleITK.Image) -> SimpleITK.LabelShapeStatisticsImageFilter:
    shape = SimpleITK.LabelShapeStatisticsImageFilter()
    shape.Execute(SimpleITK.Cast(mask > 0, SimpleITK.sitkUInt8))
    return shape


def similarity_of(fixed: Picture, moving: Picture) -> Callable[[SimpleITK.Transform], float]:
    """Return what tells of a transform how much the details of two images share under it.

    That is mutual information over entropy in the brain, 0 to 1. What varies slowly is left out: most images are
    brighter, or darker, in the middle, whichever way up they are. Fine voxels are compared: coarse ones are too few to
    fill the histogram, so that a shift of a millimetre is lost in its noise.
    """
    seen, drawn = details(fixed), details(moving).image

    def similarity(transform: SimpleITK.Transform) -> float:
        on_fixed = SimpleITK.Resample(drawn, seen.image, transform, SimpleITK.sitkLinear, 0.0)
        inside = SimpleITK.GetArrayViewFromImage(seen.mask) > 0
        one, other = (_equal_bins(SimpleITK.GetArrayViewFromImage(image)[inside]) for image in (seen.image, on_fixed))
        counts = np.bincount(one * DETAIL_BINS + other, minlength=DETAIL_BINS**2).reshape(DETAIL_BINS, DETAIL_BINS)
        joint = counts / one.size
        entropy = _entropy(joint.sum(1))
        return (entropy + _entropy(joint.sum(0)) - _entropy(joint.ravel())) / entropy if entropy > 0 else 0.0

    return similarity


def details(image: Picture) -> Picture:
    """Return a picture, as smooth as coarse voxels are, less its local mean in the mask, and the mask less the rim.

    On finer voxels than it is smooth it loses no contrast where it is drawn between them, so that a transform is not
    preferred because it moves nothing.
    """
    smooth = scaled(image, FINE, COARSE / 2)
    inside = SimpleITK.Cast(smooth.mask, SimpleITK.sitkFloat32)
    share = SimpleITK.SmoothingRecursiveGaussian(inside, DETAILS) + TINY
    mean = SimpleITK.SmoothingRecursiveGaussian(smooth.image * inside, DETAILS) / share
    inner = SimpleITK.BinaryErode(smooth.mask, [RIM] * 3)
    left = inner if filled(inner) else smooth.mask
    return Picture((smooth.image - SimpleITK.Cast(mean, SimpleITK.sitkFloat32)) * inside, left)


def filled(mask: SimpleITK.Image) -> bool:
    """Return whether a mask holds anything."""
    return bool(SimpleITK.GetArrayViewFromImage(mask).any())


def _equal_bins(values: np.ndarray) -> np.ndarray:
    """Return the bin of each value; all bins hold as many."""
    return np.searchsorted(np.quantile(values, np.linspace(0, 1, DETAIL_BINS + 1)[1:-1]), values)


def _entropy(shares: np.ndarray) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())

"""Registration of one image of a head to another by mutual information: rigid, affine, then free, with SimpleITK.

What is searched is where each point of the fixed image lies in the moving one, so that the moving image, or labels that
belong to it, can be drawn on the voxels of the fixed one. Grey values are replaced by their ranks in the brain: of most
gradient-echo images all tissue lies in a few of the histogram's bins, and the rest is spent on liquid. All voxels of a
coarse grid are used and one thread sums them up, so that the same images give the same transform on any machine.
The free part is a field of displacements smoothed after each step, and then a cubic B-spline through it: B-splines
whose coefficients are free follow the noise of mutual information, and carry the labels away (docs/measuring.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import SimpleITK

from .errors import InputError
from .progress import Progress, no_progress, part

LEVELS = ("rigid", "affine", "bspline")
"""How freely the moving image is moved, one after the other."""

BINS = 32
"""Of the joint histogram along each image."""

FLOOR = 0.2
"""Lowest rank in the brain; what lies outside is 0, so that the edge of the brain is seen."""

COARSE, FINE = 4.0, 2.0
"""mm; voxels that images are compared on. The first is for what is far, the second for the result."""

STEPS = 100
"""At most, of each search."""

FAR_STEP, NEAR_STEP = 1.0, 0.5
"""mm or so; the first steps on coarse and on fine voxels."""

SMALLEST_STEP = 0.005
"""mm or so: a search ends where it would step less."""

UPDATE_SMOOTHING, TOTAL_SMOOTHING = 40.0, 16.0
"""mm2; variance by which a step of the free part, and all that was stepped so far, is smoothed. Measured."""

FREE_STEPS = 60
KNOTS = 6.0
"""mm between the knots of the B-spline: closer than the smoothed displacements vary."""

BOX = 12.0
"""mm of room around the mask in the images compared."""

N4_STEPS = (30, 20, 10)

Linear: TypeAlias = SimpleITK.Euler3DTransform | SimpleITK.AffineTransform
L = TypeVar("L", bound=Linear)


@dataclass(frozen=True)
class Picture:
    """An image to register: ranks of its grey values (float32) and its brain mask (uint8), on the same voxels."""

    image: SimpleITK.Image
    mask: SimpleITK.Image


def picture(image: SimpleITK.Image, mask: SimpleITK.Image, *, even: bool = False) -> Picture:
    """Return an image made ready; even takes slow changes of brightness away first (N4).

    Raises: InputError where the mask is empty, or the image is the same everywhere in it.
    """
    mask = SimpleITK.Cast(mask > 0, SimpleITK.sitkUInt8)
    inside = SimpleITK.GetArrayViewFromImage(mask) > 0
    if not inside.any():
        raise InputError("The brain mask is empty: an image cannot be registered without one.")
    if even:
        image = _evened(SimpleITK.Cast(image, SimpleITK.sitkFloat32), mask)
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


def centred(fixed: Picture, moving: Picture, matrix: Sequence[float] | None = None) -> SimpleITK.AffineTransform:
    """Return the start: the centres of the brains on each other, axes as the headers say, or turned by a matrix."""
    here, there = (_centre(p.mask) for p in (fixed, moving))
    start = SimpleITK.AffineTransform(3)
    start.SetCenter(here)
    start.SetTranslation([b - a for a, b in zip(here, there, strict=True)])
    if matrix is not None:
        start.SetMatrix(tuple(matrix))
    return start


def register(
    fixed: Picture,
    moving: Picture,
    *,
    levels: Sequence[str] = LEVELS,
    start: Linear | None = None,
    focus: Callable[[SimpleITK.Transform], SimpleITK.Image] | None = None,
    progress: Progress = no_progress,
) -> SimpleITK.CompositeTransform:
    """Return the transform from points of the fixed image to points of the moving one.

    levels: of LEVELS, in that order. start: matrix and translation of an affine transform, by default `centred`.
    focus(transform): mask on the fixed image's voxels in which the fit is to be best, such as around the labels carried
    by what was found before: the last linear level ends in it, and the free one is searched in it.
    Raises: InputError for levels that are not known, or not in order; Cancelled from progress.
    """
    if not levels or list(levels) != [level for level in LEVELS if level in levels]:
        raise InputError(f"Levels of registration: some of {', '.join(LEVELS)}, in this order.")
    found: Linear = linear(SimpleITK.Euler3DTransform(), start or centred(fixed, moving))
    far, near = ((scaled(fixed, voxel), scaled(moving, voxel).image) for voxel in (COARSE, FINE))
    last = [level for level in levels if level != "bspline"][-1:]
    for i, level in enumerate(levels):
        told = part(progress, i / len(levels), (i + 1) / len(levels), f"registration: {level}")
        if level == "bspline":
            looked_at = scaled(Picture(fixed.image, focus(found)), FINE) if focus else near[0]
            return SimpleITK.CompositeTransform([found, _free(looked_at, near[1], found, told)])
        found = linear(SimpleITK.Euler3DTransform() if level == "rigid" else SimpleITK.AffineTransform(3), found)
        search(*far, found, FAR_STEP, part(told, 0, 0.4))
        search(*near, found, NEAR_STEP, part(told, 0.4, 0.8))
        if focus and [level] == last:
            looked_at = scaled(Picture(fixed.image, focus(found)), FINE)
            search(looked_at, near[1], found, NEAR_STEP, part(told, 0.8, 1))
    progress(1, "registration")
    return SimpleITK.CompositeTransform([found])


def _evened(image: SimpleITK.Image, mask: SimpleITK.Image) -> SimpleITK.Image:
    """Return an image without its slow changes of brightness; they are estimated on coarse voxels."""
    coarse = _grid_around(mask, COARSE)
    n4 = SimpleITK.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(1)
    n4.SetMaximumNumberOfIterations(N4_STEPS)
    n4.Execute(
        SimpleITK.Resample(_smooth(image, COARSE / 2), coarse),
        SimpleITK.Resample(mask, coarse, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor),
    )
    return image / SimpleITK.Exp(n4.GetLogBiasFieldAsImage(image))


def linear(kind: L, before: Linear) -> L:
    """Return a transform of this kind that begins where another one ended."""
    kind.SetCenter(before.GetCenter())
    kind.SetMatrix(before.GetMatrix())
    kind.SetTranslation(before.GetTranslation())
    return kind


def search(
    fixed: Picture,
    moving: SimpleITK.Image,
    transform: SimpleITK.Transform,
    step: float,
    progress: Progress = no_progress,
) -> None:
    """Improve a transform in place; step: mm or so."""
    method = _method(fixed.mask)
    method.SetInitialTransform(transform, inPlace=True)
    method.SetOptimizerAsRegularStepGradientDescent(
        step, SMALLEST_STEP, STEPS, relaxationFactor=0.5, gradientMagnitudeTolerance=1e-9
    )
    method.SetOptimizerScalesFromPhysicalShift()
    _execute(method, fixed.image, moving, STEPS, progress)


def _free(
    fixed: Picture, moving: SimpleITK.Image, before: SimpleITK.Transform, progress: Progress
) -> SimpleITK.BSplineTransform:
    field = SimpleITK.Image(fixed.image.GetSize(), SimpleITK.sitkVectorFloat64, 3)
    field.CopyInformation(fixed.image)
    free = SimpleITK.DisplacementFieldTransform(field)
    free.SetSmoothingGaussianOnUpdate(UPDATE_SMOOTHING / FINE**2, TOTAL_SMOOTHING / FINE**2)
    method = _method(fixed.mask)
    method.SetMovingInitialTransform(before)
    method.SetInitialTransform(free, inPlace=True)
    method.SetOptimizerAsGradientDescent(1.0, FREE_STEPS, 1e-6, 10, method.EachIteration)
    method.SetOptimizerScalesFromPhysicalShift()
    _execute(method, fixed.image, moving, FREE_STEPS, progress)
    return _spline(free.GetDisplacementField())


def _spline(field: SimpleITK.Image) -> SimpleITK.BSplineTransform:
    """Return the cubic B-spline through a smooth field of displacements, which is zero at its edge."""
    lengths = [(n - 1) * FINE for n in field.GetSize()]
    knots = SimpleITK.Image([int(length // KNOTS) + 6 for length in lengths], SimpleITK.sitkUInt8)
    knots.SetSpacing([KNOTS] * 3)
    knots.SetDirection(field.GetDirection())
    axes = np.array(field.GetDirection()).reshape(3, 3)
    knots.SetOrigin((np.array(field.GetOrigin()) - axes @ np.full(3, 2 * KNOTS)).tolist())
    parts = [SimpleITK.VectorIndexSelectionCast(field, axis) for axis in range(3)]
    return SimpleITK.BSplineTransform(
        [SimpleITK.BSplineDecomposition(SimpleITK.Resample(one, knots), 3) for one in parts], 3
    )


def _method(mask: SimpleITK.Image) -> SimpleITK.ImageRegistrationMethod:
    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(SimpleITK.sitkLinear)
    return method


def _execute(
    method: SimpleITK.ImageRegistrationMethod,
    fixed: SimpleITK.Image,
    moving: SimpleITK.Image,
    steps: int,
    progress: Progress,
) -> None:
    """Run a search; what progress raises ends it, and is raised here."""
    ended: list[BaseException] = []

    def told() -> None:
        if ended:
            return
        try:
            progress(method.GetOptimizerIteration() / steps, "")
        except BaseException as error:  # noqa: BLE001 (SimpleITK would print it, and raise another one)
            ended.append(error)
            method.StopRegistration()

    method.AddCommand(SimpleITK.sitkIterationEvent, told)
    try:
        method.Execute(fixed, moving)
    except RuntimeError as error:
        if not ended:
            raise InputError(
                "The two images could not be registered: too little of them overlaps. Check that the mask is that of "
                "the image, and that both show the whole brain."
            ) from error
    if ended:
        raise ended[0]


def scaled(picture: Picture, voxel: float) -> Picture:
    """Return a picture on cubic voxels (mm) around its mask, smoothed before so that nothing falls between them."""
    grid = _grid_around(picture.mask, voxel)
    image = SimpleITK.Resample(
        _smooth(picture.image, voxel / 2), grid, SimpleITK.Transform(), SimpleITK.sitkLinear, 0.0
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


def _centre(mask: SimpleITK.Image) -> tuple[float, ...]:
    return _shape(mask).GetCentroid(1)


def _shape(mask: SimpleITK.Image) -> SimpleITK.LabelShapeStatisticsImageFilter:
    shape = SimpleITK.LabelShapeStatisticsImageFilter()
    shape.Execute(SimpleITK.Cast(mask > 0, SimpleITK.sitkUInt8))
    return shape

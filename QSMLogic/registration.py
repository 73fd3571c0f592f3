"""Registration of one image of a head to another by mutual information: rigid, affine, then free, with SimpleITK.

What is searched is where each point of the fixed image lies in the moving one, so that the moving image, or labels that
belong to it, can be drawn on the voxels of the fixed one. All voxels of a coarse grid are used and one thread sums them
up, so that the same images give the same transform on any machine.
Mutual information of whole images, or of a part of them, can be higher where the images do not belong: shading and the
edge of the brain share much with anything that varies as slowly. They lead to the place; the last steps of a linear
search are made in the details, and all that is found is judged by what the details share.
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
from .itk_threads import one_thread
from .progress import Progress, no_progress, part
from .registration_images import COARSE, FINE, Picture, centre, details, filled, scaled, similarity_of

LEVELS = ("rigid", "affine", "bspline")
"""How freely the moving image is moved, one after the other."""

BINS = 32
"""Of the joint histogram along each image."""

AROUND = 2
"""Voxels around the brain that are compared too. In the brain alone a moving image that is too large fits as well as
one of the right size: its edge is not seen."""

STEPS = 300
"""At most, of each search."""

FAR_STEP, NEAR_STEP = 1.0, 0.5
"""mm or so; the first steps on coarse and on fine voxels."""

SMALLEST_STEP = 0.001
"""mm or so: a search ends where it would step less."""

SHORTENED = 0.75
"""Factor of the step where the direction turns back. Halved, steps become the smallest long before the top is reached:
rounding an axis by 1e-8 then moved nuclei of a small head by a millimetre."""

UPDATE_SMOOTHING, TOTAL_SMOOTHING = 40.0, 16.0
"""mm2; variance by which a step of the free part, and all that was stepped so far, is smoothed. Measured."""

FREE_STEPS = 60
KNOTS = 6.0
"""mm between the knots of the B-spline: closer than the smoothed displacements vary."""

LOST_AROUND = 0.05
"""Share of what the details of the whole brain share that may be lost where those in the focus fit best. 0.02 is."""

Linear: TypeAlias = SimpleITK.Euler3DTransform | SimpleITK.AffineTransform
L = TypeVar("L", bound=Linear)
Focus: TypeAlias = Callable[[SimpleITK.Transform], SimpleITK.Image]


def centred(fixed: Picture, moving: Picture, matrix: Sequence[float] | None = None) -> SimpleITK.AffineTransform:
    """Return the start: the centres of the brains on each other, axes as the headers say, or turned by a matrix."""
    here, there = (centre(p.mask) for p in (fixed, moving))
    start = SimpleITK.AffineTransform(3)
    start.SetCenter(here)
    start.SetTranslation([b - a for a, b in zip(here, there, strict=True)])
    if matrix is not None:
        start.SetMatrix(tuple(matrix))
    return start


@dataclass(frozen=True)
class Pair:
    """Two images on voxels as fine as a search needs: the fixed one, compared in its mask, and the moving one."""

    fixed: Picture
    moving: SimpleITK.Image


@dataclass(frozen=True)
class Registration:
    """transform: from points of the fixed image to points of the moving one; left_out: levels that found no better."""

    transform: SimpleITK.CompositeTransform
    left_out: tuple[str, ...] = ()


def register(
    fixed: Picture,
    moving: Picture,
    *,
    levels: Sequence[str] = LEVELS,
    focus: Focus | None = None,
    progress: Progress = no_progress,
) -> Registration:
    """Return where the points of the fixed image lie in the moving one.

    levels: of LEVELS, in that order. focus(transform): mask on the fixed image's voxels in which the fit is to be best,
    such as around the labels carried by what was found before: the last linear level ends in it, and the free one is
    searched in it. What a search finds is taken only where the details of the two images share no less than before.
    Raises: InputError for levels that are not known, or not in order; Cancelled from progress.
    """
    if not levels or list(levels) != [level for level in LEVELS if level in levels]:
        raise InputError(f"Levels of registration: some of {', '.join(LEVELS)}, in this order.")
    course = _Course(fixed, moving, focus)
    found: Linear = linear(SimpleITK.Euler3DTransform(), centred(fixed, moving))
    splines: list[SimpleITK.Transform] = []
    last = [level for level in levels if level != "bspline"][-1:]
    left_out = []
    for i, level in enumerate(levels):
        told = part(progress, i / len(levels), (i + 1) / len(levels), f"registration: {level}")
        if level == "bspline":
            splines = course.free(found, told)
            better = bool(splines)
        else:
            before, found = found, course.linear(level, found, [level] == last, told)
            better = found is not before
        left_out += [] if better else [level]
    progress(1, "registration")
    return Registration(SimpleITK.CompositeTransform([found, *splines]), tuple(left_out))


class _Course:
    """The searches of one registration. Each keeps what it began with where it finds nothing better."""

    def __init__(self, fixed: Picture, moving: Picture, focus: Focus | None) -> None:
        self.alike, self.focus = similarity_of(fixed, moving), focus
        self.far = Pair(_and_around(scaled(fixed, COARSE)), scaled(moving, COARSE).image)
        self.near = Pair(details(fixed), details(moving).image)
        self.whole = Pair(scaled(fixed, FINE), scaled(moving, FINE).image)

    def linear(self, level: str, before: Linear, closer: bool, progress: Progress) -> Linear:
        """Search on coarse voxels, in the details, and, closer, in the details in the focus."""
        found = _searched(level, before, self.far, FAR_STEP, part(progress, 0, 0.2))
        found = _searched(level, found, self.near, NEAR_STEP, part(progress, 0.2, 0.7))
        found = found if self.alike(found) >= self.alike(before) else before
        if not (closer and self.focus):
            return found
        tried = _searched(level, found, self._focused(found, self.near), NEAR_STEP, part(progress, 0.7, 1))
        return tried if self.alike(tried) >= (1 - LOST_AROUND) * self.alike(found) else found

    def free(self, before: Linear, progress: Progress) -> list[SimpleITK.Transform]:
        """Search for displacements in the focus; return them, or nothing.

        Not in the details: they are what it is judged by, and a free search would follow their noise as well.
        """
        spline = _free(self._focused(before, self.whole), before, progress)
        better = self.alike(SimpleITK.CompositeTransform([before, spline])) >= self.alike(before)
        return [spline] if better else []

    def _focused(self, found: SimpleITK.Transform, pair: Pair) -> Pair:
        if self.focus is None:
            return pair
        same = SimpleITK.Transform()
        seen = SimpleITK.Resample(self.focus(found), pair.fixed.mask, same, SimpleITK.sitkNearestNeighbor, 0.0)
        mask = SimpleITK.And(seen, pair.fixed.mask)
        return Pair(Picture(pair.fixed.image, mask), pair.moving) if filled(mask) else pair


def _searched(level: str, before: Linear, pair: Pair, step: float, progress: Progress) -> Linear:
    tried = linear(SimpleITK.Euler3DTransform() if level == "rigid" else SimpleITK.AffineTransform(3), before)
    search(pair, tried, step, progress)
    return tried


def _and_around(image: Picture) -> Picture:
    return Picture(image.image, SimpleITK.BinaryDilate(image.mask, [AROUND] * 3))


def linear(kind: L, before: Linear) -> L:
    """Return a transform of this kind that begins where another one ended."""
    kind.SetCenter(before.GetCenter())
    kind.SetMatrix(before.GetMatrix())
    kind.SetTranslation(before.GetTranslation())
    return kind


def search(
    pair: Pair,
    transform: SimpleITK.Transform,
    step: float,
    progress: Progress = no_progress,
) -> None:
    """Improve a transform in place; step: mm or so.

    It ends at the best point on the way, which need not be the last one: the optimizer also takes steps that go wrong,
    and shortens the next one.
    """
    method = _method(pair.fixed.mask)
    method.SetInitialTransform(transform, inPlace=True)
    method.SetOptimizerAsRegularStepGradientDescent(
        step, SMALLEST_STEP, STEPS, relaxationFactor=SHORTENED, gradientMagnitudeTolerance=1e-9
    )
    method.SetOptimizerScalesFromPhysicalShift()
    at = best = transform.GetParameters()
    lowest = np.inf

    def told(fraction: float, message: str) -> None:
        # The optimizer tells the value where it was, and then has gone on.
        nonlocal at, best, lowest
        if method.GetMetricValue() < lowest:
            lowest, best = method.GetMetricValue(), at
        at = method.GetOptimizerPosition()
        progress(fraction, message)

    _execute(method, pair, STEPS, told)
    transform.SetParameters(best)


def _free(pair: Pair, before: SimpleITK.Transform, progress: Progress) -> SimpleITK.BSplineTransform:
    """Return the displacements to make before a transform."""
    field = SimpleITK.Image(pair.fixed.image.GetSize(), SimpleITK.sitkVectorFloat64, 3)
    field.CopyInformation(pair.fixed.image)
    free = SimpleITK.DisplacementFieldTransform(field)
    free.SetSmoothingGaussianOnUpdate(UPDATE_SMOOTHING / FINE**2, TOTAL_SMOOTHING / FINE**2)
    method = _method(pair.fixed.mask)
    method.SetMovingInitialTransform(before)
    method.SetInitialTransform(free, inPlace=True)
    method.SetOptimizerAsGradientDescent(1.0, FREE_STEPS, 1e-6, 10, method.EachIteration)
    method.SetOptimizerScalesFromPhysicalShift()
    _execute(method, pair, FREE_STEPS, progress)
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


def _execute(method: SimpleITK.ImageRegistrationMethod, pair: Pair, steps: int, progress: Progress) -> None:
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
        with one_thread():
            method.Execute(pair.fixed.image, pair.moving)
    except RuntimeError as error:
        if not ended:
            raise InputError(
                "The two images could not be registered: too little of them overlaps. Check that the mask is that of "
                "the image, and that both show the whole brain."
            ) from error
    if ended:
        raise ended[0]

"""How well one image of a head was registered to another, in numbers, and when that is worth a warning.

The limits of the warnings lie between what was measured on registrations that are right and on ones made wrong on
purpose: docs/measuring.md. No number tells right from left: the two halves of a brain are too alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK

from .progress import Progress, no_progress
from .registration import COARSE, FAR_STEP, Picture, centred, linear, scaled, search

TURNED = 8.0
"""mm; voxels that are enough to tell which way up a head is."""

RIM = 2
"""Coarse voxels that are left out at the edge of the brain."""

DETAILS = 8.0
"""mm; what varies over more than this is not what tells one brain from another thing."""

TINY = 1e-6
"""Keeps what is far from the brain from being divided by nothing."""

BINS = 16

LEAST_OVERLAP = 0.85
LEAST_GAIN = 2.0
MOST_STRETCHED = 1.25
MOST_SQUEEZED = 0.2

TURNS = tuple(
    tuple(matrix.ravel().tolist())
    for axis in range(3)
    for matrix in (
        np.roll(np.array(turn, float).reshape(3, 3), (axis, axis), (0, 1))
        for turn in ((1, 0, 0, 0, -1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1, 0, 1, 0), (1, 0, 0, 0, 0, 1, 0, -1, 0))
    )
)
"""Half a turn, and a quarter of a turn either way, about each axis, as matrices row by row."""


@dataclass(frozen=True)
class Fit:
    """How well a moving image, such as a template, fits a fixed one.

    overlap: Dice coefficient of the two brain masks. similarity_before, similarity_after: what the details of the two
    images share (see `similarity`), with the centres of the brains on each other and as registered; similarity_turned:
    the best from a start turned by right angles, which is what images share that do not belong together. stretch: the
    largest of the three scales of the affine part, or one over the smallest, whichever is more. jacobian_min,
    jacobian_max: volume in the moving image over that in the fixed one, in the brain; at 0 and below it is folded.
    """

    overlap: float
    similarity_before: float
    similarity_after: float
    similarity_turned: float
    stretch: float
    jacobian_min: float
    jacobian_max: float


def fit(
    fixed: Picture, moving: Picture, transform: SimpleITK.CompositeTransform, progress: Progress = no_progress
) -> Fit:
    """Measure how well a transform from `registration.register` fits the moving image to the fixed one."""
    turned = similarity_when_turned(fixed, moving, progress)
    low, high = _jacobian(fixed, transform)
    affine = transform.GetNthTransform(0)
    scales = np.linalg.svd(np.array(affine.GetMatrix()).reshape(3, 3), compute_uv=False)
    return Fit(
        overlap=overlap(fixed, moving, transform),
        similarity_before=similarity(fixed, moving, centred(fixed, moving)),
        similarity_after=similarity(fixed, moving, transform),
        similarity_turned=turned,
        stretch=float(max(scales.max(), 1 / scales.min())),
        jacobian_min=low,
        jacobian_max=high,
    )


def doubts(told: Fit, *, moving: str = "the template", fixed: str = "the subject") -> list[str]:
    """Return a sentence for each thing that speaks against a registration; none where it looks right.

    moving, fixed: what the images are called.
    """
    said = []
    if told.overlap < LEAST_OVERLAP:
        said.append(
            f"The brain of {moving} and that of {fixed} overlap by {told.overlap:.2f} only (Dice): check the masks "
            "of both."
        )
    if told.similarity_after < LEAST_GAIN * told.similarity_turned:
        said.append(
            f"{_capital(moving)} fits no better ({told.similarity_after:.3f}) than it does turned the wrong way "
            f"({told.similarity_turned:.3f}): the result is not to be trusted. Check which way up both images are, and "
            "take an image with more contrast."
        )
    if told.stretch > MOST_STRETCHED:
        said.append(
            f"{_capital(moving)} was stretched or squeezed by {told.stretch:.2f} along one direction: check mask, "
            "voxel size and which way up the images are."
        )
    if told.jacobian_min < MOST_SQUEEZED:
        said.append(
            f"{_capital(moving)} is folded or nearly so (volume ratio down to {told.jacobian_min:.2f}): register "
            "without the free part (--levels rigid affine)."
        )
    return said


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def overlap(fixed: Picture, moving: Picture, transform: SimpleITK.Transform) -> float:
    """Return the Dice coefficient of the two masks, on the voxels of the fixed image."""
    carried = SimpleITK.Resample(moving.mask, fixed.mask, transform, SimpleITK.sitkNearestNeighbor, 0.0)
    one, other = (SimpleITK.GetArrayViewFromImage(mask) > 0 for mask in (fixed.mask, carried))
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def similarity(fixed: Picture, moving: Picture, transform: SimpleITK.Transform) -> float:
    """Return what the details of two images share in the brain: mutual information over the entropy, 0 to 1.

    What varies slowly is left out: most images are brighter, or darker, in the middle, whichever way up they are.
    """
    return _shared(_details(fixed), _details(moving).image, transform)


def similarity_when_turned(fixed: Picture, moving: Picture, progress: Progress = no_progress) -> float:
    """Return the highest similarity that is found where the moving image is turned by right angles at first."""
    here, there = scaled(fixed, TURNED), scaled(moving, TURNED).image
    seen, drawn = _details(fixed), _details(moving).image
    highest = 0.0
    for i, matrix in enumerate(TURNS):
        progress(i / len(TURNS), "registration: which way up")
        rigid = linear(SimpleITK.Euler3DTransform(), centred(fixed, moving, matrix))
        search(here, there, rigid, FAR_STEP)
        highest = max(highest, _shared(seen, drawn, rigid))
    progress(1, "registration: which way up")
    return highest


def _details(image: Picture) -> Picture:
    """Return a picture on coarse voxels less its local mean in the mask, and the mask less the rim."""
    coarse = scaled(image, COARSE)
    inside = SimpleITK.Cast(coarse.mask, SimpleITK.sitkFloat32)
    share = SimpleITK.SmoothingRecursiveGaussian(inside, DETAILS) + TINY
    mean = SimpleITK.SmoothingRecursiveGaussian(coarse.image * inside, DETAILS) / share
    inner = SimpleITK.BinaryErode(coarse.mask, [RIM] * 3)
    left = inner if SimpleITK.GetArrayViewFromImage(inner).any() else coarse.mask
    return Picture((coarse.image - SimpleITK.Cast(mean, SimpleITK.sitkFloat32)) * inside, left)


def _shared(fixed: Picture, moving: SimpleITK.Image, transform: SimpleITK.Transform) -> float:
    drawn = SimpleITK.Resample(moving, fixed.image, transform, SimpleITK.sitkLinear, 0.0)
    inside = SimpleITK.GetArrayViewFromImage(fixed.mask) > 0
    one, other = (_equal_bins(SimpleITK.GetArrayViewFromImage(image)[inside]) for image in (fixed.image, drawn))
    joint = np.bincount(one * BINS + other, minlength=BINS * BINS).reshape(BINS, BINS) / one.size
    entropy = _entropy(joint.sum(1))
    return (entropy + _entropy(joint.sum(0)) - _entropy(joint.ravel())) / entropy if entropy > 0 else 0.0


def _equal_bins(values: np.ndarray) -> np.ndarray:
    """Return the bin of each value; all bins hold as many."""
    return np.searchsorted(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]), values)


def _entropy(shares: np.ndarray) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def _jacobian(fixed: Picture, transform: SimpleITK.Transform) -> tuple[float, float]:
    """Return the smallest and the largest determinant of the transform's derivative in the fixed mask."""
    mask = scaled(fixed, COARSE / 2).mask
    field = SimpleITK.TransformToDisplacementField(
        transform, SimpleITK.sitkVectorFloat64, mask.GetSize(), mask.GetOrigin(), mask.GetSpacing(), mask.GetDirection()
    )
    ratio = SimpleITK.GetArrayViewFromImage(SimpleITK.DisplacementFieldJacobianDeterminant(field))
    values = ratio[SimpleITK.GetArrayViewFromImage(mask) > 0]
    return (float(values.min()), float(values.max())) if values.size else (1.0, 1.0)

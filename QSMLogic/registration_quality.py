"""How well one image of a head was registered to another, in numbers, and when that is worth a warning.

The limits of the warnings lie between what was measured on registrations that are right and on ones made wrong on
purpose: docs/measuring.md. No number tells right from left: the two halves of a brain are too alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK

from .progress import Progress, no_progress
from .registration import FAR_STEP, Pair, Registration, centred, linear, search
from .registration_images import COARSE, Picture, scaled, similarity_of

TURNED = 8.0
"""mm; voxels that are enough to tell which way up a head is."""

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
    images share (`registration_images.similarity_of`), with the centres of the brains on each other and as registered;
    similarity_turned: the best from a start turned by right angles, which is what images share that do not belong
    together. stretch: the largest of the three scales of the affine part, or one over the smallest, whichever is more.
    jacobian_min, jacobian_max: volume in the moving image over that in the fixed one, in the brain; at 0 and below it
    is folded. left_out: levels that found nothing better than what came before, as where that fits
    already.
    """

    overlap: float
    similarity_before: float
    similarity_after: float
    similarity_turned: float
    stretch: float
    jacobian_min: float
    jacobian_max: float
    left_out: tuple[str, ...] = ()


def fit(fixed: Picture, moving: Picture, found: Registration, progress: Progress = no_progress) -> Fit:
    """Measure how well `registration.register` has fitted the moving image to the fixed one."""
    transform = found.transform
    alike = similarity_of(fixed, moving)
    turned = _when_turned(fixed, moving, alike, progress)
    low, high = _jacobian(fixed, transform)
    affine = transform.GetNthTransform(0)
    scales = np.linalg.svd(np.array(affine.GetMatrix()).reshape(3, 3), compute_uv=False)
    return Fit(
        overlap=overlap(fixed, moving, transform),
        similarity_before=alike(centred(fixed, moving)),
        similarity_after=alike(transform),
        similarity_turned=turned,
        stretch=float(max(scales.max(), 1 / scales.min())),
        jacobian_min=low,
        jacobian_max=high,
        left_out=found.left_out,
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


def _when_turned(
    fixed: Picture, moving: Picture, alike: Callable[[SimpleITK.Transform], float], progress: Progress
) -> float:
    """Return the highest similarity that is found where the moving image is turned by right angles at first."""
    pair = Pair(scaled(fixed, TURNED), scaled(moving, TURNED).image)
    highest = 0.0
    for i, matrix in enumerate(TURNS):
        progress(i / len(TURNS), "registration: which way up")
        rigid = linear(SimpleITK.Euler3DTransform(), centred(fixed, moving, matrix))
        search(pair, rigid, FAR_STEP)
        highest = max(highest, alike(rigid))
    progress(1, "registration: which way up")
    return highest


def _jacobian(fixed: Picture, transform: SimpleITK.Transform) -> tuple[float, float]:
    """Return the smallest and the largest determinant of the transform's derivative in the fixed mask."""
    mask = scaled(fixed, COARSE / 2).mask
    field = SimpleITK.TransformToDisplacementField(
        transform, SimpleITK.sitkVectorFloat64, mask.GetSize(), mask.GetOrigin(), mask.GetSpacing(), mask.GetDirection()
    )
    ratio = SimpleITK.GetArrayViewFromImage(SimpleITK.DisplacementFieldJacobianDeterminant(field))
    values = ratio[SimpleITK.GetArrayViewFromImage(mask) > 0]
    return (float(values.min()), float(values.max())) if values.size else (1.0, 1.0)

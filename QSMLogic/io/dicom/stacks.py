"""Slices put in order: one volume, and where it lies."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ..candidate import Stack
from ..nifti import Geometry
from .coils import SAME_POSITION
from .headers import Slice

EVEN = 0.02
"""Largest relative difference between the distances of neighbouring slices that counts as rounding."""

STRAIGHT = 0.1
"""mm; slices that lie further aside from a line along their normal are sheared."""


def stack_of(slices: list[Slice], named: str) -> Stack:
    """Return a volume's slices in order along their normal. Raises InputError where they make no regular volume."""
    slices = _in_order(slices, named)
    first = slices[0]  # whatever the order of the files was: the result is the same to the last bit
    axes = _perpendicular(first, named)
    places = np.array([s.frame.position for s in slices])
    along = (places - places[0]) @ axes[:, 2]
    step = _step(along, first.thickness, named)
    straight = places[0] + along[:, None] * axes[:, 2]
    if np.abs(places - straight).max() > STRAIGHT:
        raise InputError(f"The slices of the {named} are sheared (a tilted gantry): resample them to a regular grid.")
    geometry = Geometry(
        (*first.size, len(slices)),
        (*first.spacing, step),
        tuple(places[0].tolist()),
        tuple(axes.ravel().tolist()),
    )
    return Stack(tuple(s.frame for s in slices), geometry)


def _in_order(slices: list[Slice], named: str) -> list[Slice]:
    normal = _perpendicular(slices[0], named)[:, 2]
    along = [float(np.dot(s.frame.position, normal)) for s in slices]
    return [slices[i] for i in np.argsort(along, kind="stable")]


def _perpendicular(first: Slice, named: str) -> np.ndarray:
    """Return the axes of rows, columns and slices in the columns of a matrix, rounding in the header mended."""
    row, column = np.array(first.axes[:3]), np.array(first.axes[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > EVEN or abs(lengths[1] - 1) > EVEN or abs(row @ column) > EVEN:
        raise InputError(f"The {named} has an orientation that makes no sense: its header is damaged. Export it again.")
    row = row / lengths[0]
    column = column - row * (row @ column)
    column /= np.linalg.norm(column)
    return np.column_stack([row, column, np.cross(row, column)])


def _step(along: np.ndarray, thickness: float | None, named: str) -> float:
    """Return the distance of neighbouring slices (mm). Raises InputError where slices are missing, or there twice."""
    if len(along) == 1:
        if thickness is None or thickness <= 0:
            raise InputError(f"The {named} is one slice of a thickness that nothing says: export the whole volume.")
        return thickness
    gaps = np.diff(along)
    twice = int((gaps <= SAME_POSITION).sum())
    if twice:
        raise InputError(
            f"{twice} of {len(along)} slices of the {named} are there more than once (repetitions, coils or copies "
            "in one series): keep the images of one acquisition only."
        )
    step = float(np.sort(gaps)[(len(gaps) - 1) // 2])  # of two gaps the smaller one: the other may be a slice wider
    lost = int(np.rint(gaps / step - 1).sum())
    if lost:
        place = int(np.argmax(gaps)) + 1
        raise InputError(f"{lost} slices of the {named} are missing, after slice {place} first: export all of them.")
    if np.abs(gaps / step - 1).max() > EVEN:
        raise InputError(f"The slices of the {named} are {gaps.min():.3g} to {gaps.max():.3g} mm apart: "
                         "equal distances are needed.")  # fmt: skip
    return float(along[-1] / (len(along) - 1))

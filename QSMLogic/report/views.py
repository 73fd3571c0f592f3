"""Slices of a map as a person looks at them: three planes through the mask, seen from the feet and from the front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Plane:
    """A direction of cutting: its name, the axis cut (right, front, up) and what lies left, right and on top."""

    name: str
    axis: int
    left: str
    right: str
    top: str


PLANES = (
    Plane("axial", 2, "R", "L", "A"),
    Plane("coronal", 1, "R", "L", "S"),
    Plane("sagittal", 0, "A", "P", "S"),
)
"""The patient's right is on the left of a picture, as radiologists have it; the nose of a sagittal one points left."""


@dataclass(frozen=True)
class Orientation:
    """How voxel axes become right, front and up: which axis runs nearest to each, and which have to be turned round."""

    order: tuple[int, ...]
    flips: tuple[int, ...]

    @classmethod
    def of(cls, direction: np.ndarray | None) -> Self:
        """Return the orientation of an image whose voxel axes are the columns of direction (3, 3), in LPS coordinates.

        Without a direction the axes run to the right, to the front and up.
        """
        lps = np.diag((-1.0, -1.0, 1.0)) if direction is None else np.asarray(direction, float).reshape(3, 3)
        ras = np.diag((-1.0, -1.0, 1.0)) @ lps
        left = np.abs(ras)
        order = [0, 0, 0]
        for _ in range(3):
            row, column = np.unravel_index(np.argmax(left), left.shape)
            order[row] = int(column)
            left[row], left[:, column] = -1, -1
        return cls(tuple(order), tuple(row for row in range(3) if ras[row, order[row]] < 0))

    def upright(self, image: np.ndarray) -> np.ndarray:
        """Return an image (x, y, z) with its axes to the right, to the front and up; a view of it."""
        return np.flip(image.transpose(self.order), self.flips)

    def sizes(self, voxel_size: tuple[float, ...]) -> tuple[float, ...]:
        """Return the voxel size (mm) along right, front and up."""
        return tuple(voxel_size[axis] for axis in self.order)


def middle(mask: np.ndarray) -> tuple[int, ...]:
    """Return the voxel at the centre of a mask, of an empty one the voxel in the middle of the image."""
    if not mask.any():
        return tuple(n // 2 for n in mask.shape)
    return tuple(round(float(np.mean(places))) for places in np.nonzero(mask))


def cut(image: np.ndarray, axis: int, place: int) -> np.ndarray:
    """Return one slice of an upright image as rows from top to bottom; right, or the front, is at the left."""
    return np.flip(image[(slice(None),) * axis + (place,)].T, (0, 1))

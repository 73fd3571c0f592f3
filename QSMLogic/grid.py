"""Where the voxels are: shape, voxel size and the direction of the main field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from .errors import InputError

ORTHOGONAL = 1e-3
"""Largest entry of |D'D - 1| for which an image's axes count as perpendicular; headers carry float32 rounding."""

DECIMALS = 9
"""Of voxel size and B0 direction: readers of one header differ in the last bits, and the same scan shall give the same
map to the last digit whoever read it."""


@dataclass(frozen=True)
class Grid:
    """A regular grid of voxels and the main field in its axes.

    shape: voxels along x, y, z; voxel_size: mm along the same; b0_direction: unit vector in voxel axes (it is scaled to
    length 1 on construction). Raises InputError where one of them makes no sense.
    """

    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    b0_direction: tuple[float, float, float] = field(kw_only=True)

    def __post_init__(self) -> None:
        """Check and normalise what was given."""
        shape = tuple(int(n) for n in self.shape)
        size = tuple(round(float(s), DECIMALS) for s in self.voxel_size)
        b0 = np.asarray(self.b0_direction, float)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"The image has shape {shape}; three dimensions of at least one voxel are needed.")
        if len(size) != 3 or not all(np.isfinite(size)) or min(size) <= 0:
            raise InputError(f"The voxel size is {size} mm; three positive numbers are needed. Correct the header.")
        length = float(np.linalg.norm(b0)) if b0.shape == (3,) else float("nan")
        if not np.isfinite(length) or length == 0:
            raise InputError(
                f"The B0 direction is {b0.tolist()}; three numbers, not all zero, are needed: "
                "the direction of the main field in voxel axes."
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "voxel_size", size)
        object.__setattr__(self, "b0_direction", tuple(round(float(c), DECIMALS) for c in b0 / length))

    @classmethod
    def from_direction(cls, shape: tuple[int, ...], voxel_size: tuple[float, ...], direction: np.ndarray) -> Self:
        """Make the grid of an image whose voxel axes are the columns of direction (3, 3), in patient coordinates.

        The main field runs along the patient's z axis in RAS and LPS alike, so in voxel axes it is the last row of
        direction. Raises InputError where the axes are not perpendicular.
        """
        axes = np.asarray(direction, float).reshape(3, 3)
        if not np.isfinite(axes).all() or np.abs(axes.T @ axes - np.eye(3)).max() > ORTHOGONAL:
            raise InputError(
                "The image's axes are not perpendicular unit vectors (a tilted gantry or a damaged header): "
                "resample it to a rectangular grid first."
            )
        return cls(shape, voxel_size, b0_direction=tuple(axes[2]))  # type: ignore[arg-type]

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel, mm3."""
        return float(np.prod(self.voxel_size))

    def with_shape(self, shape: tuple[int, ...]) -> Grid:
        """Return the same voxels and field on another shape."""
        return Grid(shape, self.voxel_size, b0_direction=self.b0_direction)  # type: ignore[arg-type]

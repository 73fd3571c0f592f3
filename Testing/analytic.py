"""Fields that are known in closed form (ppm, Lorentz sphere included), for tests."""

import numpy as np

from QSMLogic.grid import Grid


def positions(grid: Grid, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Return (3, x, y, z): mm from a point, itself given from the middle of the grid."""
    axes = [(np.arange(n) - (n - 1) / 2) * s - c for n, s, c in zip(grid.shape, grid.voxel_size, centre, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def covered(distance: np.ndarray, grid: Grid) -> np.ndarray:
    """Return how much of each voxel lies where the distance (mm) is negative, smooth over a voxel."""
    return np.clip(0.5 - distance / float(np.mean(grid.voxel_size)), 0, 1).astype(np.float32)


def sphere_field(grid: Grid, radius: float, chi: float, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Field of a sphere: none inside, a dipole outside."""
    place = positions(grid, centre)
    distance = np.sqrt((place**2).sum(axis=0))
    along = np.tensordot(grid.b0_direction, place, 1) / np.maximum(distance, 1e-9)
    outside = chi / 3 * (radius / np.maximum(distance, radius)) ** 3 * (3 * along**2 - 1)
    return np.where(distance > radius, outside, 0)


def cylinder_field(grid: Grid, axis: tuple[float, float, float], radius: float, chi: float) -> np.ndarray:
    """Field of an endless cylinder through the middle of the grid, along a unit vector in voxel axes."""
    place, b0 = positions(grid), np.array(grid.b0_direction)
    axis = np.array(axis)
    along = np.tensordot(axis, place, 1)
    across = place - axis[:, None, None, None] * along
    distance = np.sqrt((across**2).sum(axis=0))
    cos = float(axis @ b0)
    b0_across = b0 - cos * axis
    sin2 = float(b0_across @ b0_across)
    toward = np.tensordot(b0_across, across, 1) ** 2 / np.maximum(distance, 1e-9) ** 2
    outside = chi / 2 * (radius / np.maximum(distance, radius)) ** 2 * (2 * toward - sin2)
    return np.where(distance > radius, outside, chi / 6 * (3 * cos**2 - 1))

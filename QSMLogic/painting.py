"""Shapes as signed distances (mm, negative inside), and how they are painted on maps, partly covered voxels in part."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Coordinates along x, y and z (mm), shaped to broadcast against each other."""
Distance = Callable[[Points], np.ndarray]
Triple = tuple[float, float, float]

SUBSAMPLES = 3
"""Points per voxel and axis for small shapes."""


class Canvas:
    """Maps on a grid that shapes are painted on: one float32 map per property, and int16 labels."""

    def __init__(self, shape: tuple[int, int, int], voxel_size: Triple, centre: Triple) -> None:
        """Make an empty canvas without maps; centre: coordinates of the middle of the grid, mm."""
        self.shape, self.voxel_size = shape, voxel_size
        self.axes = [
            ((np.arange(n) - (n - 1) / 2) * s + c).astype(np.float32)
            for n, s, c in zip(shape, voxel_size, centre, strict=True)
        ]
        self.maps: dict[str, np.ndarray] = {}
        self.labels = np.zeros(shape, np.int16)

    @property
    def points(self) -> Points:
        """Coordinates of the voxels' centres."""
        return self.axes[0][:, None, None], self.axes[1][:, None], self.axes[2]

    def fill(self, values: Mapping[str, float]) -> None:
        """Make one map per property, of one value."""
        self.maps = {name: np.full(self.shape, value, np.float32) for name, value in values.items()}

    def cover(self, distance: np.ndarray, values: Mapping[str, float], label: int) -> None:
        """Paint the inside of a distance known on the whole grid."""
        self._blend((slice(None),) * 3, coverage(distance), values, label)

    def paint(self, shape: Shape, values: Mapping[str, float], label: int) -> None:
        """Paint a small shape, on subsamples."""
        box, points = [], []
        for axis, size, (low, high) in zip(self.axes, self.voxel_size, shape.bounds(), strict=True):
            inside = np.flatnonzero((axis > low - size) & (axis < high + size))
            if not inside.size:
                return
            box.append(slice(inside[0], inside[-1] + 1))
            steps = ((np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5) * size
            points.append((axis[inside][:, None] + steps).ravel().astype(np.float32))
        fine = coverage(shape.distance((points[0][:, None, None], points[1][:, None], points[2])))
        split = [n for side in fine.shape for n in (side // SUBSAMPLES, SUBSAMPLES)]
        self._blend(tuple(box), fine.reshape(split).mean(axis=(1, 3, 5)), values, label)

    def _blend(self, box: tuple[slice, ...], covered: np.ndarray, values: Mapping[str, float], label: int) -> None:
        for name, image in self.maps.items():
            image[box] += covered * (np.float32(values[name]) - image[box])
        self.labels[box][covered > 0.5] = label


class Shape:
    """A small closed shape."""

    def distance(self, points: Points) -> np.ndarray:
        """Signed distance, mm, negative inside."""
        raise NotImplementedError

    def bounds(self) -> list[tuple[float, float]]:
        """Lowest and highest coordinate along x, y and z."""
        raise NotImplementedError

    def mirrored(self) -> Shape:
        """Return the same shape on the other side of x = 0."""
        raise NotImplementedError


class Ellipsoid(Shape):
    """An ellipsoid with a centre and three radii, turned about z by so many degrees (from x to y)."""

    def __init__(self, centre: Triple, radii: Triple, turn: float = 0) -> None:
        """Keep its form."""
        self.centre, self.radii, self.turn = centre, radii, turn

    def distance(self, points: Points) -> np.ndarray:
        """To first order at the surface, which is where it matters."""
        x, y, z = (p - np.float32(c) for p, c in zip(points, self.centre, strict=True))
        if self.turn:
            cos, sin = np.float32(np.cos(np.deg2rad(self.turn))), np.float32(np.sin(np.deg2rad(self.turn)))
            x, y = x * cos + y * sin, y * cos - x * sin
        away = np.float32(1e-6)  # off the centre, where the formula is 0 / 0
        near: np.ndarray = np.full(1, away)
        far: np.ndarray = near / np.float32(min(self.radii) ** 2)
        for p, r in zip((x, y, z), self.radii, strict=True):
            near = near + (p / np.float32(r)) ** 2
            far = far + (p / np.float32(r**2)) ** 2
        near = np.sqrt(near)
        return near * (near - 1) / np.sqrt(far)

    def bounds(self) -> list[tuple[float, float]]:
        """Of the turned ellipsoid, or a little more."""
        rx, ry, rz = self.radii
        reach = (max(rx, ry), max(rx, ry), rz) if self.turn else self.radii
        return [(c - r, c + r) for c, r in zip(self.centre, reach, strict=True)]

    def mirrored(self) -> Shape:
        """Turn it the other way as well."""
        x, y, z = self.centre
        return Ellipsoid((-x, y, z), self.radii, -self.turn)


class Tube(Shape):
    """A round tube through points, whose radius runs from the first to the second value."""

    def __init__(self, *path: Triple, radii: tuple[float, float]) -> None:
        """Keep its form."""
        self.path, self.ends = np.array(path, np.float32), radii
        self.radii = np.linspace(*radii, len(path), dtype=np.float32)

    def distance(self, points: Points) -> np.ndarray:
        """Smallest over its pieces."""
        pieces = zip(self.path[:-1], self.path[1:], self.radii[:-1], self.radii[1:], strict=True)
        return np.minimum.reduce([_rounded_cone(points, *piece) for piece in pieces])

    def bounds(self) -> list[tuple[float, float]]:
        """Of its points and its largest radius."""
        reach = self.radii.max()
        return list(zip(self.path.min(axis=0) - reach, self.path.max(axis=0) + reach, strict=True))

    def mirrored(self) -> Shape:
        """Take the same way on the other side."""
        return Tube(*((-x, y, z) for x, y, z in self.path), radii=self.ends)


def _rounded_cone(points: Points, start: np.ndarray, stop: np.ndarray, first: float, last: float) -> np.ndarray:
    way = stop - start
    along = sum((p - a) * w for p, a, w in zip(points, start, way, strict=True)) / (way @ way)
    along = np.clip(along, 0, 1)
    squared = sum((p - (a + along * w)) ** 2 for p, a, w in zip(points, start, way, strict=True))
    return np.sqrt(squared) - (first + along * (last - first))


def coverage(distance: np.ndarray) -> np.ndarray:
    """How much of each voxel lies inside: from the distance at its centre and how much it changes across the voxel."""
    across = np.full(distance.shape, np.finfo(np.float32).tiny, np.float32)
    for axis in range(3):
        if distance.shape[axis] > 1:
            across += np.abs(np.gradient(distance, axis=axis))
    return np.clip(np.float32(0.5) - distance / across, 0, 1)


def joined(a: np.ndarray, b: np.ndarray, seam: float) -> np.ndarray:
    """Distance to the union of two shapes, its seam rounded off over so many mm."""
    overlap = np.maximum(np.float32(seam) - np.abs(a - b), 0)
    return np.minimum(a, b) - overlap**2 / np.float32(4 * seam)

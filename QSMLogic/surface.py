"""A closed triangle mesh: a sphere to start from, its normals, and the voxels inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.ndimage
import scipy.sparse

SAMPLES_PER_VOXEL = 2.0
"""Points per voxel side on a triangle. Two face neighbours on either side of the surface are told apart as soon as the
points lie closer than 0.7 voxel, so no hole is left in the voxelised surface."""

MOST_POINTS = 1 << 19
"""Points worked on at once: some tens of MB."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles on shared vertices: vertices (n, 3) float, in any unit; faces (m, 3) int, counter-clockwise outside."""

    vertices: np.ndarray
    faces: np.ndarray

    def moved(self, vertices: np.ndarray) -> Mesh:
        """Return the same triangles on other vertices."""
        mesh = Mesh(vertices, self.faces)
        mesh.__dict__.update({name: getattr(self, name) for name in ("neighbours", "corners")})
        return mesh

    @cached_property
    def neighbours(self) -> scipy.sparse.csr_array:
        """Sparse (n, n) matrix that takes the mean over the neighbours of each vertex."""
        edges = np.vstack([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        n = len(self.vertices)
        linked = scipy.sparse.csr_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
        return scipy.sparse.csr_array(scipy.sparse.diags_array(1 / linked.sum(axis=1)) @ linked)

    @cached_property
    def corners(self) -> scipy.sparse.csr_array:
        """Sparse (n, m) matrix that sums over the faces at each vertex."""
        m = len(self.faces)
        entries = np.ones(3 * m), (self.faces.ravel(), np.repeat(np.arange(m), 3))
        return scipy.sparse.csr_array(entries, shape=(len(self.vertices), m))

    @cached_property
    def face_normals(self) -> np.ndarray:
        """Outward normals of the faces, twice their area long: (m, 3)."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.cross(b - a, c - a)

    @cached_property
    def normals(self) -> np.ndarray:
        """Outward unit normals at the vertices: (n, 3)."""
        total = self.corners @ self.face_normals
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), np.finfo(float).tiny)

    @cached_property
    def edge_length(self) -> float:
        """Mean distance between neighbours, in the unit of the vertices."""
        a, b = self.vertices[self.faces], self.vertices[np.roll(self.faces, 1, axis=1)]
        return float(np.linalg.norm(a - b, axis=2).mean())

    def folds(self) -> float:
        """Return the share of faces that are turned against their vertices' normals: a mesh that crosses itself."""
        outward = self.normals[self.faces].sum(axis=1)
        return float((np.einsum("ij,ij->i", outward, self.face_normals) <= 0).mean())

    def refined(self) -> Mesh:
        """Return the mesh with every face cut in four; new vertices lie in the middle of the edges."""
        edges = np.sort(np.stack([self.faces, np.roll(self.faces, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
        unique, index = np.unique(edges, axis=0, return_inverse=True)
        a, b, c = self.faces.T
        ab, bc, ca = (len(self.vertices) + index.reshape(-1, 3)).T
        corners = ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))
        faces = np.stack([np.stack(face, axis=1) for face in corners], axis=1).reshape(-1, 3)
        return Mesh(np.vstack([self.vertices, self.vertices[unique].mean(axis=1)]), faces)


def sphere(refinements: int) -> Mesh:
    """Make a unit sphere from an icosahedron: 10 * 4**refinements + 2 vertices, evenly spread."""
    golden = (1 + np.sqrt(5)) / 2
    signs = np.array([(0, s, t * golden) for s in (-1, 1) for t in (-1, 1)])
    vertices = np.vstack([np.roll(signs, turn, axis=1) for turn in range(3)])
    near = np.linalg.norm(vertices[:, None] - vertices, axis=2) < 2 + np.sqrt(2) / 2
    faces = np.array(
        [(i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] and near[j, k] and near[i, k]]
    )
    inward = np.linalg.det(vertices[faces]) < 0
    faces[inward] = faces[inward][:, ::-1]
    mesh = Mesh(vertices, faces)
    for _ in range(refinements):
        mesh = mesh.refined()
    return Mesh(mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True), mesh.faces)


def voxelise(mesh: Mesh, shape: tuple[int, ...]) -> np.ndarray:
    """Voxels whose centre lies within a closed mesh, whose vertices are in voxels: bool array of this shape.

    A mesh that leaves the volume is cut off at its border. Where it crosses itself the union is taken.
    """
    padded = tuple(n + 2 for n in shape)
    touched, height = np.zeros(padded, bool), np.zeros(padded, np.float32)
    for points, normals in _surface_points(mesh):
        held = np.clip(points, -1, shape)
        nearest = np.rint(held).astype(np.intp)
        voxels = tuple((nearest + 1).T)
        touched[voxels] = True
        np.add.at(height, voxels, np.einsum("ij,ij->i", nearest - held, normals).astype(np.float32))
    filled = scipy.ndimage.binary_fill_holes(touched)
    filled &= ~touched | (height <= 0)
    return filled[1:-1, 1:-1, 1:-1]


def _surface_points(mesh: Mesh) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Points on the faces, closer together than 1 / SAMPLES_PER_VOXEL, and the unit normals there, a batch at a time.

    Faces of like size go together, so that a few large ones do not make the many small ones costly.
    """
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    longest = np.max([np.linalg.norm(side, axis=1) for side in (b - a, c - b, a - c)], axis=0)
    steps = 2 ** np.ceil(np.log2(np.maximum(longest * SAMPLES_PER_VOXEL, 1))).astype(int)
    lengths = np.maximum(np.linalg.norm(mesh.face_normals, axis=1, keepdims=True), np.finfo(float).tiny)
    normals = mesh.face_normals / lengths
    for count in np.unique(steps):
        u, v = (index.ravel() / count for index in np.mgrid[: count + 1, : count + 1])
        inside = u + v < 1 + 1 / (2 * count)
        u, v = u[inside, None], v[inside, None]
        alike = np.flatnonzero(steps == count)
        for batch in np.array_split(alike, 1 + len(alike) * len(u) // MOST_POINTS):
            start, first, second = (corner[batch, None] for corner in (a, b - a, c - a))
            points = (start + u * first + v * second).reshape(-1, 3)
            yield points, np.repeat(normals[batch], len(u), axis=0)

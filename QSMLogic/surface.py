"""A closed triangle mesh: a sphere to start from, its normals, and the voxels inside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.ndimage
import scipy.sparse

SAMPLES_PER_VOXEL = 2.0
"""Points per voxel side on a triangle. Two face neighbours on either side of the surface are told apart as soon as the
points lie closer than 0.7 voxel, so no hole is left in the voxelised surface."""


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
    points, normals = _surface_points(mesh)
    points = np.clip(points, -1, shape)
    padded = tuple(n + 2 for n in shape)
    nearest = np.rint(points).astype(np.intp)
    depth = np.einsum("ij,ij->i", nearest - points, normals)
    voxels = np.ravel_multi_index(tuple((nearest + 1).T), padded)
    touched = np.bincount(voxels, minlength=np.prod(padded)).reshape(padded) > 0
    height = np.bincount(voxels, depth, minlength=touched.size).reshape(padded)
    filled = scipy.ndimage.binary_fill_holes(touched)
    filled &= ~touched | (height <= 0)
    return filled[1:-1, 1:-1, 1:-1]


def _surface_points(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Points on the faces, closer together than 1 / SAMPLES_PER_VOXEL, and the unit normals there."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    longest = max(np.linalg.norm(side, axis=1).max() for side in (b - a, c - b, a - c))
    steps = max(1, int(np.ceil(longest * SAMPLES_PER_VOXEL)))
    u, v = (index.ravel() / steps for index in np.mgrid[: steps + 1, : steps + 1])
    u, v = u[u + v < 1 + 1 / (2 * steps)], v[u + v < 1 + 1 / (2 * steps)]
    points = a[:, None] + u[:, None] * (b - a)[:, None] + v[:, None] * (c - a)[:, None]
    lengths = np.maximum(np.linalg.norm(mesh.face_normals, axis=1, keepdims=True), np.finfo(float).tiny)
    normals = np.repeat(mesh.face_normals / lengths, points.shape[1], axis=0)
    return points.reshape(-1, 3), normals

"""Brain extraction by a surface that grows inside the skull."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import scipy.ndimage

from ..blur import blurred
from ..distance import depth
from ..errors import InputError
from ..grid import Grid
from ..intensity import coarser, combined_magnitude, shading
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..surface import Mesh, sphere, voxelise

WORK_VOXEL = 2.0
"""mm; fine enough for a surface whose vertices are 6 mm apart, and quick."""

PAD = 5
"""Voxels by which the volume is continued, so that where the field of view cuts the brain, so does it the mask."""

DARK = 0.1
"""Of the way from the darkest to the brightest: what is below is no tissue (Smith 2002)."""

AIR = 0.3
"""Of the brightest: around a head, most of at least one face of the volume is darker, noise and shading included."""

SEPARATION = 0.75
"""Of the brain's brightness: bridges of tissue through the skull are darker, being partly bone."""

BRIDGE = 8.0
"""mm; half the width of a bridge (optic nerve, vessels, blurred thin bone) that does not join the brain."""

OTHER_TISSUE = 3.0
"""mm; half the thickness from which tissue that is no brain is taken as muscle or eye, not as a thin gyrus."""

REACH = 10.0
"""mm; how far from its bright core the brain may extend."""

START = 0.6
"""Size of the first surface relative to the brain: well inside."""

LEVELS = ((3, 250), (4, 150))
"""Refinements of the sphere and steps taken with each: the coarse one gets there, the fine one shows the folds."""

TIGHTEST, WIDEST = 3.33, 10.0
"""mm; radii of curvature between which smoothing sets in (Smith 2002)."""

INWARD, NEAR = 20.0, 10.0
"""mm; how far below the surface the darkest and the brightest point are sought (Smith 2002)."""

SPACING = 1.5
"""mm; between the samples below the surface."""

PUSH = 0.05
"""Of the mesh's edge: the longest step that the image's force takes (Smith 2002)."""

MOST_FOLDS = 0.005
"""Share of the faces that may be turned over before the surface is grown again, stiffer."""

STIFFER = (1.0, 1.5, 2.5)
"""Factors on the radii of curvature for each attempt."""


@method(
    stage="masking",
    label="BET",
    cite=("Smith2002",),
    sentence="The brain was extracted from the magnitude with a surface of the BET type "
    "(fractional intensity {fractional_intensity:g})",
    volumes=20,
)
def bet(
    magnitude: np.ndarray,
    grid: Grid,
    *,
    fractional_intensity: Annotated[
        float, Param("Fractional intensity", "", 0.1, 0.9, "a larger one gives a smaller brain")
    ] = 0.6,
    smoothness: Annotated[
        float, Param("Smoothness", "", 0.3, 3, "factor on the radii of curvature that are allowed", advanced=True)
    ] = 1.0,
    inset: Annotated[float, Param("Inset", "mm", 0, 10, "by which the surface is moved inwards at the end")] = 2.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Grow a smooth surface from the brain's middle until it meets the dark skull.

    Parameters: magnitude (x, y, z, echo), any unit. Returns: mask (x, y, z) bool.
    Raises: InputError where no brain is found. Source: Smith2002.
    Notes: shading is removed first, and tissue joined to the brain by thin bridges only (eyes, muscle) is made dark,
    which short echo times need: muscle is as bright as brain there. A volume none of whose faces is in air lies within
    the brain; the mask is then the whole of it.
    """
    progress(0, "combining echoes")
    image = combined_magnitude(magnitude)
    if image.max() == image.min():
        raise InputError("BET: the magnitude is the same everywhere. Use a threshold or a mask of your own.")
    if _inside_brain(image):
        return magnitude.max(axis=3) > 0
    small, size = coarser(image, grid.voxel_size, WORK_VOXEL)
    small = np.pad(small, PAD, mode="edge")
    progress(0.15, "removing shading")
    small, dark = _flattened(small, size)
    progress(0.25, "finding the brain")
    only_brain, core, bright = _brain_only(small, size, dark, part(progress, 0.25, 0.4))
    for attempt, stiffness in enumerate(STIFFER):
        surface = _Evolution(only_brain, size, (dark, bright), fractional_intensity, smoothness * stiffness)
        mesh = surface.grow(_start(core, size), part(progress, 0.4 + attempt / 6, 0.4 + (attempt + 1) / 6))
        if mesh.folds() <= MOST_FOLDS:
            break
    progress(0.95, "filling the surface")
    finest = np.asarray(grid.voxel_size)
    corner = (mesh.vertices - inset * mesh.normals) + size * (1 / 2 - PAD)
    mask = voxelise(mesh.moved(corner / finest - 1 / 2), grid.shape)
    if not mask.any():
        raise InputError(
            "BET found no brain: lower the fractional intensity, or use a threshold or a mask of your own."
        )
    progress(1, "brain extracted")
    return mask


def _inside_brain(image: np.ndarray) -> bool:
    """Whether no face of the volume lies in air."""
    faces = [np.median(np.take(image, end, axis)) for axis in range(3) for end in (0, -1)]
    return bool(min(faces) > AIR * np.percentile(image, 98))


def _flattened(image: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the image without shading, and the brightness below which there is no tissue."""
    low, high = np.percentile(image[image > image.min()], [2, 98])
    dark = float(low + DARK * (high - low))
    tissue = image > dark
    flat = image / shading(image, size, tissue)
    return np.where(tissue, flat, np.minimum(flat, dark)).astype(np.float32), dark


def _brain_only(
    image: np.ndarray, size: np.ndarray, dark: float, progress: Progress
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the image with everything but the brain made dark, the brain's core, and the brain's brightness."""
    clipped = np.minimum(image, np.percentile(image[image > dark], 98))
    smooth = blurred(clipped, 2 * REACH / size, mode="constant")
    middle = np.array(np.unravel_index(int(smooth.argmax()), image.shape))
    near = tuple(slice(max(0, int(m - INWARD / s)), int(m + INWARD / s) + 1) for m, s in zip(middle, size, strict=True))
    bright = float(np.median(image[near][image[near] > dark]))
    progress(0.2, "finding the brain")
    tissue = scipy.ndimage.binary_fill_holes(image > SEPARATION * bright)
    parts, _ = scipy.ndimage.label(_depth(tissue, size) > BRIDGE)
    sizes = np.bincount(parts[near].ravel(), minlength=2)
    sizes[0] = 0
    if not sizes.any():
        raise InputError(
            "BET found no solid tissue of a brain's size: use a threshold, a phase-quality mask or a mask of your own."
        )
    progress(0.5, "finding the brain")
    to_brain = np.maximum(_distance(parts == sizes.argmax(), size) - BRIDGE, 0)
    core = to_brain == 0
    other = _depth(tissue & ~core, size) > OTHER_TISSUE
    allowed = to_brain < REACH
    if other.any():
        allowed &= to_brain <= np.maximum(_distance(other, size) - OTHER_TISSUE, 0)
    return np.where(allowed, clipped, image.min()), core, bright


def _depth(mask: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Distance to the outside, mm."""
    return depth(np.pad(mask, 1), size)[1:-1, 1:-1, 1:-1]


def _distance(mask: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Distance to the mask, mm."""
    return depth(~mask, size)


def _start(core: np.ndarray, size: np.ndarray) -> Mesh:
    """Ellipsoid of the core's middle and moments, made smaller."""
    points = np.argwhere(core) * size
    radii = START * np.sqrt(5) * points.std(axis=0)
    mesh = sphere(LEVELS[0][0])
    return Mesh(mesh.vertices * np.maximum(radii, size) + points.mean(axis=0), mesh.faces)


class _Evolution:
    """The forces on the surface, and the loop that follows them; positions in mm from the first voxel's centre."""

    def __init__(
        self, image: np.ndarray, size: np.ndarray, levels: tuple[float, float], fraction: float, stiffness: float
    ) -> None:
        self.image, self.size, self.fraction = image, size, fraction
        self.dark, self.bright = levels
        self.floor = float(np.percentile(image, 2))
        self.depths = np.arange(SPACING / 3, INWARD, SPACING)
        tightest, widest = 1 / (TIGHTEST * stiffness), 1 / (WIDEST * stiffness)
        self.bend, self.slope = (tightest + widest) / 2, 6 / (tightest - widest)

    def grow(self, mesh: Mesh, progress: Progress) -> Mesh:
        """Move the mesh until its steps are spent."""
        total, done = sum(steps for _, steps in LEVELS), 0
        for level, (_, steps) in enumerate(LEVELS):
            mesh = mesh.refined() if level else mesh
            for _ in range(steps):
                mesh = mesh.moved(mesh.vertices + self._step(mesh))
                done += 1
                progress(done / total, "growing the surface")
        return mesh

    def _step(self, mesh: Mesh) -> np.ndarray:
        """Even out the vertices, smooth what is bent too tightly, push along the normals (u1, u2, u3 of the paper)."""
        to_mean = mesh.neighbours @ mesh.vertices - mesh.vertices
        height = np.einsum("ij,ij->i", to_mean, mesh.normals)[:, None]
        normal_part = height * mesh.normals
        bending = 2 * np.abs(height) / mesh.edge_length**2
        smoothing = (1 + np.tanh(self.slope * (bending - self.bend))) / 2
        push = PUSH * mesh.edge_length * self._force(mesh)[:, None]
        return (to_mean - normal_part) / 2 + smoothing * normal_part + push * mesh.normals

    def _force(self, mesh: Mesh) -> np.ndarray:
        """Outwards over bright tissue, inwards where the image below the surface is darker than the threshold."""
        points = (mesh.vertices[:, None] - self.depths[:, None] * mesh.normals[:, None]) / self.size
        values = scipy.ndimage.map_coordinates(
            self.image, points.reshape(-1, 3).T, order=1, mode="constant", cval=self.floor, prefilter=False
        ).reshape(points.shape[:2])
        darkest = np.clip(values.min(axis=1), self.floor, self.bright)
        brightest = np.clip(values[:, self.depths <= NEAR].max(axis=1), self.dark, self.bright)
        span = np.maximum(brightest - self.floor, np.finfo(np.float32).eps * self.bright)
        return 2 * (np.clip((darkest - self.floor) / span, 0, 1) - self.fraction)

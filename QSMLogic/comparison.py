"""Two maps of one subject: two time points, or two reconstructions of one scan. The second is brought to the first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
import SimpleITK
from scipy import ndimage

from .agreement import Agreement, Row, between_regions, rows_of_agreement
from .errors import InputError
from .io.itk_images import image_of, values_of
from .io.nifti import Geometry
from .progress import Progress, no_progress, part
from .registration import register
from .registration_images import Picture, picture
from .registration_quality import Fit, doubts, fit
from .roi import Reference, reference_called, relative_to

STILL = 0.1
"""Voxels; images on the same voxels that moved less are compared as they are: to interpolate would change them more."""

RIM = 4.0
"""mm at the edge of the mask that the last steps of the registration leave out."""

WHOLLY = 0.99
"""Share of the second mask around a point, from which on the second map is known there."""


@dataclass(frozen=True)
class Map:
    """A map (x, y, z), where it is known (x, y, z; bool), and where both lie.

    guide (x, y, z): image of the same voxels by which it is registered, such as a magnitude, and brain (x, y, z; bool),
    where the guide shows brain; by default map and mask themselves.
    """

    values: np.ndarray
    mask: np.ndarray
    geometry: Geometry
    guide: np.ndarray | None = None
    brain: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check shapes, and that the mask holds something."""
        for name in ("values", "mask", "guide", "brain"):
            array = getattr(self, name)
            if array is not None and array.shape != self.geometry.shape:
                raise InputError(f"The {name} has shape {array.shape}, but the geometry {self.geometry.shape}.")
        if not self.mask.any():
            raise InputError("The mask holds no voxel above 0: give the one that the map was made in.")


@dataclass(frozen=True)
class Movement:
    """How the second image lies against the first: turn (degrees), largest shift of a voxel in the mask (mm)."""

    degrees: float
    shift: float


@dataclass(frozen=True)
class Comparison:
    """Of a first and a second map, on the voxels of the first.

    second (x, y, z): the second map there; difference (x, y, z): second less first; both float32 and 0 outside of mask
    (x, y, z; bool), where both are known. rows: agreement over the voxels of the mask and of each region; regions: of
    the means of the regions. references: what became zero in the first and the second map. transform: from points of
    the first image to points of the second, None where the maps were compared voxel by voxel as they are; movement,
    fit: None where nothing was registered.
    """

    first: np.ndarray
    second: np.ndarray
    difference: np.ndarray
    mask: np.ndarray
    rows: tuple[Row, ...]
    regions: Agreement
    references: tuple[Reference | None, ...]
    transform: SimpleITK.Transform | None
    movement: Movement | None
    fit: Fit | None
    warnings: tuple[str, ...]


def compare(
    first: Map,
    second: Map,
    *,
    registered: bool = True,
    labels: np.ndarray | None = None,
    names: Mapping[int, str] = MappingProxyType({}),
    reference: str = "none",
    progress: Progress = no_progress,
) -> Comparison:
    """Compare two maps of one subject. labels (x, y, z): regions on the voxels of the first map.

    reference: what becomes zero in either map, as in `roi.reference_called`.

    registered: the second is brought to the first by a rigid registration of the guides; without it both have to lie on
    the same voxels. Raises: InputError where they do not, or share nothing; Cancelled from progress.
    """
    apart = first.geometry.difference(second.geometry)
    if apart and not registered:
        raise InputError(f"The two maps do not lie on the same voxels: {apart}. Register them (--register rigid).")
    transform, movement, told = None, None, None
    warnings: list[str] = []
    if registered:
        transform, movement, told = _registered(first, second, progress)
        warnings = doubts(told, moving="the second image", fixed="the first")
        if not apart and movement.shift < STILL * min(first.geometry.spacing):
            transform = None
    values, mask = (second.values, second.mask) if transform is None else _brought(second, first.geometry, transform)
    mask = mask & first.mask & np.isfinite(first.values) & np.isfinite(values)
    if not mask.any():
        raise InputError("The two maps share no voxel: check their masks, and that both are of one subject.")
    regions = np.zeros(mask.shape, np.int32) if labels is None else labels
    zeros = [reference_called(reference, array, regions, mask, names) for array in (first.values, values)]
    one, other = (
        relative_to(array, mask, 0.0 if zero is None else zero.mean)
        for array, zero in zip((first.values, values), zeros, strict=True)
    )
    rows = rows_of_agreement(one, other, mask, labels, names)
    progress(1, "comparison")
    return Comparison(
        first=one,
        second=other,
        difference=other - one,
        mask=mask,
        rows=tuple(rows),
        regions=between_regions(rows),
        references=tuple(zeros),
        transform=transform,
        movement=movement,
        fit=told,
        warnings=tuple(warnings),
    )


def _registered(first: Map, second: Map, progress: Progress) -> tuple[SimpleITK.CompositeTransform, Movement, Fit]:
    progress(0, "registration")
    fixed, moving = (_picture(image) for image in (first, second))
    found = register(
        fixed, moving, levels=("rigid",), focus=lambda _: _inner(fixed.mask), progress=part(progress, 0.1, 0.7)
    )
    told = fit(fixed, moving, found, part(progress, 0.7, 0.95))
    return found.transform, _movement(found.transform, first), told


def _inner(mask: SimpleITK.Image) -> SimpleITK.Image:
    """Return a mask less its rim, where something is left: the edges of two masks are never quite the same."""
    distance = SimpleITK.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    inner = SimpleITK.Cast(distance < -RIM, SimpleITK.sitkUInt8)
    return inner if SimpleITK.GetArrayViewFromImage(inner).any() else mask


def _picture(image: Map) -> Picture:
    guide, brain = (image.values, image.mask) if image.guide is None else (image.guide, image.brain)
    brain = image.mask if brain is None else brain
    return picture(image_of(guide, image.geometry), image_of(brain.astype(bool), image.geometry))


def _movement(transform: SimpleITK.CompositeTransform, image: Map) -> Movement:
    """Return the turn of a rigid transform, and its largest shift at the corners of the mask's box."""
    matrix = np.array(transform.GetNthTransform(0).GetMatrix()).reshape(3, 3)
    cosine = min(1.0, max(-1.0, (float(np.trace(matrix)) - 1) / 2))
    place = image_of(image.mask, image.geometry)
    box = [(int(filled[0]), int(filled[-1])) for filled in (np.unique(axis) for axis in np.nonzero(image.mask))]
    corners = [place.TransformIndexToPhysicalPoint(corner) for corner in product(*box)]
    shifts = [float(np.linalg.norm(np.subtract(transform.TransformPoint(corner), corner))) for corner in corners]
    return Movement(math.degrees(math.acos(cosine)), max(shifts))


def _brought(image: Map, onto: Geometry, transform: SimpleITK.Transform) -> tuple[np.ndarray, np.ndarray]:
    """Return a map on other voxels by cubic interpolation, and where it is known there.

    Around the mask the nearest value goes on, so that no step at its edge rings into it.
    """
    like = image_of(np.zeros(onto.shape, bool), onto)
    known = image.mask & np.isfinite(image.values)
    nearest = ndimage.distance_transform_edt(
        ~known, sampling=image.geometry.spacing, return_distances=False, return_indices=True
    )
    filled = image_of(image.values[tuple(nearest)].astype(np.float32), image.geometry)
    values = SimpleITK.Resample(filled, like, transform, SimpleITK.sitkBSpline, 0.0, SimpleITK.sitkFloat32)
    share = SimpleITK.Resample(
        image_of(known.astype(np.float32), image.geometry), like, transform, SimpleITK.sitkLinear, 0.0
    )
    return values_of(values), values_of(share) >= WHOLLY

"""Measurement by atlas: a template with labels is registered to a subject, and the labels carried over.

Any atlas that a user has will do: a template, a label image in its space, and a table of names. None comes with the
program, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK

from .bias_field import bias_field
from .errors import InputError
from .io.itk_images import image_of, values_of
from .io.nifti import Geometry, read_labels, read_volume
from .progress import Progress, no_progress, part
from .registration import LEVELS, register
from .registration_images import Picture, picture
from .registration_quality import Fit, doubts, fit
from .roi import RegionStatistics, read_names, region_statistics

NEAR = 15.0
"""mm around the labels in which the template is to fit best: the cortex tells little of where the nuclei lie."""

SHADING = 4.0
"""mm; voxels that are enough to tell the shading of a coil."""

BACKGROUND = 0.02
"""Least share of a template that is 0, where its brain is told from what is around it."""

SHOWN = 5
"""Names in a warning."""


@dataclass(frozen=True)
class Atlas:
    """A template (x, y, z), where it shows brain (bool), labels in its space with names, and where each lies."""

    template: np.ndarray
    mask: np.ndarray
    geometry: Geometry
    labels: np.ndarray
    labels_geometry: Geometry
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Carried:
    """An atlas on the voxels of a subject.

    labels (x, y, z) int32; template (x, y, z) float32, registered; names of the labels; transform: from points of the
    subject to points of the template, mm; fit: how well they match; warnings: what speaks against the labels.
    """

    labels: np.ndarray
    template: np.ndarray
    names: Mapping[int, str]
    transform: SimpleITK.CompositeTransform
    fit: Fit
    warnings: tuple[str, ...]


def read_atlas(template: Path, labels: Path, names: Path | None = None, mask: Path | None = None) -> Atlas:
    """Read an atlas: the template shows a brain alone, or its mask is given. names: what `roi.read_names` reads.

    Raises: InputError where a file cannot be read, or template and labels do not lie in one space.
    """
    values, geometry = read_volume(template)
    values = np.nan_to_num(values, posinf=0, neginf=0)
    if mask is None:
        inside = values > 0
        if inside.mean() > 1 - BACKGROUND or not inside.any():
            raise InputError(
                f"{template} does not tell the brain from what is around it, which is to be 0: "
                "give the template's brain mask too (--template-mask)."
            )
    else:
        given, other = read_volume(mask)
        if geometry.difference(other):
            raise InputError(f"{mask} and {template} do not lie on the same voxels: {geometry.difference(other)}.")
        inside = np.nan_to_num(given) > 0
    marked, where = read_labels(labels)
    if not marked.any():
        raise InputError(f"{labels} holds no label: every voxel is 0.")
    atlas = Atlas(values, inside, geometry, marked, where, {} if names is None else read_names(names))
    if not _labels_on(atlas, image_of(inside, geometry), SimpleITK.Transform())[inside].any():
        raise InputError(f"The labels in {labels} do not lie in the brain of {template}: do they belong together?")
    return atlas


def carry_labels(
    atlas: Atlas,
    image: np.ndarray,
    mask: np.ndarray,
    geometry: Geometry,
    *,
    onto: Geometry | None = None,
    levels: Sequence[str] = LEVELS,
    progress: Progress = no_progress,
) -> Carried:
    """Register an atlas to an image of a subject and return its labels there.

    image (x, y, z): magnitude of the first echo, a T1 image, or any other whose contrast has to do with the template's;
    mask (x, y, z) bool: the brain in it; geometry: where both lie. onto: voxels to carry the labels to, in the same
    space, by default the image's. levels: of `registration.LEVELS`. The same images always give the same labels.
    Raises: InputError where mask or image hold nothing; Cancelled from progress.
    """
    inside = mask.astype(bool)
    if image.shape != geometry.shape or inside.shape != geometry.shape:
        raise InputError(f"Image {image.shape} and mask {inside.shape} must have the shape {geometry.shape}.")
    if not inside.any():
        raise InputError("The mask holds no voxel above 0: give the brain mask of the image.")
    progress(0, "registration: even brightness")
    fixed = _evened(image, inside, geometry)
    moving = _evened(atlas.template, atlas.mask, atlas.geometry)
    found = register(
        fixed,
        moving,
        levels=levels,
        focus=lambda found: _near_labels(atlas, fixed, found),
        progress=part(progress, 0.15, 0.8),
    )
    matched = fit(fixed, moving, found, part(progress, 0.8, 0.95))
    transform = found.transform
    like = fixed.mask if onto is None else image_of(np.zeros(onto.shape, bool), onto)
    labels = _labels_on(atlas, like, transform)
    shown = SimpleITK.Resample(
        image_of(atlas.template, atlas.geometry), like, transform, SimpleITK.sitkLinear, 0.0, SimpleITK.sitkFloat32
    )
    warnings = (*doubts(matched), *_lost(atlas, labels))
    progress(1, "labels")
    return Carried(labels, values_of(shown), dict(atlas.names), transform, matched, warnings)


def measure_by_atlas(
    atlas: Atlas,
    chi: np.ndarray,
    mask: np.ndarray,
    geometry: Geometry,
    *,
    image: np.ndarray | None = None,
    levels: Sequence[str] = LEVELS,
    progress: Progress = no_progress,
) -> tuple[list[RegionStatistics], Carried]:
    """Measure chi (x, y, z; ppm) in the regions of an atlas; return the table's rows and the atlas on the subject.

    mask (x, y, z) bool: the brain. image (x, y, z): what the template is registered to, by default chi itself, which
    suits a template of susceptibility only. chi is measured where it is finite and not 0, in the mask.
    Raises: as `carry_labels`.
    """
    carried = carry_labels(atlas, chi if image is None else image, mask, geometry, levels=levels, progress=progress)
    valid = mask.astype(bool) & np.isfinite(chi) & (chi != 0)
    rows = region_statistics(chi, carried.labels, geometry.grid(), names=carried.names, mask=valid)
    return rows, carried


def _evened(image: np.ndarray, mask: np.ndarray, geometry: Geometry) -> Picture:
    """Return an image ready to be registered; shading is taken off where it is a brightness, which is never below 0."""
    if mask.any() and image[mask].min() >= 0:
        image = image / bias_field(image, mask, geometry.grid(), SHADING)
    return picture(image_of(image, geometry), image_of(mask, geometry))


def _labels_on(atlas: Atlas, like: SimpleITK.Image, transform: SimpleITK.Transform) -> np.ndarray:
    """Return the labels (x, y, z) on the voxels of an image, each voxel with that of its nearest point."""
    labels = image_of(atlas.labels, atlas.labels_geometry)
    return values_of(SimpleITK.Resample(labels, like, transform, SimpleITK.sitkNearestNeighbor, 0.0))


def _near_labels(atlas: Atlas, fixed: Picture, transform: SimpleITK.Transform) -> SimpleITK.Image:
    """Return the part of the brain near the labels; all of it where they have gone astray."""
    marked = image_of(_labels_on(atlas, fixed.mask, transform) != 0, _geometry_of(fixed.mask))
    distance = SimpleITK.SignedMaurerDistanceMap(marked, squaredDistance=False, useImageSpacing=True)
    near = SimpleITK.And(SimpleITK.Cast(distance < NEAR, SimpleITK.sitkUInt8), fixed.mask)
    return near if SimpleITK.GetArrayViewFromImage(near).any() else fixed.mask


def _geometry_of(image: SimpleITK.Image) -> Geometry:
    return Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def _lost(atlas: Atlas, labels: np.ndarray) -> list[str]:
    """Return a sentence where labels of the atlas have no voxel on the subject, or no name."""
    said = []
    there = set(np.unique(atlas.labels).tolist()) - {0}
    gone = sorted(there - set(np.unique(labels).tolist()))
    if gone:
        said.append(f"No voxel of the subject has the label of {_listed(gone, atlas.names)}.")
    nameless = sorted(there - set(atlas.names))
    if nameless and atlas.names:
        said.append(f"The table of names has none for {_listed(nameless, {})}.")
    return said


def _listed(labels: Sequence[int], names: Mapping[int, str]) -> str:
    shown = [names.get(label, f"label {label}") for label in labels[:SHOWN]]
    return ", ".join(shown) + (f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else "")

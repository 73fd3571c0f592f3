"""Arrays (x, y, z) with their geometry as images of SimpleITK, which counts its arrays (z, y, x), and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK

from ..errors import InputError
from .nifti import Geometry


def image_of(values: np.ndarray, geometry: Geometry) -> SimpleITK.Image:
    """Return values (x, y, z) as an image: masks as uint8, whole numbers as int32, else float32 with 0 for NaN."""
    if values.shape != geometry.shape:
        raise InputError(f"The image has shape {values.shape} but its geometry {geometry.shape}: they must be equal.")
    if values.dtype == bool:
        array = values.astype(np.uint8)
    elif np.issubdtype(values.dtype, np.integer):
        array = values.astype(np.int32)
    else:
        array = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction)
    return image


def values_of(image: SimpleITK.Image) -> np.ndarray:
    """Return the values of an image as an array (x, y, z)."""
    return np.ascontiguousarray(SimpleITK.GetArrayViewFromImage(image).T)


def on_voxels(values: np.ndarray, geometry: Geometry, onto: Geometry) -> np.ndarray:
    """Return a mask or labels (x, y, z) on other voxels of the same space: the nearest one's value, else 0."""
    if not geometry.difference(onto):
        return values
    like = image_of(np.zeros(onto.shape, bool), onto)
    drawn = SimpleITK.Resample(
        image_of(values, geometry), like, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor, 0.0
    )
    return values_of(drawn).astype(values.dtype)


def write_transform(path: Path, transform: SimpleITK.Transform) -> None:
    """Write a transform as a text (.tfm) that ITK, 3D Slicer and others read. Raises OSError where it cannot be."""
    try:
        SimpleITK.WriteTransform(transform, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} cannot be written") from error

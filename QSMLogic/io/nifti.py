"""Images in and out: files on one side, arrays (x, y, z, echo) and their geometry on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from SimpleITK import GetArrayViewFromImage, Image, ImageFileReader, ProcessObject

from ..errors import InputError
from ..grid import Grid
from .nifti_file import header_type, read_header, read_nifti, write_nifti

ProcessObject.SetGlobalWarningDisplay(False)  # on standard error, of files that are refused in words here

NIFTI_ENDINGS = (".nii", ".nii.gz")

SAME_SIZE = 1e-3
"""Voxel sizes that differ by less than this part are equal: headers carry rounded numbers."""

SAME_AXIS = 1e-3
"""Largest difference between entries of two direction matrices that count as equal (0.06 degrees)."""

SAME_PLACE = 0.1
"""mm; origins closer than this are equal."""

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0])
"""NIfTI counts towards right and anterior, SimpleITK towards left and posterior."""


@dataclass(frozen=True)
class Geometry:
    """Where an image lies: voxels, voxel size (mm), first voxel's place (mm, LPS) and axes (columns of a 3 x 3 matrix).

    stored is the orientation as the file's header wrote it, so that what is written later carries the same numbers.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]
    stored: np.ndarray | None = field(default=None, compare=False, repr=False)

    @classmethod
    def centred(cls, grid: Grid, direction: np.ndarray) -> Self:
        """Place a grid, axes (3, 3) in the columns of direction, with its middle at the origin."""
        axes = np.asarray(direction, float).reshape(3, 3)
        middle = (np.array(grid.shape) - 1) * grid.voxel_size / 2
        return cls(grid.shape, grid.voxel_size, tuple((-axes @ middle).tolist()), tuple(axes.ravel().tolist()))

    @property
    def placed(self) -> bool:
        """Whether the file says how the image lies in the scanner."""
        return self.stored is None or bool(self.stored["qform_code"] > 0 or self.stored["sform_code"] > 0)

    @property
    def disagreement(self) -> float:
        """Degrees between the directions of the main field by the two orientations of the header, 0 where one is said.

        They are the same as they leave the scanner; one of them changes where an image is registered, or damaged.
        """
        if self.stored is None or min(self.stored["qform_code"], self.stored["sform_code"]) <= 0:
            return 0.0
        b, c, d = np.asarray(self.stored["quatern"][:3], float)
        a = math.sqrt(max(0.0, 1 - float(b * b + c * c + d * d)))
        one = np.array([2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c])
        other = np.asarray(self.stored["srow"], float)[2, :3] / self.spacing
        lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
        return math.degrees(math.acos(min(1.0, abs(float(one @ other)) / lengths))) if lengths > 0 else 90.0

    def grid(self, b0_direction: Sequence[float] | None = None) -> Grid:
        """Return the grid; without a B0 direction (voxel axes) the main field runs along the patient's z axis."""
        if b0_direction is None:
            return Grid.from_direction(self.shape, self.spacing, np.array(self.direction))
        return Grid(self.shape, self.spacing, b0_direction=tuple(b0_direction))  # type: ignore[arg-type]

    def difference(self, other: Geometry) -> str:
        """Return in words how another geometry differs beyond the tolerances; empty where it does not."""
        if self.shape != other.shape:
            return f"{_by(self.shape)} voxels against {_by(other.shape)}"
        if np.abs(np.divide(self.spacing, other.spacing) - 1).max() > SAME_SIZE:
            return f"voxels of {_by(self.spacing)} mm against {_by(other.spacing)} mm (0.1 % is allowed)"
        if np.abs(np.subtract(self.direction, other.direction)).max() > SAME_AXIS:
            return f"axes turned against each other by more than {SAME_AXIS:g}"
        distance = float(np.linalg.norm(np.subtract(self.origin, other.origin)))
        if distance > SAME_PLACE:
            return f"origins {distance:.3g} mm apart ({SAME_PLACE:g} mm is allowed)"
        return ""

    def orientation(self) -> np.ndarray:
        """Return a NIfTI header that places an image here: the stored one, or a new one."""
        if self.stored is not None:
            return self.stored
        header = np.zeros((), header_type(348))
        axes = RAS_FROM_LPS @ np.array(self.direction).reshape(3, 3) * self.spacing
        header["srow"] = np.column_stack([axes, RAS_FROM_LPS @ self.origin])
        header["pixdim"][:4] = [1, *self.spacing]
        header["sform_code"], header["xyzt_units"] = 1, 2
        return header[()]


def read_image(path: str | Path) -> tuple[np.ndarray, Geometry]:
    """Read an image: values (x, y, z, volume) float32 and geometry.

    NIfTI files are checked to the last byte; any other format is left to SimpleITK. Raises InputError in one sentence.
    """
    path = Path(path)
    _refuse_no_file(path)
    reader = ImageFileReader()
    reader.SetFileName(str(path))
    try:
        if path.name.lower().endswith(NIFTI_ENDINGS):
            header, values = read_nifti(path)
            reader.ReadImageInformation()
            return values, _geometry(reader, header)
        image = reader.Execute()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except RuntimeError as error:
        raise InputError(_in_words(path, error)) from None
    if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() not in (3, 4):
        raise InputError(f"{path} is no image of three or four dimensions with one number per voxel.")
    values = GetArrayViewFromImage(image).astype(np.float32).reshape(-1, *image.GetSize()[2::-1])
    return np.moveaxis(np.ascontiguousarray(values.transpose(0, 3, 2, 1)), 0, -1), _geometry(image)


def read_geometry(path: str | Path) -> Geometry:
    """Return where the voxels of a NIfTI file lie, by its header alone. Raises InputError as read_image does."""
    path = Path(path)
    _refuse_no_file(path)
    reader = ImageFileReader()
    reader.SetFileName(str(path))
    try:
        header = read_header(path)
        reader.ReadImageInformation()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except RuntimeError as error:
        raise InputError(_in_words(path, error)) from None
    return _geometry(reader, header)


def read_echoes(paths: Sequence[str | Path], name: str) -> tuple[np.ndarray, Geometry]:
    """Read one 4-D file or one file per echo: values (x, y, z, echo) and geometry, which all files must share."""
    first, geometry = read_image(paths[0])
    if len(paths) == 1:
        return first, geometry
    echoes = [first]
    for path in paths[1:]:
        values, other = read_image(path)
        refuse_other_geometry(f"{name} {paths[0]}", geometry, str(path), other)
        echoes.append(values)
    for path, values in zip(paths, echoes, strict=True):
        if values.shape[3] != 1:
            raise InputError(f"{path} holds {values.shape[3]} volumes: give one 4-D file or one 3-D file per echo.")
    return np.moveaxis(np.stack([values[..., 0] for values in echoes]), 0, -1), geometry


def read_volume(path: str | Path) -> tuple[np.ndarray, Geometry]:
    """Read a single volume: values (x, y, z) float32 and geometry."""
    values, geometry = read_image(path)
    if values.shape[3] != 1:
        raise InputError(f"{path} holds {values.shape[3]} volumes: one is needed.")
    return values[..., 0], geometry


def read_labels(path: str | Path) -> tuple[np.ndarray, Geometry]:
    """Read a label image: values (x, y, z) int32 and geometry. Raises InputError where values are no whole numbers."""
    values, geometry = read_volume(path)
    labels = np.nan_to_num(values, posinf=0, neginf=0).astype(np.int32)
    if np.any(np.isfinite(values) & (labels != values)):
        raise InputError(f"{path} is no label image: its values are not whole numbers.")
    return labels, geometry


def refuse_other_geometry(name: str, geometry: Geometry, other_name: str, other: Geometry) -> None:
    """Raise InputError, saying what differs, where two images do not share one geometry."""
    difference = geometry.difference(other)
    if difference:
        raise InputError(
            f"{name} and {other_name} do not lie on the same voxels: {difference}. "
            "Resample one to the other, or give the images of one acquisition."
        )


def write_image(path: str | Path, array: np.ndarray, geometry: Geometry, *, force: bool = False) -> None:
    """Write an image (x, y, z) or (x, y, z, volume) as NIfTI, in exactly this geometry, whole or not at all.

    Masks become uint8, all else float32. Raises InputError where the file exists (unless force) or cannot be written.
    """
    path = Path(path)
    if not path.name.endswith(NIFTI_ENDINGS):
        raise InputError(f"{path}: the name of an image ends in .nii or .nii.gz.")
    if array.shape[:3] != geometry.shape:
        raise InputError(f"The image has shape {array.shape} but its geometry {geometry.shape}: they must be equal.")
    if path.exists() and not force:
        raise InputError(f"{path} exists already: choose another name, or overwrite it with --force.")
    kind = np.uint8 if array.dtype in (np.bool_, np.uint8) else np.float32
    try:
        write_nifti(path, array.astype(kind, copy=False), geometry.orientation())
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be written: {error.strerror}. Free some space, or choose another folder."
        ) from None


def _refuse_no_file(path: Path) -> None:
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{str(path)!a} is a name outside UTF-8: rename the file or its folder.") from None
    if path.is_dir():
        raise InputError(f"{path} is a folder: give an image file.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (zero bytes). Copy or convert it again.")


def _geometry(image: Image | ImageFileReader, header: np.ndarray | None = None) -> Geometry:
    size, count = image.GetSize(), len(image.GetSize())
    direction = np.array(image.GetDirection()).reshape(count, count)[:3, :3]
    return Geometry(
        tuple(int(n) for n in size[:3]),  # type: ignore[arg-type]
        tuple(image.GetSpacing()[:3]),
        tuple(image.GetOrigin()[:3]),
        tuple(float(d) for d in direction.ravel()),
        header,
    )


def _in_words(path: Path, error: RuntimeError) -> str:
    if "orthonormal" in str(error):
        return (
            f"{path}: its axes are not perpendicular (a tilted gantry or a damaged header). "
            "Resample it to a rectangular grid first."
        )
    return f"{path} is not an image that can be read: it is damaged, or of another kind."


def _by(numbers: Sequence[float]) -> str:
    return " x ".join(f"{n:g}" for n in numbers)

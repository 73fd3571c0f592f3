"""The NIfTI file itself: its header, checked before it is believed, and its bytes, whole or refused."""

from __future__ import annotations

import gzip
import math
import zlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..memory import check_memory
from .outputs import whole_file

_NIFTI1 = {
    "sizeof_hdr": ("i4", 0),
    "dim": ("8i2", 40),
    "datatype": ("i2", 70),
    "bitpix": ("i2", 72),
    "pixdim": ("8f4", 76),
    "vox_offset": ("f4", 108),
    "scl_slope": ("f4", 112),
    "scl_inter": ("f4", 116),
    "xyzt_units": ("u1", 123),
    "qform_code": ("i2", 252),
    "sform_code": ("i2", 254),
    "quatern": ("6f4", 256),
    "srow": ("(3,4)f4", 280),
    "magic": ("S4", 344),
}
_NIFTI2 = {
    "sizeof_hdr": ("i4", 0),
    "magic": ("S8", 4),
    "datatype": ("i2", 12),
    "bitpix": ("i2", 14),
    "dim": ("8i8", 16),
    "pixdim": ("8f8", 104),
    "vox_offset": ("i8", 168),
    "scl_slope": ("f8", 176),
    "scl_inter": ("f8", 184),
    "qform_code": ("i4", 344),
    "sform_code": ("i4", 348),
    "quatern": ("6f8", 352),
    "srow": ("(3,4)f8", 400),
    "xyzt_units": ("i4", 500),
}
ORIENTATION = ("xyzt_units", "qform_code", "sform_code", "quatern", "srow")
"""The fields, with the first four of pixdim, that place an image in space."""

MAGIC = {348: b"n+1", 540: b"n+2\0\r\n\x1a\n"}
"""By the size of the header, which tells NIfTI-1 and NIfTI-2 apart."""

EXTENSION_BYTES = 4
"""Between header and data: four zeros say that no extension follows."""

DATA_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
"""Codes of the real numbers in the standard; the others are complex or colours."""

GZIP = b"\x1f\x8b"
"""The first bytes of a compressed file."""

LARGEST_HEADER = 540
"""Bytes."""

MOST_COMPRESSION = 1100
"""Times that gzip can shrink zeros, a little above its limit of 1032."""

PIECE = 1 << 22
"""Bytes that are unpacked at once."""

MOST_DIMENSIONS = 7
"""Of an image, in the standard."""

SPACE_UNITS = 7
"""Bits of xyzt_units that hold the unit of length; the others hold that of time."""

SIZE_TOLERANCE = 0.01
"""Largest relative difference between the two places in which a header states the voxel size."""

COMPRESSION = 1
"""Float images are mostly noise: more effort of gzip takes several times longer and saves a few per cent."""


def header_type(size: int, order: str = "<") -> np.dtype:
    """Return the layout of a header of 348 (NIfTI-1) or 540 bytes (NIfTI-2)."""
    fields = _NIFTI1 if size == 348 else _NIFTI2
    kinds, offsets = zip(*fields.values(), strict=True)
    layout = np.dtype({"names": list(fields), "formats": list(kinds), "offsets": list(offsets), "itemsize": size})
    return layout.newbyteorder(order)  # type: ignore[arg-type]


def read_nifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the header and the values, scaled as it says, of a .nii or .nii.gz file.

    Returns: header, a record of `header_type`; values (x, y, z, volume) float32, each volume contiguous.
    Raises InputError where the file is damaged, cut short, or its header makes no sense.
    """
    content = _content(path, _refuse_too_large(path))
    header = _header(path, content)
    shape, kind, start, needed = _layout(path, header)
    if len(content) < needed:
        raise InputError(f"{path} is cut short: {len(content)} of {needed} bytes are there. Copy or convert it again.")
    if len(content) > needed:
        raise InputError(
            f"{path} is damaged: it holds more than the {needed} bytes its header speaks of. Copy or convert it again."
        )
    stored = np.frombuffer(content, kind, math.prod(shape), start).reshape(shape[::-1])
    values = np.empty((shape[3], *shape[:3]), np.float32)
    for volume, part in zip(values, stored, strict=True):
        volume[...] = part.T
    slope, intercept = scaling(header)
    if (slope, intercept) != (1, 0):
        values *= np.float32(slope)
        values += np.float32(intercept)
    return header, np.moveaxis(values, 0, -1)


def read_header(path: Path) -> np.ndarray:
    """Return the header alone, a record of `header_type`, once the file has been found large enough for its claims."""
    header = _header(path, _beginning(path))
    needed = _layout(path, header)[-1]
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    held = path.stat().st_size * (MOST_COMPRESSION if packed else 1)
    if held < needed:
        there = f"at most {held}" if packed else str(held)
        raise InputError(f"{path} is cut short: {there} of {needed} bytes are there. Copy or convert it again.")
    return header


def scaling(header: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept of the stored values; 1 and 0 where the header has none that make sense."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    return (slope, intercept) if np.isfinite([slope, intercept]).all() and slope != 0 else (1.0, 0.0)


def holds_integers(header: np.ndarray) -> bool:
    """Tell whether the values are stored as whole numbers."""
    return not DATA_TYPES[int(header["datatype"])].startswith("f")


def write_nifti(path: Path, array: np.ndarray, orientation: np.ndarray) -> None:
    """Write an image (x, y, z) or (x, y, z, volume), uint8 or float32, whole or not at all.

    orientation: a header of `header_type` whose orientation is kept. The name may end in .nii or .nii.gz.
    """
    size = orientation.dtype.itemsize
    header = np.zeros((), header_type(size))
    for name in ORIENTATION:
        header[name] = orientation[name]
    header["xyzt_units"] = int(orientation["xyzt_units"]) & SPACE_UNITS
    header["pixdim"] = [*orientation["pixdim"][:4], 1, 1, 1, 1]
    header["dim"] = ([array.ndim, *array.shape] + [1] * 7)[:8]
    header["datatype"], header["bitpix"] = (2, 8) if array.dtype == np.uint8 else (16, 32)
    header["sizeof_hdr"], header["magic"], header["vox_offset"] = size, MAGIC[size], size + EXTENSION_BYTES
    header["scl_slope"] = 1
    values = np.ascontiguousarray(array.T, "<u1" if array.dtype == np.uint8 else "<f4")

    with whole_file(path) as part, part.open("wb") as file:
        packed = gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) if path.suffix == ".gz" else nullcontext(file)
        with packed as target:
            target.write(header.tobytes() + bytes(EXTENSION_BYTES))
            target.write(values.data)


def _layout(path: Path, header: np.ndarray) -> tuple[tuple[int, ...], np.dtype, int, int]:
    """Return shape and type of the values, the byte at which they begin and that at which they end."""
    shape = _shape(path, header)
    kind = np.dtype(DATA_TYPES[int(header["datatype"])]).newbyteorder(header.dtype["dim"].base.byteorder)
    start = int(header["vox_offset"])
    return shape, kind, start, start + kind.itemsize * math.prod(shape)


def _refuse_too_large(path: Path) -> int:
    """Refuse an image that cannot be held, before it is read; return its bytes, 0 where a file does not begin well."""
    if not _beginning(path):
        return 0  # what is wrong is told later
    shape, _, _, needed = _layout(path, read_header(path))
    check_memory(needed + math.prod(shape) * np.dtype(np.float32).itemsize)
    return needed


def _beginning(path: Path) -> bytes:
    """Return the bytes of a header, empty where the file does not begin well."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
            file.seek(0)
            return gzip.GzipFile(fileobj=file).read(LARGEST_HEADER) if packed else file.read(LARGEST_HEADER)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def _content(path: Path, needed: int) -> bytes | bytearray:
    """Return the bytes of a file, unpacked to the last one; where it holds more than are needed, some of these too."""
    with path.open("rb") as file:
        if file.read(len(GZIP)) != GZIP:
            file.seek(0)
            content = file.read(needed + 1)
            if not content:
                raise InputError(f"{path} is empty (zero bytes). Copy or convert it again.")
            return content
    unpacked = bytearray()
    try:
        with gzip.open(path) as stream:
            while piece := stream.read(PIECE):
                unpacked += piece
                if len(unpacked) > needed:  # it may be made to fill the memory
                    break
    except EOFError:
        raise InputError(f"{path} is cut short: its compressed data end early. Copy or convert it again.") from None
    except (zlib.error, gzip.BadGzipFile):
        raise InputError(f"{path} is damaged: it cannot be decompressed. Copy or convert it again.") from None
    return unpacked


def _header(path: Path, content: bytes | bytearray) -> np.ndarray:
    for order in "<>":
        size = int(np.frombuffer(content[:4].ljust(4, b"\0"), f"{order}i4")[0])
        if size in MAGIC and len(content) >= size:
            header = np.frombuffer(content, header_type(size, order), 1)[0]
            if bytes(header["magic"]).startswith(MAGIC[size][:3]):
                return header
    raise InputError(f"{path} is not a NIfTI image, whatever its name says.")


def _shape(path: Path, header: np.ndarray) -> tuple[int, ...]:
    """Return (x, y, z, volume) once the header's claims have been checked."""
    said = f"{path}: its header"
    dimensions = int(header["dim"][0])
    if dimensions > MOST_DIMENSIONS:
        raise InputError(f"{said} says the image has {dimensions} dimensions: it is damaged.")
    sizes = [int(n) for n in header["dim"][1 : 1 + max(0, dimensions)]]
    if not sizes or min(sizes) < 1:
        raise InputError(f"{said} says the image is {' x '.join(map(str, sizes)) or 'without size'}: it is damaged.")
    if len(sizes) < 3 or any(n != 1 for n in sizes[4:]):
        raise InputError(f"{path} has {' x '.join(map(str, sizes))} values: three dimensions, or four, are needed.")
    if int(header["datatype"]) not in DATA_TYPES:
        raise InputError(f"{path} holds no real numbers (complex or colours): give phase and magnitude as two images.")
    if not header.dtype.itemsize <= float(header["vox_offset"]) < 2**31:
        raise InputError(f"{said} says that the data begin at byte {float(header['vox_offset']):g}: it is damaged.")
    scale = float(header["scl_slope"]), float(header["scl_inter"])
    if np.isinf(scale).any():
        raise InputError(f"{said} scales the values by {scale[0]:g} and adds {scale[1]:g}: it is damaged.")
    spacing = np.asarray(header["pixdim"][1:4], float)
    if not np.isfinite(spacing).all() or spacing.min() <= 0:
        raise InputError(f"{said} says the voxel size is {_numbers(spacing)} mm: three positive numbers are needed.")
    placed = [name for name, code in (("quatern", "qform_code"), ("srow", "sform_code")) if header[code] > 0]
    if not all(np.isfinite(header[name]).all() for name in placed):
        raise InputError(f"{said} holds NaN or infinity where the orientation should be. Correct the header.")
    columns = np.linalg.norm(np.asarray(header["srow"], float)[:, :3], axis=0)
    if header["sform_code"] > 0 and np.abs(columns / spacing - 1).max() > SIZE_TOLERANCE:
        raise InputError(
            f"{said} contradicts itself: voxels of {_numbers(spacing)} mm by pixdim, {_numbers(columns)} mm by sform. "
            "Correct the header."
        )
    return (*sizes[:3], sizes[3] if len(sizes) > 3 else 1)


def _numbers(values: np.ndarray) -> str:
    return " x ".join(f"{v:g}" for v in values)

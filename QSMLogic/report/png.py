"""Grey pictures as PNG, without a library for pictures. Source: W3C, Portable Network Graphics, third edition."""

from __future__ import annotations

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY = struct.pack(">BBBBB", 8, 0, 0, 0, 0)
"""Eight bits, greyscale, and the only compression, filtering and order of rows that there are without interlacing."""

UP = 2
"""Filter: each row less the one above, which suits smooth images."""

EFFORT = 7
"""Of zlib, of 9."""


def png(grey: np.ndarray) -> bytes:
    """Return a picture (rows, columns; uint8, 0 is black) as a PNG file."""
    rows, columns = grey.shape
    differences = np.diff(grey, axis=0, prepend=np.zeros((1, columns), np.uint8))
    filtered = np.insert(differences, 0, np.uint8(UP), axis=1)
    header = struct.pack(">II", columns, rows) + GREY
    packed = zlib.compress(filtered.tobytes(), EFFORT)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def grey_levels(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values as grey levels (uint8): low and less is black, high and more white; what is not finite is black."""
    scaled = (np.nan_to_num(image, nan=low, posinf=low, neginf=low) - low) / (high - low)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

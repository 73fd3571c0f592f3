"""A file that gives no memory for what it does not hold, whatever a reader believes of its headers."""

from __future__ import annotations

import io
import os
from pathlib import Path

SMALL = 1 << 16
"""Bytes that may be asked for without a look at what is left."""


class BoundedFile(io.BufferedReader):
    """A file to read from, in binary; pydicom asks for as many bytes as a damaged header claims, up to 4 GiB."""

    def __init__(self, path: Path) -> None:
        """Open a file. Raises OSError."""
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, fewer at the end of the file, which is where the memory for them ends too."""
        if size is not None and size > SMALL:
            size = min(size, max(0, self._size - self.tell()))
        return super().read(size)

"""Compressed voxels that pydicom alone cannot unpack: GDCM in SimpleITK unpacks them, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import error, unpack_from
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from SimpleITK import GetArrayFromImage, ReadImage

from ...errors import InputError

COPIED = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
          "PixelRepresentation")  # fmt: skip
"""What says how voxels are stored."""

START_OF_IMAGE, MARKER = b"\xff\xd8", 0xFF
SIZE_SEGMENTS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""How a frame of JPEG and JPEG-LS begins, what begins a segment, and the segments that say its size."""

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def unpacked(path: Path, content: Any) -> np.ndarray:
    """Return what a compressed file holds as it is stored, (frame, row, column).

    GDCM would apply the rescale of the first frame to all, so every frame is given to it in a file without any. Raises
    InputError where the compression is not known.
    """
    made = []
    with TemporaryDirectory() as folder:
        place = Path(folder, "frame.dcm")
        try:
            for packed in _frames(content):
                _refuse_other_size(packed, content)
                _write(place, content, packed)
                made.append(GetArrayFromImage(ReadImage(str(place)))[0])
        except RuntimeError:
            raise InputError(
                f"{path.name} is compressed in a way that is not read, or damaged: export it uncompressed, or convert "
                "it with dcm2niix and name the NIfTI files."
            ) from None
    return np.stack(made)


def _frames(content: Any) -> Iterator[bytes]:
    """Return the compressed frames of a file."""
    from pydicom import encaps  # noqa: PLC0415 (an extra)

    count = int(content.get("NumberOfFrames") or 1)
    if hasattr(encaps, "generate_frames"):
        return encaps.generate_frames(content.PixelData, number_of_frames=count)
    before_3: Any = encaps.generate_pixel_data_frame
    frames: Iterator[bytes] = before_3(content.PixelData, count)
    return frames


def _refuse_other_size(packed: bytes, content: Any) -> None:
    """Raise RuntimeError where a frame of the JPEG family claims another size or depth than the header of the file.

    GDCM believes the frame, and a damaged one ends the process.
    """
    claimed = _size_in_frame(packed)
    depth = int(content.BitsAllocated)
    if claimed is not None and (claimed[1:] != (content.Rows, content.Columns, 1) or not 0 < claimed[0] <= depth):
        raise RuntimeError


def _size_in_frame(packed: bytes) -> tuple[int, int, int, int] | None:
    """Return bits, rows, columns and components that a compressed frame claims, None where it is of no known kind.

    Raises RuntimeError where its segments lead nowhere.
    """
    if packed[:2] != START_OF_IMAGE:
        return None
    place = 2
    try:
        while packed[place] == MARKER:
            kind, (length,) = packed[place + 1], unpack_from(">H", packed, place + 2)
            if kind in SIZE_SEGMENTS:
                return unpack_from(">BHHB", packed, place + 4)
            place += 2 + length
    except (IndexError, error):
        pass
    raise RuntimeError


def _write(place: Path, content: Any, packed: bytes) -> None:
    """Write one frame as a file of its own, without a rescale."""
    from pydicom import encaps  # noqa: PLC0415 (an extra)
    from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: PLC0415
    from pydicom.uid import UID, generate_uid  # noqa: PLC0415

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = content.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(SECONDARY_CAPTURE), generate_uid()
    frame = FileDataset(str(place), {}, file_meta=meta, preamble=bytes(128))
    frame.SOPClassUID, frame.SOPInstanceUID = SECONDARY_CAPTURE, meta.MediaStorageSOPInstanceUID
    for name in COPIED:
        setattr(frame, name, content[name].value)
    frame.PixelData = encaps.encapsulate([packed])
    frame["PixelData"].is_undefined_length = True
    if not hasattr(encaps, "generate_frames"):
        frame.is_little_endian, frame.is_implicit_VR = True, False
    frame.save_as(place)

"""Compressed voxels that pydicom alone cannot unpack: GDCM in SimpleITK unpacks them, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from SimpleITK import GetArrayFromImage, ReadImage

from ..errors import InputError

COPIED = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
          "PixelRepresentation")  # fmt: skip
"""What says how voxels are stored."""

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
                _write(place, content, packed)
                made.append(GetArrayFromImage(ReadImage(str(place)))[0])
        except RuntimeError:
            raise InputError(
                f"{path.name} is compressed in a way that is not read: export it uncompressed, or convert it with "
                "dcm2niix and name the NIfTI files."
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

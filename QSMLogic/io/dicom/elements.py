"""Elements of DICOM datasets: copied, coded, and written to a file as the standard has it."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from ...errors import InputError


def copy_elements(header: Any, made: Any, words: Sequence[str]) -> None:
    """Copy elements with text in them, as the bytes they are: nothing is decoded, so nothing can be lost."""
    from pydicom.datadict import dictionary_VR, tag_for_keyword  # noqa: PLC0415 (an extra, and slow to load)

    for word in words:
        tag = tag_for_keyword(word)
        assert tag is not None
        element = header.get_item(tag) if tag in header else None
        if element is None or not element.value or element.VR == "SQ":
            continue
        if element.is_raw:
            kind = dictionary_VR(tag)
            value = element.value + (b"\0" if kind == "UI" else b" ") * (len(element.value) % 2)
            element = element._replace(VR=kind, value=value, length=len(value), is_implicit_VR=False)
        made[tag] = element
    keep_bytes(made)


def keep_bytes(made: Any) -> None:
    """Have what was copied written as it is: pydicom would decode and encode it in a dataset that it has not read."""
    made.set_original_encoding(False, True, made._character_set)


def coded(value: str, scheme: str, meaning: str, sequence: str) -> Any:
    """Return an item with a sequence of one code in it."""
    from pydicom.dataset import Dataset  # noqa: PLC0415 (see above)

    code, item = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    setattr(item, sequence, [code])
    return item


def as_decimal(value: float) -> str:
    """Return a number as a decimal string (DS) of at most 16 characters."""
    from pydicom.valuerep import format_number_as_ds  # noqa: PLC0415 (see above)

    return format_number_as_ds(float(value) + 0.0)  # no -0


def encoded(made: Any) -> bytes:
    """Return a dataset as it lies in a file, without the beginning of one."""
    from pydicom.filebase import DicomFileLike  # noqa: PLC0415 (see above)
    from pydicom.filewriter import write_dataset  # noqa: PLC0415

    content = BytesIO()
    buffer = DicomFileLike(content)
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, made)
    return content.getvalue()


def save(made: Any, path: Path) -> None:
    """Write a file as the standard has it."""
    from pydicom import __version__ as version  # noqa: PLC0415 (see above)
    from pydicom.dataset import FileMetaDataset  # noqa: PLC0415
    from pydicom.uid import ExplicitVRLittleEndian  # noqa: PLC0415

    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    try:
        if version < "3":
            made.is_little_endian, made.is_implicit_VR = True, False
            made.save_as(path, write_like_original=False)
        else:
            made.save_as(path, enforce_file_format=True)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be written: {error.strerror}. Free some space, or choose another folder."
        ) from None

"""A map as a DICOM series, in the study of the images that it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from QSMLogic.errors import InputError
from QSMLogic.io.dicom.writing import write_series
from QSMLogic.settings import Settings

from .acquisition import INSTANCES_ATTRIBUTE, sourceFiles
from .maps import imagesOf, provenanceOf, referenceOf
from .reproduce import fileName, freeFolder
from .results import MAP_ATTRIBUTE, UNIT_ATTRIBUTE
from .volumes import arrayOf, geometryOf, nameOf

NO_UNIT = "1"


def exportDicom(node: Any, folder: Path, fileOf: Callable[[str], str]) -> list[Path]:
    """Write a map as a DICOM series into a new folder in this one; return its files in the order of the slices.

    fileOf: the file of an instance UID as a DICOM database knows it, an empty text where it does not. Raises InputError
    where the map was not made of DICOM images, these are gone, or nothing can be written.
    """
    sources = dicomSources(node, fileOf)
    if not sources:
        raise InputError(f"{nameOf(node)} was not made of DICOM images: load them with Load folder, and run again.")
    lost = [path for path in sources if not path.is_file()]
    if lost:
        raise InputError(
            f"{len(lost)} of {len(sources)} DICOM files that {nameOf(node)} was made of are gone, such as {lost[0]}: "
            "put them back, or load the images again and run again."
        )
    return write_series(
        freeFolder(Path(folder) / fileName(nameOf(node))),
        arrayOf(node),
        geometryOf(node),
        sources,
        name=node.GetAttribute(MAP_ATTRIBUTE),
        unit=node.GetAttribute(UNIT_ATTRIBUTE) or NO_UNIT,
        settings=_settings(node),
    )


def dicomSources(node: Any, fileOf: Callable[[str], str]) -> list[Path]:
    """Return the DICOM files that a map was made of, none where an image was read from other files."""
    found: dict[Path, None] = {}
    for image in imagesOf(node):
        files = sourceFiles([image]) or list(_byInstances(image, fileOf))
        if not files:
            return []
        found |= dict.fromkeys(files)
    return list(found)


def _byInstances(image: Any, fileOf: Callable[[str], str]) -> Iterable[Path]:
    """Return the files of a volume that Slicer's own reader has loaded."""
    files = [fileOf(instance) for instance in (image.GetAttribute(INSTANCES_ATTRIBUTE) or "").split()]
    return map(Path, files) if all(files) else ()


def _settings(node: Any) -> Settings | None:
    """Return the settings that made a map; None where its zero was chosen after the run, which they do not say."""
    record, zero = provenanceOf(node), referenceOf(node)
    then = record.get("reference")
    if not record or (then and then["name"]) != (zero and zero.name):
        return None
    return Settings.from_dict(record["settings"])

"""The part of Slicer's package DICOMLib that a plugin for reading, and the DICOM module that asks it, need."""

from DICOMLib.DICOMPlugin import DICOMLoadable, DICOMPlugin
from DICOMLib.DICOMUtils import (
    getLoadablesFromFileLists,
    importDicom,
    loadLoadables,
    selectHighestConfidenceLoadables,
)

__all__ = [
    "DICOMLoadable",
    "DICOMPlugin",
    "getLoadablesFromFileLists",
    "importDicom",
    "loadLoadables",
    "selectHighestConfidenceLoadables",
]

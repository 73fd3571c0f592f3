"""DICOM files: acquisitions found in them (`finding`), their voxels read (`voxels`), and maps written (`writing`)."""

"""A map that becomes DICOM, the scans it lies on, and what is read back."""

import numpy as np
import pydicom
import pytest
from dicom_files import PHILIPS, SHAPE, noise, siemens, write_enhanced

CHI = np.random.default_rng(0).normal(0, 0.2, SHAPE).astype(np.float32)


@pytest.fixture
def classic_scan(tmp_path):
    """Return the files of magnitude and phase at three echoes, two series of a file per slice."""
    siemens(tmp_path / "scan")
    return sorted((tmp_path / "scan").rglob("*.dcm"))


@pytest.fixture
def enhanced_scan(tmp_path):
    """Return the one file of magnitude and phase at two echoes."""
    parts = ("magnitude", "phase")
    volumes = {part: np.stack([noise(seed=9 * n + e) for e in range(2)], 3) for n, part in enumerate(parts)}
    return [write_enhanced(tmp_path / "scan", volumes, PHILIPS)]


def read(files):
    """Return what the files hold, (x, y, z) as their own slope and intercept say, and the headers."""
    headers = [pydicom.dcmread(path) for path in files]
    scaled = [h.pixel_array * float(h.RescaleSlope) + float(h.RescaleIntercept) for h in headers]
    return np.stack(scaled, -1).transpose(1, 0, 2), headers

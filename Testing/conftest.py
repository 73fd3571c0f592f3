"""Fixtures the tests share: two simulated heads and the place of the real data."""

from pathlib import Path

import pytest

from QSMLogic.phantom import Phantom, head_phantom

pytest_plugins = [
    "archives",
    "atlas_head",
    "bids_cohort",
    "dicom_maps",
    "browser",
    "small_run",
    "command_line",
    "slicer_side.fixtures",
    "slicer_nodes",
    "slicer_runs",
    "panel_user",
    "measuring",
]

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

SHAPE, VOXEL_SIZE = (64, 72, 56), (2.9, 3.0, 3.5)
B0_DIRECTION = (0.17, -0.12, 0.98)
ECHO_TIMES = (0.005, 0.011, 0.017, 0.023)


def standard_phantom() -> Phantom:
    """Return a head on anisotropic voxels, oblique to the field, with noise, a shim and a receive phase."""
    return head_phantom(SHAPE, VOXEL_SIZE, b0_direction=B0_DIRECTION, echo_times=ECHO_TIMES, snr=100)


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """Return the standard phantom."""
    return standard_phantom()


@pytest.fixture(scope="session")
def clean_phantom() -> Phantom:
    """Return the same head without noise."""
    return head_phantom(SHAPE, VOXEL_SIZE, b0_direction=B0_DIRECTION, echo_times=ECHO_TIMES, snr=None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the real data; skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not there: {SHARED_DATA}")
    return SHARED_DATA

"""The whole pipeline on real scans: what can be told without a truth. Skipped, saying so, where the data are absent."""

import json

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from QSMLogic.cli import main
from QSMLogic.io.nifti import read_echoes, read_volume

LARGEST_STEP = 0.5
"""ppm from voxel to voxel; a wrap left in the total field is a step of 1 / (gamma B0 TE) = 0.84 ppm or more here."""


@pytest.fixture(scope="module")
def made(shared_data, tmp_path_factory):
    """Run a scan of the shared data once, by the command a user would type, and return its maps."""
    done = {}

    def run(subject):
        if subject not in done:
            out = tmp_path_factory.mktemp(subject)
            folder = shared_data / "bids-invivo" / subject / "anat"
            words = ["run", "--out", str(out), "--keep", "all"]
            for flag, kind in (("--phase", "phase"), ("--magnitude", "mag")):
                words += [flag, *sorted(map(str, folder.glob(f"*part-{kind}*.nii.gz")))]
            assert main(words) == 0
            done[subject] = {path.name.split(".")[0]: path for path in out.iterdir()}
        return done[subject]

    return run


def volume(path):
    return read_volume(path)[0]


def steps(image, mask):
    """Return the largest difference between neighbours that both lie in the mask."""
    largest = 0.0
    for axis in range(3):
        both = mask & np.roll(mask, -1, axis)
        both[(slice(None),) * axis + (-1,)] = False
        largest = max(largest, float(np.abs(np.roll(image, -1, axis) - image)[both].max()))
    return largest


def test_the_mask_of_the_head_is_a_brain(made):
    mask = volume(made("sub-head")["mask"]) > 0
    assert 1.2e6 < mask.sum() * 27 < 1.7e6  # mm3, voxels of 3 mm


def test_no_wrap_is_left_in_the_head(made):
    maps = made("sub-head")
    assert steps(volume(maps["totalfield"]), binary_erosion(volume(maps["mask"]) > 0)) < LARGEST_STEP


@pytest.mark.parametrize("subject", ["sub-head", "sub-patch"])
def test_veins_and_nuclei_are_paramagnetic(made, subject):
    """Iron and deoxygenated blood are the strongest sources of a brain: turned sign would make the tail negative."""
    maps = made(subject)
    inside = binary_erosion(volume(maps["erodedmask"]) > 0, iterations=2)
    chi = volume(maps["chimap"])[inside]
    chi = chi - np.median(chi)
    low, high = np.quantile(chi, (0.001, 0.999))
    assert high > 0.1
    assert high > 1.15 * -low


def test_the_basal_ganglia_stand_out(made):
    """The two pallida of the head, by their place in this scan, against the mean of the brain."""
    chi = volume(made("sub-head")["chimap"])
    assert chi[33:37, 42:45, 27:29].mean() > 0.12
    assert chi[43:46, 42:45, 27:29].mean() > 0.12


def test_the_geometry_is_that_of_the_input(made, shared_data):
    folder = shared_data / "bids-invivo" / "sub-head" / "anat"
    _, there = read_echoes(sorted(folder.glob("*part-phase*.nii.gz")), "phase")
    _, here = read_volume(made("sub-head")["chimap"])
    assert here.spacing == pytest.approx(there.spacing)
    assert np.allclose(here.direction, there.direction)
    assert np.allclose(here.origin, there.origin)


def test_the_facts_of_the_scan_come_from_its_sidecars(made):
    record = json.loads(made("sub-head")["provenance"].read_text())
    assert record["scan"]["echo_times_s"] == [0.0023, 0.0046]
    assert record["scan"]["field_strength_t"] == 3.0

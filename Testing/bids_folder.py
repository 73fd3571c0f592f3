"""A BIDS subject of noise, whose voxels are known, on axes that are tilted."""

import json

import numpy as np

from QSMLogic.io.nifti import Geometry, write_image

SHAPE = (8, 9, 7)
TIMES = (0.004, 0.009)
ANGLE = np.deg2rad(20)
AXES = tuple(np.array([-1, 0, 0, 0, -np.cos(ANGLE), -np.sin(ANGLE), 0, -np.sin(ANGLE), np.cos(ANGLE)], float).tolist())
GEOMETRY = Geometry(SHAPE, (1.5, 2.0, 2.5), (11.0, -12.0, 13.0), AXES)


def write_bids(folder, stored=None, **facts):
    """Write two echoes of noise as a BIDS subject; return phase in rad and magnitude."""
    rng = np.random.default_rng(3)
    phase = rng.uniform(-np.pi, np.pi, (*SHAPE, 2)).astype(np.float32)
    magnitude = rng.uniform(1, 5, (*SHAPE, 2)).astype(np.float32)
    anat = folder / "sub-a" / "anat"
    anat.mkdir(parents=True)
    for echo, time in enumerate(TIMES):
        for part, image in (("phase", phase if stored is None else stored(phase)), ("mag", magnitude)):
            name = anat / f"sub-a_echo-{echo + 1}_part-{part}_MEGRE"
            write_image(f"{name}.nii.gz", image[..., echo].astype(np.float32), GEOMETRY)
            said = {"EchoTime": time, "MagneticFieldStrength": 3} | (facts if part == "phase" else {})
            name.with_suffix(".json").write_text(json.dumps(said))
    return phase, magnitude

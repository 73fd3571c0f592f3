"""A scan as files that a user names, and why it is refused."""

import json

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.io.load import Sources, load
from QSMLogic.io.nifti import Geometry, write_image

SHAPE = (6, 5, 4)
ANGLE = np.deg2rad(20)
TILTED = (1.0, 0.0, 0.0, 0.0, np.cos(ANGLE), -np.sin(ANGLE), 0.0, np.sin(ANGLE), np.cos(ANGLE))
GEOMETRY = Geometry(SHAPE, (1.0, 1.5, 2.0), (0.0, 0.0, 0.0), TILTED)
TIMES = (0.005, 0.011)


def wrapped(echoes=2):
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (*SHAPE, echoes)).astype(np.float32)
    phase[0, 0, 0], phase[1, 0, 0] = -np.pi, np.pi
    return phase


def write_scan(folder):
    """Write phase and magnitude, 4-D and per echo with side-cars, a mask, labels, a field and a parameter file.

    Returns the folder.
    """
    phase = wrapped()
    magnitude = np.ones((*SHAPE, 2), np.float32) * (2, 1)
    write_image(folder / "phase.nii.gz", phase, GEOMETRY)
    write_image(folder / "magnitude.nii.gz", magnitude, GEOMETRY)
    for name, values in {"phase": phase, "magnitude": magnitude}.items():
        for echo, time in enumerate(TIMES):
            write_image(folder / f"{name}{echo}.nii", values[..., echo], GEOMETRY)
            sidecar = {"EchoTime": time, "MagneticFieldStrength": 7, "Units": "rad"}
            (folder / f"{name}{echo}.json").write_text(json.dumps(sidecar))
    write_image(folder / "mask.nii.gz", np.ones(SHAPE, bool), GEOMETRY)
    write_image(folder / "labels.nii.gz", np.full(SHAPE, 3, np.float32), GEOMETRY)
    write_image(folder / "field.nii.gz", np.full(SHAPE, 0.1, np.float32), GEOMETRY)
    (folder / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 3}))
    return folder


def whole(files, **more):
    """Return what names the 4-D images and the parameters, with some things changed."""
    images = {name: (files / f"{name}.nii.gz",) for name in ("phase", "magnitude")}
    return Sources(**images | {"params": files / "params.json"} | more)


def refused(sources):
    """Return the one sentence in which these are refused."""
    with pytest.raises(InputError) as error:
        load(sources)
    assert "\n" not in str(error.value)
    return str(error.value)

"""A whole run on a small simulated head, for tests of what is said of a run, not of its maps."""

from dataclasses import dataclass, replace

import pytest

from QSMLogic import pipeline
from QSMLogic.io.load import Loaded
from QSMLogic.io.nifti import Geometry
from QSMLogic.phantom import head_phantom
from QSMLogic.pipeline import Result
from QSMLogic.report.account import Account, account
from QSMLogic.settings import Settings

SHAPE, VOXEL_SIZE = (24, 28, 20), (8.0, 7.5, 10.0)
QUICK = {
    "masking.method": "threshold fill_holes",
    "conditioning.method": "none",
    "background.method": "sharp",
    "inversion.method": "tkd",
}
"""Methods that take no time."""


@dataclass(frozen=True)
class Run:
    """What a run read, made and said of itself."""

    loaded: Loaded
    result: Result
    told: Account

    def with_facts(self, **facts) -> Loaded:
        """Return what was read with these facts from headers."""
        return replace(self.loaded, facts={**self.loaded.facts, "acquisition": facts})


@pytest.fixture(scope="session")
def small_run() -> Run:
    """Return the run; nothing of it may be changed."""
    phantom = head_phantom(SHAPE, VOXEL_SIZE, echo_times=(0.005, 0.015, 0.025))
    settings = Settings.preset().changed(QUICK)
    geometry = Geometry.centred(phantom.scan.grid, phantom.direction)
    facts = {"shape": list(SHAPE), "said_by": {"echo_times": "the command line"}, "phase_scale": "radians"}
    loaded = Loaded({"labels": phantom.labels}, phantom.scan, geometry, facts, [])
    result = pipeline.run(phantom.scan, settings)
    return Run(loaded, result, account(["qsm", "run", "--phase", "a file.nii"], (), loaded, result))

"""The self-test that Slicer offers passes, and would not if the map were wrong."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "QSM"))


@pytest.fixture
def logic(slicer_scene):
    """Return a logic on the scene, once it is there."""
    from QSMLib.logic import Logic  # noqa: PLC0415

    return Logic(slicer_scene)


def test_the_self_test_passes_and_leaves_its_results_to_be_looked_at(logic):
    from QSMLib.selftest import testPhantom  # noqa: PLC0415

    before = logic.scene.GetNumberOfNodesByClass("vtkMRMLTableNode")
    testPhantom(logic)
    assert logic.scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == before + 1
    assert logic.scene.GetFirstNodeByName("self-test chi").GetAttribute("QSM.map") == "chi"


@pytest.mark.parametrize("spoil", [np.negative, lambda chi: 3 * chi])
def test_the_self_test_fails_on_a_wrong_map(logic, monkeypatch, spoil):
    import slicer  # noqa: PLC0415
    from QSMLib.selftest import testPhantom  # noqa: PLC0415

    right = logic.collect

    def wrong(job):
        outputs = right(job)
        slicer.util.updateVolumeFromArray(outputs.chi, spoil(slicer.util.arrayFromVolume(outputs.chi)))
        return outputs

    monkeypatch.setattr(logic, "collect", wrong)
    with pytest.raises(AssertionError, match="contrast of the map"):
        testPhantom(logic)

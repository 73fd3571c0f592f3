"""Two maps compared in the panel: the difference as a volume, the agreement as a table, the limits in words."""

import numpy as np
import pytest
from slicer_nodes import Nodes

SIZE = (20, 22, 18)
PLACE = np.diag([2.0, 2.0, 2.0, 1.0])
BIAS = 0.02
"""ppm, of the second map in the first region; in the second it is half of that."""


@pytest.fixture
def maps(slicer_scene):
    """Return two maps of one unit, and a segmentation of two regions."""
    noise = np.random.default_rng(0).normal(0, 0.05, SIZE)
    regions = {name: np.zeros(SIZE, bool) for name in ("caudate", "putamen")}
    regions["caudate"][3:9, 4:10, 4:10], regions["putamen"][11:17, 4:10, 4:10] = True, True
    second = noise + BIAS * regions["caudate"] + BIAS / 2 * regions["putamen"]
    nodes = Nodes(slicer_scene)
    made = [nodes.volume(v.astype(np.float32), PLACE, n) for n, v in (("first", noise), ("second", second))]
    for node in made:
        node.SetAttribute("QSM.unit", "ppm")
    return *made, nodes.segmentation(regions, made[0])


@pytest.fixture
def filled(user, maps):
    """Return a person who has chosen everything, for maps that lie on each other."""
    user.pick("measure_regions", maps[2])
    user.unfold("compareCollapsibleButton")
    assert user.find("compare_said").text == "Choose the first map."
    user.pick("compareFirstSelector", maps[0])
    user.pick("compareSecondSelector", maps[1])
    return user


def section_of(user):
    return next(s for s in user.panel.sections if type(s).__name__ == "CompareSection")


def compare(user):
    user.click("compare_apply")
    assert section_of(user).waiting.job is not None, user.message
    user.wait(lambda: section_of(user).waiting.job is None)


def test_difference_table_and_limits(filled, maps, slicer_scene, monkeypatch):
    import qt
    import slicer

    filled.click("compareRegister")
    compare(filled)
    assert filled.message.startswith("Compared: second less first."), filled.message
    node = slicer_scene.GetFirstNodeByName("second less first")
    values = [slicer.util.arrayFromVolume(one) for one in (maps[0], maps[1], node)]
    np.testing.assert_allclose(values[2], values[1] - values[0], atol=1e-6)
    assert node.GetAttribute("QSM.unit") == "ppm"
    table = filled.find("compare_table").mrmlTableNode()
    column = table.GetTable().GetColumnByName("difference")
    names = [table.GetTable().GetColumnByName("name").GetValue(i) for i in range(table.GetNumberOfRows())]
    found = {name: column.GetValue(i) for i, name in enumerate(names)}
    assert found["caudate"] == pytest.approx(BIAS, abs=1e-6)
    assert found["putamen"] == pytest.approx(BIAS / 2, abs=1e-6)
    said = filled.find("compare_said").text
    assert "limits of agreement" in said
    assert f"bias {3 * BIAS / 4:.3g}" in said, "the mean over the two regions"
    opened = []
    monkeypatch.setattr(
        qt.QDesktopServices, "openUrl", staticmethod(lambda url: opened.append(url.toLocalFile()) or True)
    )
    filled.click("compare_figure")
    with open(opened[0], encoding="utf-8") as file:
        assert "<svg" in file.read()


def test_maps_of_other_places_need_registration(filled, nodes, maps):
    import slicer

    moved = nodes.volume(slicer.util.arrayFromVolume(maps[1]).T, np.diag([2.0, 2.0, 2.5, 1.0]), "moved")
    moved.SetAttribute("QSM.unit", "ppm")
    filled.pick("compareSecondSelector", moved)
    filled.click("compareRegister")
    compare(filled)
    assert "do not lie on the same voxels" in filled.message
    assert "(--" not in filled.message
    assert section_of(filled).choices.compareTable is None


def test_what_cannot_be_compared_is_said(filled, maps):
    filled.pick("compareSecondSelector", maps[0])
    assert "choose two" in filled.find("compare_said").text
    maps[1].SetAttribute("QSM.unit", "1/s")
    filled.pick("compareSecondSelector", maps[1])
    assert filled.find("compare_said").text == "first is in ppm, second in 1/s: choose maps of one kind."
    assert not filled.find("compare_apply").enabled


def test_it_ends_with_the_scene(filled, slicer_scene):
    filled.click("compare_apply")
    job = section_of(filled).waiting.job
    slicer_scene.Clear(False)
    assert job._process.poll() is not None
    assert section_of(filled).waiting.job is None
    assert filled.find("compare_said").text == "Choose the first map."

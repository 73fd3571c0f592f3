"""The sample data: the head as volumes, against the phantom, and in Slicer's list of sample data."""

# ruff: noqa: PLC0415 (what needs Slicer is imported once it is there)

from pathlib import Path

import numpy as np
import pytest

from QSMLogic.io.nifti import Geometry
from QSMLogic.phantom import head_phantom


@pytest.fixture(scope="module")
def small():
    """Return a small head, oblique to the field."""
    return head_phantom((20, 24, 18), (9.0, 9.0, 10.0), b0_direction=(0.2, 0.1, 0.97), echo_times=(0.005, 0.012))


@pytest.fixture
def samples(slicer_scene):
    """Return the module, once there is a Slicer to import it in."""
    from QSMLib import samples

    return samples


def test_the_head_is_the_phantom_where_the_phantom_lies(samples, slicer_scene, small):
    from QSMLib.labels import labelsOn
    from QSMLib.volumes import arrayOf, geometryOf, gridOf

    sample = samples.loadSample(slicer_scene, small)
    assert (sample.echoTimes, sample.fieldStrength, sample.phaseScale) == ((0.005, 0.012), 3.0, "radians")
    assert [node.GetName() for node in sample.phases] == ["QSM phantom phase 1", "QSM phantom phase 2"]
    for echo in range(2):
        assert np.array_equal(arrayOf(sample.phases[echo]), small.scan.phase[..., echo])
        assert np.array_equal(arrayOf(sample.magnitudes[echo]), small.scan.magnitude[..., echo])
    assert np.array_equal(arrayOf(sample.truth), small.chi)
    grid = gridOf(sample.phases[0])
    assert grid.voxel_size == pytest.approx(small.scan.grid.voxel_size)
    assert grid.b0_direction == pytest.approx(small.scan.grid.b0_direction, abs=1e-9)
    assert geometryOf(sample.truth).difference(Geometry.centred(small.scan.grid, small.direction)) == ""
    middle = (np.array(grid.shape) - 1) / 2
    place = geometryOf(sample.truth)
    centre = place.origin + np.array(place.direction).reshape(3, 3) @ (middle * place.spacing)
    assert np.allclose(centre, 0, atol=1e-6)
    labels, names = labelsOn(sample.labels, sample.phases[0])
    for label, name in names.items():
        own = next(number for number, title in small.label_names.items() if title == name)
        assert np.array_equal(labels == label, small.mask & (small.labels == own)), name
    assert {"caudate", "thalamus", "white matter", "CSF"} <= set(names.values())
    assert "bone" not in names.values()


def test_everything_lies_in_one_folder_and_comes_twice_by_other_names(samples, slicer_scene, small):
    first, second = (samples.loadSample(slicer_scene, small) for _ in range(2))
    hierarchy = slicer_scene.GetSubjectHierarchyNode()
    for node in (*first.phases, *first.magnitudes, first.truth, first.labels):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == first.folderItem
    assert second.phases[0].GetName() == "QSM phantom phase 1 (2)"


def test_the_truth_has_the_window_of_susceptibility(samples, slicer_scene, small):
    display = samples.loadSample(slicer_scene, small).truth.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((-0.1, 0.2))


def test_slicer_lists_it_once_with_a_picture_and_loads_it_without_a_network(samples, slicer_scene, monkeypatch, small):
    import SampleData

    monkeypatch.setattr("QSMLogic.phantom.head_phantom", lambda: small)  # the default one takes seconds
    samples.register(slicer_scene)
    samples.register(slicer_scene)
    (source,) = SampleData.SampleDataLogic.sampleDataSourcesByCategory("QSM")
    assert Path(source.thumbnailFileName).is_file()
    nodes = SampleData.SampleDataLogic.click("QSMPhantom")
    assert [node.GetName() for node in nodes[:3]] == [
        f"QSM phantom {n}" for n in ("magnitude 1", "magnitude 2", "phase 1")
    ]
    assert all(node.GetScene() is slicer_scene for node in nodes)
    view = slicer_scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert view.GetBackgroundVolumeID() == nodes[0].GetID()


def test_without_sample_data_nothing_happens(samples, slicer_scene, monkeypatch):
    import sys

    monkeypatch.setattr(samples, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "SampleData", None)
    samples.register(slicer_scene)

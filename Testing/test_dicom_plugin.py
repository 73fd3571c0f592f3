"""Series selected in Slicer's DICOM module: what is offered there, and what becomes of it when it is loaded."""

# ruff: noqa: PLC0415 (what needs Slicer is imported once it is there)

import logging

import numpy as np
import pytest
from dicom_files import GEOMETRY, SIEMENS, TIMES, noise, siemens, write_volume
from slicer_nodes import matrix_of, voxels_of

from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition

PLAIN_CONFIDENCE = 0.5
"""Of Slicer's own reader of volumes."""


@pytest.fixture
def dicom(slicer_scene, monkeypatch):
    """Return DICOMLib, with the plugin registered as Slicer does when it starts, and an empty database."""
    from types import SimpleNamespace

    import slicer
    from QSMLib import offers

    pytest.importorskip("pydicom")
    import DICOMLib
    from DICOMLib.DICOMUtils import Database

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    modules = SimpleNamespace()
    offers.toDicom(modules, lambda: slicer_scene)
    monkeypatch.setattr(slicer.modules, "dicomPlugins", modules.dicomPlugins, raising=False)
    return DICOMLib


def offered(dicom, folder):
    """Import a folder, select every series of it, and return the plugin and what it offers."""
    import slicer

    dicom.importDicom(str(folder))
    database = slicer.dicomDatabase
    lists = [database.filesForSeries(uid) for uid in database.series()]
    found, _ = dicom.getLoadablesFromFileLists(lists)
    dicom.selectHighestConfidenceLoadables(found)
    ((plugin, loadables),) = found.items()
    return plugin, loadables


def test_the_module_offers_its_reader_before_slicer_has_started(slicer_app, monkeypatch):
    import slicer
    from slicer_side.application import load_module, unload_module

    monkeypatch.delattr(slicer.modules, "dicomPlugins", raising=False)
    load_module("QSM")
    plugin = slicer.modules.dicomPlugins["DICOMQSMPlugin"]()
    unload_module("QSM")
    assert plugin.loadType == "QSM acquisition"
    assert {"0008,0060", "0018,0020", "0020,000E"} <= set(plugin.tags.values())  # kept by the database at import


def test_two_series_are_offered_as_one_acquisition(dicom, tmp_path):
    import slicer

    siemens(tmp_path)
    _, (loadable,) = offered(dicom, tmp_path)
    assert loadable.name == find_acquisitions(tmp_path)[0].title
    assert loadable.confidence > PLAIN_CONFIDENCE  # one series holds three echoes: the plain reader would mix them
    assert loadable.selected
    assert sorted(loadable.files) == sorted(map(str, tmp_path.rglob("*.dcm")))
    assert not slicer.dicomDatabase.opened


def test_what_is_loaded_is_what_the_shared_reader_reads(dicom, slicer_scene, tmp_path):
    siemens(tmp_path)
    plugin, loadables = offered(dicom, tmp_path)
    messages = []
    assert dicom.loadLoadables({plugin: loadables}, messages)
    assert not messages
    scan = read_acquisition(find_acquisitions(tmp_path)[0]).scan
    for echo in range(3):
        phase = slicer_scene.GetFirstNodeByName(f"gre_qsm phase {echo + 1}")
        magnitude = slicer_scene.GetFirstNodeByName(f"gre_qsm magnitude {echo + 1}")
        assert np.array_equal(voxels_of(phase), scan.phase[..., echo])
        assert np.array_equal(voxels_of(magnitude), scan.magnitude[..., echo])
        expected = np.diag([-1.0, -1, 1]) @ np.array(GEOMETRY.direction).reshape(3, 3) * GEOMETRY.spacing
        assert np.allclose(matrix_of(phase)[:3, :3], expected, atol=1e-6)
        instances = phase.GetAttribute("DICOM.instanceUIDs").split()
        assert len(instances) == len(set(instances)) == GEOMETRY.shape[2]


def test_the_volumes_lie_under_patient_and_study(dicom, slicer_scene, tmp_path):
    import slicer

    siemens(tmp_path, PatientName="Doe^Jane", StudyDescription="Head")
    plugin, loadables = offered(dicom, tmp_path)
    dicom.loadLoadables({plugin: loadables})
    hierarchy = slicer_scene.GetSubjectHierarchyNode()
    names = []
    item = hierarchy.GetItemByDataNode(slicer_scene.GetFirstNodeByName("gre_qsm magnitude 1"))
    while item != hierarchy.GetSceneItemID():
        names.append(hierarchy.GetItemName(item))
        item = hierarchy.GetItemParent(item)
    assert names == ["gre_qsm magnitude 1", "gre_qsm", "Head", "Doe^Jane"]
    children = []
    folder = hierarchy.GetItemByDataNode(slicer_scene.GetFirstNodeByName("gre_qsm phase 2"))
    hierarchy.GetItemChildren(hierarchy.GetItemParent(folder), children)
    assert len(children) == 6
    study = hierarchy.GetItemByUID(slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMUIDName(), "1.2.9")
    assert hierarchy.GetItemName(study) == "Head"


def test_volumes_of_a_series_each_are_left_to_the_plain_reader_first(dicom, tmp_path):
    for i, (part, echo) in enumerate((part, echo) for part in ("magnitude", "phase") for echo in (0, 1)):
        facts = {"SeriesNumber": i, "SeriesInstanceUID": f"1.2.9.{i}", "EchoTime": TIMES[echo] * 1000}
        write_volume(tmp_path / str(i), noise(seed=i), SIEMENS, part, EchoNumbers=echo + 1, **facts)
    _, (loadable,) = offered(dicom, tmp_path)
    assert 0 < loadable.confidence < PLAIN_CONFIDENCE


def test_what_is_no_gradient_echo_is_not_opened(dicom, tmp_path, monkeypatch):
    from QSMLogic.io.dicom import finding as reader

    enhanced = {"ScanningSequence": None, "EchoPulseSequence": "GRADIENT"}
    others = (
        {"ScanningSequence": "SE"},
        {"ScanningSequence": "EP"},
        {"Modality": "CT"},
        enhanced | {"EchoPulseSequence": "SPIN"},
        enhanced | {"EchoPlanarPulseSequence": "YES"},
    )
    for i, facts in enumerate(others):
        facts |= {"SeriesInstanceUID": f"1.2.8.{i}", "SeriesNumber": i}
        write_volume(tmp_path / str(i), noise(), SIEMENS, "magnitude", **facts)
    monkeypatch.setattr(reader, "find_in_files", lambda files: pytest.fail(f"{len(files)} files were opened"))
    assert offered(dicom, tmp_path)[1] == []


def test_magnitude_alone_is_not_offered(dicom, tmp_path):
    write_volume(tmp_path, noise(), SIEMENS, "magnitude")
    assert offered(dicom, tmp_path)[1] == []


def test_an_acquisition_that_cannot_be_used_says_why(dicom, slicer_scene, tmp_path, caplog):
    siemens(tmp_path)
    for path in (tmp_path / "phase" / "1").glob("*.dcm"):
        path.unlink()
    plugin, (loadable,) = offered(dicom, tmp_path)
    assert "cannot be used" in loadable.name
    assert "The phase of echo 2 (9 ms) is missing" in loadable.warning
    assert loadable.confidence < PLAIN_CONFIDENCE
    before = slicer_scene.GetNumberOfNodes()
    messages = []
    loadable.selected = True
    with caplog.at_level(logging.ERROR):
        assert not dicom.loadLoadables({plugin: [loadable]}, messages)
    assert messages
    assert "The phase of echo 2 (9 ms) is missing" in caplog.text
    assert slicer_scene.GetNumberOfNodes() == before


def test_an_answer_is_kept(dicom, tmp_path, monkeypatch):
    import slicer

    from QSMLogic.io.dicom import finding as reader

    siemens(tmp_path)
    plugin, _ = offered(dicom, tmp_path)
    lists = [slicer.dicomDatabase.filesForSeries(uid) for uid in slicer.dicomDatabase.series()]
    monkeypatch.setattr(reader, "find_in_files", lambda files: pytest.fail("the files were read again"))
    assert len(plugin.examineForImport(lists)) == 1


def test_a_real_enhanced_file_is_offered_and_loaded(dicom, slicer_scene, shared_data):
    plugin, loadables = offered(dicom, shared_data / "dicom")
    assert [loadable.selected for loadable in loadables] == [True]
    assert dicom.loadLoadables({plugin: loadables})
    scan = read_acquisition(find_acquisitions(shared_data / "dicom")[0]).scan
    phase = slicer_scene.GetFirstNodeByName("fcMRI Field Mapping phase 2")
    assert np.array_equal(voxels_of(phase), scan.phase[..., 1])


def test_files_of_volumes_that_the_plain_reader_loaded_are_found_in_the_database(slicer_scene):
    from pathlib import Path

    from QSMLib.export import dicomSources

    made, *images = (
        slicer_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name) for name in ("chi", "mag", "phase")
    )
    for image, instances in zip(images, ("1.1 1.2", "2.1"), strict=True):
        image.SetAttribute("DICOM.instanceUIDs", instances)
        made.AddNodeReferenceID("QSM.source", image.GetID())
    assert dicomSources(made, lambda uid: f"/data/{uid}") == [Path("/data/1.1"), Path("/data/1.2"), Path("/data/2.1")]
    assert dicomSources(made, {"1.1": "/data/a"}.get) == []

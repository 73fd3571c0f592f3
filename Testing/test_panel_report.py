"""The section Report: how good the maps are, the page in the browser, and a map as DICOM."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_files import AXES, ORIGIN, SIEMENS, write_volume
from panel_user import SHAPE, TIMES, answer

SPACING = (5.0, 5.0, 5.5)


@pytest.fixture
def done(ready):
    """Return a person who has run the pipeline."""
    ready.run()
    assert ready.message.startswith("Done in"), ready.message
    return ready


@pytest.fixture
def scanned(user, small_head, tmp_path, monkeypatch):
    """Return a person who has run the pipeline on a DICOM folder with two echoes of the head."""
    import dicom_files

    monkeypatch.setattr(dicom_files, "SPACING", SPACING)
    folder = tmp_path / "dicom"
    scan = small_head.scan
    phase = np.rint((scan.phase / np.pi + 1) * 2048).clip(0, 4095).astype(int)
    magnitude = np.rint(scan.magnitude / scan.magnitude.max() * 4000).astype(int)
    for number, (part, image) in enumerate((("magnitude", magnitude), ("phase", phase)), 5):
        facts = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.9.{number}", "ImagingFrequency": 127.7}
        if part == "phase":
            facts |= {"RescaleSlope": 2, "RescaleIntercept": -4096, "RescaleType": "US"}
        for echo in (0, 1):
            timing = {"EchoTime": TIMES[echo] * 1000, "EchoNumbers": echo + 1}
            write_volume(folder / part / str(echo), image[..., echo], SIEMENS, part, **(facts | timing))
    answer(monkeypatch, "getExistingDirectory", folder)
    user.click("loadFolderButton")
    user.choose("presetComboBox", "fast")
    user.run()
    assert user.message.startswith("Done in"), user.message
    return user


def rows(user):
    table = user.find("report_table")
    return {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount)}


def test_without_a_map_there_is_nothing_to_report(user):
    assert user.find("report_about").text == "Show a map of a run."
    assert not user.find("report_open").enabled
    assert not user.find("report_export").enabled


def test_the_measures_are_those_of_the_record(done, slicer_scene):
    node = slicer_scene.GetFirstNodeByName("gre chi")
    measures = json.loads(node.GetAttribute("QSM.provenance"))["quality"]
    assert len(measures) > 5
    shown = rows(done)
    assert list(shown) == [measure["label"] for measure in measures.values()]
    volume = measures["mask_volume"]
    assert shown[volume["label"]] == f"{volume['value']:.4g} ml"
    assert "gre chi" in done.find("report_about").text
    assert not done.find("report_export").enabled
    assert "loaded from DICOM" in done.find("report_export").toolTip


def test_the_page_opens_in_the_browser_and_is_saved_with_the_scene(done, slicer_scene, tmp_path, monkeypatch):
    import qt
    import slicer

    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    done.click("report_open")
    text = Path(opened.pop()).read_text("utf-8")
    assert text == slicer_scene.GetFirstNodeByName("gre report page").GetText()
    assert text.lower().startswith("<!doctype html>")
    assert "qsm-" not in text  # nothing of the folder that the computation worked in
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    assert any(name.endswith("gre report page.html") for name in zipfile.ZipFile(path).namelist())
    slicer.util.loadScene(str(path))
    assert rows(done)
    done.click("report_open")
    assert Path(opened.pop()).read_text("utf-8") == text
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: False)
    done.click("report_open")
    assert "No browser could be opened" in done.message


def test_a_map_becomes_a_series_of_its_study(scanned, slicer_scene, tmp_path, monkeypatch):
    import pydicom
    import slicer
    from DICOMLib.DICOMUtils import Database

    record = json.loads(slicer_scene.GetFirstNodeByName("gre_qsm chi").GetAttribute("QSM.provenance"))
    assert record["scan"]["acquisition"]["Manufacturer"] == "SIEMENS"
    assert record["front_end"] == f"3D Slicer {slicer.app.applicationVersion}"
    values = slicer.util.arrayFromVolume(slicer_scene.GetFirstNodeByName("gre_qsm chi"))
    answer(monkeypatch, "getExistingDirectory", tmp_path)
    scanned.click("report_export")
    files = sorted((tmp_path / "gre_qsm chi").iterdir())
    assert len(files) == SHAPE[2], scanned.message
    for k, path in enumerate(files):
        header = pydicom.dcmread(path)
        assert (header.StudyInstanceUID, header.PatientID) == ("1.2.9", "A1")
        assert np.allclose(header.ImagePositionPatient, ORIGIN + k * SPACING[2] * AXES[:, 2], atol=1e-4)
        stored = header.pixel_array * float(header.RescaleSlope)
        assert np.abs(stored - 1000 * values[k]).max() <= 0.5001  # ppb
    assert record["settings"]["inversion"]["method"] in header.DerivationDescription
    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    scanned.click("report_database")
    scanned.click("report_export")
    assert "added to Slicer's DICOM database" in scanned.message
    assert (tmp_path / "gre_qsm chi 2").is_dir()  # nothing is overwritten
    assert len(slicer.dicomDatabase.filesForSeries(header.SeriesInstanceUID)) == SHAPE[2]
    for path in (tmp_path / "dicom").rglob("*.dcm"):
        path.unlink()
    scanned.click("report_export")
    assert "are gone, such as" in scanned.message
    assert not (tmp_path / "gre_qsm chi 3").exists()


def test_a_map_with_another_zero_does_not_claim_the_settings_of_its_run(scanned, slicer_scene, tmp_path):
    import pydicom
    from QSMLib.export import exportDicom
    from QSMLib.measurement import rereference

    mask = slicer_scene.GetFirstNodeByName("gre_qsm mask")
    made = rereference(slicer_scene, slicer_scene.GetFirstNodeByName("gre_qsm chi"), mask, "mask")
    files = exportDicom(made, tmp_path, lambda _instance: "")
    assert "settings not recorded" in pydicom.dcmread(files[0]).DerivationDescription

"""How images come into the panel: folders, archives and files, what is in the scene, what other modules loaded."""

import shutil

from bids_folder import write_bids
from panel_user import answer


def test_a_folder_fills_the_panel(user, tmp_path, monkeypatch):
    write_bids(tmp_path)
    answer(monkeypatch, "getExistingDirectory", tmp_path)
    user.click("loadFolderButton")
    assert user.times() == ["4", "9"]
    assert user.ui.fieldStrengthEdit.text == "3"
    assert all(echo.phase and echo.magnitude for echo in user.parameters.echoes)
    assert user.ui.applyButton.enabled, user.ui.readyLabel.text
    assert "Loaded" in user.message
    assert not user.ui.candidatesFrame.isVisible()


def test_a_folder_with_two_acquisitions_asks_which(user, tmp_path, monkeypatch):
    write_bids(tmp_path)
    write_bids(tmp_path / "other")
    answer(monkeypatch, "getExistingDirectory", tmp_path)
    user.click("loadFolderButton")
    assert user.ui.candidatesFrame.isVisible()
    assert user.ui.candidatesComboBox.count == 2
    assert user.parameters.echoes == ()
    user.ui.candidatesComboBox.setCurrentIndex(1)
    user.click("loadCandidateButton")
    assert user.ui.applyButton.enabled, user.ui.readyLabel.text


def test_a_zip_file_fills_the_panel_and_its_volumes_outlive_it(user, tmp_path, monkeypatch):
    from QSMLogic.io.archive import remove_unpacked

    write_bids(tmp_path / "data")
    path = shutil.make_archive(str(tmp_path / "scan"), "zip", tmp_path / "data")
    answer(monkeypatch, "getOpenFileName", path)
    user.click("loadFileButton")
    assert user.times() == ["4", "9"]
    assert all(echo.phase and echo.magnitude for echo in user.parameters.echoes)
    assert all(echo.phase.GetStorageNode() is None for echo in user.parameters.echoes)
    remove_unpacked(path)
    assert user.ui.applyButton.enabled, user.ui.readyLabel.text


def test_the_only_acquisition_that_can_be_used_is_loaded_and_the_others_say_why_not(user, tmp_path, monkeypatch):
    write_bids(tmp_path / "good")
    write_bids(tmp_path / "other")
    next((tmp_path / "other").rglob("*echo-2_part-phase*.nii*")).unlink()
    answer(monkeypatch, "getExistingDirectory", tmp_path)
    user.click("loadFolderButton")
    assert user.times() == ["4", "9"]
    assert user.ui.candidatesComboBox.count == 2
    assert not user.ui.candidateLabel.isVisible()
    user.ui.candidatesComboBox.setCurrentIndex(1)
    assert "The phase of echo 2" in user.ui.candidateLabel.text
    assert user.ui.candidateLabel.isVisible()
    user.click("loadCandidateButton")
    assert "The phase of echo 2" in user.message


def test_what_another_module_has_loaded_is_taken_when_the_panel_is_entered(user, tmp_path, slicer_scene):
    import slicer
    from QSMLib import folders

    write_bids(tmp_path)
    slicer.util.selectModule("SegmentEditor")
    loaded = folders.load(slicer_scene, folders.find(tmp_path)[0])
    slicer.util.selectModule("QSM")
    assert [echo.phase for echo in user.parameters.echoes] == list(loaded.phases)
    assert user.times() == ["4", "9"]
    assert user.ui.fieldStrengthEdit.text == "3"
    assert user.ui.applyButton.enabled, user.ui.readyLabel.text


def test_volumes_of_an_acquisition_bring_its_facts_into_the_table(user, tmp_path, slicer_scene):
    from QSMLib import folders

    write_bids(tmp_path)
    loaded = folders.load(slicer_scene, folders.find(tmp_path)[0])
    user.click("addEchoButton")
    user.pick("echo0_phase", loaded.phases[1])
    assert user.times() == ["9"]
    assert user.ui.fieldStrengthEdit.text == "3"
    user.enter_time(0, "7")
    user.pick("echo0_magnitude", loaded.magnitudes[0])
    assert user.times() == ["7"]
    user.click("findEchoesButton")
    assert user.times() == ["4", "9"]
    assert "Found" in user.message


def test_a_folder_without_images_is_refused(user, tmp_path, monkeypatch):
    answer(monkeypatch, "getExistingDirectory", tmp_path)
    user.click("loadFolderButton")
    assert str(tmp_path) in user.message
    assert user.message.count("\n") == 0

"""Method: settings as a file, written and read by the panel as by the command line, and those that cannot be read."""

import dataclasses

import pytest
from panel_user import answer, form_of

from QSMLogic.settings import Settings


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_an_exported_file_is_what_the_command_line_reads(open_user, monkeypatch, tmp_path, ending):
    open_user.choose("inversion_method", "tkd")
    open_user.type("inversion_threshold", "0.123")
    answer(monkeypatch, "getSaveFileName", tmp_path / f"mine.{ending}")
    open_user.click("exportSettingsButton")
    assert "mine" in open_user.message
    assert Settings.read(tmp_path / f"mine.{ending}") == open_user.parameters.settings
    if ending == "toml":
        assert (tmp_path / "mine.toml").read_text() == open_user.parameters.node.GetParameter("settings")


def test_an_imported_file_sets_every_control(open_user, monkeypatch, tmp_path):
    settings = Settings.preset("body").changed({"inversion.method": "rts", "inversion.threshold": "0.05"})
    settings.write(tmp_path / "mine.toml")
    answer(monkeypatch, "getOpenFileName", tmp_path / "mine.toml")
    open_user.click("importSettingsButton")
    assert open_user.parameters.settings == settings
    assert open_user.chosen("presetComboBox") == "custom"
    assert open_user.chosen("masking0_method") == "threshold"
    assert open_user.chosen("inversion_method") == "rts"
    assert form_of(open_user, "inversion").parameters.editors["threshold"].value() == 0.05


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (("bad.toml", "[inversion]\nmethod = 'magic'\n"), "magic"),
        (("bad.toml", "not = = toml"), "not a TOML document"),
        (("bad.txt", ""), "ends in .toml or .json"),
        (("absent.toml", None), "cannot be read"),
    ],
)
def test_a_bad_settings_file_is_refused_in_one_sentence(open_user, monkeypatch, tmp_path, file, said):
    name, content = file
    if content is not None:
        (tmp_path / name).write_text(content)
    answer(monkeypatch, "getOpenFileName", tmp_path / name)
    before = open_user.parameters.settings
    open_user.click("importSettingsButton")
    assert said in open_user.message
    assert name in open_user.message
    assert open_user.parameters.settings == before
    assert open_user.chosen("presetComboBox") == "default"


def test_a_dialogue_that_is_cancelled_changes_nothing(open_user, monkeypatch):
    for function in ("getOpenFileName", "getSaveFileName", "getExistingDirectory"):
        answer(monkeypatch, function, "")
    before = open_user.parameters.settings
    for button in ("importSettingsButton", "exportSettingsButton", "loadFolderButton"):
        open_user.click(button)
    open_user.choose("presetComboBox", "custom")
    assert open_user.parameters.settings == before
    assert open_user.chosen("presetComboBox") == "default"


def test_settings_that_cannot_be_read_leave_the_panel_usable(ready):
    ready.parameters.node.SetParameter("settings", "[inversion]\nmethod = 'of a later version'\n")
    assert "later version" in ready.message
    assert "choose a preset" in ready.missing
    ready.choose("presetComboBox", "7T")
    assert ready.parameters.settings == Settings.preset("7T")
    assert ready.ui.applyButton.enabled


def test_a_changed_description_does_not_stay(open_user):
    open_user.parameters.settings = dataclasses.replace(Settings.preset("fast"), description="mine")
    open_user.choose("inversion_method", "tkd")
    assert open_user.parameters.settings.description == ""

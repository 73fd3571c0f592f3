"""`qsm acquisitions`: numbers, titles, problems, warnings and facts of what a folder or archive holds."""

import json
import zipfile

import pytest
from dicom_files import siemens

from QSMLogic.cli import main


@pytest.fixture
def folder(tmp_path):
    """Return a folder with an acquisition that can be used, and one without phase."""
    made = tmp_path / "Untersuchung 1"
    siemens(made / "good", echoes=2)
    siemens(made / "poor", echoes=1, first=8, StudyInstanceUID="1.7", SeriesDescription="lost")
    for file in (made / "poor" / "phase").rglob("*.dcm"):
        file.unlink()
    (made / "torn.dcm").touch()
    return made


def test_a_list_for_a_person(folder, capsys):
    assert main(["acquisitions", str(folder)]) == 0
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert lines[0].startswith("1 = gre_qsm (series 5, A1): 2 echoes (4, 9 ms), 6 x 5 x 4, 3 T")
    (second,) = [i for i, line in enumerate(lines) if line.startswith("2 = lost (series 8, A1)")]
    assert "(cannot be used)" in lines[second]
    assert lines[second + 1].startswith("    problem: There is magnitude but no phase: export the phase images")
    assert all("torn.dcm is empty (zero bytes)" in lines[i] for i in (1, second + 2))
    assert "    Manufacturer: SIEMENS" in lines[1:second]
    assert errors == ""


def test_a_list_for_a_program(folder, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as content:
        for file in folder.rglob("*.dcm"):
            content.write(file, file.relative_to(folder))
    assert main(["acquisitions", str(tmp_path / "a.zip"), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["number"], first["name"], first["kind"], first["usable"], first["problem"]) == (
        1, "gre_qsm", "DICOM", True, "",
    )  # fmt: skip
    assert first["echo_times_s"] == [0.004, 0.009]
    assert (first["shape"], first["field_strength_t"]) == ([6, 5, 4], 3)
    assert first["parts"] == {"phase": 2, "magnitude": 2}
    assert first["facts"]["Manufacturer"] == "SIEMENS"
    assert set(first["files"]) == {str(file.relative_to(folder)) for file in (folder / "good").rglob("*.dcm")}
    assert not second["usable"]
    assert second["problem"].startswith("There is magnitude but no phase")


def test_the_command_fails_where_none_can_be_used(folder, tmp_path, capsys):
    assert main(["acquisitions", str(folder / "poor")]) == 1
    output, errors = capsys.readouterr()
    assert output.startswith("1 = lost (series 8, A1)")
    assert errors == f"qsm: None of the acquisitions in {folder / 'poor'} can be used; their list says why.\n"
    for place in (tmp_path / "none", folder / "torn.dcm"):
        assert main(["acquisitions", str(place)]) == 1
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.startswith("qsm: ")
        assert len(errors.splitlines()) == 1


HOSTILE = "\x1b]0;owned\x07\x1b[2J<script>\r\nqsm: all is well"


def test_hostile_text_of_headers_and_names_does_not_command_the_terminal(tmp_path, capsys):
    words = ("SeriesDescription", "Manufacturer", "SoftwareVersions", "PatientID", "ProtocolName")
    siemens(tmp_path / "a", echoes=1, **dict.fromkeys(words, HOSTILE[:60]))
    (tmp_path / "a" / f"{HOSTILE.replace('/', '')}.dcm").touch()
    for more in ([], ["--json"]):
        assert main(["acquisitions", str(tmp_path / "a"), *more]) == 0
        output, errors = capsys.readouterr()
        assert all(line.isprintable() for line in output.splitlines())
        assert not any(line.startswith("qsm: ") for line in output.splitlines())
        assert errors == ""
    assert main(["acquisitions", str(tmp_path / HOSTILE.replace("/", ""))]) == 1
    errors = capsys.readouterr().err
    assert errors.endswith("\n")
    assert errors[:-1].isprintable()

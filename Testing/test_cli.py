"""The command line end to end: what it writes, and what it says."""

import csv
import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import AXES, GEOMETRY, REPORTS, RESULTS, SHAPE, TIMES, VOXEL_SIZE, given, refused

from QSMLogic import __version__
from QSMLogic.cli import main
from QSMLogic.commands import demo
from QSMLogic.constants import GAMMA_BAR
from QSMLogic.io.nifti import read_image, read_volume, write_image
from QSMLogic.io.writing import FILES, FURTHER
from QSMLogic.methods import METHODS, STAGES
from QSMLogic.settings import Settings, Step


def test_whole_run_writes_everything_in_the_inputs_geometry(finished, head):
    made = {path.name for path in finished.iterdir()}
    pipeline = set(FILES.values()) - set(FURTHER.values())
    assert made == {f"{name}.nii.gz" for name in pipeline} | REPORTS | {"regions.csv"}
    for path in finished.glob("*.nii.gz"):
        values, geometry = read_image(path)
        assert geometry.difference(GEOMETRY) == ""
        assert np.isfinite(values).all()
        assert values.shape[3] == (len(TIMES) if path.name in ("unwrapped.nii.gz", "phase.nii.gz") else 1)
    chi, _ = read_volume(finished / "chimap.nii.gz")
    inside = read_volume(finished / "erodedmask.nii.gz")[0] > 0
    assert np.corrcoef(chi[inside], head.chi[inside])[0, 1] > 0.5
    assert not chi[~head.mask].any()


def test_provenance_of_a_run(finished, inputs):
    record = json.loads((finished / "provenance.json").read_text())
    assert record["versions"]["slicerqsm"] == __version__
    assert record["command"].startswith("qsm run --params ")
    ran = replace(Settings.preset("default"), masking=(Step("given", {}),))
    assert Settings.from_dict(record["settings"]) == Settings.read(finished / "settings.toml") == ran
    assert set(record["reference"]) == {"name", "mean", "sd", "voxels"}
    assert {Path(entry["file"]).name for entry in record["inputs"]} == {
        "phase.nii.gz", "magnitude.nii.gz", "mask.nii.gz", "labels.nii.gz", "params.json",
    }  # fmt: skip
    assert record["seconds"] > 0
    assert record["seconds"] >= 0.9 * sum(record["stage_seconds"].values())
    assert set(record["stage_seconds"]) <= set(STAGES) | {"two_pass"}
    assert record["scan"]["echo_times_s"] == list(TIMES)
    assert record["scan"]["said_by"]["field_strength"] == str(inputs / "params.json")
    assert "SlicerQSM" in (finished / "methods.txt").read_text()
    assert "@article" in (finished / "references.bib").read_text()


def test_files_per_echo_with_sidecars_give_the_same(finished, inputs, tmp_path):
    words = ["run", "--out", str(tmp_path / "out"), "--mask", str(inputs / "mask.nii.gz")]
    for name in ("phase", "magnitude"):
        words += [f"--{name}", *(str(inputs / f"echo{i}_{name}.nii.gz") for i in range(len(TIMES)))]
    assert main([*words, "--b0-direction", *(str(float(b)) for b in AXES[6:9])]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == RESULTS | REPORTS
    chi, _ = read_volume(tmp_path / "out" / "chimap.nii.gz")
    assert np.array_equal(chi, read_volume(finished / "chimap.nii.gz")[0])


def test_settings_presets_and_single_values(inputs, tmp_path):
    document = tmp_path / "mine.toml"
    document.write_text('preset = "fast"\n[referencing]\nmethod = "none"\n[background]\nmethod = "vsharp"\n')
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--settings", str(document)]
    assert main([*words, "--set", "background.max_radius=14", "--out", str(tmp_path / "out")]) == 0
    made = Settings.read(tmp_path / "out" / "settings.toml")
    assert made.referencing.method == "none"
    assert made.background.parameters["max_radius"] == 14
    assert made.inversion == Settings.preset("fast").inversion


def test_a_figure_on_request(inputs, tmp_path):
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--preset", "fast", "--figure"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", METHODS["inversion"])
def test_every_inversion_by_itself(name, inputs, tmp_path, head):
    words = ["inversion", name, *given(inputs, "magnitude", "mask", "local-field"), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"chimap.nii.gz", "provenance.json"}
    chi, geometry = read_volume(tmp_path / "out" / "chimap.nii.gz")
    assert geometry.difference(GEOMETRY) == ""
    assert np.corrcoef(chi[head.mask], head.chi[head.mask])[0, 1] > 0.6
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["seconds"] > 0
    assert record["settings"] == {"inversion": {"method": name} | METHODS["inversion"][name].settings()}


def test_the_unit_of_given_weights_does_not_matter(inputs, head, tmp_path):
    made = {}
    for unit in (1, 4096):  # a power of two: rounding stays out of it
        file, out = tmp_path / f"weights{unit}.nii.gz", tmp_path / str(unit)
        write_image(file, unit * head.scan.magnitude[..., -1], GEOMETRY)
        words = ["inversion", "tv", *given(inputs, "mask", "local-field"), "--weights", str(file)]
        assert main([*words, "--out", str(out)]) == 0
        made[unit], _ = read_volume(out / "chimap.nii.gz")
    assert np.abs(made[4096] - made[1]).max() < 1e-3 * made[1].std()


@pytest.mark.parametrize("name", METHODS["background"])
def test_every_background_method_by_itself(name, inputs, tmp_path, head):
    assert main(["background", name, *given(inputs, "mask", "total-field"), "--out", str(tmp_path / "out")]) == 0
    local, _ = read_volume(tmp_path / "out" / "localfield.nii.gz")
    inside = read_volume(tmp_path / "out" / "mask.nii.gz")[0] > 0
    assert inside.any()
    assert not (inside & ~head.mask).any()
    assert np.corrcoef(local[inside], head.local_field[inside])[0, 1] > 0.6


@pytest.mark.parametrize("name", [*METHODS["field"], *METHODS["unwrapping"]])
def test_the_field_by_every_method(name, inputs, tmp_path, head):
    words = ["field", name, *given(inputs, "phase", "magnitude", "mask"), "--out", str(tmp_path / "out")]
    assert main([*words, "--keep", "all"]) == 0
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"totalfield.nii.gz", "fieldnoise.nii.gz", "residual.nii.gz", "provenance.json"} <= made
    total, _ = read_volume(tmp_path / "out" / "totalfield.nii.gz")
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    chain = ["conditioning", "unwrapping", "field"] if name in METHODS["unwrapping"] else ["field"]
    assert list(record["stage_seconds"]) == chain
    if name != "laplacian":
        assert np.corrcoef(total[head.mask], head.total_field[head.mask])[0, 1] > 0.95


def test_unwrapping_is_congruent_with_the_phase_as_given(inputs, tmp_path, head):
    words = ["unwrapping", "romeo", *given(inputs, "phase", "magnitude", "mask")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    turns = (read_image(tmp_path / "out" / "unwrapped.nii.gz")[0] - head.scan.phase)[head.mask] / (2 * np.pi)
    assert np.abs(turns - turns.round()).max() < 1e-4
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"unwrapped.nii.gz", "provenance.json"}


def test_the_other_stages_by_themselves(inputs, tmp_path, head):
    out = tmp_path / "out"
    assert main(["masking", "threshold", *given(inputs, "magnitude"), "--out", str(out / "mask")]) == 0
    mask, _ = read_volume(out / "mask" / "mask.nii.gz")
    assert (mask[head.mask] > 0).mean() > 0.8
    words = ["conditioning", "mcpc3ds", *given(inputs, "phase", "magnitude", "mask"), "--smoothing", "8"]
    assert main([*words, "--out", str(out / "phase")]) == 0
    assert read_image(out / "phase" / "phase.nii.gz")[0].shape == (*SHAPE, len(TIMES))
    assert main(["referencing", "mean", *given(inputs, "chi", "mask"), "--out", str(out / "chi")]) == 0
    chi, _ = read_volume(out / "chi" / "chimap.nii.gz")
    assert abs(chi[head.mask].mean()) < 1e-5


def test_regions(inputs, tmp_path, head, capsys):
    table = tmp_path / "table.csv"
    words = ["roi", "--chi", str(inputs / "chi.nii.gz"), "--labels", str(inputs / "labels.nii.gz"), "--out", str(table)]
    assert main([*words, "--names", str(inputs / "names.csv"), "--mask", str(inputs / "mask.nii.gz")]) == 0
    rows = {row["name"]: row for row in csv.DictReader(table.read_text().splitlines())}
    values = head.chi[(head.labels == 3) & head.mask]
    assert float(rows["putamen"]["mean"]) == pytest.approx(values.mean(), abs=1e-6)
    assert float(rows["putamen"]["sd"]) == pytest.approx(values.std(ddof=1), abs=1e-6)
    assert int(rows["putamen"]["voxels"]) == values.size
    assert float(rows["putamen"]["volume"]) == pytest.approx(values.size * np.prod(VOXEL_SIZE), rel=1e-6)
    capsys.readouterr()
    refused(capsys, words, "table.csv exists already: choose another name, or overwrite it with --force")
    assert main([*words, "--force", "--names", str(inputs / "names.csv"), "--reference", "putamen"]) == 0
    assert ",ppm,putamen," in table.read_text()
    assert main([*words, "--force", "--reference", "mean"]) == 0
    capsys.readouterr()
    refused(capsys, [*words, "--force", "--reference", "nose"], "none, mean, or a label is needed: ")
    refused(capsys, [*words[:-1], str(tmp_path)], "is a folder: --out names the table to write, such as ")
    refused(capsys, [*words[:-1], str(tmp_path / "none" / "table.csv")], "none: make it, or choose another one")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_regions_are_in_the_unit_of_the_map(inputs, head, tmp_path):
    table, image = tmp_path / "table.csv", tmp_path / "r2starmap.nii.gz"
    write_image(image, head.r2star, read_volume(inputs / "labels.nii.gz")[1])
    (tmp_path / "r2starmap.json").write_text('{"Units": "1/s"}', "utf-8")
    words = ["roi", "--chi", str(image), "--labels", str(inputs / "labels.nii.gz"), "--out", str(table), "--force"]
    for more, unit in (([], "1/s"), (["--unit", "Hz"], "Hz")):
        assert main([*words, *more]) == 0
        assert {row["unit"] for row in csv.DictReader(table.read_text().splitlines())} == {unit}


def test_a_voxel_without_a_value_stays_excluded_when_the_map_is_referenced(inputs, head, tmp_path):
    chi = head.chi * head.mask
    x, y, z = np.argwhere((head.labels == 3) & head.mask)[0]
    chi[x, y, z] = np.nan
    write_image(tmp_path / "chi.nii.gz", chi, GEOMETRY)
    words = ["roi", "--chi", str(tmp_path / "chi.nii.gz"), "--mask", str(inputs / "mask.nii.gz")]
    words += ["--labels", str(inputs / "labels.nii.gz"), "--reference", "mean", "--out", str(tmp_path / "table.csv")]
    assert main(words) == 0
    rows = {row["name"]: row for row in csv.DictReader((tmp_path / "table.csv").read_text().splitlines())}
    assert int(rows["label 3"]["voxels"]) == np.count_nonzero((head.labels == 3) & head.mask) - 1
    assert rows["label 3"]["excluded"] == rows["whole mask"]["excluded"] == "1"


def test_the_demonstration(head, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "head_phantom", lambda: head)
    out = tmp_path / "with space"
    assert main(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"error \d+\.\d % \(nrmse in the mask, against the truth\), slope 0\.\d\d", said)
    made = {path.name for path in out.iterdir()}
    assert RESULTS | REPORTS | {"regions.csv", "figure.png", "truth_chimap.nii.gz", "params.json"} <= made
    again = next(line for line in said.splitlines() if "qsm run" in line).split("qsm run ")[1]
    assert main(["run", *shlex.split(again)]) == 0
    results = [read_volume(folder / "chimap.nii.gz")[0] for folder in (out, out / "again")]
    assert np.corrcoef(results[0].ravel(), results[1].ravel())[0, 1] > 0.9


def test_the_demonstration_goes_on_without_matplotlib(head, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "head_phantom", lambda: head)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["demo", "--out", str(tmp_path)]) == 0
    assert "no figure: Figures need matplotlib" in capsys.readouterr().out
    assert not (tmp_path / "figure.png").exists()


def test_methods_and_settings_are_listed(capsys):
    assert main(["methods", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(m["stage"], m["name"]) for m in listed] == [(s, n) for s in STAGES for n in METHODS[s]]
    assert all({"stage", "name", "label", "parameters"} <= set(m) for m in listed)
    for record in listed:
        method = METHODS[record["stage"]][record["name"]]
        assert {p["name"]: p["default"] for p in record["parameters"]} == method.settings()
    assert main(["methods"]) == 0
    assert "background vsharp: " in capsys.readouterr().out
    assert main(["settings", "--preset", "7T"]) == 0
    assert capsys.readouterr().out == Settings.preset("7T").to_toml()


@pytest.mark.parametrize("words", [[], ["run"], ["methods"], ["demo"], ["roi"], ["inversion"], ["settings"]])
def test_help(words, capsys):
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])
    assert end.value.code == 0
    assert "usage: qsm" in capsys.readouterr().out


@pytest.mark.parametrize(
    "method", [m for s in STAGES for m in METHODS[s].values()], ids=lambda m: f"{m.stage}-{m.name}"
)
def test_every_parameter_is_a_flag_with_help(method, capsys):
    with pytest.raises(SystemExit):
        main([method.stage, method.name, "--help"])
    said = capsys.readouterr().out
    for parameter in method.parameters:
        assert f"--{parameter.name.replace('_', '-')}" in said
        assert parameter.info.label.split()[0] in said
        if parameter.kind in (int, float) and parameter.default is not None:
            assert f"default {parameter.default}" in " ".join(said.split())


def test_a_single_echo_is_said_to_keep_its_phase_offset(inputs, tmp_path):
    echo = [word for n in ("phase", "magnitude") for word in (f"--{n}", str(inputs / f"echo1_{n}.nii.gz"))]
    words = ["run", *echo, "--mask", str(inputs / "mask.nii.gz"), "--inversion", "tkd"]
    assert main([*words, "--out", str(tmp_path / "a")]) == 0
    assert "a single echo does not tell, was left in." in (tmp_path / "a" / "methods.txt").read_text()
    again = [*words[:-2], "--settings", str(tmp_path / "a" / "settings.toml"), "--out", str(tmp_path / "b")]
    assert main(again) == 0
    assert (tmp_path / "b" / "chimap.nii.gz").read_bytes() == (tmp_path / "a" / "chimap.nii.gz").read_bytes()


def test_help_says_what_a_parameter_is_in_words(capsys):
    with pytest.raises(SystemExit):
        main(["background", "vsharp", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Largest radius: of the spherical mean; 2 to 40 mm; default 12" in said
    assert "--total-field FILE total field, ppm" in said


def test_uncompressed_images_are_the_same_ones(inputs, finished, tmp_path):
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--out", str(tmp_path), "--uncompressed"]
    assert main(words) == 0
    assert {path.name for path in tmp_path.iterdir()} == {n.removesuffix(".gz") for n in RESULTS} | REPORTS
    np.testing.assert_array_equal(read_image(tmp_path / "chimap.nii")[0], read_image(finished / "chimap.nii.gz")[0])
    assert main([*words[:-1], "--force"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == RESULTS | REPORTS


def test_a_further_map_has_a_side_car(inputs, tmp_path):
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--preset", "fast", "--out", str(tmp_path)]
    assert main([*words, "--maps", "field_hz"]) == 0
    said = json.loads((tmp_path / "localfieldhz.json").read_text("utf-8"))
    assert (said["Units"], said["Settings"]["method"]) == ("Hz", "field_hz")
    local, hertz = (read_image(tmp_path / f"{name}.nii.gz")[0] for name in ("localfield", "localfieldhz"))
    np.testing.assert_allclose(hertz, local * (GAMMA_BAR * 3), rtol=1e-5, atol=1e-6)
    assert main([*words, "--force"]) == 0
    assert not list(tmp_path.glob("localfieldhz*"))

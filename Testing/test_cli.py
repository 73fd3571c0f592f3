"""The command line end to end: what it writes, what it refuses, and that a refusal leaves nothing behind."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from QSMLogic import __version__, cli, pipeline
from QSMLogic.cli import main
from QSMLogic.commands import demo, roi
from QSMLogic.commands.writing import FILES
from QSMLogic.errors import Cancelled
from QSMLogic.io.nifti import Geometry, read_image, read_volume, write_image
from QSMLogic.methods import METHODS, STAGES
from QSMLogic.phantom import head_phantom
from QSMLogic.settings import Settings, Step

SHAPE, VOXEL_SIZE = (44, 50, 40), (4.4, 4.4, 4.8)
ANGLE = np.deg2rad(15)
AXES = (1.0, 0.0, 0.0, 0.0, np.cos(ANGLE), -np.sin(ANGLE), 0.0, np.sin(ANGLE), np.cos(ANGLE))
GEOMETRY = Geometry(SHAPE, VOXEL_SIZE, (-90.0, -100.0, -80.0), AXES)
TIMES = (0.005, 0.011, 0.017)
RESULTS = {"mask.nii.gz", "unwrapped.nii.gz", "totalfield.nii.gz", "localfield.nii.gz", "chimap.nii.gz"}
REPORTS = {"provenance.json", "methods.txt", "references.bib", "settings.toml"}


@pytest.fixture(scope="session")
def head():
    """Return a small, coarse head, oblique to the field."""
    return head_phantom(SHAPE, VOXEL_SIZE, b0_direction=AXES[6:9], echo_times=TIMES, lesions=False)


@pytest.fixture(scope="session")
def inputs(head, tmp_path_factory):
    """Return a folder with everything the commands start from."""
    folder = tmp_path_factory.mktemp("inputs")
    images = {
        "phase": head.scan.phase,
        "magnitude": head.scan.magnitude,
        "mask": head.mask,
        "labels": head.labels,
        "totalfield": head.total_field,
        "localfield": head.local_field,
        "chi": head.chi * head.mask,
    }
    for name, image in images.items():
        write_image(folder / f"{name}.nii.gz", image, GEOMETRY)
    for echo, te in enumerate(TIMES):
        for name in ("phase", "magnitude"):
            write_image(folder / f"echo{echo}_{name}.nii.gz", images[name][..., echo], GEOMETRY)
            content = {"EchoTime": te, "MagneticFieldStrength": 3, "Units": "rad" if name == "phase" else "arbitrary"}
            (folder / f"echo{echo}_{name}.json").write_text(json.dumps(content))
    (folder / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 3.0, "B0_dir": AXES[6:9]}))
    (folder / "names.csv").write_text("label,name\n1,caudate\n3,putamen\n")
    return folder


def given(inputs, *names):
    """Return the flags that name these files."""
    files = {"params": "params.json"} | {name: f"{name.replace('-', '')}.nii.gz" for name in names}
    return [word for name, file in files.items() for word in (f"--{name}", str(inputs / file))]


@pytest.fixture(scope="session")
def finished(inputs, tmp_path_factory):
    """Return the output folder of one whole run with everything kept."""
    out = tmp_path_factory.mktemp("whole") / "out"
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--out", str(out), "--keep", "all"]
    assert main([*words, "--labels", str(inputs / "labels.nii.gz")]) == 0
    return out


def refused(capsys, words, said, status=1):
    """Check that a command is refused in one line, and leaves no output folder."""
    out = Path(words[words.index("--out") + 1]) if "--out" in words else None
    before = out.exists() if out else False
    assert main(words) == status
    output, errors = capsys.readouterr()
    lines = [line for line in errors.splitlines() if line.startswith("qsm: ")]
    assert len(lines) == 1
    assert errors.splitlines()[-1] == lines[0]
    assert said in lines[0]
    assert "Traceback" not in errors
    assert output == ""
    if out and not before:
        assert not out.exists()


def test_whole_run_writes_everything_in_the_inputs_geometry(finished, head):
    made = {path.name for path in finished.iterdir()}
    assert made == {f"{name}.nii.gz" for name in FILES.values()} | REPORTS | {"regions.csv"}
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


def phase_of(inputs, tmp_path, change):
    """Write a phase image whose values have been changed."""
    phase, geometry = read_image(inputs / "phase.nii.gz")
    write_image(tmp_path / "odd.nii.gz", change(phase.copy()).astype(np.float32), geometry)
    return ["run", "--phase", str(tmp_path / "odd.nii.gz"), *given(inputs, "magnitude", "mask")]


def test_refused_scans(inputs, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    plain = ["run", *given(inputs, "phase", "magnitude", "mask"), *out]
    no_facts = ["run", "--phase", str(inputs / "phase.nii.gz"), *out]
    for words, said in [
        (["run", *out], "No phase is given: name the phase images with --phase"),
        (no_facts, "The echo times are missing: give them with --echo-times, in seconds"),
        (
            [*no_facts, "--echo-times", "0.005", "0.011", "0.017"],
            "The field strength is missing: give it with --field-strength",
        ),
        ([*plain, "--echo-times", "5", "11", "17"], "that looks like milliseconds. Give seconds"),
        ([*plain, "--echo-times", "0.017", "0.011", "0.005"], "they must rise from echo to echo"),
        ([*plain, "--echo-times", "0.005", "0.011"], "2 echo times were given for 3 echoes"),
        ([*plain, "--field-strength", "3000"], "The field strength is 3000 T"),
        ([*plain, "--b0-direction", "0", "0", "0"], "The B0 direction is [0.0, 0.0, 0.0]"),
        ([*plain, "--phase-scale", "turns"], "Phase scale = 'turns', allowed radians"),
        ([*plain, "--phase", str(tmp_path / "none.nii")], "There is no file"),
        ([*plain, "--phase", str(inputs / "params.json")], "is not an image that can be read"),
        ([*plain, "--params", str(inputs / "names.csv")], "is not a JSON document"),
        ([*plain, "--params", str(tmp_path / "none.json")], "none.json cannot be read: No such file"),
        ([*plain, "--magnitude", str(inputs / "chi.nii.gz")], "give the magnitude of the same acquisition"),
        ([*plain, "--preset", "best"], "There is no preset 'best'; the presets: default"),
        ([*plain, "--masking", "threshold"], "are two masks: leave one out, or join them (--masking given threshold)"),
        ([*plain, "--set", "inversion.magic=1"], "has no 'magic'; known: "),
        ([*plain, "--set", "inversion"], "--set inversion: STAGE.PARAMETER=VALUE is needed"),
        ([*plain, "--inversion", "magic"], "There is no inversion method 'magic'; its methods: "),
        (
            [*plain, "--background", "vsharp", "--set", "background.max_radius=999"],
            "Largest radius = 999 mm, allowed 2 to 40",
        ),
    ]:
        refused(capsys, words, said)
    for change, said in [
        (lambda p: p * 1000, "names no unit: name its scale (--phase-scale"),
        (lambda p: p * 0 + 1, "The phase of echo 1 is 1 everywhere: it holds no information"),
        (lambda p: p * np.nan, "The phase holds no finite value (all NaN or infinite)"),
    ]:
        (tmp_path / "odd.nii.gz").unlink(missing_ok=True)
        refused(capsys, [*phase_of(inputs, tmp_path, change), *out], said)


def test_refused_masks_and_stages(inputs, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    write_image(tmp_path / "empty.nii.gz", np.zeros(SHAPE, bool), GEOMETRY)
    moved = Geometry(SHAPE, VOXEL_SIZE, (-90.0, -100.0, -70.0), AXES)
    write_image(tmp_path / "moved.nii.gz", np.ones(SHAPE, bool), moved)
    field = ["background", "vsharp", *given(inputs, "total-field"), *out]
    refused(capsys, [*field, "--mask", str(tmp_path / "empty.nii.gz")], "The mask is empty: no voxel is above zero")
    refused(capsys, [*field, "--mask", str(tmp_path / "moved.nii.gz")], "origins 10 mm apart (0.1 mm is allowed)")
    refused(capsys, field, "mask")
    refused(capsys, ["background", "vsharp", *given(inputs, "mask"), *out], "total")
    refused(capsys, ["inversion", "tkd", *out], "No image is given")
    refused(
        capsys, ["inversion", "tkd", *given(inputs, "mask", "local-field"), "--threshold", "x", *out], "a number is"
    )


def test_misused_commands(capsys, tmp_path):
    for words, said in [
        ([], "the following arguments are required: COMMAND (see qsm --help)"),
        (["magic"], "invalid choice: 'magic'"),
        (["inversion"], "the following arguments are required: METHOD"),
        (["inversion", "magic"], "invalid choice: 'magic'"),
        (["run", "--phase", "a"], "the following arguments are required: --out (see qsm run --help)"),
        (["run", "--out", str(tmp_path / "out"), "--phasee", "a"], "unrecognized arguments: --phasee"),
        (["run", "--out", str(tmp_path / "out"), "--phase-sign", "2"], "invalid choice: 2"),
        (["run", "--out", str(tmp_path / "out"), "--keep", "soul"], "invalid choice: 'soul'"),
        (["run", "--out", str(tmp_path / "out"), "--preset", "a", "--settings", "b"], "not allowed with argument"),
    ]:
        refused(capsys, words, said, status=2)


def test_nothing_is_overwritten_without_force(inputs, tmp_path, capsys, monkeypatch):
    words = ["inversion", "tkd", *given(inputs, "mask", "local-field"), "--out", str(tmp_path)]
    (tmp_path / "chimap.nii.gz").write_text("precious")
    refused(capsys, words, "holds chimap.nii.gz already: choose another folder, or overwrite with --force.")
    assert (tmp_path / "chimap.nii.gz").read_text() == "precious"
    (tmp_path / "chimap.nii.gz").unlink()

    def appears(*_):
        (tmp_path / "chimap.nii.gz").write_text("precious")
        return {"chi": np.zeros(SHAPE, np.float32)}

    monkeypatch.setattr(pipeline, "run_stage", appears)
    refused(capsys, words, "holds chimap.nii.gz already")
    assert main([*words, "--force"]) == 0
    assert read_volume(tmp_path / "chimap.nii.gz")[0].shape == SHAPE


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "Cancelled; nothing was written."),
        (Cancelled(), 130, "Cancelled; nothing was written."),
        (cli.Terminated(), 143, "Stopped by the system; nothing was written."),
        (MemoryError(), 1, "Not enough memory: close other programs"),
        (OSError(28, "No space left on device"), 1, "is full; nothing was written"),
        (OSError(30, "Read-only file system", "/x"), 1, "/x may not be written or read"),
        (RuntimeError("odd\nthing"), 70, "Unexpected error (RuntimeError: odd thing); run again with --debug"),
    ],
)
def test_whatever_ends_a_command_is_one_line(error, status, said, inputs, tmp_path, capsys, monkeypatch):  # noqa: PLR0917 (fixtures)
    def failing(*_args, **_options):
        raise error

    monkeypatch.setattr(pipeline, "run", failing)
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--out", str(tmp_path / "out")]
    refused(capsys, words, said, status)
    if not isinstance(error, OSError):
        assert main([*words, "--debug"]) == status
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_a_run_and_leave_nothing(number, status, inputs, tmp_path):
    script = (
        "import sys, time; from QSMLogic import pipeline; from QSMLogic.cli import main\n"
        "def slow(*a, **k):\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "pipeline.run = slow; sys.exit(main())"
    )
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--out", str(tmp_path / "out")]
    command = [sys.executable, "-c", script, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "ready\n"
        time.sleep(0.05)
        run.send_signal(number)
        _, errors = run.communicate(timeout=20)
    assert run.returncode == status
    assert errors.splitlines()[-1].endswith("nothing was written.")
    assert not (tmp_path / "out").exists()


def test_a_bar_on_a_terminal_and_lines_elsewhere(capsys):
    from QSMLogic.commands.terminal import Reporter  # noqa: PLC0415

    class Terminal(list):
        def isatty(self):
            return True

        def write(self, text):
            self.append(text)

        def flush(self):
            pass

    terminal = Terminal()
    with Reporter(terminal) as progress:
        progress(0.5, "Masking: step")
        progress(1.0, "Field")
    shown = "".join(terminal)
    assert "50 % Masking: step" in shown
    assert "100 % Field" in shown
    assert shown.endswith("\r\033[K")
    with Reporter() as progress:
        for i in range(10):
            progress(i / 20, f"Masking: step {i}")
        progress(0.5, "Field: step")
    assert capsys.readouterr().err.splitlines() == ["  0 % Masking", " 50 % Field"]


def test_the_installed_command_and_the_module():
    done = subprocess.run([sys.executable, "-m", "QSMLogic", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"slicerqsm {__version__}"
    command = [sys.executable, "-m", "QSMLogic", "methods", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
        run.wait(30)


def test_a_read_only_folder(inputs, tmp_path, capsys):
    if os.geteuid() == 0:
        pytest.skip("the superuser may write anywhere")
    tmp_path.chmod(0o500)
    words = ["inversion", "tkd", *given(inputs, "mask", "local-field"), "--out", str(tmp_path / "out")]
    refused(capsys, words, "Nothing can be written to")


def test_a_table_that_cannot_be_written_is_named(inputs, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(roi, "write_table", full)
    images = ["--chi", str(inputs / "chi.nii.gz"), "--labels", str(inputs / "labels.nii.gz")]
    table = tmp_path / "table.csv"
    refused(capsys, ["roi", *images, "--out", str(table)], f"{table} cannot be written: No space left on device.")
    assert list(tmp_path.iterdir()) == []


def test_what_only_the_user_can_give_is_missed_before_the_work(inputs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pipeline, "run_stage", None)
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--out", str(tmp_path / "out")]
    refused(capsys, [*words, "--referencing", "region"], "Region needs a label image (--labels), which is not given.")


def test_a_single_echo_is_said_to_keep_its_phase_offset(inputs, tmp_path):
    echo = [word for n in ("phase", "magnitude") for word in (f"--{n}", str(inputs / f"echo1_{n}.nii.gz"))]
    words = ["run", *echo, "--mask", str(inputs / "mask.nii.gz"), "--inversion", "tkd"]
    assert main([*words, "--out", str(tmp_path / "a")]) == 0
    assert "The phase offset was not removed." in (tmp_path / "a" / "methods.txt").read_text()
    again = [*words[:-2], "--settings", str(tmp_path / "a" / "settings.toml"), "--out", str(tmp_path / "b")]
    assert main(again) == 0
    assert (tmp_path / "b" / "chimap.nii.gz").read_bytes() == (tmp_path / "a" / "chimap.nii.gz").read_bytes()


def test_help_says_what_a_parameter_is_in_words(capsys):
    with pytest.raises(SystemExit):
        main(["background", "vsharp", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Largest radius: of the spherical mean; 2 to 40 mm; default 12" in said
    assert "--total-field FILE total field, ppm" in said

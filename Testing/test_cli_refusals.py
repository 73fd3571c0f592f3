"""What the command line refuses, in one line, and that a refusal leaves nothing behind."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import AXES, GEOMETRY, SHAPE, VOXEL_SIZE, given, refused

from QSMLogic import __version__, cli, pipeline
from QSMLogic.cli import main
from QSMLogic.commands import roi
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io.nifti import Geometry, read_image, read_volume, write_image


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
        (lambda p: p * 1000, "names no unit: name the phase scale (radians"),
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
    for value, said in [(0, "but all are 0"), (-1, "but some are below 0")]:
        write_image(tmp_path / "weights.nii.gz", np.full(SHAPE, value, np.float32), GEOMETRY)
        words = ["background", "pdf", *given(inputs, "total-field", "mask"), *out]
        refused(
            capsys,
            [*words, "--weights", str(tmp_path / "weights.nii.gz")],
            f"weights in the mask have to be above 0, or 0 where nothing is known, {said}",
        )
        (tmp_path / "weights.nii.gz").unlink()
    refused(capsys, field, "mask")
    refused(capsys, ["background", "vsharp", *given(inputs, "mask"), *out], "total")
    refused(capsys, ["inversion", "tkd", *out], "No image is given")
    refused(
        capsys, ["inversion", "tkd", *given(inputs, "mask", "local-field"), "--threshold", "x", *out], "a number is"
    )


def test_facts_that_make_no_sense_are_refused_where_there_is_no_phase(inputs, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    echoes = read_image(inputs / "magnitude.nii.gz")[0].shape[3]
    times = [str(5 * (echo + 1)) for echo in range(echoes)]
    decay = ["maps", "r2star_loglinear", "--no-gradient-correction", *given(inputs, "magnitude", "mask"), *out]
    refused(capsys, [*decay, "--echo-times", *times], "that looks like milliseconds")
    hertz = ["maps", "field_hz", *given(inputs, "total-field", "local-field", "mask"), *out]
    refused(capsys, [*hertz, "--field-strength", "123.2"], "between 0.01 and 30 T is needed")


def test_phase_in_the_place_of_the_magnitude_is_refused(inputs, tmp_path, capsys):
    out = ["--magnitude", str(inputs / "phase.nii.gz"), "--out", str(tmp_path / "out")]
    for words in (
        ["run", *given(inputs, "phase", "mask")],
        ["maps", "r2star_loglinear", "--no-gradient-correction", *given(inputs, "mask")],
    ):
        refused(capsys, [*words, *out], "as phase or a real part does: give the magnitude image")


def test_a_susceptibility_in_another_unit_is_warned_of(inputs, tmp_path, capsys):
    chi, geometry = read_image(inputs / "chi.nii.gz")
    write_image(tmp_path / "ppb.nii.gz", 1000 * chi[..., 0], geometry)
    words = ["maps", "smwi", *given(inputs, "magnitude", "mask"), "--chi", str(tmp_path / "ppb.nii.gz")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert "is it in another unit (Hz, ppb)?" in capsys.readouterr().err


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
        (RuntimeError("odd\nthing"), 70, "Unexpected error (RuntimeError: odd thing). Run it again with --debug"),
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


@pytest.mark.parametrize(("error", "traced"), [(RuntimeError("odd thing"), True), (InputError("no phase"), False)])
def test_a_program_that_runs_this_one_is_told_where_a_fault_is(error, traced, inputs, tmp_path):
    script = (
        "import sys\nfrom QSMLogic import pipeline\nfrom QSMLogic.cli import main\n"
        "from QSMLogic.errors import InputError\n"
        f"def failing(*a, **k):\n    raise {error!r}\n"
        "pipeline.run = failing; sys.exit(main())"
    )
    words = ["run", *given(inputs, "phase", "magnitude", "mask"), "--out", str(tmp_path / "out"), "--child"]
    command = [sys.executable, "-c", script, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        said = run.stderr.read()  # the input stays open, or the command would end with it
    assert ("Traceback" in said) == traced
    assert said.splitlines()[-1].startswith("qsm: ")
    assert "--debug" not in said


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

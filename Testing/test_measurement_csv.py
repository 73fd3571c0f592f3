"""The CSV file of a measurement: byte for byte that of `qsm roi`, and whole or not there."""

import json

import numpy as np
import pytest
from command_line import GEOMETRY, TIMES
from measuring import (
    CAUDATE,
    CSF,
    PUTAMEN,
    SHAPE,
    add_segmentation,
    add_volume,
    box,
    example,
    label_image,
    tilted,
    to_ras,
)

from QSMLogic.cli import main
from QSMLogic.errors import InputError
from QSMLogic.io.nifti import write_image
from QSMLogic.settings import Settings


@pytest.mark.parametrize(
    ("words", "with_mask"),
    [(("none",), True), (("mean",), True), (("CSF",), True), (("none",), False), (("CSF", "7"), False)],
)
def test_the_csv_is_that_of_the_command(side, colours, tmp_path, words, with_mask):
    """The same labels, map, names and mask: the same bytes."""
    rng = np.random.default_rng(11)
    values = (rng.normal(0.01, 0.05, SHAPE) * (rng.random(SHAPE) < 0.9)).astype(np.float32)
    matrix = to_ras(tilted())
    chi = add_volume(side, values, matrix)
    chi.SetAttribute(side.results.UNIT_ATTRIBUTE, "ppm")
    labels = add_volume(side, label_image(), matrix, "atlas", labels=True)
    labels.CreateDefaultDisplayNodes()
    labels.GetDisplayNode().SetAndObserveColorNodeID(colours.GetID())
    mask = add_segmentation(side, chi, {"mask": box((1, 9), (1, 7), (0, 6))}, "mask")
    measured = side.measurement.measure(side.scene, chi, labels, reference=words[0], mask=mask if with_mask else None)
    ours = measured.writeCsv(tmp_path / "ours.csv")

    geometry = side.volumes.geometryOf(chi)
    write_image(tmp_path / "chi.nii", values, geometry)
    write_image(tmp_path / "labels.nii", label_image().astype(np.float32), geometry)
    write_image(tmp_path / "mask.nii", box((1, 9), (1, 7), (0, 6)), geometry)
    (tmp_path / "names.json").write_text(json.dumps({"3": "caudate", "4": "label 4", "7": "CSF"}))
    reference = words[-1]
    words = ["roi", "--chi", "chi.nii", "--labels", "labels.nii", "--names", "names.json", "--out", "table.csv"]
    words += ["--mask", "mask.nii"] if with_mask else []
    words = [str(tmp_path / word) if "." in word else word for word in words]
    assert main([*words, "--reference", reference]) == 0
    assert ours.read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_the_csv_of_segments_is_that_of_the_command(side, tmp_path):
    chi = add_volume(side, example(), to_ras(tilted()))
    chi.SetAttribute(side.results.UNIT_ATTRIBUTE, "ppm")
    regions = add_segmentation(side, chi, {"caudate": CAUDATE, "putamen": PUTAMEN, "CSF": CSF})
    side.measurement.measure(side.scene, chi, regions, reference="CSF").writeCsv(tmp_path / "ours.csv")
    geometry = side.volumes.geometryOf(chi)
    write_image(tmp_path / "chi.nii", example(), geometry)
    write_image(tmp_path / "labels.nii", (CAUDATE + 2.0 * PUTAMEN + 3 * CSF).astype(np.float32), geometry)
    (tmp_path / "names.json").write_text(json.dumps({"1": "caudate", "2": "putamen", "3": "CSF"}))
    files = {"chi": "chi.nii", "labels": "labels.nii", "names": "names.json", "out": "table.csv"}
    words = [word for flag, file in files.items() for word in (f"--{flag}", str(tmp_path / file))]
    assert main(["roi", *words, "--reference", "CSF"]) == 0
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_the_numbers_of_a_run_are_those_of_the_command_on_its_files(side, head, inputs, finished, tmp_path):
    """A finished run as nodes, and its files: every map in its own mask."""
    from QSMLib.request import Request  # noqa: PLC0415

    lps = np.diag([-1.0, -1.0, 1.0])
    matrix = to_ras(lps @ np.array(GEOMETRY.direction).reshape(3, 3), GEOMETRY.spacing, lps @ GEOMETRY.origin)
    phases = tuple(add_volume(side, head.scan.phase[..., e], matrix, f"phase {e}") for e in range(len(TIMES)))
    request = Request(phases, (), TIMES, 3.0, Settings.preset(), keep=("mask", "total_field", "chi"), name="head")
    outputs = side.results.loadOutputs(side.scene, finished, request)
    atlas = add_volume(side, head.labels.astype(np.int16), matrix, "atlas", labels=True)
    for name, file, mask in (("chi", "chimap", "erodedmask"), ("total_field", "totalfield", "mask")):
        ours, theirs = tmp_path / f"{name} ours.csv", tmp_path / f"{name} theirs.csv"
        side.measurement.measure(side.scene, outputs.nodes[name], atlas).writeCsv(ours)
        words = {"chi": finished / f"{file}.nii.gz", "mask": finished / f"{mask}.nii.gz", "out": theirs}
        words["labels"] = inputs / "labels.nii.gz"
        assert main(["roi", *(word for flag, path in words.items() for word in (f"--{flag}", str(path)))]) == 0
        assert ours.read_bytes() == theirs.read_bytes()


def test_the_csv_is_written_whole_and_overwrites_nothing_unasked(side, tmp_path, monkeypatch):
    chi = add_volume(side, example())
    measured = side.measurement.measure(side.scene, chi, add_segmentation(side, chi, {"caudate": CAUDATE}))
    path = measured.writeCsv(tmp_path / "table.csv")
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        measured.writeCsv(path)
    with pytest.raises(InputError, match="a folder that exists"):
        measured.writeCsv(tmp_path / "nowhere" / "table.csv")
    with pytest.raises(InputError, match="a folder that exists"):
        measured.writeCsv(tmp_path)

    def full(part, tables):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(side.measurement, "write_tables", full)
    with pytest.raises(InputError, match="The disk of"):
        measured.writeCsv(path, overwrite=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]

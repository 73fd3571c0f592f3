"""What is known of a scan, who says it first, and what cannot be believed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scan_files import ANGLE, GEOMETRY, TIMES, refused, whole, wrapped, write_scan

from QSMLogic.io.load import Sources, load
from QSMLogic.io.parameters import gather


@pytest.fixture
def files(tmp_path):
    return write_scan(tmp_path)


def test_a_voxel_size_in_the_parameters_is_more_exact_than_the_header(files):
    sizes = (1.0 + 1e-8, 1.5, 2.0 - 1e-8)
    content = {"TE": TIMES, "B0": 3, "B0_dir": [0, 0.6, 0.8], "voxel_size": sizes}
    (files / "params.json").write_text(json.dumps(content))
    loaded = load(whole(files))
    assert loaded.scan.grid.voxel_size == sizes
    assert loaded.scan.grid.b0_direction == (0.0, 0.6, 0.8)
    assert loaded.facts["said_by"]["echo_times"].endswith("params.json")


def test_one_file_per_echo_with_sidecars(files):
    loaded = load(
        Sources(
            phase=(files / "phase0.nii", files / "phase1.nii"),
            magnitude=(files / "magnitude0.nii", files / "magnitude1.nii"),
        )
    )
    assert loaded.scan.echo_times == TIMES
    assert loaded.scan.field_strength == 7
    assert np.allclose(loaded.scan.phase, wrapped(), atol=1e-6)


def test_who_is_asked_first(files):
    images = [files / "phase0.nii", files / "phase1.nii"]
    (files / "params.json").write_text(json.dumps({"B0": 3, "B0_dir": [0, 1, 0]}))
    known = gather(images, files / "params.json", explicit={"echo_times": (0.1, 0.2), "field_strength": None})
    assert known.echo_times == (0.1, 0.2)
    assert known.field_strength == 3
    assert known.b0_direction == (0, 1, 0)
    assert known.voxel_size is None
    assert known.sources["echo_times"] == "the command line"
    assert known.sources["field_strength"] == str(files / "params.json")
    assert gather(images).field_strength == 7
    assert gather(images).sources["echo_times"] == "the side-car JSON"
    grid, warnings = known.grid_of(GEOMETRY)
    assert grid.b0_direction == (0, 1, 0)
    assert "70 degrees from the image header's" in warnings[0]


def test_an_antiparallel_field_is_the_same_field(files):
    (files / "params.json").write_text(json.dumps({"B0_dir": [0, -np.sin(ANGLE), -np.cos(ANGLE)]}))
    assert gather([], files / "params.json").grid_of(GEOMETRY)[1] == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not a JSON document"),
        ("[1]", "names and values are needed"),
        ('{"TE": "5 ms", "B0": 3}', "TE = '5 ms': numbers (s) are needed"),
        ('{"TE": [], "B0": 3}', "TE = []: numbers (s) are needed"),
        ('{"TE": [0.005, NaN], "B0": 3}', "finite numbers (s) are needed"),
        ('{"TE": [0.005, 1%s], "B0": 3}' % ("0" * 400), "finite numbers (s) are needed"),
        ("[" * 100_000, "is not a JSON document"),
        ('{"TE": [0.005, 0.011], "B0": true}', "B0 = True: numbers (T) are needed"),
        ('{"TE": [0.005, 0.011], "B0": [3, 7]}', "B0 = [3, 7]: one number (T) is needed"),
        ('{"TE": [0.005, 0.011], "B0": 3, "B0_dir": [1, 0]}', "B0_dir = [1, 0]: three numbers (voxel axes) are needed"),
        ('{"TE": [0.005, 0.011], "B0": 3, "B0_dir": [0, 0, 0]}', "B0 direction is [0.0, 0.0, 0.0]"),
        ('{"TE": [0.005, 0.011], "B0": 3, "voxel_size": [1, 1, 1]}', "The voxel size is 1, 1, 1 mm in "),
        ('{"TE": [5, 11], "B0": 3}', "that looks like milliseconds"),
        ('{"TE": [0.011, 0.005], "B0": 3}', "they must rise from echo to echo"),
        ('{"TE": [0.005], "B0": 3}', "1 echo times were given for 2 echoes"),
        ('{"B0": 3}', "The echo times are missing"),
        ('{"TE": [0.005, 0.011]}', "The field strength is missing"),
        ('{"TE": [0.005, 0.011], "B0": 300}', "The field strength is 300 T"),
    ],
)
def test_parameter_files_that_cannot_be_used(files, content, said):
    (files / "params.json").write_text(content)
    assert said in refused(whole(files))


def test_unknown_keys_are_told(files):
    (files / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 3, "B0dir": [0, 0, 1]}))
    assert "ignored B0dir (known: TE, B0, B0_dir, voxel_size)" in load(whole(files)).warnings[0]


def test_sidecars_that_contradict(files):
    phase = (files / "phase0.nii", files / "phase1.nii")
    (files / "phase1.json").write_text(json.dumps({"EchoTime": 0.011, "MagneticFieldStrength": 3}))
    assert "different field strengths (7 T in phase0.json, 3 T in phase1.json)" in refused(Sources(phase=phase))
    (files / "phase1.json").write_text(json.dumps({"EchoTime": 0.011, "MagneticFieldStrength": 7, "Units": "deg"}))
    assert "name different units (deg, rad)" in refused(Sources(phase=phase))
    (files / "phase1.json").unlink()
    assert "The echo times are missing" in refused(Sources(phase=phase))
    (files / "phase0.json").write_text("no")
    assert "phase0.json is not a JSON document" in refused(Sources(phase=phase))


def test_files_in_another_order(files):
    phase = (files / "phase0.nii", files / "phase1.nii")
    magnitude = (files / "magnitude1.nii", files / "magnitude0.nii")
    said = refused(Sources(phase=phase, magnitude=magnitude))
    assert "phase0.nii says echo time 0.005 s but that of magnitude1.nii 0.011 s" in said
    said = refused(Sources(phase=phase[::-1], magnitude=magnitude))
    assert "0.011, 0.005 s: they must rise" in said


def test_the_development_phantom(shared_data):
    inputs = shared_data / "phantom-dev" / "inputs"
    loaded = load(Sources(mask=inputs / "mask.nii.gz", params=inputs / "params.json"))
    from_header = load(Sources(mask=inputs / "mask.nii.gz"))
    b0 = json.loads((inputs / "params.json").read_text())["B0_dir"]
    assert loaded.warnings == []
    assert np.allclose(from_header.data["grid"].b0_direction, b0, atol=1e-4)


def test_real_scans(shared_data):
    for subject, times, strength in (("sub-head", (0.0023, 0.0046), 3), ("sub-patch", (0.004, 0.008, 0.012), 7)):
        folder: Path = shared_data / "bids-invivo" / subject / "anat"
        loaded = load(
            Sources(
                phase=tuple(sorted(folder.glob("*phase*.nii.gz"))), magnitude=tuple(sorted(folder.glob("*mag*.nii.gz")))
            )
        )
        assert loaded.scan.echo_times == times
        assert loaded.scan.field_strength == strength


def test_a_parameter_file_with_a_byte_order_mark(files):
    (files / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 3}), "utf-8-sig")
    assert load(whole(files)).scan.echo_times == TIMES


def test_a_header_that_places_nothing_is_told(files):
    header = GEOMETRY.orientation().copy()
    header["sform_code"] = 0
    unplaced = replace(GEOMETRY, stored=header)
    known = gather([], files / "params.json")
    assert "B0 is taken to run along its third axis" in known.grid_of(unplaced)[1][0]
    assert known.grid_of(GEOMETRY)[1] == ()
    assert gather([], explicit={"b0_direction": (0, np.sin(ANGLE), np.cos(ANGLE))}).grid_of(unplaced)[1] == ()

"""What is known of a scan, who says it first, and everything the border refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.io.load import Sources, load
from QSMLogic.io.nifti import Geometry, write_image
from QSMLogic.io.parameters import gather

SHAPE = (6, 5, 4)
ANGLE = np.deg2rad(20)
TILTED = (1.0, 0.0, 0.0, 0.0, np.cos(ANGLE), -np.sin(ANGLE), 0.0, np.sin(ANGLE), np.cos(ANGLE))
GEOMETRY = Geometry(SHAPE, (1.0, 1.5, 2.0), (0.0, 0.0, 0.0), TILTED)
TIMES = (0.005, 0.011)


def wrapped(echoes=2):
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (*SHAPE, echoes)).astype(np.float32)
    phase[0, 0, 0], phase[1, 0, 0] = -np.pi, np.pi
    return phase


@pytest.fixture
def files(tmp_path):
    """Phase and magnitude, 4-D and per echo with side-cars, a mask, labels, a field and a parameter file."""
    phase = wrapped()
    magnitude = np.ones((*SHAPE, 2), np.float32) * (2, 1)
    write_image(tmp_path / "phase.nii.gz", phase, GEOMETRY)
    write_image(tmp_path / "magnitude.nii.gz", magnitude, GEOMETRY)
    for name, values in {"phase": phase, "magnitude": magnitude}.items():
        for echo, time in enumerate(TIMES):
            write_image(tmp_path / f"{name}{echo}.nii", values[..., echo], GEOMETRY)
            sidecar = {"EchoTime": time, "MagneticFieldStrength": 7, "Units": "rad"}
            (tmp_path / f"{name}{echo}.json").write_text(json.dumps(sidecar))
    write_image(tmp_path / "mask.nii.gz", np.ones(SHAPE, bool), GEOMETRY)
    write_image(tmp_path / "labels.nii.gz", np.full(SHAPE, 3, np.float32), GEOMETRY)
    write_image(tmp_path / "field.nii.gz", np.full(SHAPE, 0.1, np.float32), GEOMETRY)
    (tmp_path / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 3}))
    return tmp_path


def whole(files, **more):
    return Sources(
        **{
            "phase": (files / "phase.nii.gz",),
            "magnitude": (files / "magnitude.nii.gz",),
            "params": files / "params.json",
        }
        | more
    )


def refused(sources):
    with pytest.raises(InputError) as error:
        load(sources)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_scan_from_files(files):
    loaded = load(whole(files, mask=files / "mask.nii.gz", labels=files / "labels.nii.gz"))
    assert np.allclose(loaded.scan.phase, wrapped(), atol=1e-6)
    assert loaded.scan.echo_times == TIMES
    assert loaded.scan.field_strength == 3
    assert loaded.scan.grid.voxel_size == (1.0, 1.5, 2.0)
    assert np.allclose(loaded.scan.grid.b0_direction, (0, np.sin(ANGLE), np.cos(ANGLE)), atol=1e-6)
    assert loaded.geometry.difference(GEOMETRY) == ""
    assert loaded.data["given_mask"].all()
    assert (loaded.data["labels"] == 3).all()
    assert loaded.warnings == []


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


def test_images_that_do_not_belong_together(files):
    other = Geometry(SHAPE, (1.0, 1.5, 2.2), (0.0, 0.0, 0.0), TILTED)
    write_image(files / "other.nii", np.ones((*SHAPE, 2), np.float32), other)
    write_image(files / "othermask.nii", np.ones(SHAPE, bool), other)
    assert "do not lie on the same voxels: voxels of 1 x 1.5 x 2 mm against 1 x 1.5 x 2.2 mm" in refused(
        whole(files, magnitude=(files / "other.nii",))
    )
    assert "othermask.nii do not lie on the same voxels" in refused(whole(files, mask=files / "othermask.nii"))
    assert "give the magnitude of the same acquisition" in refused(whole(files, magnitude=(files / "magnitude0.nii",)))
    assert "othermask.nii holds 2 volumes" not in refused(whole(files, mask=files / "othermask.nii"))
    assert "magnitude.nii.gz holds 2 volumes: one is needed" in refused(whole(files, mask=files / "magnitude.nii.gz"))


def test_empty_constant_and_not_finite(files):
    write_image(files / "empty.nii", np.zeros(SHAPE, bool), GEOMETRY)
    assert "The mask is empty" in refused(whole(files, mask=files / "empty.nii"))
    write_image(files / "p.nii", np.full((*SHAPE, 2), np.nan, np.float32), GEOMETRY)
    assert "The phase holds no finite value" in refused(whole(files, phase=(files / "p.nii",)))
    write_image(files / "p.nii", np.full((*SHAPE, 2), 7, np.float32), GEOMETRY, force=True)
    assert "The phase of echo 1 is 7 everywhere" in refused(whole(files, phase=(files / "p.nii",)))
    write_image(files / "m.nii", np.zeros((*SHAPE, 2), np.float32), GEOMETRY)
    assert "The magnitude is zero everywhere" in refused(whole(files, magnitude=(files / "m.nii",)))
    no_phase = Sources(magnitude=(files / "m.nii",), maps={"local_field": files / "field.nii.gz"})
    assert "The magnitude is zero everywhere" in refused(no_phase)
    write_image(files / "f.nii", np.full(SHAPE, np.inf, np.float32), GEOMETRY)
    assert "The total field holds no finite value" in refused(Sources(maps={"total_field": files / "f.nii"}))
    assert "No image is given" in refused(Sources())


def test_what_is_not_finite_lies_outside(files):
    field = np.full(SHAPE, 0.1, np.float32)
    field[1, 2, 3], field[0, 0, 0] = np.nan, np.inf
    write_image(files / "f.nii", field, GEOMETRY)
    loaded = load(Sources(maps={"total_field": files / "f.nii"}, mask=files / "mask.nii.gz"))
    assert np.isfinite(loaded.data["total_field"]).all()
    assert np.array_equal(loaded.data["given_mask"], np.isfinite(field))
    phase = wrapped()
    phase[2, 2, 2, 1] = np.nan
    write_image(files / "p.nii", phase, GEOMETRY)
    loaded = load(whole(files, phase=(files / "p.nii",)))
    assert np.array_equal(~loaded.scan.valid, np.isnan(phase).any(axis=3))


def test_scales_of_phase(files):
    scaled = {"mrad.nii": (wrapped() * 1000, "mrad"), "degrees.nii": (np.rad2deg(wrapped()), "deg")}
    for name, (values, units) in scaled.items():
        write_image(files / name, values, GEOMETRY)
        assert "its header names no unit" in refused(whole(files, phase=(files / name,)))
        (files / name).with_suffix(".json").write_text(json.dumps({"Units": units}))
        assert np.allclose(load(whole(files, phase=(files / name,))).scan.phase, wrapped(), atol=1e-5)
    named = whole(files, phase=(files / "degrees.nii",), phase_scale="360")
    assert np.allclose(load(named).scan.phase, wrapped(), atol=1e-5)
    assert "Phase scale = 'turns', allowed radians" in refused(whole(files, phase_scale="turns"))


def test_phase_that_fills_no_turn_is_taken_as_radians_aloud(files):
    assert load(whole(files)).warnings == []
    write_image(files / "p.nii", wrapped() * 0.5, GEOMETRY)
    loaded = load(whole(files, phase=(files / "p.nii",)))
    assert np.allclose(loaded.scan.phase, wrapped() * 0.5, atol=1e-6)
    assert "taken as radians" in loaded.warnings[0]
    assert load(whole(files, phase=(files / "p.nii",), phase_scale="radians")).warnings == []


def test_sign_and_complex_images(files):
    turned = load(whole(files, phase_sign=-1))
    assert np.allclose(turned.scan.phase, -wrapped(), atol=1e-6)
    assert turned.facts["phase_sign"] == -1
    signal = np.exp(1j * wrapped())
    write_image(files / "re.nii", signal.real, GEOMETRY)
    write_image(files / "im.nii", signal.imag, GEOMETRY)
    parts = {"real": (files / "re.nii",), "imaginary": (files / "im.nii",), "params": files / "params.json"}
    loaded = load(Sources(**parts))
    assert np.abs(np.exp(1j * loaded.scan.phase) - signal).max() < 1e-5
    assert np.allclose(loaded.scan.magnitude, 1, atol=1e-5)
    assert "give both --real and --imaginary" in refused(Sources(real=parts["real"], params=parts["params"]))
    assert "not both" in refused(whole(files, **parts))
    one = {"real": (files / "re.nii",), "imaginary": (files / "phase0.nii",)}
    assert "2 echoes of real but 1 of imaginary" in refused(Sources(**one, params=parts["params"]))


def test_maps_for_a_single_stage(files):
    loaded = load(
        Sources(
            magnitude=(files / "magnitude.nii.gz",),
            maps={"local_field": files / "field.nii.gz"},
            mask=files / "mask.nii.gz",
            params=files / "params.json",
        )
    )
    assert loaded.scan is None
    assert set(loaded.data) == {
        "grid", "echo_times", "field_strength", "magnitude", "valid", "local_field", "given_mask",
    }  # fmt: skip
    write_image(files / "hertz.nii", np.full(SHAPE, 300, np.float32), GEOMETRY)
    assert (
        "reaches 300 ppm: is it in another unit" in load(Sources(maps={"total_field": files / "hertz.nii"})).warnings[0]
    )
    one = Sources(magnitude=(files / "magnitude0.nii",), params=files / "params.json")
    assert "2 echo times were given for 1 echoes of magnitude" in refused(one)


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


def test_a_scale_that_leaves_almost_nothing_is_told(files):
    assert "spans 0.0096 rad only: is it in another unit?" in load(whole(files, phase_scale="siemens")).warnings[0]
    assert load(whole(files, phase_scale="radians")).warnings == []

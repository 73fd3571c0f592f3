"""Files at the border become checked data: images that belong together, in units that are known, or a refusal."""

import json

import numpy as np
import pytest
from scan_files import ANGLE, GEOMETRY, SHAPE, TILTED, TIMES, refused, whole, wrapped, write_scan

from QSMLogic.io.load import Sources, load
from QSMLogic.io.nifti import Geometry, write_image


@pytest.fixture
def files(tmp_path):
    return write_scan(tmp_path)


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


def test_a_scale_that_leaves_almost_nothing_is_told(files):
    assert "spans 0.0096 rad only: is it in another unit?" in load(whole(files, phase_scale="siemens")).warnings[0]
    assert load(whole(files, phase_scale="radians")).warnings == []

"""Maps of fields for display: what is known of them in closed form, and on the phantom."""

import json

import numpy as np
import pytest
from analytic import covered, positions, sphere_field
from command_line import AXES, given

from QSMLogic import metrics
from QSMLogic.cli import main
from QSMLogic.constants import GAMMA_BAR
from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.io.nifti import read_volume
from QSMLogic.phantom import head_phantom
from QSMLogic.pipeline import run, run_stage
from QSMLogic.settings import Settings

GRID = Grid((48, 45, 42), (2.0, 2.2, 2.4), b0_direction=(0.4, -0.3, 0.866))
RADIUS, CHI, CENTRE = 14.0, 0.5, (4.0, -3.0, 2.0)


def made(name, *, parameters=None, **data):
    """Return the maps of a method."""
    return run_stage("maps", name, parameters or {}, data)


def ball_of(radius, centre=CENTRE):
    """Return how much of each voxel of the grid lies in a ball."""
    return covered(np.sqrt((positions(GRID, centre) ** 2).sum(axis=0)) - radius, GRID)


@pytest.mark.parametrize("field_strength", [1.5, 3.0, 7.0])
def test_one_ppm_is_gamma_times_the_field_strength(field_strength):
    ones, mask = np.ones(GRID.shape, np.float32), ball_of(30) > 0.5
    fields = made("field_hz", total_field=ones, local_field=-ones / 2, field_strength=field_strength, mask=mask)
    assert np.allclose(fields["total_field_hz"], mask * 42.57638 * field_strength)
    assert np.allclose(fields["local_field_hz"], mask * 42.57638 * field_strength / -2)


def test_a_field_turns_the_phase_by_its_frequency():
    field, mask = np.full(GRID.shape, 0.1, np.float32), ball_of(30) > 0.5
    data = {"local_field": field, "field_strength": 3.0, "mask": mask}
    turned = made("local_phase", parameters={"echo_time": 0.1}, **data)["local_phase"]
    assert np.allclose(turned, mask * 2 * np.pi * 0.1 * 3 * GAMMA_BAR * 0.1), "several radians, and not wrapped"


def test_the_field_of_a_sphere():
    mask = np.ones(GRID.shape, bool)
    field = made("simulated_field", chi=CHI * ball_of(RADIUS), mask=mask, grid=GRID)["simulated_field"]
    expected = sphere_field(GRID, RADIUS, CHI, CENTRE)
    away = np.sqrt((positions(GRID, CENTRE) ** 2).sum(axis=0))
    clear = np.abs(away - RADIUS) > 4  # the surface is a staircase
    assert metrics.nrmse(field, expected, clear) < 6
    assert metrics.slope(field, expected, clear) == pytest.approx(1, abs=0.01)
    assert np.abs(field - expected)[clear].max() < 0.04 * CHI


def test_sources_outside_the_mask_count_on_request():
    brain = ball_of(20, (0, 0, 0)) > 0.5
    chi = np.where(brain, 0, CHI * ball_of(9, (30, 0, 20))).astype(np.float32)
    data = {"chi": chi, "mask": brain, "grid": GRID}
    assert not made("simulated_field", **data)["simulated_field"].any()
    field = made("simulated_field", parameters={"sources": "image"}, **data)["simulated_field"]
    assert metrics.nrmse(field, sphere_field(GRID, 9, CHI, (30, 0, 20)), brain) < 3
    assert not field[~brain].any()


def test_the_phantom_s_local_field_is_simulated_from_its_susceptibility(clean_phantom):
    p = clean_phantom
    data = {"chi": p.chi, "mask": p.mask, "grid": p.scan.grid}
    assert metrics.nrmse(made("simulated_field", **data)["simulated_field"], p.local_field, p.mask) < 0.5


def test_only_known_susceptibility_makes_a_field(clean_phantom):
    p = clean_phantom
    eroded = p.mask & (np.arange(p.mask.shape[0])[:, None, None] > 30)
    data = {"mask": p.mask, "grid": p.scan.grid}
    cut = made("simulated_field", chi=np.where(eroded, p.chi, 0), **data)["simulated_field"]
    asked = made("simulated_field", chi=p.chi, eroded_mask=eroded.astype(np.float32), **data)["simulated_field"]
    assert np.array_equal(cut, asked)
    assert asked[p.mask & ~eroded].any()


def test_the_misfit_is_what_the_map_does_not_explain(clean_phantom):
    p = clean_phantom
    lesion = 0.2 * np.exp(-((np.indices(p.mask.shape) - np.array([32, 36, 28])[:, None, None, None]) ** 2).sum(0) / 8)
    chi = np.where(p.mask, p.chi, 0).astype(np.float32)
    data = {"mask": p.mask, "grid": p.scan.grid}
    missing = made("simulated_field", chi=lesion.astype(np.float32), **data)["simulated_field"]
    measured = p.local_field + missing
    misfit = made("field_misfit", local_field=measured, chi=chi, **data)["field_misfit"]
    assert metrics.nrmse(misfit, missing, p.mask) < 3


def test_the_level_that_referencing_took_away_is_no_misfit(clean_phantom):
    p = clean_phantom
    chi = np.where(p.mask, p.chi - 0.05, 0).astype(np.float32)
    data = {"local_field": p.local_field, "chi": chi, "mask": p.mask, "grid": p.scan.grid}
    level = made("field_misfit", **data)["field_misfit"]
    without = made("field_misfit", parameters={"level": False}, **data)["field_misfit"]
    assert np.abs(level).max() < 2e-3
    assert without[p.mask].std() > 2e-3 > 20 * level[p.mask].std()


def test_an_empty_mask_is_refused():
    nothing = np.zeros(GRID.shape, np.float32)
    for name in ("simulated_field", "field_misfit"):
        with pytest.raises(InputError, match="mask is empty"):
            made(name, local_field=nothing, chi=nothing, mask=nothing > 0, grid=GRID)


def test_the_pipeline_makes_them_where_the_fields_are_known(small_result):
    maps = small_result.maps
    hertz = GAMMA_BAR * 3
    assert np.allclose(maps["total_field_hz"], hertz * maps["total_field"], rtol=1e-5)
    assert np.allclose(maps["local_field_hz"], hertz * maps["local_field"], rtol=1e-5)
    assert not maps["field_misfit"][~maps["eroded_mask"]].any()
    measured, left = (maps[name][maps["eroded_mask"]] for name in ("local_field", "field_misfit"))
    assert left.std() < 0.6 * measured.std(), "most of the field is explained"


@pytest.fixture(scope="module")
def small_result():
    scan = head_phantom((32, 36, 32), (6.0, 6.0, 6.0)).scan
    wanted = {"maps.method": "field_hz local_phase simulated_field field_misfit"}
    return run(scan, Settings.preset("fast").changed(wanted))


def test_the_forward_model_is_a_command_for_any_map(head, inputs, tmp_path):
    words = ["maps", "simulated_field", *given(inputs, "chi", "mask")]
    assert main([*words, "--out", str(tmp_path / "field")]) == 0
    field, geometry = read_volume(tmp_path / "field" / "simulatedfield.nii.gz")
    assert metrics.nrmse(field, head.local_field, head.mask) < 1
    assert geometry.direction == pytest.approx(AXES)
    said = json.loads((tmp_path / "field" / "provenance.json").read_text("utf-8"))
    assert said["methods"].endswith("convolution with the unit dipole (sources: those in the mask).")


def test_fields_in_hz_are_a_command(head, inputs, tmp_path):
    words = ["maps", "field_hz", "--total-field", str(inputs / "totalfield.nii.gz")]
    words += ["--local-field", str(inputs / "localfield.nii.gz"), "--mask", str(inputs / "mask.nii.gz")]
    assert main([*words, "--field-strength", "7", "--out", str(tmp_path / "hz")]) == 0
    hertz = read_volume(tmp_path / "hz" / "totalfieldhz.nii.gz")[0]
    assert np.allclose(hertz, head.total_field * head.mask * 42.57638 * 7, atol=1e-2)

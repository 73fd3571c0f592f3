"""The checklist of the 2024 consensus: every rule says met, not met and unknown where it should."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from QSMLogic.grid import Grid
from QSMLogic.methods import METHODS
from QSMLogic.report import recommendations as rules
from QSMLogic.report.checklist import FROM_HEADERS, ONLY_BY_HAND, State, algorithms, counted, reporting
from QSMLogic.report.recommendations import recommendations
from QSMLogic.roi import Reference
from QSMLogic.scan import Scan
from QSMLogic.settings import Settings

MET, NOT_MET, UNKNOWN = State.MET, State.NOT_MET, State.UNKNOWN


def scan(echo_times=(0.006, 0.012, 0.018, 0.024, 0.035), field_strength=3.0, voxel_size=(1, 1, 1)):
    phase = np.random.default_rng(0).uniform(-3, 3, (4, 4, 4, len(echo_times)))
    return Scan(phase, None, echo_times, field_strength, Grid((4, 4, 4), voxel_size, b0_direction=(0, 0, 1)))


def judged(run, name, *, facts=None, taken=None, **changes):
    """Return the item of this name, for other facts, another scan or other settings."""
    loaded = run.with_facts(**(facts or {}))
    loaded = loaded if taken is None else replace(loaded, scan=taken)
    settings = run.told.settings.changed({key.replace("__", "."): value for key, value in changes.items()})
    items = recommendations(settings, loaded, replace(run.result, settings=settings))
    return next(item for item in items if item.name == name)


@pytest.mark.parametrize(
    ("name", "facts", "state"),
    [
        ("3D acquisition", {"MRAcquisitionType": "3D"}, MET),
        ("3D acquisition", {"MRAcquisitionType": "2D"}, NOT_MET),
        ("3D acquisition", {"MRAcquisitionType": "<b>"}, UNKNOWN),
        ("3D acquisition", {}, UNKNOWN),
        ("Gradient echo", {"ScanningSequence": "GR"}, MET),
        ("Gradient echo", {"ScanningSequence": ["GR"]}, MET),
        ("Gradient echo", {"ScanningSequence": ["EP", "GR"]}, NOT_MET),
        ("Gradient echo", {"ScanningSequence": "SE"}, NOT_MET),
        ("Gradient echo", {"ScanningSequence": "RM"}, UNKNOWN),
        ("Gradient echo", {}, UNKNOWN),
        ("Monopolar readout", {"ReadoutPolarity": "monopolar"}, MET),
        ("Monopolar readout", {"ReadoutPolarity": "bipolar"}, NOT_MET),
        ("Monopolar readout", {}, UNKNOWN),
    ],
)
def test_rules_on_headers(small_run, name, facts, state):
    assert judged(small_run, name, facts=facts).state == state


@pytest.mark.parametrize(
    ("name", "taken", "state"),
    [
        ("At least 3 echoes", {"echo_times": (0.01, 0.02, 0.03)}, MET),
        ("At least 3 echoes", {"echo_times": (0.01, 0.02)}, NOT_MET),
        ("Evenly spaced echoes", {"echo_times": (0.0037, 0.0095, 0.0153, 0.0211)}, MET),
        ("Evenly spaced echoes", {"echo_times": (0.004, 0.010, 0.017)}, NOT_MET),
        ("Evenly spaced echoes", {"echo_times": (0.004, 0.010)}, UNKNOWN),
        ("Last echo as late as T2*", {"echo_times": (0.01, 0.032)}, MET),
        ("Last echo as late as T2*", {"echo_times": (0.01, 0.031)}, NOT_MET),
        ("Last echo as late as T2*", {"echo_times": (0.01, 0.031), "field_strength": 7.0}, MET),
        ("Last echo as late as T2*", {"echo_times": (0.01, 0.031), "field_strength": 0.5}, UNKNOWN),
        ("Isotropic voxels", {"voxel_size": (0.8, 0.8, 0.85)}, MET),
        ("Isotropic voxels", {"voxel_size": (0.5, 0.5, 2.0)}, NOT_MET),
        ("Voxels of at most 1 mm3", {"voxel_size": (0.5, 0.5, 2.0)}, MET),
        ("Voxels of at most 1 mm3", {"voxel_size": (1.0, 1.0, 1.1)}, NOT_MET),
    ],
)
def test_rules_on_the_scan(small_run, name, taken, state):
    assert judged(small_run, name, taken=scan(**taken)).state == state


MASK = "Mask by brain extraction and phase quality"


@pytest.mark.parametrize(
    ("name", "changes", "state"),
    [
        (MASK, {"masking__method": "bet phase_quality"}, MET),
        (MASK, {"masking__method": "bet", "pipeline__two_pass": "true"}, MET),
        (MASK, {"masking__method": "bet"}, NOT_MET),
        (MASK, {"masking__method": "phase_quality"}, NOT_MET),
        (MASK, {"masking__method": "given"}, UNKNOWN),
        ("Exact unwrapping", {"unwrapping__method": "romeo"}, MET),
        ("Exact unwrapping", {"unwrapping__method": "laplacian"}, NOT_MET),
        ("Background removal by SHARP or PDF", {"background__method": "pdf"}, MET),
        ("Background removal by SHARP or PDF", {"background__method": "lbv"}, NOT_MET),
        ("Inversion with a sparse prior", {"inversion__method": "medi"}, MET),
        ("Inversion with a sparse prior", {"inversion__method": "tkd"}, NOT_MET),
        ("Exact unwrapping", {"single_step__method": "tfi"}, MET),
        ("Exact unwrapping", {"single_step__method": "tgv"}, NOT_MET),
        ("Background removal by SHARP or PDF", {"background__method": "pdf", "single_step__method": "tfi"}, NOT_MET),
        ("Inversion with a sparse prior", {"inversion__method": "tkd", "single_step__method": "tgv"}, MET),
    ],
)
def test_rules_on_the_settings(small_run, name, changes, state):
    assert judged(small_run, name, **changes).state == state


def test_a_mask_joined_to_the_brain_is_none_of_the_brain(small_run):
    steps = [{"method": "bet"}, {"method": "phase_quality", "combine": "union"}]
    settings = Settings.from_dict({"masking": steps})
    items = recommendations(settings, small_run.loaded, small_run.result)
    assert {item.name: item.state for item in items}[MASK] == NOT_MET


@pytest.mark.parametrize(
    ("stage", "recommended"),
    [
        ("unwrapping", rules.EXACT),
        ("background", rules.SHARP_OR_PDF),
        ("inversion", rules.SPARSE),
        ("single_step", rules.SPARSE_STEPS),
    ],
)
def test_recommended_methods_exist(stage, recommended):
    assert recommended < set(METHODS[stage])


def test_a_reference_is_recommended(small_run):
    name = "Values relative to a stated reference"
    assert judged(small_run, name).state == MET
    without = replace(small_run.result, reference=None)
    items = recommendations(small_run.told.settings, small_run.loaded, without)
    assert {item.name: item.state for item in items}[name] == NOT_MET


@pytest.mark.parametrize("item", FROM_HEADERS, ids=lambda item: item.name)
def test_what_headers_say_is_stated_and_what_they_leave_out_is_unknown(small_run, item):
    value = 1.5 if item.form != "{}" else "a word"
    for fact in item.facts:
        told = reported(small_run, small_run.with_facts(**{fact: value}))[item.name]
        assert told.state == MET
        assert (f"{item.factor * 1.5:g}" if item.form != "{}" else "a word") in told.value
    told = reported(small_run, small_run.with_facts(**dict.fromkeys(item.facts, "")))[item.name]
    assert (told.state, told.value) == (UNKNOWN, "")
    assert item.facts[0] in told.reason


def reported(run, loaded, result=None):
    return {item.name: item for item in reporting(run.told, loaded, result or run.result)}


@pytest.mark.parametrize(
    ("options", "state"), [("FC", MET), (["PFP", "FC_FREQ_AX_GEMS"], MET), ("PFP", UNKNOWN), (None, UNKNOWN)]
)
def test_flow_compensation_is_known_where_the_scan_options_name_it(small_run, options, state):
    assert reported(small_run, small_run.with_facts(ScanOptions=options))["Flow compensation"].state == state


def test_acceleration_is_known_by_its_factor_not_by_its_name(small_run):
    facts = {"ParallelAcquisitionTechnique": "SENSE"}
    told = reported(small_run, small_run.with_facts(**facts))["Acceleration"]
    assert (told.state, told.value) == (UNKNOWN, "SENSE")
    assert "ParallelReductionFactorInPlane" in told.reason
    facts |= {"ParallelReductionFactorInPlane": 2, "ParallelReductionFactorOutOfPlane": 1.5}
    told = reported(small_run, small_run.with_facts(**facts))["Acceleration"]
    assert (told.state, told.value) == (MET, "SENSE 2 \u00d7 1.5")
    assert reported(small_run, small_run.with_facts())["Acceleration"].state == UNKNOWN


def test_methods_that_were_not_carried_out_are_not_named(small_run):
    settings = Settings.preset("default").changed({"single_step.method": "tgv", "conditioning.method": "none"})
    assert algorithms(settings) == "BET, TGV, Whole-brain mean"


def test_what_every_run_knows_is_stated(small_run):
    told = reported(small_run, small_run.loaded)
    assert told["Field strength"].value == "3 T"
    assert told["Echo times"].value == "3: 5, 15, 25 ms"
    assert told["Voxel size"].value == "8 \u00d7 7.5 \u00d7 10 mm"
    assert told["Coverage and matrix"].value.startswith("192 \u00d7 210 \u00d7 200 mm")
    assert told["Orientation of the slices"].value == "axial"
    assert "SlicerQSM" in told["Software"].value
    assert told["Algorithms and parameters"].value.endswith("SHARP, TKD, Whole-brain mean")
    assert {told[name].state for _, name, *_ in ONLY_BY_HAND} == {UNKNOWN}


def test_slices_that_are_tilted_say_so(small_run):
    cos, sin = np.cos(np.radians(20)), np.sin(np.radians(20))
    tilted = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    geometry = replace(small_run.loaded.geometry, direction=tuple(tilted.ravel()))
    told = reported(small_run, replace(small_run.loaded, geometry=geometry))
    assert told["Orientation of the slices"].value == "oblique, 20 degrees from axial"


def test_a_reference_region_is_told_against_the_whole_brain(small_run):
    chi = np.zeros((4, 4, 4), np.float32)
    chi[0] = 0.02
    inside = np.zeros(chi.shape, bool)
    inside[:2] = True
    settings = small_run.told.settings
    region = SimpleNamespace(referencing=SimpleNamespace(method="region"))
    result = replace(
        small_run.result,
        settings=region,
        maps={"chi": chi, "eroded_mask": inside},
        reference=Reference("CSF", 0.1, 0.034, 9),
    )
    told = reported(small_run, small_run.loaded, result)
    assert told["Reference against the whole brain"].value == "-0.0100 \u00b1 0.0340 ppm"
    assert "CSF" in told["Reference and unit"].value
    told = reported(small_run, small_run.loaded, replace(result, settings=settings))
    assert told["Reference against the whole brain"].value == "is the whole brain"
    told = reported(small_run, small_run.loaded, replace(result, reference=None))
    assert {told[f"Reference {what}"].state for what in ("and unit", "against the whole brain")} == {NOT_MET}


def test_states_are_counted(small_run):
    items = reporting(small_run.told, small_run.loaded, small_run.result)
    assert sum(counted(items).values()) == len(items)
    assert counted(items)[UNKNOWN] == len(FROM_HEADERS) + len(ONLY_BY_HAND) + 2

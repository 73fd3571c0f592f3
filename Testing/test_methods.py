"""Every registered method through the same tests. A new method is here as soon as it is registered."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from cases import ALL, BACKGROUNDS, at, background_left, on_small, run, small
from golden import kept
from golden import measured as measure_all

from QSMLogic import metrics
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.grid import Grid
from QSMLogic.methods import METHODS
from QSMLogic.pipeline import run_stage

MEASURED_IMAGES = ("phase", "conditioned", "unwrapped", "total_field", "local_field", "chi", "r2star", "r2prime")
EXCHANGED, FLIPPED, SEEN_FROM_OUTSIDE = 6e-3, 1.5e-2, 3e-2
"""What a turned image may differ by, of its variation: rounding, which iterations carry on; with axes flipped, the
noise is also estimated from other blocks of voxels, and sources outside the mask have room on the other side."""
TIES = 0.999
"""Share of the voxels that have to agree: a tie on a spanning tree may go the other way."""
SAME_MASK = 0.985
"""Overlap of the masks of a turned image."""
THREADS = 1e-4
"""What the number of threads may change, of the image's variation: rounding."""
LOSS, NOISE = 1.05, 0.02
"""A golden value may be missed by 5 %, and by so many percent points where it is nearly zero."""
BACKGROUND_LEFT = 5.0
"""Percent of a field without sources in the mask that any method may leave; the golden values are tighter."""

every = pytest.mark.parametrize(("stage", "name"), ALL, ids=[f"{stage}-{name}" for stage, name in ALL])
every_map = pytest.mark.parametrize(
    ("stage", "name"),
    [(s, n) for s, n in ALL if METHODS[s][n].outputs[0] != "mask"],
    ids=[f"{s}-{n}" for s, n in ALL if METHODS[s][n].outputs[0] != "mask"],
)


def difference(stage: str, image: np.ndarray, expected: np.ndarray) -> float:
    """Return the difference of two images relative to their variation, or of two masks so that 1 is the limit.

    Background removal leaves a small rest of a large field: it is held to what it removed.
    """
    if expected.dtype == bool:
        return (1 - metrics.dice(image, expected)) / (1 - SAME_MASK)
    counted = expected != 0
    squares = np.sort((image - expected)[counted].astype(float) ** 2)
    field = small()["total_field"][small()["mask"]] if stage == "background" else expected[counted]
    return float(np.sqrt(squares[: int(np.ceil(TIES * squares.size))].mean()) / field.std()) if squares.size else 0.0


@every
def test_shapes_types_and_finite_values(stage, name):
    shape = small()["grid"].shape
    outcome = on_small(stage, name)
    assert tuple(outcome.outputs) == METHODS[stage][name].outputs
    for output, image in outcome.arrays.items():
        four = output in ("phase", "unwrapped")
        assert image.shape == (small()["phase"].shape if four else shape), output
        assert image.dtype == (bool if output == "mask" else np.float32), output
        assert np.isfinite(image).all(), output


@every
def test_inputs_are_left_alone(stage, name):
    assert on_small(stage, name).changed == ()


@every_map
def test_zero_outside_the_mask(stage, name):
    mask = small()["mask"]
    outcome = on_small(stage, name)
    inside = outcome.outputs.get("mask", mask)
    assert not (inside & ~mask).any()
    # Some conditioning leaves the phase as it was, mask or no mask.
    if "mask" in METHODS[stage][name].inputs:
        for output, image in outcome.arrays.items():
            assert not image[~inside].any(), output


@every_map
def test_zero_in_gives_zero_out(stage, name):
    measured_images = (*MEASURED_IMAGES, "magnitude") if stage == "maps" else MEASURED_IMAGES
    nothing = {key: np.zeros_like(small()[key]) for key in measured_images}
    outcome = run(stage, name, small() | nothing)
    for output, image in outcome.arrays.items():
        if output not in ("mask", "field_noise"):
            assert not image.any(), output


@every
def test_progress_rises_from_the_start_to_one(stage, name):
    fractions = on_small(stage, name).fractions
    assert len(fractions) >= 2
    assert fractions[0] >= 0
    assert fractions[-1] == 1
    assert all(a <= b + 1e-9 for a, b in pairwise(fractions))


@every
@pytest.mark.parametrize("where", [0, 0.5], ids=["at once", "midway"])
def test_cancel_is_honoured(stage, name, where):
    calls = len(on_small(stage, name).fractions)
    heard = 0

    def cancel(fraction: float, message: str) -> None:
        nonlocal heard
        heard += 1
        if heard > where * calls:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(stage, name, small(), cancel)
    assert heard == int(where * calls) + 1


@every
@pytest.mark.parametrize(
    ("flips", "tolerance"), [((), EXCHANGED), ((0, 2), FLIPPED)], ids=["exchanged", "exchanged and flipped"]
)
def test_a_turned_image_gives_the_turned_answer(stage, name, flips, tolerance):
    straight = on_small(stage, name)
    turned = run(stage, name, {key: turn(value, flips) for key, value in small().items()})
    for output, image in straight.arrays.items():
        outside = tolerance == FLIPPED and stage == "single_step"
        limit = 1 if image.dtype == bool else SEEN_FROM_OUTSIDE if outside else tolerance
        assert difference(stage, turned.outputs[output], turn(image, flips)) <= limit, output


def turn(value: Any, flips: tuple[int, ...]) -> Any:
    """Exchange the axes and flip some of them; of a grid too."""
    axes = (2, 0, 1)
    if isinstance(value, Grid):
        b0 = [value.b0_direction[axis] * (-1 if place in flips else 1) for place, axis in enumerate(axes)]
        shape, size = (tuple(of[axis] for axis in axes) for of in (value.shape, value.voxel_size))
        return Grid(shape, size, b0_direction=tuple(b0))
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(np.flip(value.transpose(*axes, *range(3, value.ndim)), flips))
    return value


@every
def test_the_number_of_threads_does_not_matter(stage, name, monkeypatch):
    many = on_small(stage, name)
    monkeypatch.setenv("QSM_THREADS", "1")
    one = run(stage, name, small())
    for output, image in many.arrays.items():
        assert difference(stage, one.outputs[output], image) <= THREADS, output


def ragged(mask: np.ndarray) -> np.ndarray:
    """Return the mask with holes, with voxels on their own, and grown to three of the volume's faces."""
    random = np.random.default_rng(3)
    out = mask & (random.random(mask.shape) > 0.02)
    out |= random.random(mask.shape) > 0.998
    x, y, z = (n // 2 for n in mask.shape)
    out[x - 2 : x + 1, y - 2 : y + 1, z] = False
    out[: x + 1, y - 3 : y + 3, z - 3 : z + 3] = True
    out[x - 3 : x + 3, y:, :4] = True
    return out


def one_slice(mask: np.ndarray) -> np.ndarray:
    out = np.zeros_like(mask)
    out[:, :, mask.shape[2] // 2] = mask[:, :, mask.shape[2] // 2]
    return out


def one_voxel(mask: np.ndarray) -> np.ndarray:
    out = np.zeros_like(mask)
    out[tuple(n // 2 for n in mask.shape)] = True
    return out


@every
@pytest.mark.parametrize("change", [ragged, one_slice, one_voxel, np.ones_like], ids=lambda f: f.__name__)
def test_any_mask(stage, name, change):
    """It is worked on, or refused in words."""
    mask = change(small()["mask"])
    data = small() | {"mask": mask, "given_mask": mask, "weights": small()["weights"] * mask}
    try:
        outcome = run(stage, name, data)
    except InputError:
        assert change in (one_slice, one_voxel)
        return
    inside = outcome.outputs.get("mask", mask)
    for output, image in outcome.arrays.items():
        assert np.isfinite(image).all(), output
        if "mask" in METHODS[stage][name].inputs and output != "mask":
            assert not image[~inside].any(), output


@every
def test_one_echo_and_no_optional_data(stage, name):
    record = METHODS[stage][name]
    data = at(stage, small())
    data |= {"echo_times": data["echo_times"][:1]}
    data |= {key: data[key][..., :1] for key in ("phase", "magnitude", "unwrapped")}
    data = {key: data[key] for key in record.inputs}
    if record.fewest_echoes > 1:
        with pytest.raises(InputError, match="echoes or more, and there is one"):
            run_stage(stage, name, {}, data)
        return
    outputs = run_stage(stage, name, {}, data)
    for output, image in outputs.items():
        if isinstance(image, np.ndarray):
            assert np.isfinite(image).all(), output


@every
def test_settings_refuse_what_they_do_not_know(stage, name):
    record = METHODS[stage][name]
    with pytest.raises(InputError, match="no parameter 'no_such_name'"):
        record.settings(no_such_name=1)
    for parameter in record.parameters:
        low, high = parameter.info.low, parameter.info.high
        beyond: list[Any] = [low - 1] if low is not None else []
        beyond += [high + 1] if high is not None else []
        beyond += ["no such choice"] if parameter.choices else [[]]
        beyond += [math.nan] if parameter.kind is float else []
        for value in beyond:
            with pytest.raises(InputError, match=parameter.info.label):
                record.settings(**{parameter.name: value})


@pytest.mark.parametrize("kind", BACKGROUNDS)
@pytest.mark.parametrize("name", METHODS["background"])
def test_a_field_without_sources_in_the_mask_is_removed(name, kind):
    assert background_left(name, kind) < BACKGROUND_LEFT


@every
def test_errors_are_as_golden(stage, name, phantom):
    golden = kept().get(f"{stage}/{name}")
    assert golden, f"{stage}/{name} has no golden value: run python Testing/golden.py --update, and look at it"
    found = measure_all(stage, name, phantom)
    assert found.keys() == golden.keys()
    for measure, value in found.items():
        assert value <= golden[measure] * LOSS + NOISE, f"{measure} was {golden[measure]}, now {value:.3f}: worse"
        assert value >= golden[measure] / LOSS - NOISE, (
            f"{measure} was {golden[measure]}, now {value:.3f}: better; run python Testing/golden.py --update"
        )


def test_every_golden_value_has_its_method():
    assert set(kept()) <= {f"{stage}/{name}" for stage, name in ALL}

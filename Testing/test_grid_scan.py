"""Grid and Scan: what they keep, and each refusal with its reason."""

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.scan import Scan

SHAPE = (4, 5, 6)
GRID = Grid(SHAPE, (1, 2, 3), b0_direction=(0, 0, 1))
ECHO_TIMES = (0.005, 0.010)


def phase(seed=0):
    return np.random.default_rng(seed).uniform(-np.pi, np.pi, (*SHAPE, 2))


def scan(**changed):
    given = {"phase": phase(), "magnitude": np.ones((*SHAPE, 2)), "echo_times": ECHO_TIMES, "field_strength": 3}
    return Scan(**{**given, "grid": GRID, **changed})


def test_a_grid_scales_its_direction_and_knows_its_voxel():
    grid = Grid(SHAPE, (1, 2, 3), b0_direction=(0, 3, 4))
    assert grid.b0_direction == pytest.approx((0, 0.6, 0.8))
    assert grid.voxel_volume == 6
    assert grid.with_shape((7, 8, 9)) == Grid((7, 8, 9), (1, 2, 3), b0_direction=(0, 0.6, 0.8))


def test_the_field_lies_along_the_last_row_of_the_direction():
    cos, sin = np.cos(0.4), np.sin(0.4)
    tilted = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    assert Grid.from_direction(SHAPE, (1, 1, 1), tilted).b0_direction == pytest.approx((0, sin, cos))
    sagittal = np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
    assert Grid.from_direction(SHAPE, (1, 1, 1), sagittal).b0_direction == pytest.approx((0, 1, 0))


@pytest.mark.parametrize(
    ("shape", "voxel_size", "b0", "said"),
    [
        ((4, 5), (1, 1, 1), (0, 0, 1), "three dimensions"),
        ((4, 0, 5), (1, 1, 1), (0, 0, 1), "at least one voxel"),
        (SHAPE, (1, 1), (0, 0, 1), "three positive numbers"),
        (SHAPE, (1, 0, 1), (0, 0, 1), "voxel size is .*mm"),
        (SHAPE, (1, -1, 1), (0, 0, 1), "Correct the header"),
        (SHAPE, (1, np.nan, 1), (0, 0, 1), "three positive numbers"),
        (SHAPE, (1, 1, 1), (0, 0, 0), "not all zero"),
        (SHAPE, (1, 1, 1), (0, 1), "B0 direction"),
        (SHAPE, (1, 1, 1), (0, np.inf, 1), "B0 direction"),
    ],
)
def test_a_grid_refuses(shape, voxel_size, b0, said):
    with pytest.raises(InputError, match=said):
        Grid(shape, voxel_size, b0_direction=b0)


@pytest.mark.parametrize("direction", [np.eye(3) + 0.05, np.eye(3) * 2, np.full((3, 3), np.nan)])
def test_a_grid_refuses_skewed_axes(direction):
    with pytest.raises(InputError, match="not perpendicular"):
        Grid.from_direction(SHAPE, (1, 1, 1), direction)


def test_a_scan_keeps_clean_copies():
    given = phase()
    made = scan(phase=given)
    assert made.phase.dtype == made.magnitude.dtype == np.float32
    given[:] = 0
    assert made.phase.any()
    assert made.valid.all()
    assert made.echoes == 2
    assert scan(echo_times=np.array(ECHO_TIMES)).echo_times == ECHO_TIMES


def test_a_single_echo_may_be_three_dimensional():
    made = scan(phase=phase()[..., 0], magnitude=None, echo_times=0.02)
    assert made.phase.shape == (*SHAPE, 1)
    assert made.echo_times == (0.02,)
    assert made.magnitude is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["phase", "magnitude"])
def test_what_is_not_finite_is_outside(value, where):
    arrays = {"phase": phase(), "magnitude": np.ones((*SHAPE, 2))}
    arrays[where][1, 2, 3, 1] = value
    made = scan(**arrays)
    assert not made.valid[1, 2, 3]
    assert made.valid.sum() == made.valid.size - 1
    assert not made.phase[1, 2, 3].any()
    assert not made.magnitude[1, 2, 3].any()
    assert np.isfinite(made.phase).all()


def test_phase_from_zero_to_two_pi_is_radians():
    assert scan(phase=np.mod(phase(), 2 * np.pi)).valid.all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"phase": phase()[..., 0, 0]}, r"\(x, y, z\) or \(x, y, z, echo\)"),
        ({"phase": np.exp(1j * phase())}, "phase is complex"),
        ({"phase": phase()[1:]}, "must be equal"),
        ({"magnitude": np.ones((*SHAPE, 1))}, "one volume per echo"),
        ({"magnitude": np.ones((4, 5, 7, 2))}, "magnitude has shape"),
        ({"magnitude": np.zeros((*SHAPE, 2))}, "zero everywhere"),
        ({"echo_times": None}, "echo times are missing"),
        ({"echo_times": ()}, "echo times are missing"),
        ({"echo_times": (0.005,)}, "1 echo times were given for 2"),
        ({"echo_times": (0.010, 0.005)}, "must rise"),
        ({"echo_times": (0.005, 0.005)}, "must rise"),
        ({"echo_times": (0, 0.005)}, "positive"),
        ({"echo_times": (0.005, np.nan)}, "positive"),
        ({"echo_times": (5, 10)}, "milliseconds"),
        ({"echo_times": ("5 ms", "10 ms")}, "numbers are needed, in seconds"),
        ({"field_strength": None}, "field strength is missing"),
        ({"field_strength": 0}, "field strength is 0 T"),
        ({"field_strength": 123.2}, "between 0.01 and 30 T"),
        ({"field_strength": np.nan}, "field strength is nan T"),
        ({"phase": np.full((*SHAPE, 2), np.nan)}, "no finite value"),
        ({"phase": np.full((*SHAPE, 2), 1.5)}, "echo 1 is 1.5 everywhere"),
        ({"phase": 1000 * phase()}, "not radians"),
    ],
)
def test_a_scan_refuses(changed, said):
    with pytest.raises(InputError, match=said):
        scan(**changed)


def test_one_constant_echo_among_several_is_named():
    bad = phase()
    bad[..., 1] = 0
    with pytest.raises(InputError, match="phase of echo 2 is 0 everywhere"):
        scan(phase=bad)


def test_the_image_without_finite_values_is_named():
    nothing = np.full((*SHAPE, 2), np.nan)
    with pytest.raises(InputError, match="The magnitude holds no finite value"):
        scan(magnitude=nothing)
    bad = phase()
    bad[..., 1] = np.nan
    with pytest.raises(InputError, match="The phase of echo 2 holds no finite value"):
        scan(phase=bad)
    halves = np.ones((*SHAPE, 2))
    halves[:2, ..., 0] = halves[2:, ..., 1] = np.nan
    with pytest.raises(InputError, match="No voxel is finite in phase and magnitude of every echo"):
        scan(magnitude=halves)


def test_readers_that_differ_in_the_last_bits_give_one_grid():
    tilt = 0.3
    axis = (0.0, -np.sin(tilt), np.cos(tilt))
    one = Grid((4, 5, 6), (0.9375, 1.1, 2.0), b0_direction=axis)
    other = Grid((4, 5, 6), (0.9375, np.nextafter(1.1, 2), 2.0), b0_direction=tuple(np.nextafter(c, 1) for c in axis))
    assert one == other
    assert one.b0_direction == pytest.approx(axis, abs=1e-9)


def test_a_voxel_size_below_what_is_kept_is_refused():
    with pytest.raises(InputError, match="three positive numbers"):
        Grid((4, 5, 6), (1e-12, 1.0, 1.0), b0_direction=(0, 0, 1))

"""Stored phase to radians: by the header's facts or not at all."""

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.io.phase_scale import SCALES, detect_scale, magnitude_phase, to_radians, turned


@pytest.mark.parametrize(
    ("scale", "stored", "radians"),
    [
        ("radians", [-np.pi, 0, 1.5], [-np.pi, 0, 1.5]),
        ("milliradians", [-3141.593, 1000], [-np.pi, 1]),
        ("degrees", [-180, 90], [-np.pi, np.pi / 2]),
        ("siemens", [0, 2048, 4095], [-np.pi, 0, np.pi * 2047 / 2048]),
        ("siemens_signed", [-4096, 0, 4094], [-np.pi, 0, np.pi * 4094 / 4096]),
        ("200", [-100, 50], [-np.pi, np.pi / 2]),
    ],
)
def test_named_scales(scale, stored, radians):
    result = to_radians(np.array(stored), scale)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, radians, atol=2e-6)


@pytest.mark.parametrize("name", ["", "siemans", "-5", "0", "nan", "inf"])
def test_unknown_scale_is_refused(name):
    with pytest.raises(InputError, match="Phase scale"):
        to_radians(np.zeros(3), name)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"low": -3.1, "high": 2.9, "units": "rad"}, "radians"),
        ({"low": -0.1, "high": 0.1, "units": "Radians"}, "radians"),
        ({"low": -3000, "high": 2900, "units": "mrad"}, "milliradians"),
        ({"low": -170, "high": 179, "units": "degrees"}, "degrees"),
        ({"low": -np.pi, "high": np.pi}, "radians"),
        ({"low": 0, "high": 2 * np.pi, "units": "arbitrary"}, "radians"),
        ({"low": -2.0, "high": 1.9}, "radians"),
        ({"low": 0, "high": 4095, "integer": True}, "siemens"),
        ({"low": 3, "high": 4090, "integer": True, "units": "arbitrary"}, "siemens"),
        ({"low": -4096, "high": 4094, "integer": True}, "siemens_signed"),
    ],
)
def test_scale_is_read_from_the_facts(facts, name):
    assert detect_scale(**facts) == SCALES[name]


@pytest.mark.parametrize(
    ("slope", "intercept"), [(2.0, -4096.0), (1.534799, -3141.593), (1.5348, -3142), (0.0878906, -180.0)]
)
def test_slope_and_intercept_of_twelve_bits_say_the_turn(slope, intercept):
    stored = np.array([0, 1024, 2048, 3072])
    values = stored * slope + intercept
    scale = detect_scale(values[0], values[-1], integer=True, slope=slope, intercept=intercept)
    np.testing.assert_allclose(to_radians(values, scale), np.pi * (stored / 2048 - 1), atol=2e-3)


@pytest.mark.parametrize(
    "facts",
    [
        {"low": 0, "high": 1},
        {"low": -1, "high": 1},
        {"low": -1.04, "high": 1.03},
        {"low": 0, "high": 3.1},
        {"low": -3.3, "high": 3.1},
        {"low": -4096.0, "high": 4094.0},
        {"low": 0, "high": 3000, "integer": True},
        {"low": -300, "high": 4095, "integer": True},
        {"low": 0, "high": 65535, "integer": True},
        {"low": 0, "high": 4095, "integer": True, "slope": 3.0},
        {"low": -500, "high": 800, "units": "Hz"},
    ],
)
def test_doubt_is_refused(facts):
    with pytest.raises(InputError, match="name the phase scale"):
        detect_scale(**facts)


def test_real_and_imaginary():
    magnitude, phase = magnitude_phase(np.array([3.0, 0, -1]), np.array([4.0, 2, 0]))
    np.testing.assert_allclose(magnitude, [5, 2, 1])
    np.testing.assert_allclose(phase, [np.arctan2(4, 3), np.pi / 2, np.pi], rtol=1e-6)
    with pytest.raises(InputError, match="imaginary"):
        magnitude_phase(np.zeros(3), np.zeros(4))


def test_the_other_convention_is_turned_round():
    phase = np.array([-1.0, 0, 2], np.float32)
    np.testing.assert_array_equal(turned(phase), [1, 0, -2])
    np.testing.assert_array_equal(phase, [-1, 0, 2])

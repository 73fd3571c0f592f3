"""One gradient-echo acquisition, checked once so that nothing downstream need doubt it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .errors import InputError
from .grid import Grid

LONGEST_ECHO_TIME = 0.5
"""s; no gradient echo is that late, so a larger number was given in ms."""

SHORTEST_ECHO_TIME = 1e-6
"""s; no pulse is as short, so a smaller number is damaged."""

EARLIEST_LAST_ECHO = 1e-4
"""s; no scan for susceptibility ends as early: seconds in a header that has milliseconds were taken for these."""

MOST_BELOW_ZERO = 0.5
"""Of the highest magnitude: interpolation that overshoots beside a bright edge goes far less below zero."""

RADIAN_RANGE = 2 * np.pi * 1.01
"""Wrapped phase lies in -pi..pi or 0..2 pi; a little room is left for rounding in stored integers."""

FIELD_STRENGTHS = (0.01, 30.0)
"""T; what lies outside is a typing error or the imaging frequency in MHz."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Phase and magnitude of one gradient-echo acquisition.

    phase: (x, y, z, echo) rad, wrapped, growing with positive field; magnitude: the same shape, arbitrary units, or
    None; echo_times: s, rising; field_strength: T; grid: their geometry. A single echo may come as (x, y, z). Voxels
    where any echo is not finite are zero in both arrays and False in `valid`. The arrays are float32 copies.
    Raises InputError where anything is missing, mismatched or in the wrong unit.
    """

    phase: np.ndarray
    magnitude: np.ndarray | None
    echo_times: tuple[float, ...]
    field_strength: float
    grid: Grid
    valid: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check everything and store clean copies."""
        phase = _four_dimensional(self.phase, "phase")
        magnitude = None if self.magnitude is None else _four_dimensional(self.magnitude, "magnitude")
        times = checked_echo_times(self.echo_times, phase.shape[3])
        strength = checked_field_strength(self.field_strength)
        if phase.shape[:3] != self.grid.shape:
            raise InputError(
                f"The phase has shape {phase.shape[:3]} but its grid {self.grid.shape}: they must be equal."
            )
        if magnitude is not None and magnitude.shape != phase.shape:
            raise InputError(
                f"The magnitude has shape {magnitude.shape} but the phase {phase.shape} (x, y, z, echo): "
                "give the magnitude of the same acquisition, one volume per echo."
            )
        valid = _finite(phase, "phase")
        if magnitude is not None:
            valid &= _finite(magnitude, "magnitude")
            magnitude[~valid] = 0
        phase[~valid] = 0
        _check_phase_values(phase, valid)
        if magnitude is not None:
            refuse_no_magnitude(magnitude)
        object.__setattr__(self, "phase", phase)
        object.__setattr__(self, "magnitude", magnitude)
        object.__setattr__(self, "echo_times", times)
        object.__setattr__(self, "field_strength", strength)
        object.__setattr__(self, "valid", valid)

    @property
    def echoes(self) -> int:
        """Number of echoes."""
        return len(self.echo_times)

    def refuse_other_shape(self, name: str, image: np.ndarray | None) -> None:
        """Raise InputError where an image is there and does not have the scan's shape (x, y, z)."""
        shape = self.grid.shape
        if image is not None and np.shape(image) != shape:
            raise InputError(f"{name} has shape {np.shape(image)}, but the scan {shape}: resample it onto the scan.")


def _four_dimensional(array: np.ndarray, name: str) -> np.ndarray:
    """Return a float32 copy as (x, y, z, echo)."""
    array = np.asarray(array)
    if np.iscomplexobj(array):
        raise InputError(f"The {name} is complex: give its angle as phase and its absolute value as magnitude.")
    if array.ndim not in (3, 4):
        raise InputError(f"The {name} has shape {array.shape}: (x, y, z) or (x, y, z, echo) is needed.")
    return np.array(array if array.ndim == 4 else array[..., None], dtype=np.float32)


def checked_echo_times(echo_times: tuple[float, ...], echoes: int) -> tuple[float, ...]:
    """Return the echo times (s). Raises InputError where they are missing, too many or few, or make no sense."""
    if echo_times is None or len(np.atleast_1d(echo_times)) == 0:
        raise InputError("The echo times are missing: give them in seconds, one per echo (such as 0.005 0.010).")
    try:
        times = tuple(float(t) for t in np.atleast_1d(echo_times))
    except (TypeError, ValueError):
        raise InputError(f"The echo times are {echo_times!r}: numbers are needed, in seconds, one per echo.") from None
    if len(times) != echoes:
        raise InputError(f"{len(times)} echo times were given for {echoes} echoes of phase: one per echo is needed.")
    if not np.isfinite(times).all() or min(times) <= 0:
        raise InputError(f"The echo times are {_listed(times)} s: they must be positive numbers.")
    if min(times) < SHORTEST_ECHO_TIME:
        raise InputError(f"The echo times are {_listed(times)} s: no echo is that early. Give seconds, one per echo.")
    if max(times) < EARLIEST_LAST_ECHO:
        raise InputError(
            f"The echo times are {_listed(times)} s, a thousandth of what is usual: give the true ones in seconds."
        )
    if max(times) > LONGEST_ECHO_TIME:
        raise InputError(
            f"The echo times are {_listed(times)} s: that looks like milliseconds. Give seconds (divide by 1000)."
        )
    if np.any(np.diff(times) <= 0):
        raise InputError(f"The echo times are {_listed(times)} s: they must rise from echo to echo. Check their order.")
    return times


def checked_field_strength(field_strength: float) -> float:
    """Return the field strength (T). Raises InputError where it is missing or makes no sense."""
    if field_strength is None:
        raise InputError("The field strength is missing: give it in tesla (such as 3).")
    strength = float(field_strength)
    low, high = FIELD_STRENGTHS
    if not low <= strength <= high:
        raise InputError(f"The field strength is {strength:g} T: between {low:g} and {high:g} T is needed.")
    return strength


def refuse_no_magnitude(magnitude: np.ndarray) -> None:
    """Raise InputError where an image without NaN cannot be a magnitude: nothing in it, or as much below 0 as above."""
    low, high = float(magnitude.min()), float(magnitude.max())
    if high <= 0:
        raise InputError("The magnitude is zero everywhere: give the magnitude image of the same acquisition.")
    if -low > MOST_BELOW_ZERO * high:
        raise InputError(
            f"The magnitude runs from {low:g} to {high:g}, as phase or a real part does: give the magnitude image."
        )


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    """Return where every echo is finite (x, y, z)."""
    finite = np.isfinite(array)
    for echo in range(array.shape[3]):
        if not finite[..., echo].any():
            of_echo = f" of echo {echo + 1}" if array.shape[3] > 1 and finite.any() else ""
            raise InputError(
                f"The {name}{of_echo} holds no finite value (all NaN or infinite): check the conversion of the images."
            )
    return finite.all(axis=3)


def _check_phase_values(phase: np.ndarray, valid: np.ndarray) -> None:
    if not valid.any():
        raise InputError("No voxel is finite in phase and magnitude of every echo: check the conversion of the images.")
    for echo in range(phase.shape[3]):
        values = phase[..., echo][valid]
        low, high = float(values.min()), float(values.max())
        if low == high:
            raise InputError(
                f"The phase of echo {echo + 1} is {low:g} everywhere: it holds no information. Check the file."
            )
        if max(-low, high) > RADIAN_RANGE:
            raise InputError(
                f"The phase of echo {echo + 1} runs from {low:g} to {high:g}, which is not radians, and its scale is "
                "not known: name the phase scale, or convert the phase to radians."
            )


def _listed(times: tuple[float, ...]) -> str:
    return ", ".join(f"{t:g}" for t in times)

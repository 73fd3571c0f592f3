"""What the numbers of a map mean, and how they become whole numbers of 16 bits in a DICOM file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ...errors import InputError

LARGEST = 32767
"""Largest value of 16 bits with a sign; the smallest is left unused, so that both signs reach equally far."""

WHOLE_PPB = 1.0
"""ppb; step of susceptibility maps. Stored values are ppb then, also where a viewer leaves the slope of MR images
aside; rounding to 1 ppb adds 0.3 ppb to a noise of several."""


@dataclass(frozen=True)
class Unit:
    """A unit of UCUM that values are written in, and the factor to it from the unit of the map."""

    code: str
    meaning: str
    said: str
    factor: float = 1.0


UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        "ppm": Unit("[ppb]", "parts per billion", "ppb", 1000.0),
        "ppb": Unit("[ppb]", "parts per billion", "ppb"),
        "Hz": Unit("Hz", "Hertz", "Hz"),
        "rad": Unit("rad", "radian", "rad"),
        "s": Unit("s", "second", "s"),
        "1/s": Unit("/s", "per second", "1/s"),
        "1": Unit("1", "no units", "1"),
        "arbitrary": Unit("1", "no units", "1"),
    }
)
"""By the unit of the map."""


@dataclass(frozen=True)
class Quantity:
    """A kind of map: what it is called, its unit unless a user names another, its step where that is fixed.

    concept: code and meaning of DICOM for the quantity, empty where there is none; number: of the series among those of
    one source.
    """

    title: str
    unit: str
    number: int
    step: float | None = None
    concept: tuple[str, str] | None = None


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "chi": Quantity("QSM chi", "ppm", 1, WHOLE_PPB, ("126396", "Magnetic Susceptibility")),
        "local_field": Quantity("QSM local field", "ppm", 2),
        "total_field": Quantity("QSM total field", "ppm", 3),
        "field_noise": Quantity("QSM field noise", "ppm", 4),
        "r2star": Quantity("QSM R2*", "1/s", 5, None, ("126395", "R2*")),
        "mask": Quantity("QSM mask", "1", 6),
        "eroded_mask": Quantity("QSM eroded mask", "1", 7),
        "residual": Quantity("QSM residual", "rad", 8),
        "weights": Quantity("QSM weights", "1", 9),
        "unwrapped": Quantity("QSM unwrapped phase", "rad", 10),
        "t2star": Quantity("QSM T2*", "s", 11),
        "r2star_misfit": Quantity("QSM misfit of R2*", "1", 12),
        "r2prime": Quantity("QSM R2'", "1/s", 13),
        "chi_para": Quantity("QSM paramagnetic chi", "ppm", 14, WHOLE_PPB),
        "chi_dia": Quantity("QSM diamagnetic chi", "ppm", 15, WHOLE_PPB),
        "total_field_hz": Quantity("QSM total field", "Hz", 16),
        "local_field_hz": Quantity("QSM local field", "Hz", 17),
        "local_phase": Quantity("QSM local phase", "rad", 18),
        "simulated_field": Quantity("QSM simulated field", "ppm", 19),
        "field_misfit": Quantity("QSM field misfit", "ppm", 20),
        "swi": Quantity("SWI", "1", 21),
        "swi_phase": Quantity("SWI phase", "rad", 22),
        "swi_projection": Quantity("SWI projection", "1", 23),
        "tswi": Quantity("tSWI", "1", 24),
        "tswi_projection": Quantity("tSWI projection", "1", 25),
        "smwi": Quantity("SMWI", "1", 26),
        "voxel_quality": Quantity("QSM phase quality", "1", 27),
    }
)
"""By the names of the data in the pipeline. Codes: PS3.16, CID 7180."""


@dataclass(frozen=True)
class Stored:
    """Whole numbers (x, y, z) int16 of which each is so many steps of the unit."""

    values: np.ndarray
    step: float
    unit: Unit


def stored(image: np.ndarray, name: str, unit: str | None = None) -> Stored:
    """Return a map as whole numbers. name: one of QUANTITIES; unit: of the image, one of UNITS.

    The step of a map without a fixed one is the finest power of ten with which its largest value fits, 1 for whole
    numbers. Nothing is cut off. Raises InputError for other names and units, values that are no numbers or do not fit.
    """
    quantity, known = _known(name, unit)
    values = image.astype(np.float64) * known.factor
    if not np.isfinite(values).all():
        raise InputError(f"The {name} map holds {int((~np.isfinite(values)).sum())} voxels that are no finite numbers.")
    largest = float(np.abs(values).max(initial=0))
    step = quantity.step or _step(values, largest)
    if np.rint(largest / step) > LARGEST:
        raise InputError(
            f"The {name} map reaches {largest:.3g} {known.said}, and {LARGEST * step:g} {known.said} can be written: "
            "is it in another unit? Name it with --unit."
        )
    return Stored(np.rint(values / step).astype(np.int16), step, known)


def _known(name: str, unit: str | None) -> tuple[Quantity, Unit]:
    quantity = QUANTITIES.get(name)
    if quantity is None:
        raise InputError(f"{name!r} is no map that can be written as DICOM: {', '.join(QUANTITIES)}.")
    wanted = quantity.unit if unit is None else unit
    if wanted not in UNITS:
        raise InputError(f"The unit {wanted!r} is not known: {', '.join(UNITS)}.")
    if name == "chi" and UNITS[wanted].code != "[ppb]":
        raise InputError(f"A susceptibility map is in ppm or ppb, not in {wanted}.")
    return quantity, UNITS[wanted]


def _step(values: np.ndarray, largest: float) -> float:
    if largest == 0 or (largest <= LARGEST and np.array_equal(values, np.rint(values))):
        return 1.0
    exponent = int(np.ceil(np.log10(largest / LARGEST)))
    return float(f"1e{exponent}")

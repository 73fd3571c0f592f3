"""The grey scale each map is shown with, fixed so that pictures of different people can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

SHOWN = (1.0, 99.0)
"""Percentiles that a map without a window of its own is shown between."""


@dataclass(frozen=True)
class Window:
    """Title, unit and the values drawn black and white; None where they depend on the data."""

    title: str
    unit: str
    low: float | None = None
    high: float | None = None

    @property
    def units(self) -> str:
        """Unit as BIDS has it: 1 for a number without one, arbitrary where white depends on the data."""
        return self.unit or ("arbitrary" if self.high is None else "1")

    def limits(self, image: np.ndarray) -> tuple[float, float]:
        """Return the values drawn black and white; those that are not fixed come from the image's nonzero part."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        values = image[image != 0]
        found = np.percentile(values, SHOWN) if values.size else (0.0, 0.0)
        low, high = (
            float(seen if fixed is None else fixed) for fixed, seen in zip((self.low, self.high), found, strict=True)
        )
        return low, high if high > low else low + 1


WINDOWS: Mapping[str, Window] = MappingProxyType(
    {
        "magnitude": Window("Magnitude", ""),
        "phase": Window("Phase", "rad", -float(np.pi), float(np.pi)),
        "mask": Window("Mask", "", 0, 1),
        "unwrapped": Window("Unwrapped phase", "rad"),
        "total_field": Window("Total field", "ppm", -0.5, 0.5),
        "field_noise": Window("Field noise", "ppm", 0, 0.005),
        "residual": Window("Residual", "rad", 0, 0.2),
        "weights": Window("Weights", ""),
        "local_field": Window("Local field", "ppm", -0.05, 0.05),
        "chi": Window("Susceptibility", "ppm", -0.1, 0.2),
        "r2star": Window("R2*", "1/s", 0, 60),
        "t2star": Window("T2*", "s", 0, 0.1),
        "r2star_misfit": Window("Misfit of R2*", "", 0, 0.1),
        "r2prime": Window("R2'", "1/s", 0, 30),
        "chi_para": Window("Paramagnetic susceptibility", "ppm", 0, 0.2),
        "chi_dia": Window("Diamagnetic susceptibility", "ppm", -0.1, 0.05),
        "total_field_hz": Window("Total field", "Hz", -64, 64),
        "local_field_hz": Window("Local field", "Hz", -6.4, 6.4),
        "local_phase": Window("Local phase", "rad", -0.8, 0.8),
        "simulated_field": Window("Simulated field", "ppm", -0.05, 0.05),
        "field_misfit": Window("Field misfit", "ppm", -0.02, 0.02),
        "voxel_quality": Window("Phase quality", "", 0, 1),
        "swi": Window("Susceptibility-weighted magnitude", "", 0),
        "swi_phase": Window("High-pass filtered phase", "rad", -1, 1),
        "swi_projection": Window("Projected susceptibility-weighted magnitude", "", 0),
        "tswi": Window("True susceptibility-weighted magnitude", "", 0),
        "tswi_projection": Window("Projected true susceptibility-weighted magnitude", "", 0),
        "smwi": Window("Susceptibility map-weighted magnitude", "", 0),
    }
)
"""By the names of the data in the pipeline."""


def window(name: str) -> Window:
    """Return the window of a map; one with an unknown name is shown over the range of its values."""
    return WINDOWS.get(name, Window(name, ""))

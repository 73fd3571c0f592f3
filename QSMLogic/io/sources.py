"""What a user named: files, or an acquisition found in a folder, and facts of the scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .candidate import PARTS, Candidate, refuse_unusable


@dataclass(frozen=True)
class Sources:
    """The files and facts a user named; maps are volumes by the name of the data they hold, such as total_field.

    acquisition: slices in DICOM files, instead of phase, magnitude, real and imaginary.
    """

    phase: tuple[Path, ...] = ()
    magnitude: tuple[Path, ...] = ()
    real: tuple[Path, ...] = ()
    imaginary: tuple[Path, ...] = ()
    mask: Path | None = None
    labels: Path | None = None
    maps: Mapping[str, Path] = field(default_factory=dict)
    params: Path | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    phase_scale: str = "auto"
    phase_sign: int = 1
    acquisition: Candidate | None = None

    @property
    def hold_phase(self) -> bool:
        """Whether there is anything to take phase from."""
        return bool(self.phase or self.real or self.acquisition)

    def of(self, candidate: Candidate) -> Sources:
        """Return these sources with the images of an acquisition. Raises InputError where it cannot be used."""
        refuse_unusable(candidate)
        params = self.params or candidate.params
        if candidate.kind == "DICOM":
            return replace(self, params=params, acquisition=candidate)
        images: dict[str, Any] = {part: candidate.volumes.get(part, ()) for part in PARTS}
        return replace(self, params=params, **images)

    def files(self) -> tuple[Path, ...]:
        """Return every file, in the order in which they are read."""
        single = (self.mask, self.labels, *self.maps.values(), self.params)
        several = (*self.phase, *self.magnitude, *self.real, *self.imaginary)
        found = () if self.acquisition is None else self.acquisition.files()
        return several + found + tuple(path for path in single if path is not None)

"""How the phase is stored, found out once for the same voxels."""

from __future__ import annotations

from typing import Any

from QSMLogic.errors import InputError
from QSMLogic.io.phase_scale import PhaseScale

from ..volumes import detectedScale


class ScaleCache:
    """Remembers the scale of the images asked for last: finding it out reads every voxel."""

    def __init__(self) -> None:
        """Know nothing."""
        self._images: list[tuple[str, int]] | None = None
        self._scale: PhaseScale | None = None

    def of(self, phases: tuple[Any, ...]) -> PhaseScale | None:
        """Return the scale of the phase nodes, None where their voxels leave it open."""
        images = [(node.GetID(), node.GetImageData().GetMTime()) for node in phases]
        if images != self._images:
            self._images = images
            try:
                self._scale = detectedScale(phases)
            except InputError:
                self._scale = None
        return self._scale

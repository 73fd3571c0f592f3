"""Everything one run needs, checked as far as that costs nothing; the pipeline checks the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from QSMLogic.errors import InputError
from QSMLogic.io.phase_scale import PhaseScale
from QSMLogic.scan import checked_echo_times, checked_field_strength

from .echo_names import scanName
from .labels import refuseNoLabels
from .volumes import detectedScale, gridOf, nameOf, refuseNoImage, refuseOtherPlace

if TYPE_CHECKING:
    from QSMLogic.settings import Settings

AUTOMATIC = "auto"
"""Scale of the phase that is told by its values."""

KEPT = ("mask", "total_field", "local_field", "chi")
"""Maps that become nodes unless another choice is made."""


@dataclass(frozen=True, eq=False)
class Request:
    """One run on nodes.

    phases: one scalar volume per echo; magnitudes: as many, or none; echoTimes: s; fieldStrength: T; mask, labels: a
    segmentation or a label volume, of any geometry, or None; maskSegments: IDs, none for all; r2: a volume on the
    voxels of the images, 1/s, or None; b0Direction: voxel axes, None for the patient's z axis; phaseScale: a name of
    QSMLogic.io.phase_scale.SCALES, the units of one turn, or "auto"; phaseSign: -1 where phase falls with a positive
    field; keep: names of maps; name: begins the names of the results, by default what the first phase volume's says of
    the scan.
    Raises InputError where nodes are missing or do not belong together.
    """

    phases: tuple[Any, ...]
    magnitudes: tuple[Any, ...]
    echoTimes: tuple[float, ...]
    fieldStrength: float
    settings: Settings
    mask: Any = None
    maskSegments: tuple[str, ...] = ()
    labels: Any = None
    r2: Any = None
    b0Direction: tuple[float, float, float] | None = None
    phaseScale: str = AUTOMATIC
    phaseSign: int = 1
    keep: tuple[str, ...] = KEPT
    name: str = ""

    def __post_init__(self) -> None:
        """Check what costs nothing to check."""
        if not self.phases:
            raise InputError("No phase volume is chosen: choose one per echo, or a sequence.")
        for node in (*self.phases, *self.magnitudes):
            refuseNoImage(node)
            if node.IsA("vtkMRMLLabelMapVolumeNode"):
                raise InputError(f"{nameOf(node)} is a label volume: choose a phase or magnitude image.")
            refuseOtherPlace(node, self.phases[0])
        echoes = len(self.phases)
        if self.magnitudes and len(self.magnitudes) != echoes:
            raise InputError(
                f"{echoes} phase but {len(self.magnitudes)} magnitude volumes are chosen: one of each per echo is "
                "needed, or no magnitude at all."
            )
        checked_echo_times(self.echoTimes, echoes)
        checked_field_strength(self.fieldStrength)
        gridOf(self.phases[0], self.b0Direction)
        _refuseTwice((*self.phases, *self.magnitudes))
        if self.phaseScale != AUTOMATIC:
            PhaseScale.named(self.phaseScale)
        if self.phaseSign not in (1, -1):
            raise InputError(
                f"Phase sign = {self.phaseSign}, allowed 1 and -1 (phase that falls with a positive field)."
            )
        if self.mask is not None:
            refuseNoLabels(self.mask, "mask", self.maskSegments)
        if self.labels is not None:
            refuseNoLabels(self.labels, "regions")
        if self.r2 is not None:
            refuseNoImage(self.r2)
            refuseOtherPlace(self.r2, self.phases[0])
        _refuseUnknownMaps(self.keep)

    @property
    def scale(self) -> str:
        """The scale of the phase, as chosen or as its values tell; InputError where they leave it open."""
        return detectedScale(self.phases).name if self.phaseScale == AUTOMATIC else self.phaseScale

    @property
    def title(self) -> str:
        """What the names of the results begin with."""
        return self.name.strip() or scanName(self.phases[0].GetName() or "QSM")


def _refuseTwice(images: tuple[Any, ...]) -> None:
    for i, node in enumerate(images):
        if any(node is other for other in images[:i]):
            raise InputError(f"{nameOf(node)} is chosen twice: every echo has an image of its own.")


def _refuseUnknownMaps(keep: tuple[str, ...]) -> None:
    from QSMLogic.io.writing import FILES  # noqa: PLC0415 (imports scipy: not while Slicer starts)

    unknown = [name for name in keep if name not in FILES]
    if unknown:
        raise InputError(f"There is no map {', '.join(unknown)}; the maps: {', '.join(FILES)}.")

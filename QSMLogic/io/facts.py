"""How a scan was taken, by the names BIDS has for it: what a report and a paper tell of it, and what contradicts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..constants import GAMMA_BAR
from .candidate import clean
from .parameters import LARGEST_NUMBER, Acquisition, read_sidecar
from .sources import Sources

NUMBERS = (
    "MagneticFieldStrength", "ImagingFrequency", "RepetitionTime", "RepetitionTimeExcitation", "FlipAngle",
    "PixelBandwidth", "SliceThickness", "SpacingBetweenSlices", "EchoTrainLength", "NumberOfEchoes", "NumberOfAverages",
    "AcquisitionMatrix", "ParallelReductionFactorInPlane", "ParallelReductionFactorOutOfPlane", "PartialFourier",
    "DwellTime", "SeriesNumber",
)  # fmt: skip
"""T, MHz, s, s, degrees, Hz per pixel, mm, and so on, as BIDS has them; all above zero."""

TEXTS = (
    "Manufacturer", "ManufacturersModelName", "SoftwareVersions", "ReceiveCoilName", "ReceiveCoilActiveElements",
    "MRAcquisitionType", "ScanningSequence", "SequenceVariant", "SequenceName", "PulseSequenceType",
    "PulseSequenceDetails", "ScanOptions", "SeriesDescription", "ProtocolName", "ImageType", "PhaseEncodingDirection",
    "ParallelAcquisitionTechnique", "ReadoutPolarity", "MatrixCoilMode", "Filters", "CoilCombinationMethod",
)  # fmt: skip
SWITCHES = ("NonlinearGradientCorrection", "MTState", "SpoilingState")
NAMES = (*NUMBERS, *TEXTS, *SWITCHES)
"""What is kept, and nothing else: never who lay in the scanner, nor when or where."""

MOST_VALUES = 32
"""Of a list; nothing that is kept has more."""

SAME_FIELD = 0.02
"""Largest relative difference between a stated field strength and that of the imaging frequency."""

MILLISECONDS = 1e3


def acquisition_facts(sources: Sources) -> dict[str, Any]:
    """Return what headers or side-cars say of the scan, by the names of BIDS; what makes no sense is left out.

    Raises InputError where a side-car cannot be read.
    """
    if sources.acquisition is not None:
        return clean_facts(sources.acquisition.facts)
    images = sources.phase or sources.real or sources.magnitude
    return clean_facts(read_sidecar(images[0])) if images else {}


def clean_facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the facts that are known by name and make sense: finite numbers, short printable texts."""
    kept = {name: _kept(name, said[name]) for name in NAMES if name in said}
    return {name: value for name, value in kept.items() if value is not None}


def contradictions(facts: Mapping[str, Any], known: Acquisition) -> list[str]:
    """Return in sentences what of the facts cannot be true together with the field strength and the echo times."""
    said = []
    frequency, strength = _first(facts.get("ImagingFrequency")), known.field_strength
    if frequency and strength:
        true = frequency / GAMMA_BAR
        off = abs(strength / true - 1)
        if off > SAME_FIELD:
            said.append(
                f"The imaging frequency, {frequency:g} MHz, is that of protons at {true:.4g} T, but the field strength "
                f"is said to be {strength:g} T ({known.sources['field_strength']}): susceptibility is off "
                f"by {100 * off:.2g} %. If the frequency is right, give that strength (--field-strength {true:.4g})."
            )
    repetition = _first(facts.get("RepetitionTimeExcitation") or facts.get("RepetitionTime"))
    if repetition and known.echo_times and repetition <= max(known.echo_times):
        said.append(
            f"The repetition time, {repetition * MILLISECONDS:g} ms, is over before the last echo at "
            f"{max(known.echo_times) * MILLISECONDS:g} ms: one of them is wrong, or in another unit."
        )
    return said


def _first(value: Any) -> float | None:
    """Return a number, the first of several."""
    return value[0] if isinstance(value, list) else value


def _kept(name: str, value: Any) -> Any:
    """Return a value as it can be written anywhere, None where it is of another kind than its name."""
    if isinstance(value, list | tuple):
        several = [_kept(name, one) for one in value[:MOST_VALUES] if not isinstance(one, list | tuple)]
        return [one for one in several if one is not None] or None
    if name in SWITCHES:
        return value if isinstance(value, bool) else None
    if name in NUMBERS:
        return _number(value)
    return clean(value) or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST_NUMBER:
        return None
    return int(value) if float(value).is_integer() else float(value)

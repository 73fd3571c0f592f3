"""Slices of a 3-D scan whose sign alternates, as GE stores them: a shift of the transform along slices is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..phase_scale import SCALES, UNITS

ALTERNATES = -0.5
"""Correlation of neighbours across slices, per that of neighbours within, below which signs alternate; else near 1."""

COHERENT = 0.1
"""Correlation of neighbours within a slice below which there is nothing but noise to tell by."""

PARTS_TURNED = "Real and imaginary parts alternate in sign from slice to slice: every other slice was turned."
PHASE_TURNED = "The phase alternates by half a turn from slice to slice: every other slice was turned."


def mend_signs(values: Mapping[str, np.ndarray], units: frozenset[str], said: list[str]) -> None:
    """Turn every other slice round, in place, where all echoes alternate; what was done is added to said.

    values: (x, y, z, echo) by part; units: the words for the phase's unit. Phase whose unit nothing names is left.
    """
    if "real" in values and "imaginary" in values:
        if _alternate(r + 1j * i for r, i in zip(*(_echoes(values[p]) for p in ("real", "imaginary")), strict=True)):
            for part in ("real", "imaginary"):
                values[part][:, :, 1::2] *= -1
            said.append(PARTS_TURNED)
        return
    known = {UNITS[unit.lower()] for unit in units if unit.lower() in UNITS}
    if "phase" not in values or len(known) != 1:
        return
    phase, turn = values["phase"], SCALES[known.pop()].turn
    weights = values.get("magnitude")
    sizes = _echoes(weights) if weights is not None and weights.shape == phase.shape else [1.0] * phase.shape[3]
    if _alternate(size * np.exp(2j * np.pi / turn * echo) for size, echo in zip(sizes, _echoes(phase), strict=True)):
        odd = phase[:, :, 1::2]
        odd -= np.copysign(np.float32(turn / 2), odd)
        said.append(PHASE_TURNED)


def _echoes(values: np.ndarray) -> Iterator[np.ndarray]:
    return (values[..., echo] for echo in range(values.shape[3]))


def _alternate(echoes: Iterator[np.ndarray]) -> bool:
    """Whether the sign of every echo (x, y, z) alternates along z."""
    for image in echoes:
        own = float(np.vdot(image, image).real)
        within = float(np.vdot(image[1:], image[:-1]).real)
        across = float(np.vdot(image[:, :, 1:], image[:, :, :-1]).real)
        if within < COHERENT * own or across >= ALTERNATES * within:
            return False
    return True

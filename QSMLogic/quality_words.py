"""What the measures of quality are called, what they mean, and when they are worth a warning.

The limits of the warnings lie between what good maps of six simulated heads, a head and a patch of a brain have, and
what was measured where the fault was made on purpose: see docs/quality.md.
"""

from __future__ import annotations

from dataclasses import dataclass

TOLD: tuple[tuple[str, str, str, str], ...] = (
    ("mask_volume", "Mask volume", "ml", "Volume of the mask; adult brains have 1000 to 1700 ml."),
    ("mask_pieces", "Mask pieces", "", "Parts of the mask that do not touch each other; a brain is one."),
    ("mask_holes", "Mask holes", "", "Enclosed voids in the mask, where nothing is measured."),
    ("mask_lost", "Lost at the mask's edge", "%", "Share of the mask that background removal gave up."),
    (
        "snr",
        "SNR of the first echo",
        "",
        "Mean magnitude over the noise of a channel; told too low in coarse voxels.",
    ),
    ("field_noise", "Field noise", "ppb", "Median standard deviation of the total field, by the noise of the images."),
    ("residual", "Misfit of the echoes", "rad", "Median phase that the fit over the echoes leaves."),
    ("echo_disagreement", "Echoes that disagree", "%", "Share of voxels whose echoes leave more than 0.3 rad."),
    ("open_fringes", "Open fringe lines", "%", "Share of voxels half a turn or more from a neighbour once unwrapped."),
    (
        "echo_turns",
        "Echoes off by a turn",
        "%",
        "Share of voxels with an echo unwrapped a turn off the others.",
    ),
    ("local_field", "Local field", "ppb", "Root mean square of the local field."),
    ("background", "Background removed", "", "Total field over local field; near 1 if the phase was filtered before."),
    ("residual_background", "Residual background", "", "Smooth part of the local field over the rest of it."),
    ("edge_field", "Field at the edge", "", "Local field in the outer 5 mm over that further inside."),
    ("data_misfit", "Data misfit", "%", "Part of the local field that neither map nor smooth field explains."),
    ("misfit_over_noise", "Misfit over noise", "", "The same over the field's noise: 1 where only noise is left."),
    ("streaks", "Streaks", "", "Power of the map where the dipole vanishes over that beside it: 1 in anatomy."),
    ("sign", "Agreement with decay", "", "Whether strong sources let the signal decay faster, as iron does: -1 to 1."),
    ("chi_sd", "Spread of chi", "ppm", "Standard deviation of chi in the mask."),
    ("chi_low", "Low chi", "ppm", "1st percentile of chi."),
    ("chi_high", "High chi", "ppm", "99th percentile of chi."),
    ("chi_extreme", "Extreme chi", "%", "Share of voxels beyond 1 ppm either way, which no tissue reaches."),
)
"""Name, label, unit and explanation of every measure, in the order in which they are told."""


@dataclass(frozen=True)
class Doubt:
    """A measure, the limit beyond which it is worth a warning, and the warning; low: it is so below the limit."""

    name: str
    limit: float
    sentence: str
    low: bool = False

    def met(self, value: float) -> bool:
        """Tell whether a value is beyond the limit."""
        return value < self.limit if self.low else value > self.limit


DOUBTS: tuple[Doubt, ...] = (
    Doubt(
        "sign",
        -0.1,
        "What is bright in the map decays slowly, and what decays fast is dark (agreement {:.2f}): the phase may have "
        "the other sign (--phase-sign), or B0 another direction, unless the strong sources are calcium.",
        low=True,
    ),
    Doubt(
        "open_fringes",
        5.0,
        "{:.0f} % of the voxels are half a turn or more from a neighbour after unwrapping: check the scale of the "
        "phase (--phase-scale), how coils were combined, and the mask.",
    ),
    Doubt(
        "echo_disagreement",
        10.0,
        "In {:.0f} % of the voxels the phase does not follow the echo times: check them, the scale of the phase, and "
        "whether the readout is bipolar (conditioning.readout).",
    ),
    Doubt(
        "background",
        2.5,
        "Hardly any background was removed (total field over local field {:.1f}): the phase looks high-pass filtered, "
        "as SWI phase is, or wrongly scaled. Use the phase as it was acquired.",
        low=True,
    ),
    Doubt(
        "residual_background",
        1.0,
        "Most of the local field is smooth ({:.1f} times the rest): background is left. Check the mask, or remove the "
        "background by another method.",
    ),
    Doubt(
        "edge_field",
        1.8,
        "The local field at the mask's edge is {:.1f} times that inside: the mask reaches beyond the tissue, or "
        "background is left. Use a smaller mask.",
    ),
    Doubt(
        "data_misfit",
        70.0,
        "The map explains little of the local field ({:.0f} % is left): check voxel size, echo times and mask, or "
        "regularise less.",
    ),
    Doubt(
        "streaks",
        2.0,
        "Where the dipole vanishes the map has {:.1f} times the power it has beside: streaks. Regularise more, or "
        "invert by another method.",
    ),
    Doubt(
        "chi_extreme",
        1.0,
        "{:.0f} % of the voxels are beyond 1 ppm, which no tissue reaches: check the scale of the phase, the echo "
        "times and the field strength.",
    ),
)

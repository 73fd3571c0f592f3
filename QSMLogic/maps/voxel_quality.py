"""How far the phase of each voxel can be trusted: ROMEO's quality map."""

from __future__ import annotations

import numpy as np

from ..phase_quality import voxel_quality as mean_of_edges
from ..progress import Progress, no_progress
from ..registry import ONE_ECHO, method


@method(
    stage="maps",
    label="Voxel quality",
    outputs=("voxel_quality",),
    cite=("Dymerska2021",),
    sentence="The quality of the phase was mapped as the mean of ROMEO's weights of the edges that meet in a voxel, "
    "which judge coherence in space and between the first two echoes, and the magnitude where one was given",
    otherwise={
        ONE_ECHO: "The quality of the phase was mapped as the mean of ROMEO's weights of the edges that meet in a "
        "voxel, which judge coherence in space and the magnitude, where one was given"
    },
    volumes=8,
)
def voxel_quality(
    phase: np.ndarray,
    mask: np.ndarray,
    echo_times: tuple[float, ...],
    magnitude: np.ndarray | None = None,
    *,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Show where the phase is a measurement and where it is noise, a fold or flow: what ROMEO unwraps first and last.

    Parameters: phase (x, y, z, echo) rad, wrapped; mask (x, y, z) bool; echo_times s; magnitude as phase, any unit, or
    None, which leaves the phase alone to be judged.
    Returns: voxel_quality (x, y, z) float32, 0 (noise) to 1 (smooth phase, even and strong signal), zero outside the
    mask and where the phase is exactly zero in every echo, as scanners blank the background.

    Source: Dymerska2021. Notes: it is that of the first echo, each step being held to that of the second. In a run it
    is that of the phase without its offset. A steep field lowers it as noise does, by the turns per voxel. At the edge
    of an image it is the mean of the edges that are there; the neighbours outside the mask count.
    """
    progress(0, "phase quality")
    quality = mean_of_edges(phase, magnitude, echo_times)
    progress(0.9, "phase quality")
    quality *= mask & (phase != 0).any(axis=3)
    return quality

"""ROMEO: spatial unwrapping of one echo along its best edges, temporal unwrapping of the others."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..echo_unwrapping import Echoes, Regions, unwrap_each, unwrap_from_template
from ..grid import Grid
from ..phase_quality import edge_quality
from ..progress import Progress, no_progress, part
from ..registry import ONE_ECHO, Param, method
from ..spanning_tree import Crop


@method(
    stage="unwrapping",
    label="ROMEO",
    cite=("Dymerska2021",),
    sentence="Phase was unwrapped with ROMEO (template echo {template})",
    otherwise={
        ONE_ECHO: "Phase was unwrapped with ROMEO",
        "individual": "Phase was unwrapped with ROMEO, every echo in space",
    },
    volumes=20,
)
def romeo(
    phase: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    echo_times: tuple[float, ...],
    magnitude: np.ndarray | None = None,
    template: Annotated[
        int, Param("Template echo", "", 1, None, "unwrapped in space; the last echo where there are fewer")
    ] = 1,
    individual: Annotated[
        bool, Param("Each echo in space", help="instead of the template alone; for phase that has an offset or moved")
    ] = False,
    seeds: Annotated[
        int, Param("Most seeds", "", 1, 255, "regions that grow apart, from the largest of good phase", advanced=True)
    ] = 1,
    merge_regions: Annotated[
        bool, Param("Merge regions", help="place regions that touch by all links between them", advanced=True)
    ] = False,
    correct_regions: Annotated[
        bool, Param("Correct regions", help="place each so that its phase grows with echo time", advanced=True)
    ] = True,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Unwrap one echo along a spanning tree of the best edges, and the others by the echo times' ratio.

    Parameters: phase (x, y, z, echo) rad, wrapped, its offset removed where there are several echoes; mask (x, y, z)
    bool; magnitude (x, y, z, echo) or None; echo_times s.
    Returns: unwrapped (x, y, z, echo) float32 rad, congruent with phase modulo 2 pi in the mask, zero outside.
    Raises: InputError where the mask is empty.

    Source: Dymerska2021.

    Notes: Template is the first echo, which has the fewest wraps and the most signal. The others are predicted from all
    echoes already unwrapped (weighted by squared magnitude and echo time), not from the nearest alone. A part of the
    mask is placed by all its voxels, not by one seed, and each part is a region of its own whatever the seeds. With
    `individual` the regions of the other echoes are placed by that prediction.
    """
    crop = Crop(mask, grid)
    out = crop.cut(phase)
    strength = None if magnitude is None else crop.cut(magnitude)
    times = np.asarray(echo_times, np.float32)
    unwrap = unwrap_each if individual else unwrap_from_template
    unwrap(
        Echoes(out, strength, times, crop.mask),
        lambda echo: edge_quality(out, strength, tuple(times), echo),
        min(template, times.size) - 1,
        Regions(seeds, merge_regions, correct_regions),
        part(progress, 0, 0.95),
    )
    return crop.paste(out)

"""Best-path unwrapping: voxels whose phase bends least are joined first."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..echo_unwrapping import Echoes, Regions, unwrap_each, unwrap_from_template
from ..grid import Grid
from ..phase_bend import smoothness
from ..progress import Progress, no_progress, part
from ..registry import ONE_ECHO, Param, method
from ..spanning_tree import Crop


@method(
    stage="unwrapping",
    label="Best path",
    cite=("AbdulRahman2007",),
    sentence="Phase was unwrapped along the best path, by sorting its reliability (template echo {template})",
    otherwise={
        ONE_ECHO: "Phase was unwrapped along the best path, by sorting its reliability",
        "individual": "Phase was unwrapped along the best path, by sorting its reliability, every echo in space",
    },
    volumes=20,
)
def best_path(
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
    progress: Progress = no_progress,
) -> np.ndarray:
    """Join voxels in the order of how little the phase bends there; other echoes follow by the echo times' ratio.

    Parameters: phase (x, y, z, echo) rad, wrapped, its offset removed where there are several echoes; mask (x, y, z)
    bool; magnitude (x, y, z, echo), for the other echoes, or None; echo_times s.
    Returns: unwrapped (x, y, z, echo) float32 rad, congruent with phase modulo 2 pi in the mask, zero outside.
    Raises: InputError where the mask is empty.

    Source: AbdulRahman2007.

    Notes: joining groups in the order of their best edges is growing a spanning tree of them. The paper knows one
    volume only; several echoes are treated as in ROMEO, since late echoes, unwrapped in space each, have more errors.
    An edge is as good as its two voxels on average, not as the better of them; second differences reach over voxels of
    the mask only, and their mean is over those that there are.
    """
    crop = Crop(mask, grid)
    out = crop.cut(phase)
    strength = None if magnitude is None else crop.cut(magnitude)
    echoes = Echoes(out, strength, np.asarray(echo_times, np.float32), crop.mask)
    first = min(template, len(echo_times)) - 1
    unwrap = unwrap_each if individual else unwrap_from_template
    unwrap(echoes, lambda echo: smoothness(out[..., echo], crop.mask), first, Regions(), part(progress, 0, 0.95))
    return crop.paste(out)

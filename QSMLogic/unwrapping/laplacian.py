"""Laplacian unwrapping: the phase whose Laplacian is that of the wrapped phase."""

from __future__ import annotations

import numpy as np

from ..grid import Grid
from ..phase_laplacian import LaplacianUnwrapper
from ..progress import Progress, no_progress
from ..registry import method
from ..spanning_tree import Crop


@method(
    stage="unwrapping",
    label="Laplacian",
    cite=("Schofield2003",),
    sentence="Phase was unwrapped with the Laplacian method",
    volumes=12,
)
def laplacian(phase: np.ndarray, mask: np.ndarray, grid: Grid, progress: Progress = no_progress) -> np.ndarray:
    """Take the Laplacian from wrapped differences, which no wrap can disturb, and invert it; echo by echo.

    It is not congruent: the result differs from the true phase by a field that is harmonic inside the mask, large near
    the mask's edge, and so fits background removal only, never field maps as such.

    Parameters: phase (x, y, z, echo) rad, wrapped; mask (x, y, z) bool.
    Returns: unwrapped (x, y, z, echo) float32 rad, zero outside the mask. Raises: InputError where the mask is empty.

    Source: Schofield2003.

    Notes: Differences are wrapped, not the sine of the difference, which is too small where the phase is steep; only
    those between voxels of the mask count. The cosine transform of the mask's box stands for the Fourier transform of
    the mirrored box: nothing wraps round, and where the mask fills the box the result is exact.
    """
    crop = Crop(mask, grid)
    out = crop.cut(phase)
    unwrapped = LaplacianUnwrapper(crop.mask, grid.with_shape(crop.mask.shape))
    for echo in range(phase.shape[3]):
        progress(echo / phase.shape[3], f"unwrapping echo {echo + 1}")
        out[..., echo] = unwrapped(out[..., echo])
    return crop.paste(out)

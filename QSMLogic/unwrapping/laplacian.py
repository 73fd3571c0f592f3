"""Laplacian unwrapping: the phase whose Laplacian is that of the wrapped phase."""

from __future__ import annotations

import numpy as np
import scipy.fft

from ..grid import Grid
from ..parallel import threads
from ..phase_laplacian import laplacian_of_wrapped
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
    inverse = _inverse_laplacian(grid.with_shape(crop.mask.shape))
    for echo in range(phase.shape[3]):
        progress(echo / phase.shape[3], f"unwrapping echo {echo + 1}")
        source = laplacian_of_wrapped(out[..., echo], crop.mask, grid)
        smooth = scipy.fft.dctn(source, workers=threads(), overwrite_x=True)
        smooth *= inverse
        smooth = scipy.fft.idctn(smooth, workers=threads(), overwrite_x=True)
        rest = (out[..., echo] - smooth)[crop.mask]
        out[..., echo] = smooth + np.arctan2(np.sin(rest).mean(), np.cos(rest).mean())
    return crop.paste(out)


def _inverse_laplacian(grid: Grid) -> np.ndarray:
    """Inverse of the Laplacian of differences in the cosine basis, 0 for the constant."""
    x, y, z = (
        ((2 * np.cos(np.pi * np.arange(n) / n) - 2) / s**2).astype(np.float32)
        for n, s in zip(grid.shape, grid.voxel_size, strict=True)
    )
    values = x[:, None, None] + y[:, None] + z
    values[0, 0, 0] = 1
    np.divide(1, values, out=values)
    values[0, 0, 0] = 0
    return values

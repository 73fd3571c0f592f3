"""Laplacian boundary value."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from scipy.ndimage import binary_erosion

from ..device import placed
from ..errors import InputError
from ..grid import Grid
from ..laplace import Laplace
from ..morphology import erode
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients


@method(
    stage="background",
    label="LBV",
    cite=("Zhou2014",),
    sentence="Background fields were removed by the Laplacian boundary value method (LBV, {peel:g} mm peeled)",
    volumes=14,
    on_gpu=True,
)
def lbv(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    peel: Annotated[float, Param("Peel", "mm", 0, 20, "taken off the mask before its edge is trusted")] = 0.0,
    reach: Annotated[
        float, Param("Reach", "mm", 1, 1e6, "local fields smoother than this are damped; large for none", advanced=True)
    ] = 35.0,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 1e-3,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of conjugate gradients", advanced=True)] = 100,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the harmonic field that equals the total field at the mask's edge.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool.
    Returns: local_field (x, y, z) float32, ppm, zero outside inner; inner (x, y, z) bool, the mask without its
    outermost voxels.
    Raises: InputError where no voxel of the mask has six neighbours in it.

    Notes: the paper's full multigrid is here one cycle of it, as preconditioner of conjugate gradients. The paper's
    local field solves Laplacian(local) = Laplacian(total) with none at the edge, which spoils its smooth part most;
    here (Laplacian - 1/reach2)(local) = Laplacian(total): harmonic fields are removed as before, smooth errors damped.
    """
    progress(0.0, "boundary")
    trusted = erode(mask, grid, peel) if peel > 0 else mask
    inner = binary_erosion(trusted)
    if not inner.any():
        raise InputError("LBV: no voxel of the mask has six neighbours in it. Lower Peel, or check the mask.")
    box = tuple(
        slice(int(np.flatnonzero(seen)[0]) - 1, int(np.flatnonzero(seen)[-1]) + 2)
        for seen in (inner.any(axis=(1, 2)), inner.any(axis=(0, 2)), inner.any(axis=(0, 1)))
    )
    laplace = Laplace(inner[box], grid.voxel_size, 1 / reach**2)
    field = np.ascontiguousarray(total_field[box] * trusted[box], np.float32)
    local = np.zeros(grid.shape, np.float32)
    local[box] = conjugate_gradients(
        laplace.apply,
        laplace.undamped(placed(field)),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0.1, 0.98, "Laplace's equation"),
        precondition=laplace.cycle,
    )
    progress(1.0, "")
    return local, inner

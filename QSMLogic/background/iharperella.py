"""Background removal by the Laplacian: what lies inside is kept, what lies outside is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from scipy.ndimage import binary_dilation

from ..device import fetched, library, placed
from ..grid import Grid
from ..operators import Window, convolve, gradient_squared
from ..phase_laplacian import with_all_neighbours
from ..progress import Progress, no_progress, part
from ..registry import Param, method
from ..solvers import conjugate_gradients

MARGIN = 10.0
"""mm around the mask's box, beyond which everything is repeated."""

DAMPING = 5e-3
"""Of the preconditioner, against the whole shell moving as one; fastest of 0.005 to 0.1."""


@method(
    stage="background",
    label="iHARPERELLA",
    cite=("Li2014a", "Li2015a"),
    sentence="Background fields were removed by the Laplacian operator (iHARPERELLA)",
    volumes=19.5,
    on_gpu=True,
)
def iharperella(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    tolerance: Annotated[
        float, Param("Tolerance", "", 1e-6, 0.5, "fall of the residual at which it stops", advanced=True)
    ] = 1e-2,
    iterations: Annotated[int, Param("Most iterations", "", 1, 1000, "of conjugate gradients", advanced=True)] = 200,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the field's Laplacian inside the mask, and choose it outside so that the field inside is least.

    Parameters: total_field (x, y, z) ppm; mask (x, y, z) bool; weights (x, y, z), of the data, or None for equal ones.
    Returns: local_field (x, y, z) float32, ppm, zero outside eroded; eroded (x, y, z) bool: voxels without a neighbour
    in the mask have no Laplacian. Raises: InputError where none has one.

    Notes: the papers start from wrapped phase, whose Laplacian is that of the unwrapped phase, which is given here.
    Outside, the Laplacian is chosen on the voxels next to those inside: what lies further out makes no other fields.
    """
    window = Window(mask, grid, MARGIN)
    eroded = with_all_neighbours(window.mask, "iHARPERELLA")
    shell = binary_dilation(eroded) & ~eroded
    laplacian = gradient_squared(window.grid)
    source = convolve(window.cut(total_field) * window.mask, laplacian)
    source *= eroded
    undone = np.divide(1, laplacian, out=laplacian, where=laplacian > 0)  # it stays zero where it is
    counts = eroded.astype(np.float32) if weights is None else window.cut(weights * mask) * eroded
    np.square(counts, out=counts)

    rough = _rough_on(shell)
    counts, shell, undone = placed(counts), placed(shell), placed(undone)

    def adjoint(field: np.ndarray) -> np.ndarray:
        field *= counts
        field = convolve(field, undone)
        field *= shell
        return field

    source -= conjugate_gradients(
        lambda outside: adjoint(convolve(outside, undone)),
        adjoint(convolve(source, undone)),
        tolerance=tolerance,
        iterations=iterations,
        progress=part(progress, 0, 0.95, "fitting the Laplacian outside"),
        precondition=rough,
    )
    local = fetched(convolve(source, undone)) * eroded
    progress(1.0, "")
    return window.paste(local), window.paste(eroded)


def _rough_on(shell: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what takes the differences of an image on the shell to its neighbours there: fine detail hardly counts.

    A field fades out on its way into the mask the sooner, the finer it is.
    """
    count = _sum_around(shell.astype(np.float32)) * shell
    count *= 1 + DAMPING
    count, shell = placed(count), placed(shell)

    def applied(image: np.ndarray) -> np.ndarray:
        around = _sum_around(image)
        around *= shell
        return library(image).subtract(count * image, around, out=around)

    return applied


def _sum_around(image: np.ndarray) -> np.ndarray:
    """Sum over 3 x 3 x 3 voxels."""
    roll = library(image).roll
    for axis in range(3):
        total = roll(image, 1, axis)
        total += image
        total += roll(image, -1, axis)
        image = total
    return image

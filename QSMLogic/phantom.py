"""A head with a known answer: susceptibility, the fields it makes, and the scan that a gradient echo takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from types import MappingProxyType

import numpy as np
from scipy.spatial.transform import Rotation

from .anatomy import TISSUES, head
from .constants import GAMMA_BAR
from .errors import InputError
from .forward_model import doubled, field_of
from .grid import Grid
from .operators import convolve, transform
from .relaxivity import r2prime_of
from .scan import Scan

LABEL_NAMES: Mapping[int, str] = MappingProxyType({t.label: t.name for t in TISSUES.values()})
R2STAR_FIELD_STRENGTH = 3.0
"""T; the field strength the tissues' R2* is tabulated for."""
COIL_FALL_OFF = 0.35
"""How much weaker the receive coil is in the middle than at the edge of the field of view."""
OFFSET = (0.7, 1.1, -0.8, 0.9, 1.3, -0.6, 0.5)
"""rad; phase at echo time zero: constant, along x, y, z, and their squares, with 1 at the edge of the field of view."""


@dataclass(frozen=True, eq=False)
class Phantom:
    """A simulated scan and the truth behind it, each image (x, y, z).

    scan: what the scanner saw; mask: the brain, bool; chi: ppm against water; chi_dia: ppm, its diamagnetic part;
    local_field: ppm, of chi in the mask, zero outside; total_field: ppm, of everything and the shim; r2star: 1/s;
    labels: int16; label_names: their names.
    """

    scan: Scan
    mask: np.ndarray
    chi: np.ndarray
    chi_dia: np.ndarray
    local_field: np.ndarray
    total_field: np.ndarray
    r2star: np.ndarray
    labels: np.ndarray
    label_names: Mapping[int, str]

    @property
    def chi_para(self) -> np.ndarray:
        """Paramagnetic part of chi, ppm."""
        return self.chi - self.chi_dia

    @property
    def r2prime(self) -> np.ndarray:
        """R2' of the sources (Shin2021), 1/s; where that is more than R2*, in blood and calcifications, R2*."""
        return np.minimum(r2prime_of(self.chi_para, self.chi_dia, self.scan.field_strength), self.r2star)

    @property
    def r2(self) -> np.ndarray:
        """R2 that makes the R2* together with R2', 1/s."""
        return self.r2star - self.r2prime

    @property
    def direction(self) -> np.ndarray:
        """Voxel axes in the columns, (3, 3), in LPS coordinates as SimpleITK has them, z along the main field.

        Where the field runs along the third axis, the axes run to the right, to the front and up.
        """
        x, y, z = self.scan.grid.b0_direction
        turn, _ = Rotation.align_vectors([(0, 0, 1)], [(x, y, z)])
        return np.diag((-1.0, -1.0, 1.0)) @ turn.as_matrix()


def head_phantom(
    shape: tuple[int, int, int] = (96, 112, 96),
    voxel_size: tuple[float, float, float] = (2.0, 2.0, 2.0),
    *,
    b0_direction: tuple[float, float, float] = (0.0, 0.0, 1.0),
    field_strength: float = 3.0,
    echo_times: tuple[float, ...] = (0.005, 0.011, 0.017, 0.023),
    snr: float | None = 100.0,
    seed: int = 0,
    shim: bool = True,
    offset: bool = True,
    lesions: bool = True,
    fine: int = 1,
) -> Phantom:
    """Scan a schematic head that fills the field of view.

    Parameters: voxel_size mm; b0_direction in voxel axes; field_strength T; echo_times s; snr: mean signal of the brain
    at the first echo over the standard deviation of the noise in each channel, None for no noise; seed: of the noise;
    shim: polynomials to second order cancel what they can of the field; offset: a smooth phase at echo time zero;
    lesions: calcifications and microbleeds; fine: voxels simulated per voxel and axis, so that with 2 or more the
    images are not made by the very model that is inverted afterwards (memory and time grow with its cube).
    Returns: the scan and its truth. Raises InputError where the grid, the echo times or the SNR make no sense.
    """
    grid = Grid(shape, voxel_size, b0_direction=b0_direction)
    _check(echo_times, snr, fine)
    fine_grid = _refined(grid, fine)
    anatomy = head(fine_grid.shape, fine_grid.voxel_size, lesions=lesions)
    coarse = anatomy if fine == 1 else head(grid.shape, grid.voxel_size, lesions=lesions)
    mask = _spread(coarse.brain, fine)
    inside = np.where(mask, anatomy.chi, np.float32(0))
    local = field_of(inside, fine_grid)
    total = local + _field_outside(anatomy.chi - inside - np.float32(TISSUES["outside"].chi), fine_grid)
    if shim:
        total -= _shim(total, mask, fine_grid)
    r2star = anatomy.r2star * np.float32(field_strength / R2STAR_FIELD_STRENGTH)
    coil = _coil(fine_grid.shape, offset=offset) * anatomy.signal
    spread = [np.gradient(total, axis=axis) for axis in range(3)]
    hertz = np.float32(GAMMA_BAR * field_strength)
    echoes = np.empty((*grid.shape, len(echo_times)), np.complex64)
    for echo, time in enumerate(np.array(echo_times, np.float32)):
        signal = coil * np.exp(time * (2j * np.pi * hertz * total - r2star).astype(np.complex64))
        for change in spread:
            signal *= np.sinc(hertz * time * change)
        echoes[..., echo] = _mean(signal, fine)
    if snr is not None:
        _add_noise(echoes, float(np.abs(echoes[..., 0][coarse.brain]).mean()) / snr, seed)
    return Phantom(
        scan=Scan(np.angle(echoes), np.abs(echoes), echo_times, field_strength, grid),
        mask=coarse.brain,
        chi=_mean(anatomy.chi, fine),
        chi_dia=_mean(anatomy.chi_dia, fine),
        local_field=np.where(coarse.brain, _mean(local, fine), np.float32(0)),
        total_field=_mean(total, fine),
        r2star=_mean(r2star, fine),
        labels=coarse.labels,
        label_names=LABEL_NAMES,
    )


def _field_outside(chi: np.ndarray, grid: Grid) -> np.ndarray:
    """Field (ppm) of a susceptibility (ppm) that is zero outside the grid, every voxel being a uniform brick.

    Where air meets tissue the dipole in k-space rings; this does not, so it is harmonic wherever chi is uniform.
    """
    padded, box = doubled(grid)
    image = np.zeros(padded.shape, np.float32)
    image[box] = chi
    return convolve(image, transform(_brick_kernel(grid, padded.shape)))[box].copy()


def _brick_kernel(grid: Grid, shape: tuple[int, ...]) -> np.ndarray:
    """Field at all voxels' centres of one brick, the voxel of unit susceptibility at the origin. Source: Joseph1965.

    It is 1/3 inside, for the Lorentz sphere, less the demagnetisation along the main field. Only positive distances are
    computed; the rest follows from symmetry.
    """
    b = grid.b0_direction
    x, y, z = ((np.arange(n + 1) - 0.5) * s for n, s in zip(grid.shape, grid.voxel_size, strict=True))
    corner = (x[:, None, None], y[:, None], z)
    radius = np.sqrt(corner[0] ** 2 + corner[1] ** 2 + corner[2] ** 2)
    nearest = np.ix_(
        *(np.minimum(np.minimum(np.arange(m), m - np.arange(m)), n - 1) for n, m in zip(grid.shape, shape, strict=True))
    )
    kernel = np.zeros(shape, np.float32)
    for first, second in combinations_with_replacement(range(3), 2):
        factor = (1 if first == second else 2) * b[first] * b[second] / (4 * np.pi)
        if factor == 0:
            continue
        if first == second:
            u, v = (corner[axis] for axis in range(3) if axis != first)
            edges = np.arctan(u * v / (corner[first] * radius))
        else:
            edges = -np.arcsinh(corner[3 - first - second] / np.hypot(corner[first], corner[second]))
        part = np.diff(np.diff(np.diff(edges, axis=0), axis=1), axis=2)
        whole = (factor * part).astype(np.float32)[nearest]
        for axis in (first, second) if first != second else ():
            behind = [slice(None)] * 3
            behind[axis] = slice(shape[axis] // 2 + 1, None)
            whole[tuple(behind)] *= -1
        kernel -= whole
    kernel[0, 0, 0] += 1 / 3
    return kernel


def _check(echo_times: tuple[float, ...], snr: float | None, fine: int) -> None:
    if len(echo_times) == 0:
        raise InputError("The echo times are missing: give them in seconds, one per echo (such as 0.005 0.010).")
    if snr is not None and not snr > 0:
        raise InputError(f"The SNR is {snr:g}: a positive number is needed, or None for no noise.")
    if fine < 1:
        raise InputError(f"fine is {fine}: at least one simulated voxel per voxel and axis is needed.")


def _refined(grid: Grid, fine: int) -> Grid:
    shape = tuple(n * fine for n in grid.shape)
    return Grid(shape, tuple(s / fine for s in grid.voxel_size), b0_direction=grid.b0_direction)  # type: ignore[arg-type]


def _spread(mask: np.ndarray, fine: int) -> np.ndarray:
    """Give every fine voxel the value of the voxel it lies in."""
    for axis in range(3):
        mask = mask.repeat(fine, axis)
    return mask


def _mean(image: np.ndarray, fine: int) -> np.ndarray:
    """Mean over the fine voxels of each voxel."""
    split = [n for side in image.shape for n in (side // fine, fine)]
    return image.reshape(split).mean(axis=(1, 3, 5))


def _coordinates(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Coordinates along x, y, z, -1 to 1 over the field of view, shaped to broadcast."""
    x, y, z = ((2 * np.arange(n, dtype=np.float32) + 1) / n - 1 for n in shape)
    return [x[:, None, None], y[:, None], z]


def _shim(field: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Solid harmonics up to second order, what shim coils make, fitted to the field in the mask."""
    half = [n * s / 2 for n, s in zip(grid.shape, grid.voxel_size, strict=True)]
    x, y, z = (c * np.float32(h / max(half)) for c, h in zip(_coordinates(grid.shape), half, strict=True))
    harmonics = [np.float32(1), x, y, z, x * y, y * z, z * x, x * x - y * y, 2 * z * z - x * x - y * y]
    inside = np.stack([np.broadcast_to(h, grid.shape)[mask] for h in harmonics], axis=1)
    weights = np.linalg.lstsq(inside.T @ inside, inside.T @ field[mask], rcond=None)[0]
    return sum(w * h for w, h in zip(weights, harmonics, strict=True))


def _coil(shape: tuple[int, ...], *, offset: bool) -> np.ndarray:
    """Complex sensitivity of the receive coil."""
    axes = _coordinates(shape)
    strength = 1 - np.float32(COIL_FALL_OFF) * np.exp(-2 * sum(c * c for c in axes))
    if not offset:
        return strength
    constant, linear, square = OFFSET[0], OFFSET[1:4], OFFSET[4:]
    phase = constant + sum(a * c + b * c * c for a, b, c in zip(linear, square, axes, strict=True))
    return strength * np.exp(1j * phase)


def _add_noise(echoes: np.ndarray, deviation: float, seed: int) -> None:
    """Add white Gaussian noise of this standard deviation to the real and to the imaginary channel."""
    noise = np.random.default_rng(seed).standard_normal((2, *echoes.shape), np.float32)
    echoes.real += np.float32(deviation) * noise[0]
    echoes.imag += np.float32(deviation) * noise[1]

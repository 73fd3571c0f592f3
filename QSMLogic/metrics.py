"""How far a map is from the truth: the measures the field has agreed on, each in the mask only.

Maps are (x, y, z) ppm, masks (x, y, z) bool. A measure that does not exist (a constant truth, an empty mask) is an
InputError, never NaN.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_laplace, uniform_filter

from .errors import InputError

SIMILARITY_WINDOW = 5
"""Voxels along each side of the window of `xsim`; this and the next two values are those of Milovic2024."""
LUMINANCE_CONSTANT, CONTRAST_CONSTANT = 1e-4, 1e-6
"""(0.01 ppm) squared and (0.001 ppm) squared: they steady the quotient where there is no signal."""
DETAIL_WIDTH = 1.5
"""Voxels; standard deviation of the Laplacian of Gaussian in `hfen`."""
DETAIL_MARGIN = 4
"""Voxels; what lies closer to the mask's edge sees the zeros beyond and is left out of `hfen`."""


def nrmse(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Error after both means are taken away, in percent of the truth's variation. Source: Bilgic2021."""
    e, t = _centred(estimate, truth, mask)
    return float(100 * np.linalg.norm(e - t) / np.linalg.norm(t))


def nrmse_detrended(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Error in percent after the line that fits estimate to truth has been undone: scale does not count.

    Source: Bilgic2021. Raises InputError where the estimate does not vary with the truth at all.
    """
    e, t = _centred(estimate, truth, mask)
    factor = float(e @ t / (t @ t))
    if factor == 0:
        raise InputError("The map does not vary with the truth: the detrended error does not exist.")
    return float(100 * np.linalg.norm(e / factor - t) / np.linalg.norm(t))


def slope(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Slope of the line that fits estimate to truth: 1 is unbiased, below 1 contrast is lost."""
    e, t = _centred(estimate, truth, mask)
    return float(e @ t / (t @ t))


def xsim(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Structural similarity with constants chosen for susceptibility in ppm: 1 is identical. Source: Milovic2024."""
    _checked(estimate, truth, mask)
    e, t = np.asarray(estimate, float), np.asarray(truth, float)
    inside = _window_mean(np.ones_like(e))  # at the edge of the image the window is smaller
    mean_e, mean_t = _window_mean(e) / inside, _window_mean(t) / inside
    variance_e = _window_mean(e * e) / inside - mean_e**2
    variance_t = _window_mean(t * t) / inside - mean_t**2
    covariance = _window_mean(e * t) / inside - mean_e * mean_t
    luminance = (2 * mean_e * mean_t + LUMINANCE_CONSTANT) / (mean_e**2 + mean_t**2 + LUMINANCE_CONSTANT)
    structure = (2 * covariance + CONTRAST_CONSTANT) / (variance_e + variance_t + CONTRAST_CONSTANT)
    return float((luminance * structure)[mask].mean())


def hfen(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Error of the fine detail (Laplacian of Gaussian) in percent of the truth's detail. Source: Langkammer2018.

    Notes: the maps are zeroed outside the mask, and voxels near its edge are left out: only detail inside counts.
    """
    _checked(estimate, truth, mask)
    inner = binary_erosion(mask, iterations=DETAIL_MARGIN)
    if not inner.any():
        raise InputError(f"The mask is nowhere more than {DETAIL_MARGIN} voxels deep: hfen does not exist.")
    detail_e, detail_t = (
        gaussian_laplace(np.where(mask, image, 0).astype(float), DETAIL_WIDTH)[inner] for image in (estimate, truth)
    )
    if not detail_t.any():
        raise InputError("The truth is constant in the mask: an error relative to its detail does not exist.")
    return float(100 * np.linalg.norm(detail_e - detail_t) / np.linalg.norm(detail_t))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two masks: 1 is identical, 0 is apart."""
    both = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    if first.shape != second.shape or both == 0:
        raise InputError(f"Masks of one shape, not both empty, are needed; they have {first.shape} and {second.shape}.")
    return 2 * int(np.count_nonzero(first & second)) / both


def _window_mean(image: np.ndarray) -> np.ndarray:
    return uniform_filter(image, SIMILARITY_WINDOW, mode="constant")


def _centred(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _checked(estimate, truth, mask)
    e, t = estimate[mask].astype(float), truth[mask].astype(float)
    e, t = e - e.mean(), t - t.mean()
    if not t.any():
        raise InputError("The truth is constant in the mask: an error relative to its variation does not exist.")
    return e, t


def _checked(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> None:
    if not estimate.shape == truth.shape == mask.shape:
        raise InputError(
            f"The map has shape {estimate.shape}, the truth {truth.shape}, the mask {mask.shape}: they must be equal."
        )
    if not mask.any():
        raise InputError("The mask is empty: there is nothing to compare.")

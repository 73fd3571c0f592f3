"""The magnitude as one image: echoes combined, made coarser, freed of the receive coils' shading."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import SimpleITK

BINS = 256
"""Of the histogram in which Otsu's threshold is sought."""

DARKEST = 1e-4
"""Of the brightest voxel: the floor that keeps the logarithm of empty voxels finite."""

BIAS_VOXEL = 8.0
"""mm; shading is smooth, so coarse voxels hold it, and the fit takes a moment."""

BIAS_ORDER = 4
"""Of the polynomial: the lowest that follows the dark centre and bright rim of a head at 7 T."""

BIAS_REACH = 60.0
"""mm; about a brain's radius: neck and face count little in the fit."""

BIAS_SPREAD = 0.15
"""Of the log intensity: what tissues differ by. Voxels further off (fat, air) are left out of the fit more and more."""

BIAS_PASSES = 15
"""Of the reweighted fit, which is settled to a few per cent by then."""

RIDGE = 1e-3
"""Relative weight that keeps the polynomial small where no tissue speaks for it."""


def combined_magnitude(magnitude: np.ndarray) -> np.ndarray:
    """Return the geometric mean of the echoes, float32 (x, y, z).

    What loses its signal in any echo (bone, sinuses, air) is dark in it, while noise is averaged.
    Parameters: magnitude (x, y, z, echo), any unit.
    """
    floor = np.float32(max(float(magnitude.max()) * DARKEST, float(np.finfo(np.float32).tiny)))
    total = np.zeros(magnitude.shape[:3], np.float32)
    for echo in range(magnitude.shape[3]):
        total += np.log(np.maximum(magnitude[..., echo], floor, dtype=np.float32))
    return np.exp(total / np.float32(magnitude.shape[3]))


def otsu(image: np.ndarray) -> float:
    """Return the threshold that parts the image's histogram into two classes best. Source: Otsu1979."""
    search = SimpleITK.OtsuThresholdImageFilter()
    search.SetNumberOfHistogramBins(BINS)
    search.Execute(SimpleITK.GetImageFromArray(image))
    return float(search.GetThreshold())


def coarser(image: np.ndarray, voxel_size: tuple[float, ...], target: float) -> tuple[np.ndarray, np.ndarray]:
    """Resample an image to voxels of about target mm along each axis that is finer; return it and its voxel size."""
    size = np.asarray(voxel_size, float)
    scale = np.minimum(size / target, 1)
    if (scale == 1).all():
        return image.astype(np.float32), size
    scale = np.maximum(np.rint(scale * image.shape), 1) / image.shape
    smooth = scipy.ndimage.gaussian_filter(image.astype(np.float32), (1 / scale - 1) / 2, truncate=2)
    small = scipy.ndimage.zoom(smooth, scale, order=1, mode="nearest", grid_mode=True)
    return small, size * image.shape / small.shape


def shading(image: np.ndarray, voxel_size: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """Return the smooth factor (x, y, z) by which the tissue's brightness varies; about 1 in its middle.

    A polynomial in the log intensity, fitted so that what is far from most of the tissue weighs little.
    Parameters: image (x, y, z), positive; voxel_size mm; tissue (x, y, z) bool, not empty.
    """
    small, size = coarser(np.where(tissue, image, 0), tuple(voxel_size), BIAS_VOXEL)
    cover, _ = coarser(tissue, tuple(voxel_size), BIAS_VOXEL)
    places = np.argwhere(cover > 1 / 2)
    if len(places) == 0:
        return np.ones(image.shape, np.float32)
    terms = _terms(_legendre(small.shape), places)
    values = np.log(np.maximum((small[tuple(places.T)] / cover[tuple(places.T)]), np.finfo(np.float32).tiny))
    coefficients = _robust_fit(terms, values, _prior(places * size, cover, size, places))
    cube = np.zeros((BIAS_ORDER + 1,) * 3, np.float32)
    cube[tuple(np.array(_powers()).T)] = coefficients
    cube[0, 0, 0] = 0
    lx, ly, lz = _legendre(image.shape)
    return np.exp(np.einsum("ijk,xi,yj,zk->xyz", cube, lx, ly, lz, optimize=True))


def _powers() -> list[tuple[int, int, int]]:
    sizes = range(BIAS_ORDER + 1)
    return [(i, j, k) for i in sizes for j in sizes for k in sizes if i + j + k <= BIAS_ORDER]


def _legendre(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Legendre polynomials along each axis at the voxels' centres; the volume spans -1 to 1."""
    axes = [(2 * np.arange(n) + 1) / n - 1 for n in shape]
    return [np.polynomial.legendre.legvander(x, BIAS_ORDER).astype(np.float32) for x in axes]


def _terms(axes: list[np.ndarray], places: np.ndarray) -> np.ndarray:
    return np.stack(
        [np.prod([a[p, n] for a, p, n in zip(axes, places.T, power, strict=True)], 0) for power in _powers()], 1
    )


def _prior(points: np.ndarray, cover: np.ndarray, size: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Weights that fall off from the middle of the thickest tissue."""
    depth = scipy.ndimage.distance_transform_edt(np.pad(cover > 1 / 2, 1), sampling=size)[1:-1, 1:-1, 1:-1]
    thick = depth[tuple(places.T)] ** 2
    middle = (points * thick[:, None]).sum(axis=0) / thick.sum()
    return np.exp(-((points - middle) ** 2).sum(axis=1) / (2 * BIAS_REACH**2))


def _robust_fit(terms: np.ndarray, values: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Least squares, reweighted so that outliers fade out (Geman and McClure's weights)."""
    weights = prior
    ridge = RIDGE * np.eye(terms.shape[1])
    ridge[0, 0] = 0
    for _ in range(BIAS_PASSES):
        weighted = (terms * weights[:, None]).T
        coefficients = np.linalg.solve(weighted @ terms + weights.sum() * ridge, weighted @ values)
        error = values - terms @ coefficients
        spread = max(BIAS_SPREAD, float(np.sqrt(np.average(error**2, weights=weights))))
        weights = prior / (1 + (error / spread) ** 2) ** 2
    return coefficients

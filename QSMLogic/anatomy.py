"""A schematic head: where its tissues lie and what each of them is like, at any resolution.

Coordinates are mm, x to the right, y to the front, z up, near those of the MNI brain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .painting import Canvas, Ellipsoid, Points, Shape, Triple, Tube, joined

CENTRE = (0.0, -15.0, -4.0)
EXTENT = (184.0, 222.0, 196.0)
"""mm; the box that holds the head and the upper neck."""

MENINGES, SKULL, SCALP = 3.0, 6.0, 6.0
"""mm; thickness of the fluid around the brain, of the bone and of the soft tissue over it."""
SKIN, FAT = 1.5, 4.5
"""mm; depth at which the fat under the skin begins and ends."""
CORTEX = 2.8
"""mm; thickness of the cortex."""
FOLD, FOLD_DEPTH = 24.0, 15.0
"""mm; from one sulcus to the next but one, and depth of the deepest."""
SULCUS = 0.7
"""mm; half the width of a sulcus."""
GRAIN = 5.0
"""mm; size of the random variation inside a tissue."""
ANATOMY_SEED = 7
"""The variation is part of the anatomy: it stays the same whatever the noise."""


@dataclass(frozen=True)
class Tissue:
    """One tissue: chi (ppm against water), its standard deviation, signal without decay, R2* at 3 T (1/s), and chi_dia.

    chi_dia (ppm): the diamagnetic part of chi; the rest is paramagnetic.
    """

    label: int
    name: str
    chi: float
    variation: float
    signal: float
    r2star: float
    chi_dia: float


TISSUES = {
    tissue.name: tissue
    for tissue in (
        Tissue(0, "outside", 9.4, 0, 0, 0, 0),
        Tissue(1, "caudate", 0.050, 0.008, 0.82, 24, -0.020),
        Tissue(2, "pallidum", 0.150, 0.020, 0.74, 40, -0.025),
        Tissue(3, "putamen", 0.060, 0.012, 0.80, 27, -0.020),
        Tissue(4, "red nucleus", 0.110, 0.012, 0.74, 34, -0.030),
        Tissue(5, "dentate", 0.110, 0.018, 0.76, 32, -0.020),
        Tissue(6, "nigra", 0.140, 0.020, 0.74, 36, -0.020),
        Tissue(7, "thalamus", 0.015, 0.010, 0.80, 22, -0.030),
        Tissue(8, "white matter", -0.030, 0.010, 0.76, 21, -0.045),
        Tissue(9, "grey matter", 0.020, 0.008, 0.86, 17, -0.012),
        Tissue(10, "CSF", 0.0, 0, 0.66, 2, 0),
        Tissue(11, "blood", 0.300, 0, 0.80, 40, 0),
        Tissue(12, "fat", 0.65, 0, 0.95, 30, 0),
        Tissue(13, "bone", -2.25, 0.1, 0.10, 300, -2.25),
        Tissue(14, "air", 9.4, 0, 0, 0, 0),
        Tissue(15, "muscle", 0.0, 0.01, 0.70, 30, 0),
        Tissue(16, "calcification", -2.0, 0, 0.25, 120, -2.0),
        Tissue(17, "microbleed", 1.0, 0, 0.50, 150, 0),
    )
}
"""Susceptibility of the brain: near Marques2021 and Li2014; of air, fat and water: Schenck1996; of bone: Hopkins1997.
R2* at 3 T: near Peran2009; it grows with the field strength. The diamagnetic part is such that the R2' of all sources,
by the model of Shin2021, leaves an R2 of 10 to 13 1/s in tissue; in blood and calcifications it leaves nothing."""


@dataclass(frozen=True)
class Anatomy:
    """The painted head: chi and its part chi_dia (ppm), signal, r2star (1/s at 3 T), labels int16, brain bool."""

    chi: np.ndarray
    chi_dia: np.ndarray
    signal: np.ndarray
    r2star: np.ndarray
    labels: np.ndarray
    brain: np.ndarray


def head(shape: tuple[int, int, int], voxel_size: Triple, *, lesions: bool = True) -> Anatomy:
    """Paint the head on a grid; it is scaled so that it just fits the field of view.

    voxel_size: mm; lesions: with calcifications and microbleeds.
    """
    scale = min(n * s / e for n, s, e in zip(shape, voxel_size, EXTENT, strict=True))
    sx, sy, sz = voxel_size
    canvas = Canvas(shape, (sx / scale, sy / scale, sz / scale), CENTRE)
    canvas.fill(_properties("outside"))
    points = canvas.points
    cranium = _cranium(points)
    brain = _brain(points, cranium)
    _paint_outside(canvas, cranium)
    fluid = _depth_below_fluid(points, brain)
    for distance, name in ((brain - MENINGES, "CSF"), (-fluid, "grey matter"), (CORTEX - fluid, "white matter")):
        canvas.cover(distance, _properties(name), TISSUES[name].label)
    for name, shapes in (*_INSIDE, *(_LESIONS if lesions else ())):
        for form in shapes:
            canvas.paint(form, _properties(name), TISSUES[name].label)
    maps = canvas.maps
    chi = maps["chi"] + maps["variation"] * _grain(points)
    return Anatomy(chi, np.minimum(maps["chi_dia"], chi), maps["signal"], maps["r2star"], canvas.labels, brain < 0)


def _properties(name: str) -> dict[str, float]:
    tissue = TISSUES[name]
    return {name: getattr(tissue, name) for name in ("chi", "variation", "signal", "r2star", "chi_dia")}


def _cranium(points: Points) -> np.ndarray:
    """Distance to the smooth hull of cerebrum, cerebellum and brain stem."""
    cerebrum = Ellipsoid((0, -17, 17), (66, 84, 56)).distance(points)
    cerebellum = Ellipsoid((0, -62, -32), (50, 33, 25)).distance(points)
    stem = Tube((0, -24, -10), (0, -36, -64), radii=(14, 9)).distance(points)
    return joined(joined(cerebrum, cerebellum, 6), stem, 6)


def _brain(points: Points, cranium: np.ndarray) -> np.ndarray:
    """Hollow the hull out where the skull base lies: in the middle the brain ends higher."""
    return -joined(-cranium, Ellipsoid((0, 30, -42), (27, 52, 26)).distance(points), 8)


def _depth_below_fluid(points: Points, brain: np.ndarray) -> np.ndarray:
    """Distance to the nearest fluid: on the brain's surface, in a sulcus or between the hemispheres.

    The sulci are sheets of a gyroid, bent so that they do not repeat.
    """
    x, y, z = (p * np.float32(2 * np.pi / FOLD) for p in points)
    a, b, c = x + np.sin(y / 2), y + np.sin(z / 2), z + np.sin(x / 2)
    gyroid = np.sin(a) * np.cos(b) + np.sin(b) * np.cos(c) + np.sin(c) * np.cos(a)
    slope = np.float32(FOLD / (2 * np.pi) / 1.3)  # mm per unit of the gyroid near its zero, on average
    depth = -brain
    sulcus = np.abs(gyroid) * slope - np.float32(SULCUS) + np.maximum(depth - np.float32(FOLD_DEPTH), 0)
    inner = Ellipsoid((0, -20, 0), (40, 46, 32)).distance(points)
    fissure = np.maximum(np.abs(points[0]) - 1, -inner)
    return np.minimum(depth, np.minimum(sulcus, fissure))


def _paint_outside(canvas: Canvas, cranium: np.ndarray) -> None:
    """Paint skin, fat, muscle, skull and what is full of air."""
    face = Ellipsoid((0, 30, -48), (60, 54, 62)).distance(canvas.points)
    neck = Tube((0, -42, -60), (0, -52, -160), radii=(54, 58)).distance(canvas.points)
    surface = joined(joined(cranium - (MENINGES + SKULL + SCALP), face, 14), neck, 14)
    fat = np.maximum(surface + SKIN, -surface - FAT)
    for distance, name in ((surface, "muscle"), (fat, "fat"), (cranium - (MENINGES + SKULL), "bone")):
        canvas.cover(distance, _properties(name), TISSUES[name].label)
    for shape in _AIR:
        canvas.paint(shape, _properties("air"), TISSUES["air"].label)


def _grain(points: Points) -> np.ndarray:
    """Smooth random field of about unit variance, the same at any resolution."""
    lattice = [int(e / GRAIN) + 3 for e in EXTENT]
    values = np.random.default_rng(ANATOMY_SEED).standard_normal(lattice).astype(np.float32)
    for axis, (p, extent, centre) in enumerate(zip(points, EXTENT, CENTRE, strict=True)):
        place = np.clip((p.ravel() - centre + extent / 2) / GRAIN + 1, 0, lattice[axis] - 1)
        weights = np.maximum(1.5 - np.abs(place[:, None] - np.arange(lattice[axis])), 0)
        weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
        values = np.moveaxis(np.tensordot(weights.astype(np.float32), values, (1, axis)), 0, axis)
    return values


def _both(shape: Shape) -> list[Shape]:
    """Return a shape on the right side and its mirror image on the left."""
    return [shape, shape.mirrored()]


_AIR: list[Shape] = [
    Ellipsoid((0, 24, -34), (13, 13, 11)),
    Ellipsoid((13, 68, -4), (11, 5, 11)),
    Ellipsoid((-11, 68, -2), (9, 5, 13)),
    Ellipsoid((0, 52, -32), (10, 16, 11)),
    *_both(Ellipsoid((32, 48, -50), (14, 16, 16))),
    Ellipsoid((0, 42, -62), (9, 34, 12)),
    Tube((0, 10, -60), (0, 4, -120), radii=(10, 9)),
    *_both(Ellipsoid((62, -30, -34), (9, 12, 12))),
]
"""Sphenoid, frontal, ethmoid and maxillary sinuses, nose, pharynx, mastoid cells."""

_INSIDE: tuple[tuple[str, list[Shape]], ...] = (
    ("white matter", [Tube((0, -24, -8), (0, -30, -28), (0, -38, -66), radii=(13, 7))]),
    (
        "CSF",
        [
            *_both(Tube((7, 30, 4), (9, 8, 18), (12, -18, 23), (22, -40, 14), (24, -66, 6), radii=(4.5, 3))),
            *_both(Tube((22, -40, 14), (34, -28, -8), (32, -8, -20), radii=(4, 2))),
            Ellipsoid((0, -6, -2), (2.2, 14, 9)),
            Ellipsoid((0, -44, -32), (6, 5, 9)),
        ],
    ),
    ("thalamus", _both(Ellipsoid((11.5, -18, 8), (8, 14, 8), turn=-20))),
    ("caudate", _both(Tube((12, 17, 0), (14, 10, 10), (17, -6, 20), (23, -26, 20), (30, -40, 4), radii=(6, 1.5)))),
    ("putamen", _both(Ellipsoid((26, 4, 0), (5, 16, 9), turn=12))),
    ("pallidum", _both(Ellipsoid((19.5, -3, -1), (4, 9, 6), turn=20))),
    ("red nucleus", _both(Ellipsoid((5, -20, -9), (3.3, 3.6, 4.5)))),
    ("nigra", _both(Ellipsoid((10, -17, -13), (2.6, 7, 3.6), turn=-35))),
    ("dentate", _both(Ellipsoid((16, -58, -34), (4.5, 9, 5.5), turn=-20))),
    (
        "blood",
        [
            Tube((0, 62, 30), (0, 40, 61), (0, 5, 75), (0, -40, 75), (0, -80, 58), (0, -101, 20), radii=(1.5, 4)),
            *_both(Tube((0, -99, 5), (40, -84, -14), (56, -52, -24), radii=(3.5, 3))),
            Tube((0, -42, 12), (0, -66, 10), (0, -97, 6), radii=(2.2, 3)),
            *_both(Tube((3, 4, 10), (1.5, -18, 15), (0, -42, 12), radii=(1, 1.5))),
            *_both(Tube((10, 22, 14), (6, 8, 15), (3, 4, 10), radii=(0.7, 1))),
            *_both(Tube((13, -20, -8), (20, -36, 0), (4, -46, 10), radii=(0.9, 1.4))),
            *_both(Tube((40, 30, 55), (22, 24, 67), (3, 16, 74), radii=(1, 1.5))),
            *_both(Tube((52, -8, 48), (30, -14, 66), (3, -24, 76), radii=(1, 1.5))),
            *_both(Tube((46, -52, 50), (26, -58, 62), (3, -66, 66), radii=(1, 1.5))),
            *_both(Tube((26, 14, 30), (14, 6, 24), radii=(0.5, 0.8))),
            *_both(Tube((32, -20, 34), (17, -16, 27), radii=(0.5, 0.8))),
        ],
    ),
)
"""Brain stem, ventricles, grey nuclei, sinuses and veins, in the order in which they are painted."""

_LESIONS: tuple[tuple[str, list[Shape]], ...] = (
    ("calcification", [Ellipsoid((0, -31, 3), (2, 3, 2.5)), Ellipsoid((30, 34, 22), (3.5, 3.5, 3.5))]),
    ("microbleed", [Ellipsoid((-34, -34, 30), (2.2, 2.2, 2.2)), Ellipsoid((-28, 36, 12), (1.8, 1.8, 1.8))]),
)
"""A calcified pineal gland, a calcification at the right front, two microbleeds on the left."""

"""Count the real transforms of a call, in FFT units: a pair, forward and back, of the full volume is one.

    with counted(image.shape) as count:
        method(...)
    count.units, count.transforms

What a method costs beyond its transforms is passes over memory: its measured time less `units`, in FFT units.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.fft

from QSMLogic.operators import good_size

COUNTED = "rfftn", "irfftn"
"""What `QSMLogic.operators` transforms with; complex transforms are not used."""


@dataclass
class Count:
    """Real transforms so far: how many, forward or back, and what share of a pair of the full volume they are."""

    transforms: int = 0
    units: float = 0.0


def work(shape: tuple[int, ...]) -> float:
    """Operations of a transform of this shape, up to a factor: n log n."""
    voxels = float(np.prod(shape))
    return voxels * float(np.log2(max(voxels, 2)))


@contextmanager
def counted(shape: tuple[int, int, int]) -> Iterator[Count]:
    """Count real transforms while inside; shape: of the full volume, whose pair at the next good sizes is the unit.

    Transforms of all threads are counted; only one count at a time is meant to run.
    """
    count, unit = Count(), 2 * work(tuple(good_size(n) for n in shape))

    def counting(name: str) -> Any:
        plain = getattr(scipy.fft, name)

        def call(array: np.ndarray, *args: Any, **keywords: Any) -> np.ndarray:
            out = plain(array, *args, **keywords)
            count.transforms += 1
            count.units += work(array.shape if name == "rfftn" else out.shape) / unit
            return out

        return patch.object(scipy.fft, name, call)

    with counting(COUNTED[0]), counting(COUNTED[1]):
        yield count

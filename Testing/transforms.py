"""Count the transforms of a call, in FFT units: a pair of real ones, forward and back, of the full volume is one.

    with counted(image.shape) as count:
        method(...)
    count.units

What a method costs beyond its transforms is passes over memory: its measured time less `units`, in FFT units.

A transform is counted axis by axis: work = numbers * log2(length of the axis), with a complex number as two. A complex
transform of n points takes 5 n log2(n) operations and a real one of n numbers half of that: for each number that is
held, both take 2.5 log2(length). A real transform of several axes makes a half spectrum of its last axis, n // 2 + 1
complex numbers, which the complex transforms of the others go through; so it counts the same at once and axis by axis.
A cosine transform is a real one of its axis, and one more pass that turns pairs, which is not counted as work.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.fft

from QSMLogic.operators import good_size

FORWARD, BACK = ("rfft", "rfft2", "rfftn"), ("irfft", "irfft2", "irfftn")
COMPLEX = "fft", "fft2", "fftn", "ifft", "ifft2", "ifftn"
COSINE = "dct", "dctn", "idct", "idctn"
COUNTED = FORWARD + BACK + COMPLEX + COSINE
"""The transforms of scipy that are counted."""


@dataclass
class Count:
    """Transforms so far, as a share of a pair of the full volume. Threads that transform parts add to it in turn."""

    units: float = 0.0
    lock: Lock = field(default_factory=Lock)


def along(numbers: float, lengths: Sequence[int]) -> float:
    """Work of transforms of so many numbers along axes of these lengths; see the module."""
    return numbers * float(np.log2(lengths).sum())


def real_work(shape: Sequence[int], axes: Sequence[int]) -> float:
    """Work of a real transform of an image of this shape, forward or back, of which the last axis is the real one."""
    *others, last = (shape[axis] for axis in axes)
    numbers = float(np.prod(shape))
    return along(numbers, [last]) + along(numbers / last * 2 * (last // 2 + 1), others)


@contextmanager
def counted(shape: tuple[int, int, int]) -> Iterator[Count]:
    """Count transforms while inside; shape: of the full volume, whose pair at the next good sizes is the unit.

    Transforms of all threads are counted; only one count at a time is meant to run.
    """
    count, unit = Count(), 2 * real_work([good_size(n) for n in shape], range(3))

    def counting(name: str) -> Any:
        plain = getattr(scipy.fft, name)

        def call(*args: Any, **keywords: Any) -> np.ndarray:
            out = plain(*args, **keywords)
            work = _work(name, inspect.signature(plain).bind(*args, **keywords), out)
            with count.lock:
                count.units += work / unit
            return out

        return patch.object(scipy.fft, name, call)

    with ExitStack() as stack:
        for name in COUNTED:
            stack.enter_context(counting(name))
        yield count


def _work(name: str, given: inspect.BoundArguments, out: np.ndarray) -> float:
    """Work of a call of scipy's, whose result tells the shape, but for how long the real axis of a spectrum was."""
    given.apply_defaults()
    asked = given.arguments
    single = "axis" in asked
    axes, sizes = ((asked["axis"],), (asked["n"],)) if single else (asked["axes"], asked["s"])
    axes = tuple(range(-len(sizes or out.shape), 0) if axes is None else axes)
    shape, image = list(out.shape), asked["x"]
    if name in FORWARD:
        shape[axes[-1]] = (sizes and sizes[-1]) or image.shape[axes[-1]]
    if name in COSINE:
        return along(out.size, [shape[axis] for axis in axes])
    if name in COMPLEX and np.iscomplexobj(image):
        return along(2 * out.size, [shape[axis] for axis in axes])
    return real_work(shape, axes)

"""How much memory a run takes, told before it starts."""

from __future__ import annotations

import numpy as np

from .methods import METHODS, Method
from .settings import Settings

BRAIN_SHARES = 0.45, 0.25
"""Of the volume of a whole head, the box of the brain, and the brain; as long as the mask is not known. A spanning tree
takes memory for every voxel of the mask, other methods for every voxel of its box."""

HELD_BACK = 1.1
"""Times what is in use: memory that has been freed but not given back to the system."""

OVERHEAD = 96 << 20
"""Bytes that libraries and threads take, whatever the size of the images."""

ECHOES_STATED = 4
"""Echoes for which methods state their memory."""

PER_ECHO = ("phase", "unwrapped")
PER_ECHO_STAGES = ("conditioning", "unwrapping", "field")
"""What has one volume per echo, and the stages that work on it."""


def memory_needed(shape: tuple[int, ...], echoes: int, settings: Settings, mask: np.ndarray | None = None) -> int:
    """Return about how many bytes a run takes at its peak beyond its scan: what it keeps so far and a stage on top.

    shape: (x, y, z) of the images; mask: (x, y, z), where it is known.
    """
    shares = BRAIN_SHARES if mask is None else _shares(mask)
    kept = most = 0.0
    for stage in settings.stages:
        records = [METHODS[stage][step.method] for step in settings.steps(stage)]
        made = sum(echoes if output in PER_ECHO else 1 for output in {o for record in records for o in record.outputs})
        most = max([most, *(kept + made + _work(record, echoes, shares) for record in records)])
        kept += made * (2 if settings.two_pass and stage in ("background", "inversion") else 1)
    return _in_bytes(most, shape) + OVERHEAD


def memory_of(record: Method, shape: tuple[int, ...], echoes: int, mask: np.ndarray | None = None) -> int:
    """Return about how many bytes a method takes beyond its data; without a mask, as in one that fills the image."""
    shares = (1.0, 1.0) if mask is None or not mask.any() else _shares(mask)
    return _in_bytes(_work(record, echoes, shares), shape)


def _in_bytes(volumes: float, shape: tuple[int, ...]) -> int:
    return int(HELD_BACK * volumes * np.prod(shape, dtype=float) * np.dtype(np.float32).itemsize)


def _work(record: Method, echoes: int, shares: tuple[float, float]) -> float:
    """Memory of a method in volumes, for a mask whose box and voxels are these shares of the volume."""
    box, voxels = shares
    work = record.volumes * {"masking": 1.0, "conditioning": voxels, "unwrapping": voxels}.get(record.stage, box)
    return work * max(1.0, echoes / ECHOES_STATED) if record.stage in PER_ECHO_STAGES else work


def _shares(mask: np.ndarray) -> tuple[float, float]:
    """How much of the volume the box of the mask fills, and how much the mask."""
    sides = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    box = np.prod([(side[-1] - side[0] + 1) / n for side, n in zip(sides, mask.shape, strict=True)])
    return float(box), float(mask.mean())

"""What runs inside a Dask worker: one unit, told and stopped from afar, and what a worker says of itself."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import Cancelled
from ..memory import available_memory
from ..progress import Progress
from .unit import Outcome, Plan, Unit

Work = Callable[[Unit, Plan, Progress], Outcome]
"""Computes a unit; a function of a module, so that another process finds it by its name."""

MEMORY = "memory"
"""What workers have, and tasks take, of memory: the name of a Dask resource, in bytes."""

TOLD = 1.0
"""s between two words of a task on how far it is: hundreds of them talk to one command."""


def task(work: Work, unit: Unit, plan: Plan, topic: str) -> Outcome:
    """Compute a unit on this worker, and tell the topic how far it is. Raises Cancelled where nobody waits for it."""
    from distributed import get_worker  # noqa: PLC0415 (an extra)

    worker: Any = get_worker()
    key = worker.get_current_task()
    last = time.monotonic()

    def progress(fraction: float, message: str = "") -> None:
        nonlocal last
        if _given_up(worker, key):
            raise Cancelled
        if time.monotonic() - last >= TOLD:
            last = time.monotonic()
            worker.log_event(topic, {"unit": unit.name, "fraction": float(fraction)})

    return work(unit, plan, progress)


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the command, which tells its workers to end; Dask calls this by its name in a new worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _given_up(worker: Any, key: str) -> bool:
    """Tell whether the command took the task back, or is gone: the worker knows, but stops nothing by itself."""
    held = worker.state.tasks.get(key)
    return held is None or held.state == "cancelled"


async def introduce(token: Path, dask_worker: Any) -> dict[str, Any]:
    """Return what the command must know of a worker; one that was started without memory as a resource gets it.

    token: a file of the command, which this machine sees where both share a disk.
    """
    state = dask_worker.state
    if MEMORY not in state.total_resources:
        limit = dask_worker.memory_manager.memory_limit or available_memory() or 0
        await dask_worker.set_resources(**{MEMORY: limit})
    return {
        "version": __version__,
        "machine": socket.gethostname(),
        "sees": token.is_file(),
        "memory": int(state.total_resources[MEMORY]),
        "threads": int(state.nthreads),
    }

"""Threads: how many, and one loop over slabs that stay in a processor's cache."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from threading import Barrier, Thread

SLAB_VOXELS = 1 << 18
"""Voxels per slab: small enough for a processor's cache, large enough that a slab's edge costs little; measured."""

PASS_VOXELS = 1 << 17
"""Voxels per slab of a pass with many arrays: few enough for the cache, and enough that threads seldom wait for each
other, as each holds the interpreter between two operations of numpy; with a quarter, two threads are as slow as one."""

CROWDED_VOXELS = 3 << 15
"""The same where a pass has dozens of arrays: of a small head they would take volumes."""

PATIENCE = 5.0
"""s in which all threads of a pool have started."""


def threads() -> int:
    """Return the number of processors this process may use; QSM_THREADS lowers it."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("QSM_THREADS", "")
    return min(available, int(asked)) if asked.isdigit() and int(asked) > 0 else available


@lru_cache(maxsize=1)
def _pool(workers: int) -> ThreadPoolExecutor:
    """Return the pool with all its threads started, by a thread that no signal interrupts.

    A pool starts a thread and takes it down on its list thereafter. The main thread may be told to end between the two;
    the program would then wait for that thread for ever, as nobody else would tell it to end.
    """
    pool, there = ThreadPoolExecutor(workers, thread_name_prefix="qsm"), Barrier(workers)

    def start() -> None:
        with suppress(RuntimeError):  # the program ends meanwhile
            list(pool.map(lambda _: there.wait(PATIENCE), range(workers)))

    starter = Thread(target=start, daemon=True)
    starter.start()
    starter.join()
    return pool


def each(function: Callable, items: list) -> list:
    """Call function on every item, on all threads, and return the results in order. numpy lets threads run at once.

    A thread takes the next item by itself: to be woken for every one would take longer than many of them.
    """
    results: list = [None] * len(items)
    left = iter(range(len(items)))

    def work() -> None:
        try:
            for place in left:
                results[place] = function(items[place])
        finally:
            deque(left, maxlen=0)  # after an error nobody finds anything more to do

    try:
        for done in [_pool(threads()).submit(work) for _ in range(min(threads(), len(items)))]:
            done.result()
    finally:
        deque(left, maxlen=0)
    return results


def slabs(shape: tuple[int, ...], voxels: int = SLAB_VOXELS) -> list[slice]:
    """Cut the first axis of shape into slices of about so many voxels; the cut does not depend on the threads."""
    depth = max(1, voxels // max(1, int(_product(shape[1:]))))
    return [slice(i, min(i + depth, shape[0])) for i in range(0, shape[0], depth)]


def _product(numbers: tuple[int, ...]) -> int:
    result = 1
    for n in numbers:
        result *= n
    return result

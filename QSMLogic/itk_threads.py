"""ITK in one thread, where the sums of several would differ in their last digits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK


@contextmanager
def one_thread() -> Iterator[None]:
    """Let what is made of ITK meanwhile compute in one thread, its own parts included.

    N4 and the search of a registration make filters and metrics of their own, which heed the default alone.
    """
    before = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(before)

"""Memory: what is there, and a refusal in words before a run that cannot fit."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from .errors import InputError

GIBIBYTE = 1 << 30

GROUP_LIMIT, GROUP_USE = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
"""A container's limit on Linux, and how much of it is used, copies of files included."""

GROUP_DETAILS = Path("/sys/fs/cgroup/memory.stat")
"""How much of that the system gives back when asked."""


def check_memory(needed: int) -> None:
    """Raise InputError, saying by how much, where so many bytes are more than is free; pass where that is unknown."""
    free = available_memory()
    if free is not None and needed > free:
        lacking = needed - free
        raise InputError(
            f"The run needs about {needed / GIBIBYTE:.1f} GiB of memory and {free / GIBIBYTE:.1f} GiB are free: "
            f"{lacking / GIBIBYTE:.1f} GiB too little. Close other programs, crop the images, or take lighter methods."
        )


def available_memory() -> int | None:
    """Return the bytes of memory a new computation may take, or None where the system does not say."""
    found = [size for size in (_physical(), _group()) if size is not None]
    return min(found) if found else None


def _physical() -> int | None:
    if sys.platform == "win32":
        return _windows()
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text("ascii", "ignore").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if "SC_PHYS_PAGES" in os.sysconf_names:
        # macOS: all memory; what is in use can mostly be swapped or dropped.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _group() -> int | None:
    try:
        cached = dict(line.split() for line in GROUP_DETAILS.read_text().splitlines())
        return int(GROUP_LIMIT.read_text()) - int(GROUP_USE.read_text()) + int(cached.get("inactive_file", 0))
    except (OSError, ValueError):
        return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("load", ctypes.c_ulong),
        *((name, ctypes.c_ulonglong) for name in ("total", "free", "page", "page_free", "own", "own_free", "extended")),
    )


def _windows() -> int | None:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 (the name exists on Windows only)
    return int(status.free) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None

"""Where the iterative solvers compute: NumPy on the processor, or PyTorch on a GPU.

Solvers, splits and operators are written once, for arrays of either library: what they hold is placed where they
compute (`placed`), functions come from the library of the arrays (`library`), and what is found is fetched back
(`fetched`). PyTorch is optional; arrays of both are float32 or complex64 and have the same layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args

import numpy as np

from .errors import InputError
from .parallel import SLAB_VOXELS, slabs, threads

Device = Literal["cpu", "gpu", "torch"]
"""cpu: NumPy and SciPy; gpu: PyTorch on the first CUDA device; torch: PyTorch on the processor, which shows without a
GPU what one would compute."""

DEVICE_HELP = "of the iterative solvers: NumPy (cpu), or PyTorch on a GPU (gpu) or on the processor (torch)"

INSTALL = "In Slicer, the extension PyTorch installs it; elsewhere, pip install torch."

_current: ContextVar[Any] = ContextVar("device", default=None)


@contextmanager
def computing_on(device: str) -> Iterator[None]:
    """Let solvers compute there while the block runs.

    Raises InputError where PyTorch is not installed or finds no GPU, and where the GPU's memory does not suffice.
    """
    if device not in get_args(Device):
        raise InputError(f"There is no device {device!r}; the devices: {', '.join(get_args(Device))}.")
    token = _current.set(None if device == "cpu" else _torch_device(device))
    try:
        yield
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        raise InputError("The GPU has too little memory free for this: choose the device cpu.") from error
    finally:
        _current.reset(token)


def describe() -> str:
    """Return what solvers compute with now, in words, and "" for NumPy."""
    place = _current.get()
    if place is None:
        return ""
    torch = _torch()
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else "processor"
    return f"PyTorch {torch.__version__}, {name}"


def placed(array: np.ndarray) -> np.ndarray:
    """Return an array where solvers compute: itself, or a tensor that is a copy of it and stands in for it."""
    place = _current.get()
    if place is None or isinstance(array, _torch().Tensor):
        return array
    return _torch().tensor(np.asarray(array), device=place)


def fetched(array: np.ndarray) -> np.ndarray:
    """Return a placed array as NumPy's."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def library(array: np.ndarray) -> Any:
    """Return the module whose functions are for this array: numpy, or torch, which names most of them alike."""
    return np if isinstance(array, np.ndarray) else _torch()


def copied(array: np.ndarray) -> np.ndarray:
    """Return a copy."""
    return array.copy() if isinstance(array, np.ndarray) else array.clone()


def unfilled(shape: tuple[int, ...], like: np.ndarray) -> np.ndarray:
    """Return an array of this shape, of the type of another and where that is, with nothing in it yet."""
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)


def passes(array: np.ndarray, voxels: int = SLAB_VOXELS) -> list[slice]:
    """Slabs of the first axis that a pass over an array is made of: such as stay in the cache, or all at once."""
    return slabs(array.shape, voxels) if isinstance(array, np.ndarray) else [slice(0, array.shape[0])]


def _torch_device(device: str) -> Any:
    torch = _torch()
    if device == "gpu" and not torch.cuda.is_available():
        raise InputError("PyTorch finds no GPU that it can use: choose the device cpu.")
    torch.set_num_threads(threads())
    return torch.device("cuda" if device == "gpu" else "cpu")


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise InputError(f"This device needs PyTorch, which is not installed. {INSTALL}") from error
    return torch

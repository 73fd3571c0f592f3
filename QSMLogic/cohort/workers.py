"""What the command knows of the workers of a cluster: what they offer, and why one cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__


@dataclass(frozen=True)
class Worker:
    """What a worker offers: threads, and bytes of memory."""

    threads: int
    memory: int

    def holds(self, needs: Sequence[int]) -> bool:
        """Tell whether units of these needs can be computed on it at once."""
        return len(needs) <= self.threads and sum(needs) <= self.memory


def problem(address: str, answer: Any, out: Path) -> str | None:
    """Return in a sentence why a worker cannot compute for this command, None where it can, "" where it is gone."""
    if isinstance(answer, ImportError):
        return f"The worker {address} has no slicerqsm ({answer}): install slicerqsm {__version__} where it runs."
    if isinstance(answer, OSError):
        return ""
    if isinstance(answer, BaseException):
        return f"The worker {address} does not answer: {type(answer).__name__}: {answer}."
    if answer["version"] != __version__:
        return (
            f"The worker {address} has slicerqsm {answer['version']} and this command {__version__}: "
            "install the same version on every machine."
        )
    if not answer["sees"]:
        return (
            f"The worker on {answer['machine']} does not see {out}: data and results have to lie on a disk that all "
            "machines share, under the same path."
        )
    return None

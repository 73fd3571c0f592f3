"""Progress as a person at a terminal sees it, or as a few plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

BAR = 30
"""Characters of the bar."""

REDRAWN = 0.1
"""s; drawing more often costs time and shows nothing."""

WIDTH = 100
"""Characters of a line, cut so that it never wraps."""


class Reporter:
    """Callable as `progress`: a bar on a terminal, one line per stage elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Report to a stream, by default to standard error."""
        self.stream = sys.stderr if stream is None else stream
        self.terminal = self.stream.isatty()
        self._drawn = 0.0
        self._stage = ""

    def __call__(self, fraction: float, message: str = "") -> None:
        """Show how far the work is; a message is "stage: details"."""
        stage = message.partition(":")[0]
        if not self.terminal:
            if stage and stage != self._stage:
                print(f"{100 * fraction:3.0f} % {stage}", file=self.stream, flush=True)
            self._stage = stage or self._stage
            return
        now = time.monotonic()
        if now - self._drawn < REDRAWN and fraction < 1:
            return
        self._drawn = now
        filled = round(BAR * min(max(fraction, 0.0), 1.0))
        line = f"[{'#' * filled}{' ' * (BAR - filled)}] {100 * fraction:3.0f} % {message}"[:WIDTH]
        print(f"\r{line}\033[K", end="", file=self.stream, flush=True)

    def __enter__(self) -> Reporter:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Take the bar away, so that what is printed next begins a clean line."""
        if self.terminal and self._drawn:
            print("\r\033[K", end="", file=self.stream, flush=True)

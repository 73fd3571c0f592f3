"""Progress as a person at a terminal sees it, or as a few plain lines in a log."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from typing import TextIO

BAR = 30
"""Characters of the bar."""

REDRAWN = 0.1
"""s; drawing more often costs time and shows nothing."""

WIDTH = 100
"""Characters of a line, cut so that it never wraps."""


LOOKED_AT = 0.2
"""s between two looks at a pipe that may have closed."""

STEP = 0.01
"""Of the whole work: a program that runs this one is told no more often."""


def one_line(text: object) -> str:
    """Return text as a terminal may show it: in one line, without the characters that command it.

    What people and scanners write into names and headers is not to be trusted with the screen.
    """
    words = "".join(c if c.isprintable() else " " for c in str(text)).split()
    return " ".join(words)


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
        message = one_line(message)
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


class LineReporter(Reporter):
    """Callable as `progress`: "progress 0.42 Dipole inversion: TV" per line, for a program that runs this one."""

    def __call__(self, fraction: float, message: str = "") -> None:
        """Show how far the work is, where it went on by a step or another stage began."""
        message = one_line(message)
        if message == self._stage and fraction - self._drawn < STEP:
            return
        self._stage, self._drawn = message, fraction
        print(f"progress {fraction:.4f} {message}", file=self.stream, flush=True)

    def __exit__(self, *error: object) -> None:
        """Leave the lines."""


def end_with(stream: TextIO) -> None:
    """End this program, as by SIGTERM, when the stream closes: its parent is gone, or has no more use for it."""
    number = stream.fileno()

    def watch() -> None:
        (_wait_on_windows if os.name == "nt" else _wait)(number)
        _thread.interrupt_main(signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _wait(number: int) -> None:
    """Wait until a file closes, below Python's buffer: its lock would be held while the interpreter shuts down."""
    while os.read(number, 1):
        pass


def _wait_on_windows(number: int) -> None:
    """Wait until a pipe closes, and look at it only now and then.

    While one thread reads from it, another one that loads numpy or scipy stands still: their libraries look at the
    standard input, and Windows lets nobody look at a pipe that is being read (github.com/numpy/numpy/issues/24290).
    """
    import _winapi  # noqa: PLC0415 (Windows alone has these)
    import msvcrt  # noqa: PLC0415

    handle = msvcrt.get_osfhandle(number)  # type: ignore[attr-defined]
    try:
        while True:
            _winapi.PeekNamedPipe(handle)  # type: ignore[attr-defined]
            time.sleep(LOOKED_AT)
    except BrokenPipeError:
        return
    except OSError:  # no pipe but a terminal, say
        _wait(number)

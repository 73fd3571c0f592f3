"""One run of the pipeline as a child process: it can crash, or be ended at once, and Slicer goes on.

Nothing here waits unless asked to: whoever shows the run calls `poll` now and then.
"""

from __future__ import annotations

import atexit
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import QSMLogic
from QSMLogic.errors import Cancelled, InputError

if TYPE_CHECKING:
    from QSMLogic.progress import Progress

PROGRESS, WARNING, REFUSAL = "progress ", "Warning: ", "qsm: "
"""Beginnings of what `qsm run --child` says on standard error."""

OUTPUT = "out"
"""Folder of the results in the job's folder."""

OPTIONS = re.compile(r" \(--[^()]*\)")
"""What a sentence adds for users of the command line: neither options nor the job's folder mean anything elsewhere."""

INTERVAL = 0.05
"""s between two looks at a job that is waited for."""

PATIENCE = 5.0
"""s that are given to a child that was ended to let go of its pipes."""

CANCELLED = "Cancelled; nothing was changed."

HIDDEN: dict[str, Any] = {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
"""Of a process on Windows: no console window flashes up."""

_running: weakref.WeakSet[Job] = weakref.WeakSet()


class Job:
    """A run under way. The folder belongs to the job, which removes it when it is closed or cancelled.

    fraction, message: how far it is; log: every line the child said; warnings; error: why it failed, in one sentence,
    empty as long as it has not.
    """

    def __init__(self, words: list[str], folder: Path, frontEnd: str = "") -> None:
        """Start `qsm` with these words as a child; its results go to a folder `out` in the job's folder.

        frontEnd: the application that asks, which the record of the run names. Raises InputError where the child cannot
        be started.
        """
        self.folder, self.output = Path(folder), Path(folder) / OUTPUT
        self.fraction, self.message, self.error = 0.0, "Starting", ""
        self.log: list[str] = []
        self.warnings: list[str] = []
        self.finished = self.cancelled = False
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        try:
            self._process = self._started([*words, "--out", str(self.output), "--child"], frontEnd)
        except OSError as error:
            self.close()
            raise InputError(f"The computation could not be started: {error.strerror} ({_python()}).") from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        _running.add(self)

    @property
    def succeeded(self) -> bool:
        """Whether the results are there."""
        return self.finished and not self.error and not self.cancelled

    def poll(self) -> bool:
        """Take in what the child said, and return whether it still runs. Never waits."""
        time.sleep(0)  # in Slicer, other threads run only while Python does: here the reader has its turn
        gone = self._process.poll() is not None
        if gone:
            self._tellToEnd()
        ended = gone and not self._reader.is_alive()
        while not self._lines.empty():
            self._take(self._lines.get())
        if ended and not self.finished:
            self._end()
        return not self.finished

    def wait(self, progress: Progress | None = None) -> None:
        """Wait for the end. progress(fraction, message) is told how it goes and may raise Cancelled.

        Raises InputError with the child's sentence where it failed, Cancelled where it was cancelled.
        """
        try:
            while self.poll():
                if progress is not None:
                    progress(self.fraction, self.message)
                time.sleep(INTERVAL)
        except BaseException:
            self.cancel()
            raise
        if self.cancelled:
            raise Cancelled(CANCELLED)
        if self.error:
            self.close()
            raise InputError(self.error)

    def cancel(self) -> None:
        """End the child at once and remove what it left. Does nothing after the end."""
        if not self.finished:
            self.cancelled, self.finished, self.message = True, True, CANCELLED
            self._kill()  # it writes into the job's folder only, which goes with it
            self._release()
        self.close()

    def close(self) -> None:
        """Remove the job's folder, after its results were read."""
        _running.discard(self)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _started(self, words: list[str], frontEnd: str) -> subprocess.Popen[str]:
        from QSMLogic.report.provenance import FRONT_END  # noqa: PLC0415 (not while Slicer starts)

        sources = str(Path(QSMLogic.__file__).parents[1])
        paths = os.pathsep.join(part for part in (sources, os.environ.get("PYTHONPATH", "")) if part)
        apart: dict[str, Any] = HIDDEN if os.name == "nt" else {"start_new_session": True}  # a group, see _kill
        return subprocess.Popen(
            [_python(), "-m", "QSMLogic", *words],
            stdin=subprocess.PIPE,  # closes with Slicer, however Slicer ends, and the child ends with it
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # safe path: no file of the folder that Slicer was started in stands in for a library
            env=os.environ
            | {"PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "PYTHONSAFEPATH": "1", FRONT_END: frontEnd},
            encoding="utf-8",
            errors="replace",
            **apart,
        )

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._lines.put(line.rstrip("\n"))

    def _take(self, said: str) -> None:
        line = OPTIONS.sub("", said.replace(f"{self.folder}{os.sep}", ""))
        if line.startswith(PROGRESS):
            fraction, _, self.message = line.removeprefix(PROGRESS).partition(" ")
            self.fraction = float(fraction)
            return
        self.log.append(line)
        if line.startswith(WARNING):
            self.warnings.append(line.removeprefix(WARNING))
        elif line.startswith(REFUSAL):
            self.error = line.removeprefix(REFUSAL)

    def _end(self) -> None:
        self.finished = True
        self._release()
        status = self._process.returncode
        if status and not self.error:
            self.error = _died(status, self.log)
        if not self.error:
            self.fraction, self.message = 1.0, "Done"

    def _kill(self) -> None:
        """End the child and the interpreter it runs: Slicer's `PythonSlicer` starts one, and waits for it."""
        if os.name == "nt":
            command = ["taskkill", "/F", "/T", "/PID", str(self._process.pid)]
            with suppress(OSError):
                subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, **HIDDEN)
        else:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def _tellToEnd(self) -> None:
        """Close the child's standard input: an interpreter whose launcher was killed ends then, by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _release(self) -> None:
        """Take leave of the child: no zombie, no thread and no open pipe stays."""
        self._tellToEnd()
        self._process.wait()
        self._reader.join(PATIENCE)


def _python() -> str:
    """Return the interpreter to run the child with: in Slicer, sys.executable may be Slicer itself."""
    return shutil.which("PythonSlicer") or sys.executable


def _died(status: int, log: list[str]) -> str:
    said = f' Its last words: "{log[-1]}".' if log else ""
    return (
        f"The computation stopped unexpectedly (status {status}), perhaps for want of memory: "
        f"close other programs, or crop the images to the head.{said}"
    )


def _cancel_all() -> None:
    for job in list(_running):
        job.cancel()


atexit.register(_cancel_all)

"""A child process that the panel waits for without stopping Slicer: its progress, its log and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from QSMLogic.errors import InputError

INTERVAL = 100
"""ms between two looks at the process."""


class Waiting:
    """Looks after one job at a time.

    told(job) is called while it runs, ended(job) when it ended well; a failure is raised as InputError into the panel.
    """

    def __init__(self, panel: Any, told: Callable[[Any], None], ended: Callable[[Any], None]) -> None:
        """Make the timer."""
        self.panel, self.told, self.ended = panel, told, ended
        self.job: Any = None
        self._logged = 0
        self.timer = qt.QTimer()
        self.timer.setInterval(INTERVAL)
        self.timer.connect("timeout()", lambda: panel.act(self._poll))

    def refuseSecond(self) -> None:
        """Raise InputError where a job is under way."""
        if self.job is not None:
            raise InputError("A run is under way: wait for it, or cancel it.")

    def start(self, job: Any) -> None:
        """Look after a job from now on."""
        self.job, self._logged = job, 0
        self.timer.start()
        self.told(job)

    def cancel(self) -> bool:
        """End the job at once; return whether there was one."""
        if self.job is None:
            return False
        self._release().cancel()
        return True

    def _poll(self) -> None:
        running = self.job.poll()
        self.told(self.job)
        for line in self.job.log[self._logged :]:
            self.panel.log(line)
        self._logged = len(self.job.log)
        if not running:
            self._finish(self._release())
            self.panel.refresh()

    def _release(self) -> Any:
        self.timer.stop()
        job, self.job = self.job, None
        return job

    def _finish(self, job: Any) -> None:
        if job.error:
            job.close()
            raise InputError(job.error)
        self.ended(job)

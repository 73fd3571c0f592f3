"""The units of a cohort, computed here one after another or by the workers of a Dask cluster."""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from .. import __version__
from ..errors import Cancelled, InputError
from ..memory import GIBIBYTE
from ..progress import Progress, no_progress, part, rising
from .schedulers import ALLOWED_LOSSES, JOB_LOGS, Where, connected, token
from .tasks import MEMORY, Work, introduce, task
from .unit import Outcome, Plan, Status, Unit

Memory = Callable[[Unit, Plan], int]
"""Bytes that a unit takes at its peak."""

LISTENING = 0.5
"""s between two looks at the workers while nothing is heard."""

WORKERS_LOOKED_AT = 2.0
"""s between two questions to the scheduler for new workers."""


def outcomes(
    units: Sequence[Unit],
    plan: Plan,
    where: Where = Where(),  # noqa: B008 (frozen)
    progress: Progress = no_progress,
    *,
    work: Work,
    memory: Memory,
) -> Iterator[Outcome]:
    """Compute units and give the outcome of each as it is known; on a cluster that is not the order of the units.

    work and memory compute a unit and say before what it takes. Nothing is left running when the iterator is closed or
    an error ends it. Raises: InputError where the cluster cannot be used, Cancelled where progress raises it.
    """
    if where.here or not units:
        yield from _here(units, plan, progress, work)
        return
    plan.out.mkdir(parents=True, exist_ok=True)
    needs = {unit.name: _need(memory, unit, plan) for unit in units}
    with connected(where, plan.out, list(needs.values())) as client, token(plan.out) as file:
        jobs = where.slurm.jobs if where.slurm else 0
        cohort = _Cohort(client, plan, needs, file, jobs, progress=rising(progress), work=work)
        yield from cohort.run(units)


def _here(units: Sequence[Unit], plan: Plan, progress: Progress, work: Work) -> Iterator[Outcome]:
    for i, unit in enumerate(units):
        told = _named(part(progress, i / len(units), (i + 1) / len(units)), f"{unit.name} ({i + 1} of {len(units)})")
        told(0, "")
        yield work(unit, plan, told)


def _named(progress: Progress, name: str) -> Progress:
    """Return progress whose messages begin with a name."""

    def told(fraction: float, message: str) -> None:
        progress(fraction, f"{name}: {message}")

    return told


def _need(memory: Memory, unit: Unit, plan: Plan) -> int:
    """Return what a unit takes; where that cannot be said it takes nothing, and its work says why."""
    try:
        return memory(unit, plan)
    except (InputError, OSError):
        return 0


class _Cohort:
    """Units on the way through a cluster.

    No more tasks are handed in than can be computed at once: a worker that is lost takes none with it that only waited.
    """

    def __init__(
        self,
        client: Any,
        plan: Plan,
        needs: dict[str, int],
        file: Path,
        jobs: int,
        *,
        progress: Progress,
        work: Work,
    ) -> None:
        self.client, self.plan, self.needs, self.file, self.jobs = client, plan, needs, file, jobs
        self.progress, self.work = progress, work
        self.topic = f"qsm-{uuid.uuid4().hex}"
        self.heard: Queue[Any] = Queue()
        self.running: dict[Any, Unit] = {}
        self.fractions: dict[str, float] = {}
        self.begun: Counter[str] = Counter()
        self.workers: dict[str, dict[str, Any]] = {}
        self.ended: list[Outcome] = []
        self.looked = 0.0

    def run(self, units: Sequence[Unit]) -> Iterator[Outcome]:
        """Give the outcomes as they come."""
        waiting = deque(units)
        self.client.subscribe_topic(self.topic, lambda event: self.heard.put(event[1]))
        try:
            while waiting or self.running:
                self._look_at_workers(len(waiting) + len(self.running))
                while waiting and self.workers:
                    never = self._never(waiting[0])
                    if never:
                        yield self._over(_failed(waiting.popleft(), never))
                    elif self._has_room(waiting[0]):
                        self._hand_in(waiting.popleft())
                    else:
                        break
                self._tell(len(units))
                yield from self._listen()
            self._tell(len(units))
        finally:
            self.client.cancel(list(self.running), force=True)
            self.client.unsubscribe_topic(self.topic)

    def _look_at_workers(self, left: int) -> None:
        """Ask for jobs in the place of lost ones, and get to know new workers."""
        if time.monotonic() - self.looked < WORKERS_LOOKED_AT and self.workers:
            return
        self.looked = time.monotonic()
        if self.client.status not in ("running", "connecting"):
            raise InputError("The Dask scheduler is gone: run the command again, and it goes on where it stopped.")
        if self.jobs:
            self.client.cluster.scale(jobs=min(self.jobs, left))
        there = set(self.client.nthreads())
        self.workers = {address: known for address, known in self.workers.items() if address in there}
        new = sorted(there - set(self.workers))
        if new:
            said = self.client.run(introduce, self.file, workers=new, on_error="return")
            for address, answer in said.items():
                self._refuse(address, answer)
            self.workers |= said

    def _refuse(self, address: str, answer: Any) -> None:
        """Raise InputError where a worker cannot compute for this command."""
        if isinstance(answer, ImportError):
            raise InputError(
                f"The worker {address} has no slicerqsm ({answer}): install slicerqsm {__version__} where it runs."
            )
        if isinstance(answer, BaseException):
            raise InputError(f"The worker {address} does not answer: {type(answer).__name__}: {answer}.")
        if answer["version"] != __version__:
            raise InputError(
                f"The worker {address} has slicerqsm {answer['version']} and this command {__version__}: "
                "install the same version on every machine."
            )
        if not answer["sees"]:
            raise InputError(
                f"The worker on {answer['machine']} does not see {self.plan.out}: data and results have to lie on a "
                "disk that all machines share, under the same path."
            )

    def _never(self, unit: Unit) -> str:
        """Return in a sentence why no worker can ever compute a unit, empty where one can."""
        need, largest = self.needs[unit.name], max(worker["memory"] for worker in self.workers.values())
        if need <= largest:
            return ""
        return (
            f"It needs about {need / GIBIBYTE:.1f} GiB of memory and the largest worker has {largest / GIBIBYTE:.1f} "
            "GiB: give the workers more, have fewer of them, or take lighter methods."
        )

    def _has_room(self, unit: Unit) -> bool:
        """Tell whether one more unit can be computed at once."""
        return len(self.running) < sum(_room(worker, self.needs[unit.name]) for worker in self.workers.values())

    def _hand_in(self, unit: Unit) -> None:
        future = self.client.submit(
            task,
            self.work,
            unit,
            self.plan,
            self.topic,
            key=f"{self.topic}-{unit.name}",
            pure=False,
            resources={MEMORY: self.needs[unit.name]},
        )
        self.running[future] = unit
        future.add_done_callback(self.heard.put)

    def _listen(self) -> Iterator[Outcome]:
        """Take in what is heard until nothing is left to hear."""
        try:
            word = self.heard.get(timeout=LISTENING)
            while True:
                outcome = self._event(word) if isinstance(word, dict) else self._end(word)
                if outcome is not None:
                    yield outcome
                word = self.heard.get_nowait()
        except Empty:
            return

    def _event(self, word: dict[str, Any]) -> Outcome | None:
        """Note how far a unit is; one under which too many workers were lost is given up."""
        name = word["unit"]
        self.begun[name] += "begun" in word
        self.fractions[name] = word.get("fraction", 0.0)
        if self.begun[name] <= ALLOWED_LOSSES + 1:
            return None
        for future, unit in self.running.items():
            if unit.name == name:
                future.cancel(force=True)
                del self.running[future]
                return self._over(_failed(unit, self._lost()))
        return None

    def _end(self, future: Any) -> Outcome | None:
        unit = self.running.pop(future, None)
        if unit is None:
            return None
        if future.status == "finished":
            return self._over(future.result())
        if future.status != "error":
            raise InputError(
                "The Dask scheduler gave the cohort up: run the command again, and it goes on where it stopped."
            )
        error = future.exception()
        if type(error).__name__ == "KilledWorker":
            return self._over(_failed(unit, self._lost()))
        if isinstance(error, Cancelled):
            raise error
        said = str(error) if isinstance(error, InputError) else f"Unexpected error ({type(error).__name__}: {error})."
        return self._over(_failed(unit, said))

    def _lost(self) -> str:
        logs = f"; the jobs' logs are in {self.plan.out / JOB_LOGS}" if self.jobs else ""
        return (
            f"The worker was lost {ALLOWED_LOSSES + 1} times while computing it, as happens where memory or the time "
            f"of a job run out: give it more of them{logs}."
        )

    def _over(self, outcome: Outcome) -> Outcome:
        self.fractions.pop(outcome.name, None)
        self.ended.append(outcome)
        return outcome

    def _tell(self, units: int) -> None:
        """Tell how far the whole cohort is."""
        failed = sum(outcome.status is Status.FAILED for outcome in self.ended)
        over = f"{len(self.ended)} of {units} over, {failed} failed"
        said = f"{over}: {len(self.running)} computing" if self.workers else f"{over}, waiting for workers"
        self.progress((len(self.ended) + sum(self.fractions.values())) / max(1, units), said)


def _room(worker: dict[str, Any], need: int) -> int:
    """Return how many units of this need a worker computes at once."""
    return min(worker["threads"], worker["memory"] // need) if need else worker["threads"]


def _failed(unit: Unit, reason: str) -> Outcome:
    return Outcome(unit.name, Status.FAILED, reason)

"""The units of a cohort, computed here one after another or by the workers of a Dask cluster."""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from ..errors import Cancelled, InputError
from ..memory import GIBIBYTE
from ..progress import Progress, no_progress, part, rising
from .schedulers import ALLOWED_LOSSES, JOB_LOGS, Where, connected, token
from .tasks import MEMORY, Work, introduce, task
from .unit import Outcome, Plan, Status, Unit
from .workers import Worker, problem

Memory = Callable[[Unit, Plan], int]
"""Bytes that a unit takes at its peak."""

LISTENING = 0.5
"""s between two looks at the workers while nothing is heard."""

WORKERS_LOOKED_AT = 1.0
"""s between two questions to the scheduler for its workers."""

GONE = "The Dask scheduler is gone: run the command again, and it goes on where it stopped."


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

    Each is handed in for a worker that has room for it at once. So a worker that is lost takes none with it that only
    waited, and it is known how many workers were lost under a unit, whoever set up the cluster.
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
        self.waiting: deque[Unit] = deque()
        self.running: dict[Any, tuple[Unit, str]] = {}
        self.fractions: dict[str, float] = {}
        self.losses: Counter[str] = Counter()
        self.workers: dict[str, Worker] = {}
        self.ended: list[Outcome] = []
        self.looked = -WORKERS_LOOKED_AT

    def run(self, units: Sequence[Unit]) -> Iterator[Outcome]:
        """Give the outcomes as they come."""
        self.waiting.extend(units)
        self.client.subscribe_topic(self.topic, lambda event: self.heard.put(event[1]))
        try:
            while self.waiting or self.running:
                yield from self._look_at_workers()
                yield from self._hand_in()
                self._tell(len(units))
                yield from self._listen()
            self._tell(len(units))
        finally:
            self.client.cancel(list(self.running), force=True)
            self.client.unsubscribe_topic(self.topic)

    def _look_at_workers(self) -> Iterator[Outcome]:
        """Ask for jobs in the place of lost ones, get to know new workers, and take units back from lost ones."""
        if time.monotonic() - self.looked < WORKERS_LOOKED_AT:
            return
        self.looked = time.monotonic()
        if self.client.status not in ("running", "connecting"):
            raise InputError(GONE)
        if self.jobs:
            self.client.cluster.scale(jobs=min(self.jobs, len(self.waiting) + len(self.running)))
        there = set(self.client.nthreads())
        self.workers = {address: worker for address, worker in self.workers.items() if address in there}
        self._meet(sorted(there - set(self.workers)))
        for future, (_, address) in list(self.running.items()):
            if address not in there:
                future.cancel(force=True)
                yield from self._lost(future)

    def _meet(self, new: list[str]) -> None:
        """Get to know workers; those that cannot be used are left out, as long as there are others."""
        said = self.client.run(introduce, self.file, workers=new, on_error="return") if new else {}
        wrong = {address: problem(address, answer, self.plan.out) for address, answer in said.items()}
        self.workers |= {a: Worker(said[a]["threads"], said[a]["memory"]) for a, why in wrong.items() if why is None}
        unusable = [why for why in wrong.values() if why]
        if unusable and not self.workers:
            raise InputError(unusable[0])

    def _hand_in(self) -> Iterator[Outcome]:
        """Hand in the units that are next, as long as there is room; those for which there never is any fail."""
        while self.waiting and self.workers:
            unit = self.waiting[0]
            never = self._never(self.needs[unit.name])
            address = self._room(self.needs[unit.name])
            if never:
                yield self._over(_failed(self.waiting.popleft(), never))
            elif address:
                self._submit(self.waiting.popleft(), address)
            else:
                return

    def _never(self, need: int) -> str:
        """Return in a sentence why no worker can ever hold a unit, empty where one can."""
        largest = max(worker.memory for worker in self.workers.values())
        if need <= largest:
            return ""
        return (
            f"It needs about {need / GIBIBYTE:.1f} GiB of memory and the largest worker has {largest / GIBIBYTE:.1f} "
            "GiB: give the workers more, have fewer of them, or take lighter methods."
        )

    def _room(self, need: int) -> str:
        """Return a worker that has room for one more unit, the one with the fewest; empty where none has."""
        held: dict[str, list[int]] = {address: [] for address in self.workers}
        for unit, address in self.running.values():
            held.setdefault(address, []).append(self.needs[unit.name])
        fitting = [a for a, worker in self.workers.items() if worker.holds([*held[a], need])]
        return min(fitting, key=lambda address: len(held[address]), default="")

    def _submit(self, unit: Unit, address: str) -> None:
        future = self.client.submit(
            task,
            self.work,
            unit,
            self.plan,
            self.topic,
            key=f"{self.topic}-{unit.name}-{self.losses[unit.name]}",
            pure=False,
            workers=[address],
            resources={MEMORY: self.needs[unit.name]},
        )
        self.running[future] = unit, address
        future.add_done_callback(self.heard.put)

    def _listen(self) -> Iterator[Outcome]:
        """Take in what is heard until nothing is left to hear."""
        try:
            word = self.heard.get(timeout=LISTENING)
            while True:
                if isinstance(word, dict):
                    self._note(word["unit"], word["fraction"])
                elif word in self.running:
                    yield from self._end(word)
                word = self.heard.get_nowait()
        except Empty:
            return

    def _note(self, name: str, fraction: float) -> None:
        """Note how far a unit is; the word may come after its end."""
        if any(unit.name == name for unit, _ in self.running.values()):
            self.fractions[name] = fraction

    def _end(self, future: Any) -> Iterator[Outcome]:
        unit, _ = self.running[future]
        if future.status == "finished":
            del self.running[future]
            yield self._over(future.result())
            return
        if future.status != "error":
            raise InputError(GONE)
        error = future.exception()
        if type(error).__name__ == "KilledWorker":
            yield from self._lost(future)
            return
        if isinstance(error, Cancelled):
            raise error
        del self.running[future]
        said = str(error) if isinstance(error, InputError) else f"Unexpected error ({type(error).__name__}: {error})."
        yield self._over(_failed(unit, said))

    def _lost(self, future: Any) -> Iterator[Outcome]:
        """Let a unit wait once more, after the others, when its worker was lost; or give it up."""
        unit, address = self.running.pop(future)
        self.workers.pop(address, None)
        self.losses[unit.name] += 1
        self.fractions.pop(unit.name, None)
        if self.losses[unit.name] <= ALLOWED_LOSSES:
            self.waiting.append(unit)
            return
        logs = f"; the jobs' logs are in {self.plan.out / JOB_LOGS}" if self.jobs else ""
        said = (
            f"Its worker was lost {self.losses[unit.name]} times while computing it, as happens where memory or the "
            f"time of a job run out: give it more of them{logs}."
        )
        yield self._over(_failed(unit, said))

    def _over(self, outcome: Outcome) -> Outcome:
        self.fractions.pop(outcome.name, None)
        self.ended.append(outcome)
        return outcome

    def _tell(self, units: int) -> None:
        """Tell how far the whole cohort is."""
        failed = sum(outcome.status is Status.FAILED for outcome in self.ended)
        over = f"{len(self.ended)} of {units} over, {failed} failed"
        idle = self.waiting and not self.workers
        said = f"{over}, waiting for workers" if idle else f"{over}: {len(self.running)} computing"
        self.progress((len(self.ended) + sum(self.fractions.values())) / max(1, units), said)


def _failed(unit: Unit, reason: str) -> Outcome:
    return Outcome(unit.name, Status.FAILED, reason)

"""Work that stands in for that of a unit, where a test asks how units are computed and not what: other processes import
it by its name. A unit's entities say what it is to do, and files in the output folder what it did."""

import os
import signal
import time

from QSMLogic.cohort.unit import Outcome, Plan, Status, Unit
from QSMLogic.errors import Cancelled
from QSMLogic.io.candidate import Candidate

STEP = 0.05
"""s between two words on progress."""


def unit(name, **todo):
    return Unit(name, {key: str(value) for key, value in todo.items()}, Candidate(name, "BIDS", "", {}))


def plan(out):
    return Plan(out, out, None)


def memory(unit, plan):
    return int(unit.entities.get("memory", 1))


def work(unit: Unit, plan: Plan, progress) -> Outcome:
    """Take some time; die as often as asked, or raise; note who did it and when."""
    begun, tries = time.time(), plan.out / f"{unit.name}.tries"
    with tries.open("a") as file:
        file.write(f"{os.getpid()} {os.environ.get('QSM_THREADS')}\n")
    if len(tries.read_text().splitlines()) <= int(unit.entities.get("dies", 0)):
        os.kill(os.getpid(), signal.SIGKILL)
    if "raises" in unit.entities:
        raise ZeroDivisionError("by nought")
    steps = int(float(unit.entities.get("seconds", 0)) / STEP)
    try:
        for i in range(steps):
            time.sleep(STEP)
            progress((i + 1) / steps, "Working")
    except Cancelled:
        (plan.out / f"{unit.name}.cancelled").touch()
        raise
    (plan.out / f"{unit.name}.times").write_text(f"{begun} {time.time()}")
    return Outcome(unit.name, Status.DONE)

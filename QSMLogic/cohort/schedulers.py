"""Dask clusters: one that runs already, worker processes of this machine, or jobs of SLURM."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..memory import GIBIBYTE, available_memory
from ..parallel import threads
from . import tasks
from .names import LOGS
from .tasks import MEMORY

ALLOWED_LOSSES = 3
"""Workers that may be lost under one unit before it is given up: a machine may fail, but memory fails every time."""

ANSWERS_WITHIN = 20
"""s in which a scheduler has to answer."""

JOB_LOGS = f"{LOGS}/jobs"
"""Folder in the output folder where the jobs' own words are kept."""

DASK = 384 << 20
"""Bytes that Dask's worker and the process that watches it take in a job beside the unit; measured: 230 MiB."""

MEMORY_IS_OURS = {f"distributed.worker.memory.{step}": False for step in ("target", "spill", "pause", "terminate")}
"""Dask moves its own data out of memory, stops and kills workers that hold much; a unit says before what it takes."""

SETTINGS: Mapping[str, Any] = {**MEMORY_IS_OURS, "distributed.scheduler.allowed-failures": 0}
"""Of the clusters that this module starts; a lost worker is told at once, and its unit handed in again."""


@dataclass(frozen=True)
class Slurm:
    """Jobs to ask SLURM for, one unit at a time in each.

    time: the longest that one may take (HH:MM:SS); memory: bytes of each, 0 for what the largest unit takes; extra:
    words for sbatch, such as --qos=long. What is empty is left to SLURM and to Dask's own file jobqueue.yaml.
    """

    jobs: int
    partition: str = ""
    account: str = ""
    time: str = "08:00:00"
    memory: int = 0
    cores: int = 4
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Where:
    """Where units are computed: at a Dask scheduler's address, in worker processes of this machine, or in jobs.

    With none of them, in this process.
    """

    scheduler: str = ""
    local: int = 0
    slurm: Slurm | None = None

    @property
    def here(self) -> bool:
        """Whether units are computed in this process, one after another."""
        return not (self.scheduler or self.local or self.slurm)


@contextmanager
def connected(where: Where, out: Path, needs: Sequence[int]) -> Iterator[Any]:
    """Give a Dask client, and close afterwards what was started for it; a given scheduler is left as it was.

    out: folder of the results; needs: bytes of memory of each unit.
    Raises: InputError where Dask or SLURM lack, or nothing answers.
    """
    _refuse_lacking("distributed", *["dask_jobqueue"] * (where.slurm is not None))
    import dask  # noqa: PLC0415 (an extra)
    import distributed  # noqa: F401, PLC0415 (before its settings are changed)

    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if where.scheduler:
        with _client(where.scheduler) as client:
            yield client
        return
    with dask.config.set(SETTINGS), _started(where, out, needs) as cluster, _client(cluster) as client:
        yield client


@contextmanager
def token(folder: Path) -> Iterator[Path]:
    """Give a file in a folder, by which a worker shows that it sees the same disk."""
    handle, name = tempfile.mkstemp(prefix=".qsm-seen-", dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        os.unlink(name)


def local_shares(workers: int, needs: Sequence[int]) -> tuple[int, int, int]:
    """Return how many worker processes to start of those wanted, and threads and bytes of memory of each.

    needs: bytes of each unit. There are no more workers than the largest unit that fits at all leaves room for.
    """
    free = available_memory() or sum(sorted(needs)[-workers:])
    largest = max((need for need in needs if need <= free), default=0)
    fitting = max(1, min(workers, len(needs), free // max(1, largest)))
    return fitting, max(1, threads() // fitting), free // fitting


def job_script(slurm: Slurm, out: Path, memory: int) -> str:
    """Return the script of one job, as SLURM is given it."""
    _refuse_lacking("distributed", "dask_jobqueue")
    import dask  # noqa: PLC0415 (an extra)
    import distributed  # noqa: F401, PLC0415 (before its settings are changed)

    with dask.config.set(SETTINGS), _slurm_cluster(slurm, out, memory) as cluster:
        return str(cluster.job_script())


def _refuse_lacking(*packages: str) -> None:
    lacking = [name.replace("_", "-") for name in packages if find_spec(name) is None]
    if lacking:
        raise InputError(f"Cohorts on a cluster need {' and '.join(lacking)}: pip install 'slicerqsm[cluster]'.")


@contextmanager
def _client(target: Any) -> Iterator[Any]:
    from distributed import Client  # noqa: PLC0415 (an extra)

    try:
        client = Client(target, timeout=ANSWERS_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {target} ({error}): give its address, such as tcp://host:8786."
        ) from None
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _started(where: Where, out: Path, needs: Sequence[int]) -> Iterator[Any]:
    if where.slurm is not None:
        cluster = _slurm_cluster(where.slurm, out, max(needs))
    else:
        with _deaf():
            cluster = _local_cluster(where.local, needs)
    try:
        if where.slurm is not None:
            _refuse_untaken(cluster.job_script())
        yield cluster
    finally:
        cluster.close()


@contextmanager
def _interrupt_kept() -> Iterator[None]:
    """Leave the block with what Ctrl-C did before."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


@contextmanager
def _deaf() -> Iterator[None]:
    """Ignore Ctrl-C in this block, and for good in the processes that are started in it: a terminal sends it to all.

    Half a cluster cannot be closed, and workers are told to end by this process.
    """
    with _interrupt_kept():
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        yield


def _local_cluster(workers: int, needs: Sequence[int]) -> Any:
    from distributed import LocalCluster  # noqa: PLC0415 (an extra)

    fitting, each, share = local_shares(workers, needs)
    return LocalCluster(
        n_workers=fitting,
        threads_per_worker=1,
        processes=True,
        memory_limit=0,
        resources={MEMORY: share},
        env=_threads(each),
        preload=tasks.__name__,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    )


def _slurm_cluster(slurm: Slurm, out: Path, memory: int) -> Any:
    """Return a cluster of jobs; one Dask thread in each, as a unit has its own threads on all processors of its job."""
    import dask  # noqa: PLC0415 (an extra)

    with _interrupt_kept():  # importing it lets Ctrl-C end the program with status 0
        from dask_jobqueue import SLURMCluster  # noqa: PLC0415 (an extra)
    logs = out / JOB_LOGS
    logs.mkdir(parents=True, exist_ok=True)
    share = slurm.memory or _rounded(memory)
    words = [f"--output={shlex.quote(f'{logs.resolve()}/worker-%j.txt')}", *slurm.extra]
    exports = [f"export {name}={value}" for name, value in {**_threads(slurm.cores), **_environment()}.items()]
    return SLURMCluster(
        cores=1,
        processes=1,
        job_cpu=slurm.cores,
        memory=f"{share}B",
        queue=slurm.partition or None,
        account=slurm.account or None,
        walltime=slurm.time,
        job_name="qsm",
        python=shlex.quote(sys.executable),
        worker_extra_args=["--resources", f"{MEMORY}={share}", "--no-dashboard"],
        job_extra_directives=[*dask.config.get("jobqueue.slurm.job-extra-directives", []), *words],
        job_script_prologue=[*dask.config.get("jobqueue.slurm.job-script-prologue", []), *exports],
        scheduler_options={"dashboard": False, "dashboard_address": ":0"},
        silence_logs=logging.CRITICAL,
    )


def _refuse_untaken(script: str) -> None:
    """Raise InputError where SLURM is not there, or would not take the job; nothing is queued."""
    if shutil.which("sbatch") is None:
        raise InputError("There is no sbatch on this machine: --slurm is for a machine from which jobs are submitted.")
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        asked = subprocess.run(["sbatch", "--test-only", file.name], capture_output=True, text=True, check=False)
    if asked.returncode:
        said = " ".join(asked.stderr.split()) or f"status {asked.returncode}"
        words = " ".join(line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH"))
        raise InputError(f"SLURM does not take jobs of {words}: {said}")


def _rounded(memory: int) -> int:
    """Return whole GiB that hold so many bytes and Dask beside them."""
    return -(-(memory + DASK) // GIBIBYTE) * GIBIBYTE


def _threads(count: int) -> dict[str, str]:
    """Return what makes a worker compute on so many threads; the sums of BLAS are kept as they are on one process."""
    return {"QSM_THREADS": str(count), "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(count)}


def _environment() -> dict[str, str]:
    """Return Dask's settings as a job finds them."""
    return {f"DASK_{name.upper().replace('.', '__')}": str(value) for name, value in MEMORY_IS_OURS.items()}

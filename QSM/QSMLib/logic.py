"""The pipeline on nodes of a scene, without Qt: for the panel, Slicer's Python console, scripts and other front ends.

The computation itself is a child process that runs the command line on files, so that all of them give one result.
"""

from __future__ import annotations

import tempfile
import tomllib
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from QSMLogic.errors import InputError

from .job import Job
from .labels import refuseNoLabels
from .request import Request
from .volumes import echoNodes

if TYPE_CHECKING:
    from QSMLogic.progress import Progress
    from QSMLogic.settings import Settings

    from .atlas import AtlasRequest, Carried
    from .comparison import Compared, CompareRequest
    from .measurement import Measurement
    from .results import Outputs

# What needs scipy or SimpleITK is imported where it is used: Slicer imports this file when it starts.

BYTES_PER_VALUE = 4
"""Of the images of a scan: float32."""


class Logic:
    """The pipeline on the nodes of one scene."""

    def __init__(self, scene: Any, frontEnd: str = "") -> None:
        """Work on a scene. frontEnd: the application and its version, for the record of a run."""
        self.scene, self.frontEnd = scene, frontEnd
        self._requests: weakref.WeakKeyDictionary[Job, Any] = weakref.WeakKeyDictionary()

    def run(
        self,
        magnitudeNodes: Any,
        phaseNodes: Any,
        echoTimes: Sequence[float] | float,
        fieldStrength: float,
        *,
        settings: Settings | str | Path = "default",
        mask: Any = Request.mask,
        maskSegments: Sequence[str] = Request.maskSegments,
        labels: Any = Request.labels,
        r2: Any = Request.r2,
        b0Direction: Sequence[float] | None = Request.b0Direction,
        phaseScale: str | float = Request.phaseScale,
        phaseSign: int = Request.phaseSign,
        keep: Sequence[str] = Request.keep,
        name: str = Request.name,
        regions: Any = None,
        progress: Progress | None = None,
    ) -> Outputs:
        """Compute, wait, and return the nodes of the results.

        magnitudeNodes, phaseNodes: one volume per echo, or a sequence; most methods need no magnitude (None).
        echoTimes: s; fieldStrength: T; settings: a preset's name, Settings, or a TOML document, as path or text;
        regions: a segmentation or label volume to measure the maps in (Outputs.tables); progress(fraction, message)
        may raise Cancelled; all else as in Request.
        Raises InputError, one sentence, where something cannot be used.
        """
        if regions is not None:
            refuseNoLabels(regions, "regions")
        request = Request(
            phases=echoNodes(_several(phaseNodes), self.scene),
            magnitudes=echoNodes(_several(magnitudeNodes), self.scene),
            echoTimes=tuple(_several(echoTimes)),
            fieldStrength=fieldStrength,
            settings=settingsOf(settings),
            mask=mask,
            maskSegments=tuple(maskSegments),
            labels=labels,
            r2=r2,
            b0Direction=None if b0Direction is None else tuple(b0Direction),  # type: ignore[arg-type]
            phaseScale=str(phaseScale),
            phaseSign=phaseSign,
            keep=tuple(keep),
            name=name,
        )
        job = self.start(request)
        job.wait(progress)
        outputs = self.collect(job)
        if regions is not None:
            outputs.tables = self.measure({n: node for n, node in outputs.nodes.items() if n != "mask"}, regions)
        return outputs

    def start(self, request: Request) -> Job:
        """Start a computation and return at once. Raises InputError where its inputs cannot be written."""
        from .files import writeInputs  # noqa: PLC0415

        return self._started(request, lambda folder: [*writeInputs(request, folder), "--uncompressed"])

    def startAtlas(self, request: AtlasRequest) -> Job:
        """Start carrying an atlas over and return at once. Raises InputError where its inputs cannot be written."""
        from .atlas import writeAtlas  # noqa: PLC0415

        return self._started(request, lambda folder: writeAtlas(request, folder))

    def collectAtlas(self, job: Job) -> Carried:
        """Return the segmentation that a job of `startAtlas` made, as `collect` does."""
        from .atlas import loadCarried  # noqa: PLC0415

        return self._collected(job, loadCarried)

    def startComparison(self, request: CompareRequest) -> Job:
        """Start comparing two maps and return at once. Raises InputError where its inputs cannot be written."""
        from .comparison import writeComparison  # noqa: PLC0415

        return self._started(request, lambda folder: writeComparison(request, folder))

    def collectComparison(self, job: Job) -> Compared:
        """Return the nodes that a job of `startComparison` made, as `collect` does."""
        from .comparison import loadComparison  # noqa: PLC0415

        return self._collected(job, loadComparison)

    def _started(self, request: Any, write: Callable[[Path], list[str]]) -> Job:
        """Start `qsm` with the words that write returns, on the files that it writes into the job's folder."""
        from QSMLogic.io.outputs import in_words  # noqa: PLC0415

        folder = None
        try:
            folder = Path(tempfile.mkdtemp(prefix="qsm-"))
            job = Job(write(folder), folder, self.frontEnd)
        except BaseException as error:
            if folder is not None:
                rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise InputError(in_words(error, tempfile.gettempdir())) from None
            raise
        self._requests[job] = request
        return job

    def collect(self, job: Job) -> Outputs:
        """Return the nodes of a computation's results and remove its files; waits where it still runs.

        Raises InputError where the computation failed, Cancelled where it was cancelled.
        """
        from .results import loadOutputs  # noqa: PLC0415

        return self._collected(job, loadOutputs)

    def _collected(self, job: Job, load: Callable[[Any, Path, Any], Any]) -> Any:
        job.wait()
        try:
            return load(self.scene, job.output, self._requests.pop(job))
        finally:
            job.close()

    def memoryNeeded(self, request: Request) -> int:
        """Return about how many bytes a run will take at its peak, as far as that is known before its mask is."""
        from QSMLogic.footprint import memory_needed  # noqa: PLC0415

        shape = request.phases[0].GetImageData().GetDimensions()
        values = (len(request.phases) + len(request.magnitudes)) * shape[0] * shape[1] * shape[2]
        return values * BYTES_PER_VALUE + memory_needed(shape, len(request.phases), request.settings)

    def measure(self, *arguments: Any, **options: Any) -> Measurement:
        """Measure maps in regions, as measurement.measure does, in this logic's scene."""
        from .measurement import measure  # noqa: PLC0415

        return measure(self.scene, *arguments, **options)


def settingsOf(said: Settings | str | Path) -> Settings:
    """Return the settings that a preset's name, a TOML or JSON file, or the text of a TOML document stands for."""
    from QSMLogic.settings import Settings, preset_names  # noqa: PLC0415

    if isinstance(said, Settings):
        return said
    if isinstance(said, Path):
        return Settings.read(said)
    if said in preset_names():
        return Settings.preset(said)
    if said.endswith((".toml", ".json")) and "\n" not in said:
        return Settings.read(Path(said))
    if "=" not in said:
        return Settings.preset(said)  # says which presets there are
    try:
        return Settings.from_dict(tomllib.loads(said))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The settings are no TOML document: {error}.") from None


def _several(things: Any) -> Iterable[Any]:
    """Return nodes or numbers as they were given, one alone or none as a sequence."""
    if things is None:
        return ()
    return things if isinstance(things, Iterable) and not isinstance(things, str) else (things,)

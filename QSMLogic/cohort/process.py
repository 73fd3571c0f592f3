"""One unit from its images to its maps in the data set of the derivatives."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace

import numpy as np

from .. import footprint, pipeline
from ..errors import Cancelled, InputError
from ..io.load import Loaded, load
from ..io.nifti import NIFTI_ENDINGS, write_image
from ..io.outputs import in_words
from ..io.writing import as_json
from ..pipeline import Result
from ..progress import Progress, no_progress, part
from ..report.account import account
from ..report.page import page
from ..report.pictures import thumbnail
from . import maps, names, record
from .labels import labels_of, regions, write_regions
from .masks import mask_of
from .transaction import UnitFiles
from .unit import Outcome, Plan, Status, Unit

TRACEBACK, PICTURE = "traceback.txt", "chi.png"
"""In the folder of a unit's logs: where the program failed, and a small picture of the map."""

NO_MAGNITUDE = "There is no magnitude image, beside which BIDS wants a field map to lie: the fields are not written."
OTHER_FIELD = "Its side-cars say {} T, which is used instead of --field-strength {}."
NO_LABELS = "There is no segmentation for it (--labels-from): it is measured in the whole mask only."

READ, COMPUTED = 0.05, 0.9
"""Of the work of a unit: when its images are read, and when its maps are made."""

INTERPRETER = 192 << 20
"""Bytes that a process takes with all libraries loaded, before it reads anything; measured."""

HELD = 3
"""Volumes that are held per echo while images are read: phase, magnitude, and one of them once more."""


def process(unit: Unit, plan: Plan, progress: Progress = no_progress) -> Outcome:
    """Make the maps of a unit, with all its files or none, and return what became of it.

    What can be wrong with a subject is no exception but an outcome with a reason; so is a fault of the program, whose
    traceback is written to the logs. Raises Cancelled where progress asks for it.
    """
    start = time.perf_counter()
    status, reason, warnings = Status.FAILED, "", tuple(unit.candidate.warnings)
    try:
        if unit.nothing:
            status, reason = Status.NOTHING, unit.candidate.problem
        else:
            status, warnings = _process(unit, plan, progress)
    except (Cancelled, KeyboardInterrupt):
        raise
    except InputError as error:
        reason = " ".join(str(error).split())
    except OSError as error:
        reason = in_words(error)
    except MemoryError:
        reason = "Not enough memory: give the program more, or crop the images to the head."
    except Exception as error:  # noqa: BLE001 (a fault in one subject must not stop the others)
        reason = _fault(unit, plan, error)
    if status is Status.FAILED and (plan.out / record.path_of(unit)).is_file():
        reason += " (The maps that are there are those of an earlier run.)"
    return Outcome(unit.name, status, reason, round(time.perf_counter() - start, 2), warnings)


def memory_needed(unit: Unit, plan: Plan) -> int:
    """Return about how many bytes the process of a unit takes at its peak, by what the headers of its images say."""
    shape, echoes = unit.candidate.shape, _echoes(unit)
    if unit.nothing or unit.candidate.problem or shape is None:
        return INTERPRETER
    volume = int(np.prod(shape[:3], dtype=np.int64)) * np.dtype(np.float32).itemsize
    computing = 2 * echoes * volume + footprint.memory_needed(shape[:3], echoes, plan.settings)
    return INTERPRETER + max(HELD * echoes * volume, computing)


def _echoes(unit: Unit) -> int:
    files = max((len(volumes) for volumes in unit.candidate.volumes.values()), default=0)
    return max(files, len(unit.candidate.echo_times or ()))


def _process(unit: Unit, plan: Plan, progress: Progress) -> tuple[Status, tuple[str, ...]]:
    if unit.candidate.problem:
        raise InputError(unit.candidate.problem)
    files = record.inputs_of(unit, plan)
    before = record.state(files, plan)
    earlier = record.read(unit, plan)
    if earlier is not None and not plan.force:
        if record.unchanged(earlier, unit, plan, before):
            return Status.UNCHANGED, earlier.warnings
        record.refuse_edited(earlier, plan)
    ours = () if earlier is None else tuple(earlier.outputs)
    mine = record.path_of(unit)
    with UnitFiles(plan.out, unit.name, record=mine, ours=ours, force=plan.force, run=plan.run) as out:
        progress(0.0, "Reading")
        loaded = _loaded(unit, plan)
        result = _computed(loaded, plan, part(progress, READ, COMPUTED))
        progress(COMPUTED, "Writing")
        told = account(plan.command, files, loaded, result)
        sources = [path for path in files if path.name.endswith(NIFTI_ENDINGS) and path != labels_of(unit, plan)]
        if record.state(files, plan) != before:
            raise InputError("Its images were changed while they were read: run it again.")
        _write(out, maps.Made(unit, plan, loaded, result, told, sources))
        provenance = told.provenance | {
            record.KEY: record.made(plan, before, told.provenance, {name: out.path(name) for name in out.written()})
        }
        out.path(mine).write_text(as_json(provenance), "utf-8")
    (plan.out / names.log(unit, TRACEBACK)).unlink(missing_ok=True)
    progress(1.0, "")
    return Status.DONE, tuple(told.provenance["warnings"])


def _loaded(unit: Unit, plan: Plan) -> Loaded:
    """Read the images of a unit; what was odd when they were found is warned of too."""
    labels = labels_of(unit, plan)
    unsaid = {name: value for name, value in plan.sources.known.items() if getattr(unit.candidate, name) is None}
    sources = replace(plan.sources, mask=mask_of(unit, plan), labels=labels, known=unsaid)
    loaded = load(sources.of(unit.candidate))
    odd = [NO_LABELS] if plan.labels is not None and labels is None else []
    asked, said = plan.sources.known.get("field_strength"), unit.candidate.field_strength
    odd += [OTHER_FIELD.format(said, asked)] if asked and said and asked != said else []
    odd += [NO_MAGNITUDE] if loaded.scan is None or loaded.scan.magnitude is None else []
    return replace(loaded, warnings=list(dict.fromkeys([*unit.candidate.warnings, *loaded.warnings, *odd])))


def _computed(loaded: Loaded, plan: Plan, progress: Progress) -> Result:
    assert loaded.scan is not None
    given = {name: loaded.data.get(name) for name in ("given_mask", "labels")}
    return pipeline.run(loaded.scan, plan.settings, **given, progress=progress)


def _write(out: UnitFiles, made: maps.Made) -> None:
    """Write images with side-cars, and what is said of them."""
    unit, told, loaded, result = made.unit, made.told, made.loaded, made.result
    for image in maps.images(made):
        write_image(out.path(image.path), image.voxels, loaded.geometry)
        out.path(names.sidecar(image.path)).write_text(as_json(image.said), "utf-8")
    rows = regions(unit, made.plan, loaded, result)
    write_regions(out, unit, rows, result)
    out.path(names.report(unit)).write_text(page(told, loaded, result, rows, name=unit.name), "utf-8")
    out.path(names.log(unit, PICTURE)).write_bytes(_picture(loaded, result))
    out.path(names.log(unit, "methods.txt")).write_text(told.methods, "utf-8")
    out.path(names.log(unit, "references.bib")).write_text(told.references, "utf-8")
    told.settings.write(out.path(names.log(unit, "settings.toml")))


def _picture(loaded: Loaded, result: Result) -> bytes:
    """Return a small picture of the map, for the page that shows all units."""
    assert loaded.scan is not None
    direction = np.array(loaded.geometry.direction)
    return thumbnail(result.maps["chi"], result.maps["eroded_mask"], loaded.scan.grid, direction)


def _fault(unit: Unit, plan: Plan, error: Exception) -> str:
    """Write down where the program failed, and return a sentence."""
    place = plan.out / names.log(unit, TRACEBACK)
    said = f"Unexpected error ({type(error).__name__}: {' '.join(str(error).split())})"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(traceback.format_exception(error)), "utf-8")
    except OSError:
        return f"{said}, and its traceback could not be written to {place}."
    return f"{said}: report what {place} says."

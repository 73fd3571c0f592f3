"""Measure every method on a phantom: error, time and memory. Writes docs/benchmarks.json and docs/benchmarks.md.

    python Testing/benchmark.py                                  the built-in head
    python Testing/benchmark.py --data DIR --peer peers.json     a folder of images with truth, beside another program

Each method gets the true input of its stage; methods of the field get phase that the default preset has conditioned and
unwrapped; further maps of the built-in head get the truth with the noise of the scan. A further map that a method makes
has a row of errors below the method's. Errors are against the truth, in one mask for all: the brain for inversions, the
brain less 4 mm for the rest; what a method drops counts as zero. Time is that of the method itself, in seconds and in
FFT units: multiples of one float32 real transform of the volume, forward and back, the median of those made before
every row of the same run. Memory is the peak of what numpy and scipy allocate (tracemalloc) in a run of its own, beyond
the inputs, in float32 volumes: of methods with four echoes and a mask that fills the image, which is the most they take
and what they state; of whole runs as they are, beside what the check before a run reckons with.
"""

import argparse
import json
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from benchmark_page import page
from cases import ALL, B0_DIRECTION, at, data_of, map_truths, scanned

from QSMLogic import metrics, pipeline
from QSMLogic.errors import InputError
from QSMLogic.footprint import memory_needed
from QSMLogic.grid import Grid
from QSMLogic.io.nifti import read_echoes, read_volume
from QSMLogic.methods import METHODS
from QSMLogic.morphology import erode
from QSMLogic.operators import good_size, inverse, transform
from QSMLogic.parallel import threads
from QSMLogic.phantom import Phantom, head_phantom
from QSMLogic.progress import no_progress
from QSMLogic.report.provenance import versions
from QSMLogic.report.windows import window
from QSMLogic.scan import Scan
from QSMLogic.settings import Settings, preset_names

DOCS = Path(__file__).parents[1] / "docs"
KEPT, PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"
HOW = (__doc__ or "").rsplit("\n\n", 1)[-1].strip()
BUILT_IN = "built-in head, 1.5 mm, 3 T, SNR 100, simulated on voxels of half the size"
EDGE = 4.0
"""mm; left out of the mask where a method cannot know the field beyond it."""
FFT_REPEATS = 9
BESIDE = ("r2star", "r2", "r2prime")
"""Maps beside chi that further maps start from or are held to."""
UNKNOWN = ("field_misfit",)
"""Maps whose truth is not known here: on voxels of half the size the field is not quite that of the coarse map."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with inputs/ and groundtruth/; default: the built-in head")
    parser.add_argument("--peer", type=Path, help="figures of another program on the same data")
    parser.add_argument("--only", nargs="*", help="rows such as inversion:tkd or run:default; the others stay")
    arguments = parser.parse_args()
    name = arguments.data.name if arguments.data else "built-in"
    phantom = read(arguments.data) if arguments.data else built_in()
    every = [f"{stage}:{method}" for stage, method in ALL] + [f"run:{preset}" for preset in preset_names()]
    everything = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    section = everything.get(name, {"rows": {}})
    rows = {row: section["rows"][row] for row in every if row in section["rows"]}
    section = {
        "what": arguments.data.name if arguments.data else BUILT_IN,
        "shape": phantom.mask.shape,
        "voxel_size": phantom.scan.grid.voxel_size,
        "echoes": phantom.scan.echoes,
        "machine": machine(),
        "versions": versions(),
        "peer": json.loads(arguments.peer.read_text("utf-8")) if arguments.peer else section.get("peer"),
    }
    units, now = [], []
    for row in arguments.only or every:
        units.append(fft_unit(phantom.mask.shape))
        rows[row] = measured(row, phantom)
        print(f"{row:28}", rows[row], flush=True)
        now += [row] if "seconds" in rows[row] else []
        unit = float(np.median(units))
        for done in now:
            rows[done]["units"] = round(rows[done]["seconds"] / unit, 1)
        everything[name] = section | {
            "fft_unit_s": round(unit, 4),
            "rows": {row: rows[row] for row in every if row in rows},
        }
        KEPT.write_text(json.dumps(everything, indent=1) + "\n", "utf-8")
        PAGE.write_text(page(everything, HOW), "utf-8")


def built_in() -> Phantom:
    return head_phantom((128, 144, 128), (1.5, 1.5, 1.5), b0_direction=B0_DIRECTION, fine=2)


def read(folder: Path) -> Any:
    """Read a folder laid out as inputs/{phase,magnitude,mask,params}, groundtruth/{totalfield,localfield,chimap}.

    Maps beside chi, such as groundtruth/r2star, are read where they are there.
    """

    def image(path: str) -> np.ndarray:
        return read_volume(folder / f"{path}.nii.gz")[0]

    def echoes(name: str) -> np.ndarray:
        return read_echoes([folder / f"inputs/{name}.nii.gz"], name)[0]

    facts = json.loads((folder / "inputs/params.json").read_text("utf-8"))
    mask = image("inputs/mask") > 0
    grid = Grid(mask.shape, facts["voxel_size"], b0_direction=facts["B0_dir"])
    scan = Scan(echoes("phase"), echoes("magnitude"), tuple(facts["TE"]), facts["B0"], grid)
    beside = {name: name for name in BESIDE if (folder / f"groundtruth/{name}.nii.gz").exists()}
    truth = {n: image(f"groundtruth/{f}").astype(np.float32) for n, f in (truth_files() | beside).items()}
    labels = image("groundtruth/dseg").astype(np.int16)
    return SimpleNamespace(scan=scan, mask=mask, labels=labels, **truth)


def truth_files() -> dict[str, str]:
    return {"total_field": "totalfield", "local_field": "localfield", "chi": "chimap"}


def fft_unit(shape: tuple[int, ...]) -> float:
    """Return the seconds of one real transform of the volume, forward and back."""
    image = np.random.default_rng(0).standard_normal([good_size(n) for n in shape]).astype(np.float32)
    times = []
    for _ in range(FFT_REPEATS):
        start = time.perf_counter()
        inverse(transform(image), image.shape)
        times.append(time.perf_counter() - start)
    return float(np.median(times[2:]))


def inputs(stage: str, phantom: Any) -> dict[str, Any]:
    data = scanned(phantom)
    if stage in ("background", "inversion"):
        data |= {"total_field": phantom.total_field, "local_field": phantom.local_field}
    if stage == "maps" and isinstance(phantom, Phantom):
        return at(stage, data_of(phantom))
    if stage == "maps":
        known = ("total_field", "local_field", "chi", *BESIDE)
        data |= {name: np.where(phantom.mask, getattr(phantom, name), 0) for name in known if hasattr(phantom, name)}
        data |= {"eroded_mask": phantom.mask}
    return data | ({"chi": phantom.chi} if stage == "referencing" else {})


def measured(row: str, phantom: Any) -> dict[str, Any]:
    """Time a row, then run it again to measure its memory."""
    stage, name = row.split(":")
    last, silence = time.perf_counter(), 0.0

    def listen(fraction: float, message: str = "") -> None:
        nonlocal last, silence
        now = time.perf_counter()
        last, silence = now, max(silence, now - last)

    call = whole_run(name, phantom, listen) if stage == "run" else one_method(stage, name, phantom, listen)
    try:
        start = last = time.perf_counter()
        outputs = call()
        seconds = time.perf_counter() - start
        silence = round(silence, 3)
        found = {"seconds": round(seconds, 3), "silence": silence}
    except InputError as error:
        return {"error": str(error)}
    if stage == "run":
        needed = memory_needed(phantom.mask.shape, phantom.scan.echoes, Settings.preset(name))
        found |= {"volumes": volumes(call, phantom.mask.size), "stated": in_volumes(needed, phantom.mask.size)}
    else:
        filled = filled_head()
        found["volumes"] = volumes(one_method(stage, name, filled, no_progress), filled.mask.size)
        found["stated"] = METHODS[stage][name].volumes
    first, *further = errors(row, outputs, phantom).items()
    return first[1] | found | ({"further": dict(further)} if further else {})


def volumes(call: Callable[[], Any], voxels: int) -> float:
    """Return the peak of the memory that a call allocates, in float32 volumes."""
    tracemalloc.start()
    try:
        call()
        return in_volumes(tracemalloc.get_traced_memory()[1], voxels)
    finally:
        tracemalloc.stop()


def in_volumes(size: int, voxels: int) -> float:
    return round(size / (np.dtype(np.float32).itemsize * voxels), 2)


@cache
def filled_head() -> Any:
    """Return a coarser head of which every voxel is in the mask."""
    head = head_phantom((96, 112, 96), (2.0, 2.0, 2.0), b0_direction=B0_DIRECTION)
    return replace(head, mask=np.ones_like(head.mask))


def one_method(stage: str, name: str, phantom: Any, listen: Any) -> Any:
    record, data = METHODS[stage][name], inputs(stage, phantom)
    settings = Settings.preset()
    needed = ("conditioning", "unwrapping") if "unwrapped" in record.inputs else ()
    for before in settings.stages_to(record.inputs) if stage == "single_step" else needed:
        step = getattr(settings, before)
        data |= pipeline.run_stage(before, step.method, step.parameters, data)
    return lambda: pipeline.run_stage(stage, name, {}, data, listen)


def whole_run(preset: str, phantom: Any, listen: Any) -> Any:
    settings = Settings.preset(preset)
    return lambda: pipeline.run(phantom.scan, settings, given_mask=phantom.mask, progress=listen).maps


def errors(row: str, outputs: Any, phantom: Any) -> dict[str, dict[str, float]]:
    """Return the errors of the output that a row is judged by, and then of a method's further maps."""
    stage, name = row.split(":")
    if stage != "maps":
        kind = "chi" if stage == "run" else METHODS[stage][name].outputs[0]
        return {kind: scores(kind, outputs[kind], getattr(phantom, kind, None), row, phantom)}
    truths: dict[str, np.ndarray] = {}
    for output in (name for name in outputs if name not in UNKNOWN):
        # A folder of images holds some truths only.
        with suppress(AttributeError):
            truths |= map_truths(name, [output], phantom)
    found = {kind: scores(kind, outputs[kind], truth, row, phantom) for kind, truth in truths.items()}
    judged = METHODS[stage][name].outputs[0]
    return {judged: found.pop(judged, {})} | found


def scores(kind: str, made: np.ndarray, truth: np.ndarray | None, row: str, phantom: Any) -> dict[str, float]:
    if kind == "mask":
        return {"dice": round(metrics.dice(made, phantom.mask), 4)}
    if truth is None:
        return {}
    whole = row.startswith(("inversion:", "referencing:"))
    where = phantom.mask if whole else erode(phantom.mask, phantom.scan.grid, EDGE)
    made, truth = (np.where(where, image, 0) for image in (made, truth))
    found = {"nrmse": round(metrics.nrmse(made, truth, where), 3), "slope": round(metrics.slope(made, truth, where), 4)}
    # The constants of XSIM are in ppm.
    return found | ({"xsim": round(metrics.xsim(made, truth, where), 4)} if window(kind).unit == "ppm" else {})


def machine() -> str:
    """Return the processor's model and how many of its threads are used."""
    model = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        named = [line for line in listing.read_text("utf-8").splitlines() if line.startswith("model name")]
        model = named[0].split(":", 1)[1].strip() if named else model
    return f"{model}, {threads()} of {os.cpu_count()} threads"


if __name__ == "__main__":
    main()

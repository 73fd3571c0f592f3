"""Hold every method's time against a bound, and say where the time goes. Writes docs/costs.json and docs/costs.md.

    python Testing/costs.py                          every method
    python Testing/costs.py --only inversion:tv      these anew; the others stay

The bound is the time that cannot go without another algorithm: that of the transforms that a method makes, of their
sizes, and of the passes over memory between them, at the speed of a sum of two images. All is in FFT units: a float32
real transform of the volume, forward and back. A transform of some of the axes counts as its share of that: for each
axis the numbers that go through it, a complex one as two, times the logarithm of its length; a cosine transform counts
as a real one of the same axes. A length with a large prime factor takes longer than it counts. Of the passes those are
counted that the method's solver needs at each step, a volume for each image read or written: the vectors of conjugate
gradients and of minimal residuals, the state of each split of ADMM with its data, also of TGV and of source separation,
which have a loop of their own, the spectrum that a kernel multiplies; and every output once. What else a method does is
not counted, and its bound is too low by that: the passes of its operators between the transforms, small matrices along
the axes, morphology, sorting, and all of a spanning tree but its result. A method that is more than 1.5 times its bound
has a profile: the functions in which the time is spent, without those they call, on one thread.
"""

import argparse
import cProfile
import json
import pstats
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from benchmark import built_in, fft_unit, machine, one_method
from cases import ALL
from transforms import counted

from QSMLogic import laplace, minimal_residuals, parallel, solvers, source_separation, total_generalized_variation
from QSMLogic.errors import InputError
from QSMLogic.operators import good_size
from QSMLogic.parallel import each, slabs
from QSMLogic.progress import no_progress
from QSMLogic.report.provenance import versions

DOCS = Path(__file__).parents[1] / "docs"
KEPT, PAGE = DOCS / "costs.json", DOCS / "costs.md"

COUNTED = ("unwrapping", "background", "inversion", "single_step")
"""Stages whose methods transform or iterate, as source separation does; of the others no bound is known."""
FAR = 1.5
"""Times the bound, from where a profile says why."""
REPEATS = 3
LISTED, SHOWN = 8, 0.02
"""Functions of a profile, and the least share of the time that is told."""

PER_PAIR = 2.5
"""Volumes per pair of transforms: the spectrum, read and written, and the kernel."""
PER_SUM = 3
"""Volumes of a vector to which a multiple of another is added."""
PER_SPLIT = 2
"""Volumes of data that a split's proximal step reads."""
TGV_IMAGES, TGV_DATA = 5, 1
"""Images that a step of TGV transforms there and back: map, three slopes, field; and splits with data: the field's."""
PAIR_IMAGES, PAIR_DATA = 3, 2
"""The same of source separation: both sources and their field; the data are the field and R2'."""
PER_CHANGE = 2.25
"""Volumes that the relative change reads."""
PER_SWEEP = 4
"""Volumes of a sweep of the multigrid cycle: image, right side, region, result."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="rows such as inversion:tv; the others stay")
    chosen = parser.parse_args().only
    every = [f"{stage}:{name}" for stage, name in ALL if stage in COUNTED or name.startswith("separation_r2")]
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {"rows": {}}
    head = built_in()
    shape = head.mask.shape
    unit, volume = fft_unit(shape), seconds_per_volume(shape)
    facts = {"machine": machine(), "versions": versions(), "shape": shape, "unit_s": unit, "volume_s": volume}
    for row in chosen or every:
        kept["rows"][row] = measured(row, head, unit, volume)
        print(f"{row:32}", {k: v for k, v in kept["rows"][row].items() if k != "profile"}, flush=True)
        kept = facts | {"rows": {name: kept["rows"][name] for name in every if name in kept["rows"]}}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        PAGE.write_text(page(kept), "utf-8")


def seconds_per_volume(shape: tuple[int, ...]) -> float:
    """Return the seconds in which a volume is read or written in a pass, on all threads."""
    first, second = (np.ones([good_size(n) for n in shape], np.float32) for _ in range(2))
    out = np.empty_like(first)
    times = []
    for _ in range(2 * REPEATS + 1):
        start = time.perf_counter()
        each(lambda s: np.add(first[s], second[s], out=out[s]), slabs(first.shape))
        times.append(time.perf_counter() - start)
    return float(np.median(times)) / 3


def measured(row: str, head: Any, unit: float, volume: float) -> dict[str, Any]:
    """Return transforms (units), passes (volumes), bound, time (units), their ratio, and a profile if that is far."""
    call = one_method(*row.split(":"), head, no_progress)
    try:
        with counted(head.mask.shape) as transforms, passes(head.mask.size) as volumes:
            outputs = call()
    except InputError as error:
        return {"error": str(error)}
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    images = [image for image in outputs.values() if isinstance(image, np.ndarray)]
    moved = volumes[0] + PER_PAIR * transforms.units + sum(image.nbytes for image in images) / 4 / head.mask.size
    bound, spent = transforms.units + moved * volume / unit, min(times) / unit
    found = {"transforms": transforms.units, "volumes": moved, "bound": bound, "units": spent, "ratio": spent / bound}
    found = {name: round(float(value), 2) for name, value in found.items()}
    return found | ({"profile": profile(call)} if spent > FAR * bound else {})


@contextmanager
def passes(voxels: int) -> Iterator[list[float]]:
    """Count the volumes that the solvers' passes read and write while inside, in a list of one."""
    count = [0.0]

    def counting(place: Any, name: str, cost: Callable[..., float]) -> Any:
        plain = getattr(place, name)

        def call(*args: Any, **keywords: Any) -> Any:
            count[0] += cost(*args, **keywords) / voxels
            return plain(*args, **keywords)

        return patch.object(place, name, call)

    with ExitStack() as stack:
        for place, name, cost in (
            *[(solver, "dot", of_product) for solver in (solvers, minimal_residuals)],
            *[(solver, "add", of_sum) for solver in (solvers, minimal_residuals)],
            (solvers, "renew", of_sum),
            *[(solver, "relative_change", of_change) for solver in (solvers, total_generalized_variation)],
            (solvers, "right_side", of_splits),
            (total_generalized_variation._Level, "_move_by_map", of_tgv),
            (source_separation._Pair, "_step", of_pair),
            (laplace.Laplace, "_pass", of_sweep),
        ):
            stack.enter_context(counting(place, name, cost))
        yield count


# What a pass reads and writes, in voxels, from the arguments of the function that makes it.


def of_product(a: np.ndarray, b: np.ndarray) -> float:
    return a.size if a is b else a.size + b.size


def of_sum(image: np.ndarray, factor: float, other: np.ndarray) -> float:
    return PER_SUM * image.size


def of_change(x: np.ndarray, previous: np.ndarray | None, mask: np.ndarray) -> float:
    return PER_CHANGE * x.size


def of_sweep(_: Any, image: np.ndarray, *others: Any) -> float:
    return PER_SWEEP * image.size


def of_splits(grid: Any, terms: list, image: np.ndarray | None, into: np.ndarray | None = None) -> float:
    size = np.prod(grid.shape)
    return size + sum(2 * state.size + (PER_SPLIT + (image is not None)) * size for _, state in terms)


def of_tgv(level: Any, x: np.ndarray) -> float:
    return of_step(level.states, TGV_IMAGES, TGV_DATA, x.size)


def of_pair(pair: Any, exterior: str) -> float:
    states = [pair.fields, pair.states, *pair.slopes]
    return of_step(states, PAIR_IMAGES, PAIR_DATA, pair.field.size) + PER_CHANGE * pair.sources.size


def of_step(states: list[np.ndarray], images: int, with_data: int, size: int) -> float:
    """Of a step of ADMM in a loop of its own: each t read and written, right sides written, images and data read."""
    return 2 * sum(state.size for state in states) + (2 * images + PER_SPLIT * with_data) * size


def profile(call: Callable[[], Any]) -> list[tuple[str, float]]:
    """Return the functions that take most of the time by themselves, and their share of it, on one thread."""

    class Here:
        """Stands for the pool of threads, whose work a profiler does not see."""

        @staticmethod
        def submit(work: Callable[[], None]) -> Future:
            work()
            done: Future = Future()
            done.set_result(None)
            return done

    watch = cProfile.Profile()
    with patch.object(parallel, "_pool", lambda workers: Here()):
        watch.runcall(call)
    stats = pstats.Stats(watch).stats  # type: ignore[attr-defined]
    own = sorted(((values[2], place) for place, values in stats.items()), reverse=True)
    whole = sum(seconds for seconds, _ in own) or 1.0
    return [(named(place), round(seconds / whole, 3)) for seconds, place in own[:LISTED] if seconds > SHOWN * whole]


def named(place: tuple[str, int, str]) -> str:
    """Return a function's name with its file's; built-in ones have no file."""
    file, _, name = place
    return name if file == "~" else f"{Path(file).stem}: {name}"


def page(kept: dict[str, Any]) -> str:
    """Return the page: a table of all methods, and the profiles."""
    doc = (__doc__ or "").split("\n\n")
    rows = {row: values for row, values in kept["rows"].items() if "error" not in values}
    lines = [
        "| method | transforms | passes, volumes | bound | time | times the bound |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row, v in rows.items():
        cells = (f"{v['transforms']:.1f}", f"{v['volumes']:.0f}", f"{v['bound']:.1f}", f"{v['units']:.1f}")
        lines.append(f"| {row} | " + " | ".join(cells) + f" | {v['ratio']:.1f} |")
    profiles = ["| method | where the time goes |", "|---|---|"]
    for row, v in rows.items():
        if "profile" in v:
            told = "; ".join(f"{name} {100 * share:.0f} %" for name, share in v["profile"])
            profiles.append(f"| {row} | {told.replace('|', '/')} |")
    used = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
    facts = (
        f"- data: built-in head, {' x '.join(map(str, kept['shape']))} voxels of 1.5 mm, 4 echoes\n"
        f"- machine: {kept['machine']}; one FFT unit = {kept['unit_s'] * 1e3:.0f} ms, "
        f"a volume in a pass = {kept['volume_s'] * 1e3:.1f} ms\n- versions: {used}"
    )
    parts = ["# Costs", "Made by `make bench`; do not edit.", doc[-1].strip(), facts, "\n".join(lines)]
    return "\n\n".join([*parts, "## Where the time goes", "\n".join(profiles)]) + "\n"


if __name__ == "__main__":
    main()

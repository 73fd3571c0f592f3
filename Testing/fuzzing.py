"""Damage to files: acquisitions as people have them, one file of which is spoilt, and what must come of it.

A wrong map that says nothing is one made of other numbers than the files held, without a word. Of a spoilt file there
must come a refusal in one line, or what the whole file gave, or a warning that the whole files do not give. Nobody can
tell that voxels were changed where the format has no checksum (.nii, DICOM), nor that a number which one place alone
states is another one (in a parameter file, or as text in the only DICOM file of a scan), so these alone may differ
silently; and geometry within the tolerances that files of one scan are given.
"""

import json
import re
import resource
import shutil
import signal
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from dicom_files import siemens, write_enhanced

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition
from QSMLogic.io.archive import remove_unpacked
from QSMLogic.io.nifti import Geometry, read_image, write_image

LONGEST, MOST_MEMORY = 10.0, 1 << 30
"""s of the processor, which other programs do not shorten, and bytes that a case may take."""

LONGEST_LINE = 1000

TIMES = (0.004, 0.009)
AXES = (0.96, -0.28, 0.0, 0.28, 0.96, 0.0, 0.0, 0.0, 1.0)
GEOMETRY = Geometry((8, 9, 7), (1.0, 1.5, 2.0), (10.0, -20.0, 30.0), AXES)


@dataclass(frozen=True)
class Read:
    """What a map is made of: all that may not change without a word."""

    phase: np.ndarray
    magnitude: np.ndarray
    facts: tuple[float, ...]
    place: np.ndarray
    said: frozenset[str]


def images(folder: Path, ending: str, data: Path | None = None) -> Path:
    """Write a BIDS subject of two echoes with side-cars: a simulated one, or a piece of a real one."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(-np.pi, np.pi, (*GEOMETRY.shape, 2)).astype(np.float32)
    magnitude, geometry = rng.uniform(1, 9, phase.shape).astype(np.float32), GEOMETRY
    folder.mkdir(parents=True)
    for echo, time in enumerate(TIMES):
        for part, values in (("phase", phase[..., echo]), ("mag", magnitude[..., echo])):
            said: dict[str, Any] = {"EchoTime": time, "MagneticFieldStrength": 3, "Manufacturer": "none"}
            if part == "phase":
                said["Units"] = "rad"
            stem = f"sub-a_echo-{echo + 1}_part-{part}_MEGRE"
            if data is not None:
                path = next(data.glob(f"*_echo-{echo + 1}_part-{part}_*.nii.gz"))
                whole, geometry = read_image(path)
                said = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
                kept = whole[10:18, 10:19, 10:17, 0]
                geometry = Geometry(GEOMETRY.shape, *_place(geometry), geometry.stored)
            write_image(folder / f"{stem}{ending}", values if data is None else kept, geometry)
            (folder / f"{stem}.json").write_text(json.dumps(said, indent=1))
    return folder


def _place(geometry: Geometry) -> tuple[Any, Any, Any]:
    return geometry.spacing, geometry.origin, geometry.direction


def four_dimensional(folder: Path) -> Path:
    """Write 4-D files and a parameter file."""
    parts = images(folder / "parts", ".nii")
    for part, name in (("phase", "phase"), ("mag", "magnitude")):
        echoes = [read_image(path)[0][..., 0] for path in sorted(parts.glob(f"*part-{part}*.nii"))]
        write_image(folder / f"{name}.nii", np.stack(echoes, 3), GEOMETRY)
    shutil.rmtree(parts)
    said = {"TE": TIMES, "B0": 3.0, "B0_dir": [0, 0, 1], "voxel_size": [1, 1.5, 2]}
    (folder / "params.json").write_text(json.dumps(said))
    return folder


def enhanced(folder: Path) -> Path:
    """Write one multi-frame DICOM file."""
    values = np.random.default_rng(1).integers(0, 4096, (6, 5, 4, 2))
    values[0, 0, :2] = [[0, 0], [4095, 4095]]
    write_enhanced(folder, {"magnitude": values, "phase": values[::-1]}, {"Manufacturer": "SIEMENS"})
    return folder


def classic(folder: Path) -> Path:
    """Write DICOM files of one slice each."""
    siemens(folder, echoes=2)
    return folder


def zipped(folder: Path) -> Path:
    """Write a zip file of images."""
    whole = images(folder / "whole", ".nii.gz")
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(whole.iterdir()):
            archive.write(path, path.name)
    shutil.rmtree(whole)
    return folder


def read(folder: Path) -> Read:
    """Read the acquisition of a folder, or of the archive in it. Raises InputError."""
    archives = list(folder.glob("*.zip"))
    try:
        found = find_acquisitions(archives[0] if archives else folder)
        loaded = read_acquisition(found[0])
    finally:
        remove_unpacked()
    if loaded.scan is None:
        raise InputError("no phase")
    scan, grid = loaded.scan, loaded.scan.grid
    magnitude = np.zeros(0) if scan.magnitude is None else np.array(scan.magnitude)
    facts = (*scan.echo_times, scan.field_strength)
    place = np.array([*grid.shape, *grid.voxel_size, *np.multiply(grid.b0_direction, np.sign(grid.b0_direction[2]))])
    said = frozenset([*loaded.warnings, *(w for c in found for w in (*c.warnings, c.problem) if w)])
    return Read(np.array(scan.phase), magnitude, facts, place, said)


def spoil(content: bytes, rng: np.random.Generator, head: int) -> bytes:
    """Damage the bytes of a file; most of it in the first so many bytes."""
    spoilt = bytearray(content)
    end = len(content) if rng.random() < 0.3 else min(head, len(content))
    kind = rng.integers(7)
    place = int(rng.integers(max(end, 1)))
    length = int(rng.integers(1, 65))
    if kind == 0:
        return content[: int(rng.integers(len(content)))]
    if kind == 1:
        spoilt[place] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        for spot in rng.integers(0, max(end, 1), int(rng.integers(1, 6))):
            spoilt[spot] = int(rng.integers(256))
    elif kind == 3:
        spoilt[place : place + length] = bytes(len(spoilt[place : place + length]))
    elif kind == 4:
        other = int(rng.integers(max(end, 1)))
        one, two = spoilt[place : place + 4], spoilt[other : other + 4]
        if len(one) == len(two) == 4:
            spoilt[place : place + 4], spoilt[other : other + 4] = two, one
    elif kind == 5:
        spoilt[place:place] = rng.bytes(length)
    else:
        odd = [struct.pack("<f", v) for v in (np.nan, np.inf, -1.0, 0.0, 1e30)] + [b"\xff" * 4, b"\x7f" * 4]
        spoilt[place : place + 4] = odd[int(rng.integers(len(odd)))]
    return bytes(spoilt)


def spoil_json(text: str, rng: np.random.Generator) -> str:
    """Change a value or a key of a JSON document, or its bytes."""
    odd = [
        "NaN",
        "-1",
        "0",
        '"3"',
        "null",
        "[]",
        "{}",
        "true",
        "1e400",
        "1e-300",
        "[1, 2]",
        '"\\u001b[2J"',
        "99999",
        "-0.0",
    ]
    kind = rng.integers(4)
    keys = list(re.finditer(r'"\w+"(?=:)', text))
    numbers = list(re.finditer(r"-?\d+\.?\d*", text))
    if kind == 0 and numbers:
        spot = numbers[int(rng.integers(len(numbers)))]
        return text[: spot.start()] + odd[int(rng.integers(len(odd)))] + text[spot.end() :]
    if kind == 1 and keys:
        spot = keys[int(rng.integers(len(keys)))]
        return text[: spot.start()] + '"Other"' + text[spot.end() :]
    return spoil(text.encode(), rng, 1 << 30).decode("utf-8", "surrogateescape")


def differs(one: Read, other: Read) -> list[str]:
    """Return what differs beyond the tolerances of images of one scan."""
    found = []
    if len(one.facts) != len(other.facts) or not np.allclose(one.facts, other.facts, rtol=1e-4, atol=0):
        found.append("facts")
    if not np.allclose(one.place, other.place, rtol=2e-3, atol=2e-3):
        found.append("geometry")
    for name in ("phase", "magnitude"):
        a, b = getattr(one, name), getattr(other, name)
        if a.shape != b.shape or not np.allclose(a, b, atol=1e-4, equal_nan=True):
            found.append(name)
    return found


@contextmanager
def bounded() -> Iterator[None]:
    """Hold a case to its time and memory: TimeoutError and MemoryError are no refusals."""

    def late(*_: object) -> None:
        raise TimeoutError

    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGPROF, late)
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, limits[1]))
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def check_line(error: InputError) -> None:
    """Check that a refusal is one line of some length."""
    said = str(error)
    assert said
    assert "\n" not in said.strip()
    assert len(said) < LONGEST_LINE, said

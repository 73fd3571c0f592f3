"""The images of a unit with their side-cars, named and placed as BIDS wants those of derivatives.

Where they lie is what the standard accepts (bids-specification.readthedocs.io, schema 1.2, rules.files.deriv):
susceptibility and masks among the anatomical images, fields in Hz among the field maps, with a magnitude image beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from .. import __version__
from ..constants import GAMMA_BAR
from ..io.bids import entities_of
from ..io.load import Loaded
from ..io.writing import FILES, FURTHER
from ..pipeline import Result
from ..report.account import Account
from ..report.sidecar import sidecar
from ..scan import Scan
from . import names
from .derivative import NAME, RAW
from .unit import Plan, Unit

KEPT = ("unwrapped", "phase", "field_noise", "residual", "weights")
"""Maps that are written on request; they are asked for by their names in `qsm run`."""

OTHER = "qsmmap"
"""Suffix of maps that BIDS knows none for."""

SUFFIXES_OF_BIDS = {"r2star": "R2starmap", "t2star": "T2starmap"}
"""Suffixes that BIDS has for further maps."""

ECHO_SUFFIXES = ("MEGRE", "T2starw")
"""Suffixes that BIDS has for the phase of an echo."""

MARKS = re.compile(r" \[[\d, ]+\]")
"""Of the references in the methods text, which are listed elsewhere."""

OF_THE_SCANNER = ("ImageType",)
"""Facts that hold for the images of the scanner, and not for what is made of them."""

BRAIN = {"Type": "Brain", "SpatialReference": "orig"}


@dataclass(frozen=True)
class Image:
    """An image to be written: its path in the data set, voxels, and what its side-car says."""

    path: str
    voxels: np.ndarray
    said: Mapping[str, Any]


def chi(unit: Unit) -> str:
    """Return the path of the susceptibility map of a unit, relative to the data set."""
    return names.anat(unit, "Chimap")


def eroded_mask(unit: Unit) -> str:
    """Return the path of the mask in which the susceptibility map of a unit is valid, relative to the data set."""
    return names.anat(unit, "mask", desc="eroded")


@dataclass(frozen=True)
class Made:
    """What a run made of a unit; sources: the images it read, and the mask where one was given."""

    unit: Unit
    plan: Plan
    loaded: Loaded
    result: Result
    told: Account
    sources: Sequence[Path]

    @property
    def scan(self) -> Scan:
        """The scan, which every unit has that came so far."""
        assert self.loaded.scan is not None
        return self.loaded.scan

    @property
    def raw(self) -> list[str]:
        """The sources as BIDS names them."""
        return [uri(path, self.plan) for path in self.sources]

    def kept(self, name: str) -> bool:
        """Tell whether a user asked for a map, and it was made."""
        return name in self.result.maps and ("all" in self.plan.keep or FILES[name] in self.plan.keep)


def images(made: Made) -> Iterator[Image]:
    """Return every image of a unit."""
    masks = {name: made.result.maps[name].astype(np.uint8) for name in ("mask", "eroded_mask")}
    mask = names.anat(made.unit, "mask", desc="brain")
    yield Image(mask, masks["mask"], BRAIN | _said("Mask of the brain.", made.raw))
    text = "Where susceptibility and local field are valid."
    yield Image(eroded_mask(made.unit), masks["eroded_mask"], BRAIN | _said(text, [_own(mask)]))
    common = _common(made)
    fields = [] if made.scan.magnitude is None else list(_field_maps(made, mask))
    for image in [*fields, *_kept(made)]:
        yield Image(image.path, image.voxels, {**common, **image.said})
    local = [_own(image.path) for image in fields if "_desc-local_" in image.path]
    text = MARKS.sub("", made.told.methods.partition("\n")[0])
    said = _said(text, [_own(mask), *(local or made.raw)])
    yield Image(chi(made.unit), made.result.maps["chi"], {**common, **said, **_chi_said(made)})


def uri(path: Path, plan: Plan) -> str:
    """Return how BIDS names a file: bids:raw:sub-01/... where it is in the data set of the images."""
    try:
        return f"bids:{RAW}:{quote(path.relative_to(plan.dataset).as_posix())}"
    except ValueError:
        return path.resolve().as_uri()


def _own(path: str) -> str:
    return f"bids::{path}"


def _field_maps(made: Made, mask: str) -> Iterator[Image]:
    """Return the fields in Hz, as BIDS wants them, and the magnitude that it wants beside them."""
    assert made.scan.magnitude is not None
    hertz = np.float32(GAMMA_BAR * made.scan.field_strength)
    said = {"Units": "Hz", "SkullStripped": True}
    total, local, noise = (names.fmap(made.unit, "fieldmap", desc=desc) for desc in ("total", "local", "noise"))
    maps = made.result.maps
    text = "Field of all sources, inside the mask and outside."
    if "total_field" in maps:
        yield Image(total, maps["total_field"] * hertz, said | _said(text, [*made.raw, _own(mask)]))
    text = "Field of the sources inside the mask."
    if "local_field" in maps:
        yield Image(local, maps["local_field"] * hertz, said | _said(text, [_own(total), _own(mask)]))
    if made.kept("field_noise"):
        text = "Standard deviation of the total field."
        yield Image(noise, maps["field_noise"] * hertz, said | _said(text, [*made.raw, _own(mask)]))
    magnitude = np.sqrt(np.sum(np.square(made.scan.magnitude, dtype=np.float32), axis=3))
    text = "Root of the summed squares of the magnitude of the echoes."
    yield Image(names.fmap(made.unit, "magnitude"), magnitude, {"SkullStripped": False} | _said(text, made.raw))


def _kept(made: Made) -> Iterator[Image]:
    """Return the other maps that a user asked for; BIDS has a suffix for some."""
    maps, suffix = made.result.maps, made.unit.candidate.description
    suffix = suffix if suffix in ECHO_SUFFIXES else ECHO_SUFFIXES[0]
    texts = {"unwrapped": ("unwrapped", "Unwrapped phase."), "phase": ("conditioned", "Phase after conditioning.")}
    for name, (desc, text) in texts.items():
        for echo, time in enumerate(made.scan.echo_times) if made.kept(name) else ():
            path = names.anat(made.unit, suffix, echo=_echo(made, echo), part="phase", desc=desc)
            said = {"Units": "rad", "SkullStripped": name == "unwrapped", "EchoTime": time}
            yield Image(path, maps[name][..., echo], said | _said(text, made.raw))
    for name, text in (("residual", "Misfit of the echoes, in rad."), ("weights", "Weights of the inversion.")):
        if made.kept(name):
            path = names.anat(made.unit, OTHER, desc=FILES[name])
            yield Image(path, maps[name], {"SkullStripped": True} | _said(text, made.raw))
    for name in (name for name in FURTHER if name in maps):
        own = {"desc": FILES[name]} if name not in SUFFIXES_OF_BIDS else {}
        path = names.anat(made.unit, SUFFIXES_OF_BIDS.get(name, OTHER), **own)
        said = sidecar(name, made.told.settings, made.scan.echoes) | {"Sources": list(made.raw)}
        yield Image(path, maps[name], {"SkullStripped": True} | said)


def _echo(made: Made, index: int) -> str:
    """Return the label of an echo, that of its image where every echo has one."""
    files = made.unit.candidate.files()
    labels = list(dict.fromkeys(entities_of(path, ())[0].get("echo", "") for path in files))
    return labels[index] if all(labels) and len(labels) == made.scan.echoes else str(index + 1)


def _said(text: str, sources: Sequence[str]) -> dict[str, Any]:
    return {"Description": text, "Sources": list(sources)}


def _common(made: Made) -> dict[str, Any]:
    """Return what is known of the acquisition, by the names of BIDS, and who computed."""
    facts = made.loaded.facts.get("acquisition", {})
    return {
        **{name: value for name, value in facts.items() if name not in OF_THE_SCANNER},
        "MagneticFieldStrength": made.scan.field_strength,
        "EchoTime": list(made.scan.echo_times),
        "SoftwareName": NAME,
        "SoftwareVersion": __version__,
    }


def _chi_said(made: Made) -> dict[str, Any]:
    zero = made.result.reference
    return {
        "Units": "ppm",
        "SkullStripped": True,
        "SusceptibilityReference": None if zero is None else {"Region": zero.name, "Mean": zero.mean, "SD": zero.sd},
        "B0Direction": list(made.scan.grid.b0_direction),
        "Settings": made.told.settings.to_dict(),
    }

"""An atlas carried over to a subject, by `qsm atlas` in a child process, as a segmentation to look at and correct."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from QSMLogic.commands.atlas import LABELS, TEMPLATE
from QSMLogic.errors import InputError
from QSMLogic.io.nifti import read_image, write_image
from QSMLogic.io.writing import PROVENANCE
from QSMLogic.registration import LEVELS
from QSMLogic.roi import read_names

from .labels import labelsOn, maskOn, refuseNoLabels
from .regions import GREY, choicesOf
from .scenes import allOrNothing
from .tables import placeBeside
from .volumes import Segment, addSegmentation, addVolume, arrayOf, geometryOf, nameOf, refuseNoImage, shownNode

REGISTRATION_ATTRIBUTE = "QSM.registration"
"""Attribute of a segmentation that was carried over: how well its template fits, as JSON."""


@dataclass(frozen=True, eq=False)
class AtlasRequest:
    """What is to be carried over, and to whom.

    image: the subject's volume that the template is fitted to; mask: the brain in it; template: a volume; labels: of
    the template; templateMask: the brain in it, None where the template is 0 outside; masks and labels are a
    segmentation or a label volume, of any geometry; names: a file that names the labels, where they have no names of
    their own; level: how freely the template is moved, of QSMLogic.registration.LEVELS, after those before it.
    Raises InputError where a node is missing or cannot be used.
    """

    image: Any
    mask: Any
    template: Any
    labels: Any
    templateMask: Any = None
    names: str = ""
    level: str = LEVELS[-1]

    def __post_init__(self) -> None:
        """Check what costs nothing to check."""
        for node, what in (
            (self.image, "the image of the subject"),
            (self.mask, "the mask of the subject's brain"),
            (self.template, "the template of the atlas"),
            (self.labels, "the labels of the atlas"),
        ):
            if node is None:
                raise InputError(f"Choose {what}.")
        for node in (self.image, self.template):
            refuseNoImage(node)
        if self.image is self.template:
            raise InputError(f"{nameOf(self.image)} is both the image and the template: choose two volumes.")
        refuseNoLabels(self.mask, "mask")
        refuseNoLabels(self.labels, "labels of the atlas")
        if self.templateMask is not None:
            refuseNoLabels(self.templateMask, "mask of the template")
        if self.level not in LEVELS:
            raise InputError(f"There is no registration {self.level}: {', '.join(LEVELS)}.")


@dataclass(frozen=True)
class Carried:
    """An atlas on a subject: a segmentation with a segment per label, the template as a volume, and how well it fits.

    said: in words; warnings: what speaks against the labels, none where they look right.
    """

    segmentation: Any
    template: Any
    said: str
    warnings: list[str]


def writeAtlas(request: AtlasRequest, folder: Path) -> list[str]:
    """Write what `qsm atlas` needs into a folder, and return the words of the command, without its output."""
    image, template = request.image, request.template
    files = {
        "image": (arrayOf(image), image),
        "mask": (maskOn(request.mask, image), image),
        "template": (arrayOf(template), template),
        "labels": (labelsOn(request.labels, template)[0], template),
    }
    if request.templateMask is not None:
        files["template-mask"] = (maskOn(request.templateMask, template), template)
    words = ["atlas", "--levels", *LEVELS[: LEVELS.index(request.level) + 1]]
    words += ["--names", request.names] if request.names else []
    for name, (array, place) in files.items():
        write_image(folder / f"{name}.nii", array, geometryOf(place))
        words += [f"--{name}", str(folder / f"{name}.nii")]
    return words


def loadCarried(scene: Any, folder: Path, request: AtlasRequest) -> Carried:
    """Make a segmentation of what `qsm atlas` left in a folder; on failure the scene is as before.

    Names and colours are those of the atlas's own labels, names from the file where one was given.
    Raises InputError where a file cannot be read.
    """
    labels, place = read_image(folder / LABELS)
    image = request.image
    if place.difference(geometryOf(image)):
        raise InputError(
            f"{nameOf(image)} was changed meanwhile, and the labels no longer fit it: carry them over again."
        )
    record = json.loads((folder / PROVENANCE).read_text("utf-8"))
    shown = read_image(folder / TEMPLATE)[0][..., 0]
    segments = list(_segments(labels[..., 0], request))
    if not segments:
        raise InputError(f"No label of {nameOf(request.labels)} lies in {nameOf(image)}: look at template and mask.")
    with allOrNothing(scene):
        name = scene.GenerateUniqueName(f"{nameOf(request.labels)} on {nameOf(image)}")
        made = addSegmentation(scene, name, segments, image, shownNode(image, scene))
        made.SetAttribute(REGISTRATION_ATTRIBUTE, json.dumps(record["registration"]))
        name = scene.GenerateUniqueName(f"{nameOf(request.template)} on {nameOf(image)}")
        template = addVolume(scene, name, shown, image)
        for node in (made, template):
            placeBeside(scene, node, shownNode(image, scene))
    return Carried(made, template, _words(record["registration"]), list(record["warnings"]))


def _words(fit: Mapping[str, float]) -> str:
    """Return how well a template fits, as a sentence."""
    return (
        f"The brains overlap by {fit['overlap']:.2f} (Dice); similarity {fit['similarity_after']:.3f}, before "
        f"{fit['similarity_before']:.3f}, from a wrong start {fit['similarity_turned']:.3f} (share of information)."
    )


def _segments(labels: np.ndarray, request: AtlasRequest) -> Iterator[Segment]:
    """Yield a segment for every label that is there."""
    known = {choice.label: choice for choice in choicesOf(request.labels)}
    names = {label: choice.name for label, choice in known.items()}
    if request.names:
        names |= read_names(Path(request.names))
    for label in np.unique(labels[labels != 0]).astype(int).tolist():
        colour = known[label].colour if label in known else GREY
        yield Segment(f"label {label}", names.get(label, f"label {label}"), colour, labels == label)

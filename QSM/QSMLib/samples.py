"""Sample data that need no network: a simulated head, made when it is asked for, with its true susceptibility."""

from __future__ import annotations

import colorsys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .acquisition import Acquisition
from .folders import place
from .scenes import allOrNothing, freeTitle, placeInFolder
from .volumes import UNITS_ATTRIBUTE, Segment, addSegmentation, addVolume

if TYPE_CHECKING:
    from QSMLogic.phantom import Phantom

NAME = "QSM phantom"
CATEGORY = "QSM"
SAMPLE = "QSMPhantom"
THUMBNAIL = Path(__file__).resolve().parents[1] / "Resources" / "Icons" / "QSMPhantom.png"

TURN = 0.618
"""Of the circle of colours, from one region to the next: neighbours differ, and no two are the same."""


def loadSample(scene: Any, phantom: Phantom | None = None) -> Acquisition:
    """Load a simulated head, by default that of `qsm demo`: it takes a few seconds and no network.

    Beside the images come the true susceptibility and a segmentation of the regions of the brain.
    """
    from QSMLogic.io.nifti import Geometry  # noqa: PLC0415 (imports SimpleITK: not while Slicer starts)
    from QSMLogic.phantom import head_phantom  # noqa: PLC0415

    phantom = phantom or head_phantom()
    scan = phantom.scan
    like = place(Geometry.centred(scan.grid, phantom.direction))
    numbers = range(1, scan.echoes + 1)
    title = freeTitle(scene, NAME, [*(f"phase {n}" for n in numbers), "regions", "true chi"])
    with allOrNothing(scene):
        phases = [addVolume(scene, title(f"phase {n}"), scan.phase[..., n - 1], like) for n in numbers]
        magnitudes = [addVolume(scene, title(f"magnitude {n}"), scan.magnitude[..., n - 1], like) for n in numbers]
        for node in phases:
            node.SetAttribute(UNITS_ATTRIBUTE, "rad")
        truth = _addTruth(scene, title("true chi"), phantom, like)
        labels = addSegmentation(scene, title("regions"), _segments(phantom), phases[0], phases[0])
        labels.GetDisplayNode().SetVisibility(False)
        item = placeInFolder(scene, NAME, [*magnitudes, *phases, truth, labels], phases[0])
    return Acquisition(
        NAME,
        tuple(phases),
        tuple(magnitudes),
        scan.echo_times,
        scan.field_strength,
        folderItem=item,
        labels=labels,
        truth=truth,
    )


def register(scene: Any) -> None:
    """List the head in Slicer's module Sample Data, which loads it into this scene. Call it when Slicer has started.

    Without Sample Data it does nothing: an application made of Slicer, or a user, may leave modules out.
    """
    if find_spec("SampleData") is None:
        return
    import SampleData  # noqa: PLC0415 (a module of Slicer, there when all modules are)

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        logic.registerCustomSampleDataCategory(CATEGORY, title=_("QSM"))
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE,
        thumbnailFileName=str(THUMBNAIL),
        uris="",  # nothing is downloaded, but Slicer counts the addresses
        fileNames=SAMPLE,
        nodeNames=NAME,
        customDownloader=partial(_loadAndShow, scene),
    )


def _loadAndShow(scene: Any, _source: Any) -> list[Any]:
    """Load the head and show its first magnitude; return its nodes, as Slicer expects."""
    from .display import fitViews, hideMap  # noqa: PLC0415 (imports the pipeline: see above)

    sample = loadSample(scene)
    hideMap(scene, sample.magnitudes[0])
    fitViews(scene, sample.magnitudes[0])
    return [*sample.magnitudes, *sample.phases, sample.truth, sample.labels]


def _addTruth(scene: Any, name: str, phantom: Phantom, like: Any) -> Any:
    from QSMLogic.report.windows import window  # noqa: PLC0415 (see above)

    shown = window("chi")
    node = addVolume(scene, name, phantom.chi, like)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(*shown.limits(phantom.chi))
    return node


def _segments(phantom: Phantom) -> list[Segment]:
    """Return the regions that lie in the brain."""
    found = []
    for label, name in phantom.label_names.items():
        where = phantom.mask & (phantom.labels == label)
        if label and where.any():
            colour = colorsys.hsv_to_rgb(label * TURN % 1, 0.7, 0.9)
            found.append(Segment(name.replace(" ", "_"), name, colour, where))
    return found

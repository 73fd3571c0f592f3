"""The whole panel on a real head, as a person works it: load the folder, compute, draw regions, measure."""

from pathlib import Path

import numpy as np

LONGEST = 600.0
"""s that a run may take."""

STROKES = {
    "lentiform left": ((33, 42, 28), 20.0, 0.08, (0.9, 0.6, 0.1)),
    "lentiform right": ((46, 42, 28), 20.0, 0.08, (0.2, 0.7, 0.3)),
    "deep veins": ((39, 28, 27), 15.0, 0.15, (0.3, 0.5, 0.9)),
    "white matter": ((33, 52, 32), 7.0, -np.inf, (0.8, 0.8, 0.8)),
}
"""Regions of sub-head: centre of a round brush (voxel), its radius (mm), the least chi that it paints (ppm), colour."""


def compute(user, folder: Path):
    """Load a folder, press Apply, wait, and return the map of susceptibility."""
    user.panel.act(lambda: user.panel.sections[0].loadFolder(folder))
    assert user.ui.applyButton.enabled, user.ui.readyLabel.text
    user.click("applyButton")
    user.wait(lambda: user.panel.runSection.job is None, LONGEST)
    assert user.message.startswith("Done"), user.message
    return next(n for n in user.panel.sections[-1].choices.maps if n.GetAttribute("QSM.map") == "chi")


def draw(chi):
    """Draw the regions on a map, as with a round brush that paints above a threshold; return the segmentation."""
    import slicer

    scene = chi.GetScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "drawn regions")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(chi)
    values = slicer.util.arrayFromVolume(chi)
    places = np.indices(values.shape)[::-1]
    for name, (centre, radius, least, colour) in STROKES.items():
        distance = sum(((p - c) * s) ** 2 for p, c, s in zip(places, centre, chi.GetSpacing(), strict=True))
        painted = (distance <= radius**2) & (values > least)
        segment = node.GetSegmentation().AddEmptySegment(name, name, colour)
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted.astype(np.uint8), node, segment, chi)
    return node


def measure(user, chi, regions):
    """Choose map and regions, press Measure, and return the measurement."""
    user.panel.sections[-1].choices.maps = [chi]
    user.panel.refresh()
    user.pick("measure_regions", regions)
    user.click("measure_apply")
    return user.panel.sections[-1].measurement

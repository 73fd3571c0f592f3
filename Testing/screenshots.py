"""Makes the pictures of the module for the documentation: the sample data go through the panel as a person would do it.

    screenshots.py            the sample data
    screenshots.py FOLDER     the real head in this folder (sub-head/anat), and its table on standard output

The panel is the module's own, on stand-ins for Slicer's widgets; the views are rendered by Slicer's libraries.
"""

import sys
from pathlib import Path

import invivo_panel
from panel_user import User
from slicer_side.application import load_module, start, unload_module

from QSMLogic.roi import TITLES

IMAGES = Path(__file__).parents[1] / "docs" / "images"
TITLE = "QSM"
LONGEST = 600.0
"""s that a run may take."""

FOLDED = ("inputCollapsibleButton", "maskCollapsibleButton", "methodCollapsibleButton", "outputCollapsibleButton")
"""Sections that a person has done with when the results are looked at."""

DRAWN = ("caudate", "putamen", "pallidum", "thalamus", "red nucleus", "nigra", "dentate")
"""Regions that are drawn in the views; the large ones would hide all others."""


MIDDLE = (39.0, 42.0, 28.0)
"""Voxel of the real head at which its views are cut: through the lentiform nuclei."""

COLUMNS = ("name", "mean", "sd", "median", "q1", "q3", "minimum", "maximum", "volume", "voxels")


def main(arguments: list[str]) -> None:
    """Write the pictures."""
    start()
    user = User(load_module("QSM"))
    if arguments:
        show_real_head(user, Path(arguments[0]))
    else:
        compute_sample(user)
        write_pictures(user)
    unload_module("QSM")


def show_real_head(user, folder: Path) -> None:
    """Compute, draw, measure, write the window and print the table."""
    from slicer_side.pictures import write_window  # noqa: PLC0415 (Qt is there once the application is)

    chi = invivo_panel.compute(user, folder)
    regions = invivo_panel.draw(chi)
    measured = invivo_panel.measure(user, chi, regions)
    jump_to(chi, MIDDLE)
    for name in FOLDED:
        user.find(name).collapsed = True
    draw_regions(regions, invivo_panel.STROKES)
    write_window(user.top, IMAGES / "in-vivo-panel.png", TITLE)
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for line in next(iter(measured.tables.values())).lines():
        cells = dict(zip(TITLES, line, strict=True))
        print("| " + " | ".join(shown(cells[column]) for column in COLUMNS) + " |")


def shown(value) -> str:
    """Return a value as the CSV has it."""
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def jump_to(volume, voxel) -> None:
    """Cut every slice view at a voxel."""
    import slicer  # noqa: PLC0415
    import vtk  # noqa: PLC0415

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    place = matrix.MultiplyPoint((*voxel, 1.0))[:3]
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByCentering(*place)


def compute_sample(user) -> None:
    """Load the sample data, compute, and measure in its regions."""
    user.click("sampleDataButton")
    user.click("applyButton")
    user.wait(lambda: user.panel.runSection.job is None, LONGEST)
    if not user.message.startswith("Done"):
        raise RuntimeError(user.message)
    user.pick("measure_regions", regions_of(user))
    user.click("measure_apply")


def regions_of(user):
    """Return the segmentation that came with the sample data."""
    return user.panel.parameters.labels


def write_pictures(user) -> None:
    """Write the window with the results."""
    from slicer_side.pictures import write_panel, write_window  # noqa: PLC0415 (Qt is there once the application is)

    IMAGES.mkdir(exist_ok=True)
    write_panel(user.top, IMAGES / "panel-whole.png")
    for name in FOLDED:
        user.find(name).collapsed = True
    draw_regions(regions_of(user), DRAWN)
    write_window(user.top, IMAGES / "panel.png", TITLE)


def draw_regions(regions, names) -> None:
    """Draw some regions as outlines in the slices and as surfaces in 3-D."""
    segmentation = regions.GetSegmentation()
    display = regions.GetDisplayNode()
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        display.SetSegmentVisibility(segmentation.GetNthSegmentID(index), segment.GetName() in names)
    regions.CreateClosedSurfaceRepresentation()
    display.SetVisibility2DFill(False)
    display.SetVisibility(True)
    view = regions.GetScene().GetFirstNodeByClass("vtkMRMLViewNode")
    view.SetBoxVisible(False)  # the camera looks at the regions then, and not at the box
    view.SetAxisLabelsVisible(False)


if __name__ == "__main__":
    main(sys.argv[1:])

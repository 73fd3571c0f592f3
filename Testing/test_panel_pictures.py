"""Maps and regions in three dimensions, and the figure for a paper: what is drawn is what is there."""

import struct
import zlib

import numpy as np
import pytest
from panel_user import answer
from slicer_nodes import Nodes

SIZE = (24, 24, 24)
PLACE = np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.fixture
def chi(slicer_scene):
    """Return a map with a ball of 0.3 ppm at the patient's right, one of 0.05 ppm at the left."""
    axes = np.indices(SIZE)
    values = np.zeros(SIZE, np.float32)
    for centre, value in (((18, 12, 12), 0.3), ((6, 12, 12), 0.05)):
        values[((axes - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0) < 20] = value
    node = Nodes(slicer_scene).volume(values, PLACE, name="chi")
    node.SetAttribute("QSM.map", "chi")
    node.SetAttribute("QSM.unit", "ppm")
    return node


def orange(picture):
    """Return how many pixels are as the cloud is."""
    return int(((picture[..., 0] > 60) & (picture[..., 0] > picture[..., 2].astype(int) + 40)).sum())


def test_what_is_above_a_tenth_of_a_ppm_is_seen(slicer_scene, chi):
    import slicer
    from QSMLib import rendering
    from slicer_side.views import View3D

    logic = slicer.modules.volumerendering.logic()
    with View3D((120, 120)) as view:
        empty = orange(view.picture())
        rendering.show3D(slicer_scene, chi, logic)
        both = orange(view.picture())
        values = slicer.util.arrayFromVolume(chi)
        values[values > 0.1] = 0.099
        chi.GetImageData().Modified()
        below = orange(view.picture())
    assert rendering.isShown3D(chi)
    assert empty == below == 0
    assert both > 50


def test_one_map_is_shown_at_a_time_and_can_be_taken_away(slicer_scene, chi):
    import slicer
    from QSMLib import rendering

    logic = slicer.modules.volumerendering.logic()
    other = Nodes(slicer_scene).volume(slicer.util.arrayFromVolume(chi).T, PLACE, name="other")
    foreign = logic.CreateDefaultVolumeRenderingNodes(other)
    foreign.SetVisibility(True)
    rendering.show3D(slicer_scene, chi, logic)
    rendering.show3D(slicer_scene, chi, logic)
    assert len(slicer.util.getNodesByClass("vtkMRMLVolumeRenderingDisplayNode")) == 2
    assert foreign.GetVisibility(), "what a user renders by hand stays"
    second = slicer.modules.volumes.logic().CloneVolume(slicer_scene, chi, "second")
    rendering.show3D(slicer_scene, second, logic)
    assert rendering.isShown3D(second)
    assert not rendering.isShown3D(chi)
    rendering.show3D(slicer_scene, second, logic, False)
    assert not rendering.isShown3D(second)


def test_a_function_that_a_user_changed_stays(slicer_scene, chi):
    import slicer
    from QSMLib import rendering

    logic = slicer.modules.volumerendering.logic()
    rendering.show3D(slicer_scene, chi, logic)
    display = logic.GetFirstVolumeRenderingDisplayNode(chi)
    opacity = display.GetVolumePropertyNode().GetScalarOpacity()
    assert [opacity.GetValue(value) for value in (-1, 0.1, 0.15, 0.2, 0.4, 2)] == pytest.approx(
        [0, 0, 0.2, 0.4, 0.9, 0.9]
    )
    opacity.AddPoint(0.05, 0.5)
    rendering.show3D(slicer_scene, chi, logic, False)
    rendering.show3D(slicer_scene, chi, logic)
    assert opacity.GetValue(0.05) == 0.5


def test_only_susceptibility_is_offered(slicer_scene, chi):
    from QSMLib import rendering

    assert rendering.canShow3D(chi)
    chi.SetAttribute("QSM.map", "r2star")
    assert not rendering.canShow3D(chi)
    assert not rendering.canShow3D(None)


def pixels(path):
    """Return the grey values of a PNG that this package wrote (filter: difference from the row above)."""
    content = path.read_bytes()
    columns, rows = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[start - 4 : start])
    raw = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + length]), np.uint8).reshape(rows, columns + 1)
    return np.cumsum(raw[:, 1:].astype(int), axis=0) % 256


def test_a_figure_has_fixed_greys_and_the_right_on_the_left(slicer_scene, chi, tmp_path):
    from QSMLib import figure

    picture = pixels(figure.writeFigure(tmp_path / "a.png", slicer_scene, [chi]))
    assert picture.shape[1] == figure.WIDTH + figure.GAP
    grey = {value: round((value + 0.1) / 0.3 * 255) for value in (0, 0.05)}
    # the slice views of a new scene cut at the origin, a corner voxel: all of the map is 0 there
    assert (picture[figure.LINE : figure.LINE + 100, 60:-60] == grey[0]).all()
    known = Nodes(slicer_scene).segmentation({"mask": values_of(chi) > 0.1}, chi)
    chi.SetNodeReferenceID("QSM.mask", known.GetID())
    masked = pixels(figure.writeFigure(tmp_path / "c.png", slicer_scene, [chi]))
    assert not masked[figure.LINE : figure.LINE + 100, 60:-60].any(), "black where the map is not known"
    chi.RemoveNodeReferenceIDs("QSM.mask")
    figure_at = picture_through(slicer_scene, chi, tmp_path, (24.0, 24.0, 24.0))
    axial = figure_at[figure.LINE : figure.LINE + figure.WIDTH // 2]
    left, right = axial[:, : figure.WIDTH // 2], axial[:, figure.WIDTH // 2 :]
    assert (left == 255).sum() > (right == 255).sum() + 200, "0.3 ppm is white, and the patient's right"
    assert (right == grey[0.05]).sum() > 200
    assert not (left == grey[0.05]).any()


def values_of(node):
    import slicer

    return slicer.util.arrayFromVolume(node).T


def picture_through(scene, chi, folder, point):
    """Return the figure with the slice views at a point (RAS)."""
    from QSMLib import figure

    for name in figure.SLICE_VIEWS:
        scene.GetNodeByID(f"vtkMRMLSliceNode{name}").JumpSliceByCentering(*point)
    voxel = figure.shownVoxel(scene, chi)
    assert voxel == tuple(round(x / 2) for x in point)
    return pixels(figure.writeFigure(folder / "b.png", scene, [chi]))


def test_maps_of_another_place_are_refused_and_an_image_of_one_is_left_out(slicer_scene, chi, tmp_path):
    from QSMLib import figure

    from QSMLogic.errors import InputError

    other = Nodes(slicer_scene).volume(np.ones(SIZE, np.float32), np.diag([3.0, 2, 2, 1]), name="elsewhere")
    with pytest.raises(InputError, match="elsewhere"):
        figure.writeFigure(tmp_path / "a.png", slicer_scene, [chi, other])
    path = figure.writeFigure(tmp_path / "a.png", slicer_scene, [chi], other)
    assert pixels(path).shape[1] == figure.WIDTH + figure.GAP
    with pytest.raises(InputError):
        figure.writeFigure(tmp_path / "absent" / "a.png", slicer_scene, [chi])


def test_from_the_panel(user, chi, tmp_path, monkeypatch):
    from QSMLib import rendering

    user.unfold("showCollapsibleButton")
    user.pick("showMapSelector", chi)
    user.click("show3DCheckBox")
    assert rendering.isShown3D(chi)
    user.panel.refresh()
    assert user.find("show3DCheckBox").checked
    user.click("show3DCheckBox")
    assert not rendering.isShown3D(chi)
    answer(monkeypatch, "getSaveFileName", tmp_path / "mine")
    user.click("showFigureButton")
    assert user.message == f"Saved {tmp_path / 'mine.png'}."
    assert pixels(tmp_path / "mine.png").any()
    user.click("showFigureButton")
    assert "exists already" in user.message


def test_regions_as_surfaces(user, nodes, chi):
    from QSMLib import rendering

    drawn = np.zeros(SIZE, bool)
    drawn[4:12, 4:12, 4:12] = True
    regions = nodes.segmentation({"Nucleus": drawn}, chi)
    user.unfold("measureCollapsibleButton")
    assert not user.find("measure_surfaces").enabled
    user.pick("measure_regions", regions)
    user.click("measure_surfaces")
    assert rendering.areSurfacesShown(regions)
    user.click("measure_surfaces")
    assert not rendering.areSurfacesShown(regions)
    assert regions.GetDisplayNode().GetVisibility()

"""What the slice views show, looked at in rendered pictures: grey levels, colours, places, outlines, legends."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "QSM"))

SIZE = (200, 200)
"""Pixels of a view; the volume fills it, so that a voxel is 4 pixels."""
VOXELS, SPACING = 50, 2.0
RIGHT, ANTERIOR, SUPERIOR = (30.0, 0.0, 0.0), (0.0, 30.0, 0.0), (0.0, 0.0, 30.0)
SHADE = 2
"""Grey levels by which rounding may change a picture."""


@pytest.fixture
def side(slicer_scene):
    """Import what the tests use, once the scene is there."""
    import slicer  # noqa: PLC0415
    from QSMLib import colours, display, results, volumes  # noqa: PLC0415
    from slicer_side import views  # noqa: PLC0415

    return SimpleNamespace(
        scene=slicer_scene,
        slicer=slicer,
        colours=colours,
        display=display,
        results=results,
        volumes=volumes,
        views=views,
    )


def to_ras():
    """Return the matrix of a volume about the origin, in the order of axes that scanners use (left, posterior)."""
    matrix = np.diag([-SPACING, -SPACING, SPACING, 1.0])
    matrix[:2, 3], matrix[2, 3] = SPACING * VOXELS / 2, -SPACING * VOXELS / 2
    return matrix


def add(side, name, inside, *, outside=0.0, centre=(0, 0, 0), radius=12.0):
    """Add a volume that holds one value in a ball (mm, RAS) and another around it."""
    k, j, i = np.meshgrid(*[np.arange(VOXELS)] * 3, indexing="ij")
    place = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ to_ras().T
    ball = np.linalg.norm(place[..., :3] - centre, axis=-1) < radius
    node = side.slicer.util.addVolumeFromArray(
        np.where(ball, np.float32(inside), np.float32(outside)), ijkToRAS=to_ras(), name=name
    )
    if name in ("chi", "total_field", "local_field", "r2star"):
        node.SetAttribute(side.results.MAP_ATTRIBUTE, name)
    return node


def magnitude_of(side, value=1000.0):
    """Add a magnitude that is drawn white where the head is."""
    node = add(side, "magnitude", value, radius=45)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 1000)
    return node


def seen(side, name="Red"):
    """Return what a view shows, without the legend beside it."""
    for legend in side.volumes.nodesOf(side.scene, "vtkMRMLColorLegendDisplayNode"):
        legend.SetVisibility(False)
    with side.views.SliceView(name, SIZE) as view:
        return view.picture().astype(int)


def shade(picture, across=0.0, up=0.0):
    """Return the colour at a place in mm from the middle of a view, across to the right of the picture."""
    millimetres = VOXELS * SPACING / SIZE[0]
    return picture[round(SIZE[1] / 2 - 0.5 - up / millimetres), round(SIZE[0] / 2 - 0.5 + across / millimetres)]


def grey(value, low=-0.1, high=0.2):
    return 255 * (value - low) / (high - low)


def shown(side, node, behind=None, **options):
    side.views.SliceView("Red", SIZE).close()  # gives the slice nodes the size that fit needs
    for name in ("Green", "Yellow"):
        side.views.SliceView(name, SIZE).close()
    side.display.showMap(side.scene, node, behind, **{"fit": True} | options)


@pytest.mark.parametrize("value", [-0.05, 0.05, 0.15])
def test_chi_is_drawn_in_its_grey(side, value):
    shown(side, add(side, "chi", value), magnitude_of(side))
    picture = seen(side)
    assert np.abs(shade(picture) - grey(value)).max() <= SHADE
    assert np.abs(shade(picture, across=25) - grey(0)).max() <= SHADE


def test_the_map_blends_with_what_lies_behind(side):
    shown(side, add(side, "chi", 0.05), magnitude_of(side), opacity=0.25)
    assert np.abs(shade(seen(side)) - (0.25 * grey(0.05) + 0.75 * 255)).max() <= SHADE
    side.display.setOpacity(side.scene, 0.0)
    assert np.abs(shade(seen(side)) - 255).max() <= SHADE


def test_the_threshold_hides_what_is_outside(side):
    chi = add(side, "chi", 0.1)
    shown(side, chi, magnitude_of(side), threshold=(0.05, 0.15))
    picture = seen(side)
    assert np.abs(shade(picture) - grey(0.1)).max() <= SHADE
    assert np.abs(shade(picture, across=25) - 255).max() <= SHADE  # chi is 0 there: the magnitude is seen
    side.display.setThreshold(chi, (0.12, 0.15))
    assert np.abs(shade(seen(side)) - 255).max() <= SHADE
    side.display.setThreshold(chi, None)
    assert np.abs(shade(seen(side), across=25) - grey(0)).max() <= SHADE


@pytest.mark.parametrize(
    ("name", "limit", "share"),
    [("local_field", 0.05, 1.0), ("local_field", 0.05, -1.0), ("total_field", 0.5, 0.5), ("total_field", 0.5, -0.5)],
)
def test_fields_are_blue_below_and_red_above_zero(side, name, limit, share):
    shown(side, add(side, name, share * limit), magnitude_of(side))
    picture = seen(side)
    table = side.colours.table()
    expected = 255 * table[round((share + 1) / 2 * (len(table) - 1))]
    assert np.abs(shade(picture) - expected).max() <= 2 * SHADE
    strongest, weakest = (0, 2) if share > 0 else (2, 0)
    assert shade(picture)[strongest] > shade(picture)[weakest] + 30
    assert shade(picture, across=25).min() > 240  # zero is white


def test_chi_in_diverging_colours_is_white_at_zero(side):
    chi = add(side, "chi", -0.1)
    shown(side, chi, colours="diverging")
    assert chi.GetDisplayNode().GetWindowLevelMin() == -chi.GetDisplayNode().GetWindowLevelMax() == -0.2
    picture = seen(side)
    assert shade(picture, across=25).min() > 240
    assert shade(picture)[2] > shade(picture)[0] + 30
    side.display.setColours(side.scene, chi, "grey")
    assert np.abs(shade(seen(side)) - grey(-0.1)).max() <= SHADE


@pytest.mark.parametrize(
    ("view", "marker", "across", "up"),
    [
        ("Red", RIGHT, -30, 0),  # radiological: the patient's right is at the left
        ("Red", ANTERIOR, 0, 30),
        ("Green", RIGHT, -30, 0),
        ("Green", SUPERIOR, 0, 30),
        ("Yellow", ANTERIOR, -30, 0),
        ("Yellow", SUPERIOR, 0, 30),
    ],
)
def test_a_marker_is_where_it_lies(side, view, marker, across, up):
    shown(side, add(side, "chi", 0.2, centre=marker, radius=8), magnitude_of(side))
    picture = seen(side, view)
    assert np.abs(shade(picture, across, up) - grey(0.2)).max() <= SHADE
    assert np.abs(shade(picture, -across, -up) - grey(0.0)).max() <= SHADE


def test_the_views_are_centred_under_a_transform_too(side):
    node = add(side, "chi", 0.2)
    moved = side.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = 300, -200, 100
    moved.SetMatrixTransformToParent(side.slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveTransformNodeID(moved.GetID())
    shown(side, node)
    for view in ("Red", "Green", "Yellow"):
        assert np.abs(shade(seen(side, view)) - grey(0.2)).max() <= SHADE


def test_the_mask_is_an_outline(side):
    chi = add(side, "chi", 0.05, outside=0.05)
    mask = side.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mask")
    mask.SetReferenceImageGeometryParameterFromVolumeNode(chi)
    segment = mask.GetSegmentation().AddEmptySegment("m", "m", (0.0, 1.0, 0.0))
    ball = side.slicer.util.arrayFromVolume(add(side, "ball", 1.0, radius=30)).astype(np.uint8)
    side.slicer.util.updateSegmentBinaryLabelmapFromArray(ball, mask, segment, chi)
    shown(side, chi)
    side.display.showMask(mask)
    picture = seen(side)
    assert np.abs(shade(picture) - grey(0.05)).max() <= SHADE  # no veil inside
    row = picture[SIZE[1] // 2]
    edges = np.flatnonzero(row[:, 1] > row[:, 0] + 30) * VOXELS * SPACING / SIZE[0] - VOXELS * SPACING / 2
    assert np.abs(np.abs(edges) - 30).max() < 2 * SPACING
    assert edges.min() < 0 < edges.max()
    side.display.showMask(mask, visible=False)
    assert np.abs(seen(side) - picture).max() > 30
    assert not side.display.isMaskShown(mask)


def test_all_views_show_the_same_and_are_linked(side):
    chi, magnitude = add(side, "chi", 0.1), magnitude_of(side)
    shown(side, chi, magnitude, opacity=0.5)
    views = side.volumes.nodesOf(side.scene, "vtkMRMLSliceCompositeNode")
    assert len(views) == 3
    for view in views:
        assert view.GetForegroundVolumeID() == chi.GetID()
        assert view.GetBackgroundVolumeID() == magnitude.GetID()
        assert view.GetLinkedControl()
    assert side.display.shownMap(side.scene) == side.display.Shown(chi, magnitude, 0.5, linked=True)
    side.display.setLinked(side.scene, False)
    assert not any(view.GetLinkedControl() for view in views)
    side.display.hideMap(side.scene)
    assert side.display.shownMap(side.scene) == side.display.Shown(None, magnitude, linked=False)
    side.display.showMap(side.scene, chi)
    assert side.display.shownMap(side.scene) == side.display.Shown(chi, None)


def test_the_legend_says_what_is_shown(side):
    chi, field, magnitude = add(side, "chi", 0.1), add(side, "local_field", 0.03), magnitude_of(side)

    def titles():
        legends = side.volumes.nodesOf(side.scene, "vtkMRMLColorLegendDisplayNode")
        return [legend.GetTitleText() for legend in legends if legend.GetVisibility()]

    shown(side, chi, magnitude)
    assert titles() == ["Susceptibility [ppm]"]
    with side.views.SliceView("Red", SIZE) as view:
        with_legend = view.picture().astype(int)
    assert np.abs(with_legend - seen(side)).max() > 100
    shown(side, field, magnitude)
    shown(side, field, magnitude)
    assert titles() == ["Local field [ppm]"]
    assert len(side.volumes.nodesOf(side.scene, "vtkMRMLColorLegendDisplayNode")) == 2
    side.display.hideMap(side.scene)
    assert titles() == []


def test_the_colours_are_made_once_and_are_saved_with_the_scene(side, tmp_path):
    field = add(side, "local_field", 0.03)
    shown(side, field)
    first = side.colours.divergingColours(side.scene)
    first.SetName("renamed")
    assert side.colours.divergingColours(side.scene) is first
    assert first.GetAttribute("Category") == "QSM"
    before = seen(side)
    assert side.slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    side.scene.Clear()
    side.slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    again = side.colours.divergingColours(side.scene)
    assert again.GetName() == "renamed"
    field = side.slicer.util.getNode("local_field")
    assert field.GetDisplayNode().GetColorNode() is again
    assert side.display.coloursOf(field) == "diverging"
    assert np.abs(seen(side) - before).max() <= SHADE
    held = [side.slicer.vtkMRMLColorTableNode.SafeDownCast(again).GetNumberOfColors(), [0.0] * 4]
    again.GetColor(0, held[1])
    np.testing.assert_allclose(held[1][:3], side.colours.table()[0], atol=1 / 255)
    assert held[0] == len(side.colours.table())


def test_a_choice_of_colours_stays_when_a_map_is_shown_again(side):
    field, chi = add(side, "local_field", 0.03), add(side, "chi", 0.1)
    shown(side, field)
    side.display.setColours(side.scene, field, "grey")
    shown(side, chi)
    shown(side, field)
    assert side.display.coloursOf(field) == "grey"
    iron = side.scene.GetNodeByID("vtkMRMLColorTableNodeIron")
    side.display.setColours(side.scene, chi, iron)
    shown(side, chi)
    assert side.display.coloursOf(chi) is iron


def test_a_window_of_ones_own_stays_until_it_is_reset(side):
    chi = add(side, "chi", 0.1)
    shown(side, chi)
    display = chi.GetDisplayNode()
    display.SetWindowLevelMinMax(-1, 1)
    shown(side, chi, opacity=0.5)
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-1, 1)
    side.display.resetWindow(chi)
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((-0.1, 0.2))


def lightness(rgb):
    """Return CIE L* of sRGB colours."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.where(y > 0.008856, np.cbrt(y), 7.787 * y + 16 / 116) - 16


def test_the_lightness_of_the_colours_falls_evenly_and_alike_to_both_sides(side):
    light = lightness(side.colours.table())
    np.testing.assert_allclose(light, light[::-1], atol=0.5)
    expected = 97 - 67 * np.abs(np.linspace(-1, 1, light.size))
    np.testing.assert_allclose(light, expected, atol=0.5)

"""Views and widgets are really drawn without a display: their pictures show what they should."""

import numpy as np
import pytest


@pytest.fixture
def half(slicer_scene):
    """Return a volume that is bright in its right half (R is the left of an axial picture)."""
    import slicer

    voxels = np.zeros((20, 20, 20), np.float32)
    voxels[:, :, 10:] = 100
    node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=np.diag([2.0, 2, 2, 1]), name="half")
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 100)
    slicer.util.setSliceViewerLayers(background=node)
    return node


def test_a_slice_view_shows_the_volume_where_it_lies(half):
    from slicer_side.views import SliceView

    with SliceView("Red", (120, 120)) as view:
        view.fit()
        picture = view.picture().astype(float)
    assert picture.shape == (120, 120, 3)
    assert picture[60, 30].mean() > 240  # the patient's right is at the picture's left
    assert picture[60, 90].mean() < 15


def test_segments_are_drawn_over_it_and_in_3d(half, slicer_scene):
    import slicer
    from slicer_side.views import SliceView, View3D

    segmentation = slicer_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "regions")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(half)
    segmentation.GetSegmentation().AddEmptySegment("red", "red", (1.0, 0.0, 0.0))
    drawn = np.zeros((20, 20, 20), np.uint8)
    drawn[5:15, 5:15, 2:8] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, segmentation, "red", half)
    segmentation.CreateClosedSurfaceRepresentation()

    def red(picture):
        return int(((picture[..., 0] > 60) & (picture[..., 1] < 30) & (picture[..., 2] < 30)).sum())

    with SliceView("Red", (120, 120)) as view, View3D((120, 120)) as space:
        view.fit()
        shown, solid = red(view.picture()), red(space.picture())
        segmentation.GetDisplayNode().SetVisibility(False)
        assert red(view.picture()) == red(space.picture()) == 0
    assert shown > 500
    assert solid > 100


def test_text_is_drawn_in_widgets(slicer_app, tmp_path):
    import qt
    from slicer_side import pictures

    def dark(text):
        label = qt.QLabel(text)
        label.setStyleSheet("background: white; color: black")
        label.setFixedSize(100, 30)
        image = label.grab().toImage()
        return sum(qt.QColor(image.pixel(x, y)).lightness() < 100 for x in range(100) for y in range(30))

    assert dark("") == 0
    assert dark("QSM") > 30, "no font: text is not drawn"
    panel = qt.QWidget()
    qt.QVBoxLayout(panel).addWidget(qt.QLabel("Phase"))
    pictures.write_window(panel, tmp_path / "window.png", "QSM", (1200, 700))
    image = qt.QImage(str(tmp_path / "window.png"))
    assert (image.width(), image.height()) == (1200, 700)

"""Figures: the right way up, in the right grey, whole or not at all."""

import builtins

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.report import figures
from QSMLogic.report.figures import mosaic
from QSMLogic.report.views import Orientation, cut, middle
from QSMLogic.report.windows import WINDOWS, window

GRID = Grid((12, 14, 9), (2, 1.5, 3), b0_direction=(0, 0, 1))


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_a_figure_is_written(tmp_path, suffix):
    maps = {"chi": np.zeros(GRID.shape, np.float32), "magnitude": np.random.default_rng(0).random(GRID.shape)}
    path = mosaic(maps, tmp_path / f"maps{suffix}", GRID, mask=np.ones(GRID.shape, bool))
    assert path.stat().st_size > 1000
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("count", "columns", "blocks"), [(1, 1, 1), (6, 6, 1), (7, 6, 2)])
def test_many_maps_go_below_each_other(count, columns, blocks):
    names = list(WINDOWS)[-count:]
    figure = figures._drawn({name: np.ones(GRID.shape, np.float32) for name in names}, None, GRID.voxel_size)
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert len(panels) == 3 * blocks * columns
    assert figure.get_figwidth() == pytest.approx(figures.PANEL * columns)
    titles = [axes.get_title().replace("\n", " ") for axes in panels if axes.get_title()]
    assert [title.replace("- ", "-") for title in titles] == [window(name).title for name in names]


def test_a_weighted_magnitude_is_black_at_zero_and_every_map_has_a_unit():
    bright = np.linspace(5, 9, 101)
    for name in ("swi", "swi_projection", "tswi", "tswi_projection", "smwi"):
        assert window(name).limits(bright) == (0, pytest.approx(8.96))
        assert window(name).units == "arbitrary"
    assert [window(name).units for name in ("chi", "r2star_misfit", "voxel_quality")] == ["ppm", "1", "1"]


def marked(place, direction):
    """Return a bright voxel at a place (LPS, mm from the middle) of an image with these axes."""
    image = np.zeros(GRID.shape, np.float32)
    step = np.rint(np.array(direction).T @ place / GRID.voxel_size).astype(int)
    image[tuple(np.array(GRID.shape) // 2 + step)] = 1
    return image


@pytest.mark.parametrize(
    "direction",
    [
        np.diag((-1.0, -1.0, 1.0)),
        np.eye(3),
        np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]]),
        np.array([[0, 1.0, 0], [0, 0, -1], [1, 0, 0]]),
    ],
)
@pytest.mark.parametrize(
    ("place", "axis", "row_is_top", "column_is_left"),
    [
        ((-5, 0, 0), 2, None, True),  # to the patient's right: left in the axial picture
        ((0, -5, 0), 2, True, None),  # to the front: on top
        ((-5, 0, 0), 1, None, True),
        ((0, 0, 5), 1, True, None),
        ((0, -5, 0), 0, None, True),  # to the front: left in the sagittal picture
        ((0, 0, 5), 0, True, None),
    ],
)
def test_the_patient_is_the_right_way_up(direction, place, axis, row_is_top, column_is_left):
    upright = Orientation.of(direction).upright(marked(place, direction))
    picture = cut(upright, axis, int(np.argwhere(upright)[0][axis]))
    (row, column), (rows, columns) = np.argwhere(picture)[0], picture.shape
    if row_is_top is not None:
        assert (row < (rows - 1) / 2) == row_is_top
    if column_is_left is not None:
        assert (column < (columns - 1) / 2) == column_is_left


def test_a_tilted_image_goes_to_the_nearest_axes():
    cos, sin = np.cos(0.3), np.sin(0.3)
    tilted = np.diag((-1.0, -1.0, 1.0)) @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    assert Orientation.of(tilted) == Orientation.of(None) == Orientation((0, 1, 2), ())


def test_the_middle_is_that_of_the_mask_and_of_the_image_where_there_is_none():
    mask = np.zeros((9, 10, 11), bool)
    assert middle(mask) == (4, 5, 5)
    mask[2:5, 6:9, 1] = True
    assert middle(mask) == (3, 7, 1)


def test_every_map_of_the_pipeline_has_a_window_and_fields_are_symmetric():
    assert window("chi").limits(np.array([9.0])) == (-0.1, 0.2)
    for name in ("total_field", "local_field", "phase"):
        assert WINDOWS[name].low == -WINDOWS[name].high
    assert window("anything").title == "anything"
    low, high = window("magnitude").limits(np.concatenate([np.zeros(100), np.linspace(1, 2, 101)]))
    assert (low, high) == pytest.approx((1.01, 1.99))
    assert window("magnitude").limits(np.zeros(5)) == (0, 1)


@pytest.mark.parametrize(
    ("maps", "name", "said"),
    [
        ({"chi": np.zeros((3, 3, 3))}, "a.png", "must be equal"),
        ({"chi": np.zeros(GRID.shape)}, "a.docx", "must end in"),
        ({}, "a.png", "no map"),
    ],
)
def test_refusals(tmp_path, maps, name, said):
    with pytest.raises(InputError, match=said):
        mosaic(maps, tmp_path / name, GRID)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_remedy_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"slicerqsm\[figures\]"):
        mosaic({"chi": np.zeros(GRID.shape)}, tmp_path / "a.png", GRID)


def test_a_failure_leaves_nothing_behind(tmp_path):
    class Broken:
        def savefig(self, path, **_):
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        figures._write(Broken(), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())

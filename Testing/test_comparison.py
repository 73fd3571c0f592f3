"""Two maps of one subject: the numbers of agreement, and that the second is brought to the first."""

import csv
import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import SimpleITK
from cancelling import ends_when_cancelled
from command_line import refused
from scipy import ndimage

from QSMLogic.agreement import agreement, between_regions, rows_of_agreement
from QSMLogic.cli import main
from QSMLogic.comparison import Map, compare
from QSMLogic.errors import InputError
from QSMLogic.io.itk_images import image_of, values_of
from QSMLogic.io.nifti import Geometry, read_volume, write_image
from QSMLogic.phantom import head_phantom
from QSMLogic.report.bland_altman import bland_altman, ticks

TILT = np.deg2rad(12)
AXES = (1.0, 0.0, 0.0, 0.0, np.cos(TILT), -np.sin(TILT), 0.0, np.sin(TILT), np.cos(TILT))
GEOMETRY = Geometry((44, 50, 40), (2.0, 2.0, 2.2), (-40.0, -50.0, -45.0), AXES)
"""Of a head at half its size: what is tested does not depend on it, and it takes an eighth of the time."""


@pytest.fixture(scope="module")
def small_head():
    return head_phantom(GEOMETRY.shape, (4.0, 4.0, 4.4), b0_direction=AXES[6:9], echo_times=(0.005,), lesions=False)


@pytest.fixture(scope="module")
def first(small_head):
    return Map(as_measured(small_head.chi) * small_head.mask, small_head.mask, GEOMETRY)


def as_measured(image):
    """Return a map without steps between voxels, which no scanner gives and no interpolation can move."""
    return ndimage.gaussian_filter(image, 0.8).astype(np.float32)


@pytest.fixture(scope="module")
def whole(small_head):
    """Return chi and magnitude of the same head at its own size."""
    place = Geometry(GEOMETRY.shape, (4.0, 4.0, 4.4), (-80.0, -100.0, -90.0), AXES)
    images = {"chi": small_head.chi, "magnitude": small_head.scan.magnitude[..., 0]}
    return {name: Map(as_measured(image) * small_head.mask, small_head.mask, place) for name, image in images.items()}


def moved(image, turn=(0.04, -0.03, 0.06), shift=(3.1, -2.3, 1.7)):
    """Return a map as it looks when the head has moved, and the transform from its points to those of the map."""
    move = SimpleITK.Euler3DTransform()
    place = image_of(image.mask, image.geometry)
    move.SetCenter(place.TransformContinuousIndexToPhysicalPoint((22, 25, 20)))
    move.SetRotation(*turn)
    move.SetTranslation(shift)
    arrays = (image.values, image.mask.astype(np.float32))
    drawn = [
        values_of(SimpleITK.Resample(image_of(a, image.geometry), place, move, how))
        for a, how in zip(arrays, (SimpleITK.sitkBSpline, SimpleITK.sitkLinear), strict=True)
    ]
    mask = drawn[1] > 0.5
    return Map(drawn[0] * mask, mask, image.geometry), move


def test_intraclass_correlation_counts_a_bias():
    """The pairs are those that MedCalc's manual gives with 0.6667 for absolute agreement."""
    told = agreement(np.array([2.0, 4, 6]), np.array([4.0, 6, 8]))
    assert told.icc == pytest.approx(2 / 3)
    assert (told.first, told.second, told.difference, told.sd) == (4, 6, 2, 0)
    assert told.within_sd == pytest.approx(math.sqrt(2))
    assert told.repeatability == pytest.approx(1.96 * 2)


def test_limits_and_repeatability_by_hand():
    told = agreement(np.array([1.0, 2, 3, np.nan]), np.array([1.0, 3, 5, 1]))
    assert (told.difference, told.sd, told.pairs) == (1, 1, 3)
    assert (told.lower, told.upper) == pytest.approx((1 - 1.96, 1 + 1.96))
    assert told.within_sd == pytest.approx(math.sqrt((0 + 1 + 4) / 6))
    # Analysis of variance by hand: mean squares of rows 4.5, of columns 1.5, of what is left 0.5.
    assert told.icc == pytest.approx(4 / (5 + 2 / 3))


def test_noise_gives_the_repeatability_it_has():
    rng = np.random.default_rng(4)
    truth, sd = rng.normal(0, 0.05, 200_000), 0.01
    told = agreement(truth + rng.normal(0, sd, truth.size), truth + rng.normal(0, sd, truth.size))
    assert told.within_sd == pytest.approx(sd, rel=0.01)
    assert told.repeatability == pytest.approx(2.772 * sd, rel=0.01)
    assert told.icc == pytest.approx(0.05**2 / (0.05**2 + sd**2), abs=0.002)


def test_too_few_pairs_have_no_spread():
    assert agreement(np.empty(0), np.empty(0)).pairs == 0
    one = agreement(np.array([1.0]), np.array([2.0]))
    assert (one.difference, one.sd, one.icc, one.lower) == (1, None, None, None)
    assert agreement(np.ones(3), np.ones(3)).icc is None


def test_each_region_counts_once_between_regions():
    labels = np.repeat([1, 2, 3], (100, 10, 1)).reshape(-1, 1, 1)
    first, mask = labels.astype(float), np.ones(labels.shape, bool)
    rows = rows_of_agreement(first, first + labels / 10, mask, labels, {3: "c", 9: "absent"})
    assert [(row.name, row.agreement.pairs) for row in rows] == [
        ("whole mask", 111), ("label 1", 100), ("label 2", 10), ("c", 1), ("absent", 0),
    ]  # fmt: skip
    assert between_regions(rows).difference == pytest.approx(0.2)


def test_a_map_against_itself_differs_nowhere(first):
    found = compare(first, first)
    assert not found.difference.any()
    assert found.transform is None
    assert found.rows[0].agreement.icc == pytest.approx(1)
    assert found.rows[0].agreement.repeatability == 0
    assert found.warnings == ()
    assert np.array_equal(found.mask, first.mask)


def test_an_offset_is_a_bias_and_goes_with_a_reference(first):
    other = Map(first.values + np.float32(0.02) * first.mask, first.mask, GEOMETRY)
    told = compare(first, other, registered=False).rows[0].agreement
    assert told.difference == pytest.approx(0.02, abs=1e-7)
    assert told.sd == pytest.approx(0, abs=1e-7)
    same = compare(first, other, registered=False, reference="mean")
    assert np.abs(same.difference).max() < 1e-6
    assert same.references[1].mean - same.references[0].mean == pytest.approx(0.02, abs=1e-6)


@pytest.mark.parametrize("guided", [False, True])
def test_a_head_that_moved_is_brought_back(whole, guided):
    one = whole["chi"]
    two, move = moved(one)
    if guided:
        one = replace(one, guide=whole["magnitude"].values)
        two = replace(two, guide=moved(whole["magnitude"])[0].values)
    found = compare(one, two)
    back = move.GetInverse()
    place = image_of(one.mask, one.geometry)
    for voxel in np.argwhere(one.mask)[::500].tolist():
        point = place.TransformIndexToPhysicalPoint(voxel)
        off = np.subtract(found.transform.TransformPoint(point), back.TransformPoint(point))
        assert np.linalg.norm(off) < 0.1 * min(one.geometry.spacing)
    assert found.movement.degrees == pytest.approx(np.rad2deg(np.linalg.norm((0.04, -0.03, 0.06))), abs=0.2)
    assert found.warnings == ()
    assert found.mask.sum() > 0.75 * one.mask.sum()
    still = compare(one, two, registered=False).rows[0].agreement
    assert found.rows[0].agreement.sd < 0.35 * still.sd
    assert found.rows[0].agreement.icc > 0.9 > still.icc


def test_what_is_compared_as_it_is_lies_on_the_same_voxels(first):
    elsewhere = Map(first.values, first.mask, Geometry(GEOMETRY.shape, GEOMETRY.spacing, (0.0, 0.0, 0.0), AXES))
    with pytest.raises(InputError, match="do not lie on the same voxels: origins"):
        compare(first, elsewhere, registered=False)
    with pytest.raises(InputError, match="share no voxel"):
        compare(Map(first.values, first.mask & (np.arange(44) < 20)[:, None, None], GEOMETRY),
                Map(first.values, first.mask & (np.arange(44) > 24)[:, None, None], GEOMETRY),
                registered=False)  # fmt: skip
    with pytest.raises(InputError, match="holds no voxel"):
        Map(first.values, np.zeros(GEOMETRY.shape, bool), GEOMETRY)


def test_cancelling_ends_it(first):
    ends_when_cancelled(lambda progress: compare(first, moved(first)[0], progress=progress))


@pytest.fixture(scope="module")
def files(first, small_head, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    offset = np.float32(0.01) * first.mask
    for name, image in (("a", first.values), ("b", first.values + offset), ("labels", small_head.labels * first.mask)):
        write_image(folder / f"{name}.nii.gz", image, GEOMETRY)
    (folder / "names.csv").write_text("label,name\n1,caudate <L>\n")
    return folder


def words(files, out, *more):
    return ["compare", str(files / "a.nii.gz"), str(files / "b.nii.gz"), *more, "--out", str(out)]


def test_the_command_writes_maps_table_figure_and_record(files, tmp_path, capsys):
    regions = ("--labels", str(files / "labels.nii.gz"), "--names", str(files / "names.csv"))
    assert main(words(files, tmp_path / "out", *regions)) == 0
    assert "left as it is" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "secondmap.nii.gz", "differencemap.nii.gz", "agreement.csv", "blandaltman.svg", "provenance.json",
    }  # fmt: skip
    difference, geometry = read_volume(tmp_path / "out" / "differencemap.nii.gz")
    assert not geometry.difference(GEOMETRY)
    assert difference[difference != 0] == pytest.approx(0.01, abs=1e-6)
    with (tmp_path / "out" / "agreement.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["name"], rows[1]["name"], rows[1]["unit"]) == ("whole mask", "caudate <L>", "ppm")
    assert all(float(row["difference"]) == pytest.approx(0.01, abs=1e-6) for row in rows if row["voxels"] != "0")
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["agreement"]["voxels"]["difference"] == pytest.approx(0.01, abs=1e-6)
    assert record["interpolated"] is False
    drawing = ElementTree.parse(tmp_path / "out" / "blandaltman.svg").getroot()
    assert any("caudate <L>" in (node.text or "") for node in drawing.iter())


def test_the_command_refuses_in_one_line(files, tmp_path, capsys):
    other = Geometry(GEOMETRY.shape, GEOMETRY.spacing, (0.0, 0.0, 0.0), AXES)
    write_image(tmp_path / "else.nii.gz", np.ones(GEOMETRY.shape, np.float32), other)
    out = tmp_path / "out"
    refused(capsys, words(files, out, "--labels", str(tmp_path / "else.nii.gz")), "do not lie on the same voxels")
    refused(capsys, words(files, out, "--magnitude", str(files / "a.nii.gz")), "Give both magnitudes")
    refused(capsys, words(files, out, "--register", "none", "--reference", "pons"), "--reference pons")


def test_the_unit_is_what_the_maps_say(files, tmp_path, capsys):
    for name in ("a", "b"):
        (files / f"{name}.json").write_text('{"Units": "1/s"}')
    try:
        assert main(words(files, tmp_path / "rates")) == 0
        assert "1/s" in capsys.readouterr().out
        (files / "b.json").write_text('{"Units": "ppm"}')
        refused(capsys, words(files, tmp_path / "mixed"), "compare two maps of one kind")
    finally:
        for name in ("a", "b"):
            (files / f"{name}.json").unlink()


def test_maps_without_a_unit_are_given_none(files, tmp_path, capsys):
    assert main(words(files, tmp_path / "none", "--unit", "")) == 0
    assert "ppm" not in capsys.readouterr().out
    assert json.loads((tmp_path / "none" / "provenance.json").read_text())["settings"]["unit"] == ""


def test_the_figure_shows_the_limits_it_was_given():
    rng = np.random.default_rng(2)
    first = rng.normal(0, 0.05, 5000)
    drawing = bland_altman(first, first + rng.normal(0.01, 0.002, 5000), unit="ppm", title="B & A")
    texts = [node.text for node in ElementTree.fromstring(drawing).iter() if node.tag.endswith("text")]
    assert any(text.startswith("bias 0.0100") for text in texts)
    above, below = (next(float(t.split()[-1]) for t in texts if t.startswith(sign)) for sign in ("+1.96", "\u22121.96"))
    assert (above, below) == pytest.approx((0.0139, 0.0061), abs=2e-4)
    assert "B & A" in texts
    assert bland_altman(np.zeros(4), np.zeros(4))


def test_ticks_are_round():
    assert ticks(-0.031, 0.052) == [-0.02, 0, 0.02, 0.04]
    assert ticks(0, 7) == [0, 2, 4, 6]

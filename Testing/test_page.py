"""The report of a run: pictures that show what they say, words that say what is known, text that stays text."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import SimpleITK

from QSMLogic.grid import Grid
from QSMLogic.report.charts import histogram, outside
from QSMLogic.report.html import document, readable, tag
from QSMLogic.report.page import page
from QSMLogic.report.pictures import LARGEST, SMALL, Viewer, thumbnail
from QSMLogic.report.png import grey_levels, png
from QSMLogic.report.windows import window
from QSMLogic.report.wording import number, words
from QSMLogic.roi import region_statistics

PAYLOAD = "</script></style></title><script>owned=1</script><img src=x onerror=owned=1>\"'&<!--"


def read_png(content, folder):
    path = folder / "picture.png"
    path.write_bytes(content)
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))


def pictures(element, folder):
    """Return the pictures in an element as arrays, without the bar of greys."""
    found = [image.get("src") for image in element.iter("img") if image.get("class") != "ramp"]
    return [read_png(base64.b64decode(source.split(",", 1)[1]), folder) for source in found]


def test_a_png_holds_what_was_drawn(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (37, 53)).astype(np.uint8)
    np.testing.assert_array_equal(read_png(png(grey), tmp_path), grey)


def test_grey_is_linear_in_the_window():
    values = np.array([-9, -0.1, 0.05, 0.2, 9, np.nan, np.inf])
    assert grey_levels(values, -0.1, 0.2).tolist() == [0, 0, 128, 255, 255, 0, 0]


GRID = Grid((20, 24, 16), (1, 1, 2), b0_direction=(0, 0, 1))


def ball():
    x, y, z = np.indices(GRID.shape)
    return (x - 10) ** 2 + (y - 12) ** 2 + 4 * (z - 8) ** 2 < 64


@pytest.mark.parametrize("direction", [np.eye(3), np.diag((-1.0, -1.0, 1.0)), np.diag((-1.0, 1.0, -1.0))])
def test_planes_show_the_patient_from_the_feet_and_the_front(tmp_path, direction):
    mask = ball()
    chi = np.zeros(GRID.shape, np.float32)
    # LPS: to the right, to the front and up of the middle
    x, y, z = (np.array([10, 12, 8]) + direction @ (-4, -5, 2)).astype(int)
    chi[x, :, :], chi[:, y, :], chi[:, :, z] = 0.2, 0.2, 0.2

    drawn = Viewer.of(mask, GRID, direction).planes(chi, window("chi"), mask)
    axial, coronal, sagittal = (picture == 255 for picture in pictures(drawn, tmp_path))
    assert axial.any(axis=1)[: axial.shape[0] // 2].any()
    column, row = int(np.argmax(axial.sum(0))), int(np.argmax(axial.sum(1)))
    assert column < (axial.shape[1] - 1) / 2
    assert row < (axial.shape[0] - 1) / 2
    assert np.argmax(coronal.sum(0)) < (coronal.shape[1] - 1) / 2
    assert np.argmax(coronal.sum(1)) < (coronal.shape[0] - 1) / 2
    assert np.argmax(sagittal.sum(0)) < (sagittal.shape[1] - 1) / 2
    letters = [span.text for span in drawn.iter("span")][:6]
    assert letters == ["R", "L", "R", "L", "A", "P"]


def test_pictures_are_black_outside_the_mask_and_cut_to_it(tmp_path):

    mask, chi = ball(), np.full(GRID.shape, 0.2, np.float32)
    viewer = Viewer.of(mask, GRID)
    axial = pictures(viewer.planes(chi, window("chi"), mask), tmp_path)[0]
    assert (axial == 255).sum() == mask[:, :, 8].sum()
    assert set(np.unique(axial)) == {0, 255}
    assert axial.shape < mask.shape[1::-1]
    whole = pictures(viewer.planes(chi, window("chi")), tmp_path)[0]
    assert whole.shape == (24, 20)
    assert (whole == 255).all()


def test_voxels_are_drawn_in_true_proportions():

    drawn = Viewer.of(ball(), GRID).planes(np.zeros(GRID.shape, np.float32), window("chi"))
    styles = [image.get("style") for image in drawn.iter("img") if image.get("style")]
    assert styles == ["aspect-ratio:20/24", "aspect-ratio:20/32", "aspect-ratio:24/32"]


def test_the_outline_runs_round_the_mask():

    one = np.zeros(GRID.shape, bool)
    one[10, 12, 8] = True
    drawn = Viewer.of(one, GRID).planes(np.zeros(GRID.shape, np.float32), window("magnitude"), outline=one)
    axial = next(drawn.iter("path")).get("d")
    # the tenth voxel from the left of the patient is the ninth from the right edge, which is on the left
    assert sorted(re.findall(r"M(\d+) (\d+)([hv])1", axial)) == sorted(
        [("9", "11", "h"), ("9", "12", "h"), ("9", "11", "v"), ("10", "11", "v")]
    )


def test_the_strip_goes_up_and_large_images_are_thinned(tmp_path):

    chi = np.broadcast_to(np.linspace(-0.1, 0.2, 16, dtype=np.float32), GRID.shape)
    everywhere = np.ones(GRID.shape, bool)
    slices = pictures(Viewer.of(everywhere, GRID).strip(chi, window("chi"), everywhere, 4), tmp_path)
    levels = [int(each.max()) for each in slices]
    assert len(levels) == 4
    assert levels == sorted(set(levels))
    wide = Grid((LARGEST * 2 + 2, 4, 4), (1, 1, 1), b0_direction=(0, 0, 1))
    drawn = Viewer.of(np.ones(wide.shape, bool), wide).planes(np.zeros(wide.shape, np.float32), window("chi"))
    assert pictures(drawn, tmp_path)[0].shape[1] <= LARGEST


def test_the_small_picture_has_square_pixels(tmp_path):
    grid = Grid((300, 40, 20), (0.5, 4, 4), b0_direction=(0, 0, 1))
    picture = read_png(thumbnail(np.zeros(grid.shape, np.float32), np.ones(grid.shape, bool), grid), tmp_path)
    assert max(picture.shape) <= SMALL
    assert picture.shape[0] / picture.shape[1] == pytest.approx(160 / 150, rel=0.05)


def test_the_histogram_counts_every_voxel_in_its_range():
    bars = list(histogram(np.array([0.0] * 50 + [0.1] * 100 + [9.0] * 7)).iter("rect"))
    low, high = (float(bar.get("height")) for bar in bars)
    assert high == pytest.approx(2 * low, rel=0.01)
    assert float(bars[0].get("x")) < float(bars[1].get("x"))
    assert outside(np.array([0.0, 0.3, -0.3, 0.2])) == 50


def test_numbers_and_values_in_words():
    assert [number(v) for v in (None, 1234567.0, 0.12345, 0)] == ["\u2013", "1,234,567", "0.123", "0"]
    assert words({"a": [1, 2.5, True], "b": None}) == "a: 1, 2.5, yes; b: \u2013"
    assert len(words("x" * 5000)) == 300


def test_no_text_becomes_markup_and_no_script_but_ours_may_run():
    made = document(PAYLOAD, "p { }", "let a = 1;", [tag("p", PAYLOAD, title=PAYLOAD), tag("pre", PAYLOAD)])
    read = Reader(made)
    assert read.tags == ["html", "head", *["meta"] * 5, "title", "style", "body", "p", "pre", "script"]
    assert ("title", PAYLOAD) in read.attributes
    assert "".join(read.seen).count(PAYLOAD) == 3
    policy = next(value for name, value in read.attributes if value.startswith("default-src"))
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy
    with pytest.raises(ValueError, match="must not hold"):
        document("", "</style>", "", [])


def test_what_cannot_be_shown_is_replaced():
    assert readable("a\x00b\x1b[2J\u202ec\udc80d\n") == "a\ufffdb\ufffd[2J\ufffdc\ufffdd\n"
    document("", "", "", [tag("p", "\udcff\x00")]).encode("utf-8")


def test_a_page_says_what_the_run_did(small_run):
    scan, maps = small_run.loaded.scan, small_run.result.maps
    rows = region_statistics(maps["chi"], small_run.loaded.data["labels"], scan.grid, mask=maps["eroded_mask"])
    record = {**small_run.told.provenance, "warnings": [], "date": "2026-03-01T12:30:00+00:00"}
    told = replace(small_run.told, provenance=record)
    made = page(told, small_run.loaded, small_run.result, rows, name="sub-01")
    text = text_of(made)
    for said in ("sub-01", "01 March 2026 at 12:30 UTC", "No warnings.", "3 echoes, 5 to 25 ms", "mean of the mask"):
        assert said in text
    for measure in small_run.told.quality:
        assert measure.label in text
        assert number(measure.value, measure.unit) in text
    for row in rows:
        cells = re.findall(r">([^<>]*)</td>", re.search(rf"<b>{row.name}</b></td>(.*?)</tr>", made)[1])
        told = [None if cell == "\u2013" else float(cell.replace(",", "")) for cell in cells]
        numbers = (row.mean, row.sd, row.median, row.q1, row.q3)
        values = [None if value is None else pytest.approx(value, abs=6e-4) for value in numbers]
        millilitres = row.voxels * scan.grid.voxel_volume / 1000
        assert told == [*values, pytest.approx(millilitres, rel=5e-3), row.voxels]
    for whole in (small_run.told.methods, small_run.told.references, small_run.told.settings.to_toml()):
        assert re.sub(r"\s+", " ", whole).strip() in text
    assert "qsm run --phase 'a file.nii'" in text
    links = {value for name, value in Reader(made).attributes if name in ("href", "src") and value[:5] != "data:"}
    assert {link for link in links if not link.startswith("#")} == {"https://doi.org/10.1002/mrm.30006"}


class Reader(HTMLParser):
    """Reads a page as a browser would: its tags, their attributes, and the text that is seen."""

    def __init__(self, made):
        super().__init__()
        self.tags, self.attributes, self.seen = [], [], []
        self.feed(made)
        self.close()

    def handle_starttag(self, name, attributes):
        self.tags.append(name)
        self.attributes += attributes

    def handle_data(self, text):
        if self.tags and self.tags[-1] not in ("style", "script"):
            self.seen.append(text)


def text_of(made):
    return re.sub(r"\s+", " ", "".join(Reader(made).seen))


def test_without_regions_there_is_a_row_over_the_whole_mask(small_run):
    made = text_of(page(small_run.told, small_run.loaded, small_run.result))
    assert "whole mask" in made
    assert f"{int(small_run.result.maps['eroded_mask'].sum()):,}" in made


def test_warnings_come_first(small_run):
    record = {**small_run.told.provenance, "warnings": ["The phase looks filtered.", PAYLOAD]}
    made = page(replace(small_run.told, provenance=record), small_run.loaded, small_run.result)
    text = text_of(made)
    assert "2 warnings on the way" in text
    assert text.index("The phase looks filtered.") < text.index("Planes through the middle")
    assert PAYLOAD in text


def test_the_files_of_a_series_are_folded_and_those_of_an_archive_named_with_it(small_run):
    def made(count):
        inputs = [{"file": "scan.zip", "entry": f"{i}.dcm", "bytes": i, "sha256": "ab" * 32} for i in range(count)]
        told = replace(small_run.told, provenance={**small_run.told.provenance, "inputs": inputs})
        return page(told, small_run.loaded, small_run.result)

    assert "details" not in Reader(made(3)).tags
    assert "details" in Reader(made(1500)).tags
    assert "1,500 files" in text_of(made(1500))
    assert "1499.dcm in scan.zip" in text_of(made(1500))


def test_a_map_without_reference_magnitude_or_second_echo_is_told_as_it_is(small_run):
    scan = replace(
        small_run.loaded.scan, phase=small_run.loaded.scan.phase[..., :1], magnitude=None, echo_times=(0.01,)
    )
    maps = small_run.result.maps
    maps = {**maps, "unwrapped": maps["unwrapped"][..., :1], "residual": 0 * maps["residual"]}
    result = replace(small_run.result, reference=None, maps=maps)
    text = text_of(page(small_run.told, replace(small_run.loaded, scan=scan), result))
    assert "zero has no meaning" in text
    assert "1 echo, 10 ms" in text
    assert "Magnitude" not in text.split("Every stage")[-1].split("Regions")[0]
    assert "Residual" not in text.split("Every stage")[-1].split("Regions")[0]


def test_the_same_run_gives_the_same_page(small_run):
    one, two = (page(small_run.told, small_run.loaded, small_run.result) for _ in range(2))
    assert one == two

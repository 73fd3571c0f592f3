import csv

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.roi import Reference, Table, read_names, region_statistics, write_table, write_tables

GRID = Grid((4, 3, 2), (1, 2, 3), b0_direction=(0, 0, 1))


def example():
    labels = np.zeros(GRID.shape, np.int16)
    chi = np.zeros(GRID.shape, np.float32)
    labels.flat[:5], chi.flat[:5] = 7, [5, 1, 4, 2, 3]
    labels.flat[5:7], chi.flat[5:7] = 2, [np.nan, 10]
    labels.flat[7:9], chi.flat[7:9] = -3, np.inf
    return chi, labels


def test_each_region_has_the_numbers_of_its_voxels():
    rows = {row.label: row for row in region_statistics(*example(), GRID, names={7: "putamen", 20: "absent"})}
    assert list(rows) == [-3, 2, 7, 20]
    row = rows[7]
    assert (row.name, row.mean, row.median, row.q1, row.q3, row.minimum, row.maximum) == ("putamen", 3, 3, 2, 4, 1, 5)
    assert row.sd == pytest.approx(np.sqrt(2.5))
    assert (row.voxels, row.volume, row.excluded) == (5, 30.0, 0)
    assert (rows[2].name, rows[2].mean, rows[2].sd, rows[2].voxels, rows[2].excluded, rows[2].volume) == (
        "label 2", 10, 0, 1, 1, 12.0,
    )  # fmt: skip
    assert (rows[-3].mean, rows[-3].voxels, rows[-3].excluded) == (None, 0, 2)
    assert (rows[20].mean, rows[20].volume, rows[20].voxels) == (None, 0, 0)


def test_a_mask_limits_the_regions_and_gives_the_row_of_the_whole():
    chi, labels = example()
    mask = np.zeros(GRID.shape, bool)
    mask.flat[:3] = mask.flat[20] = True
    whole, *outside, only = region_statistics(chi, labels, GRID, mask=mask)
    assert (whole.label, whole.name, whole.voxels, whole.mean) == (0, "whole mask", 4, 2.5)
    assert (only.label, only.voxels, only.median) == (7, 3, 4)
    assert [(row.label, row.mean, row.volume) for row in outside] == [(-3, None, 0), (2, None, 0)]


def test_many_labels_agree_with_one_pass_each():
    rng = np.random.default_rng(5)
    grid = Grid((31, 29, 23), (1, 1, 1), b0_direction=(0, 0, 1))
    chi, labels = rng.normal(size=grid.shape), rng.integers(0, 300, grid.shape)
    for row in region_statistics(chi, labels.astype(float), grid):
        values = chi[labels == row.label]
        assert row.voxels == values.size
        assert row.mean == pytest.approx(values.mean())
        assert row.sd == pytest.approx(values.std(ddof=1))
        assert (row.q1, row.median, row.q3) == pytest.approx(tuple(np.percentile(values, (25, 50, 75))))


def test_refusals():
    chi, labels = example()
    with pytest.raises(InputError, match="resample"):
        region_statistics(chi, labels[1:], GRID)
    with pytest.raises(InputError, match="whole numbers"):
        region_statistics(chi, labels + 0.5, GRID)
    with pytest.raises(InputError, match="no region"):
        region_statistics(chi, np.zeros_like(labels), GRID)


def test_the_table_says_unit_and_reference_and_reads_back(tmp_path):
    chi, labels = example()
    path = tmp_path / "table.csv"
    write_table(
        path, region_statistics(chi, labels, GRID, names={7: "a, b"}), reference=Reference("CSF", 0.01, 0.02, 9)
    )
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    said = [(row["unit"], row["reference"], row["reference_mean"], row["reference_sd"]) for row in rows]
    assert said == [("ppm", "CSF", "0.01", "0.02")] * 3
    assert [row["label"] for row in rows] == ["-3", "2", "7"]
    assert rows[2]["name"] == "a, b"
    assert float(rows[2]["mean"]) == 3
    assert rows[0]["mean"] == ""
    write_table(path, region_statistics(chi, labels, GRID), unit="ppb")
    assert path.read_text(encoding="utf-8").splitlines()[1].endswith(",ppb,none,,")


def test_the_tables_of_several_maps_are_one_file(tmp_path):
    chi, labels = example()
    tables = {
        "chi": Table(region_statistics(chi, labels, GRID), "ppm", Reference("CSF", 0.01, 0.02, 9)),
        "r2star": Table(region_statistics(2 * chi, labels, GRID), "1/s"),
    }
    write_tables(tmp_path / "table.csv", tables)
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    said = [(row["map"], row["label"], row["mean"], row["unit"], row["reference"]) for row in rows]
    assert said[2] == ("chi", "7", "3", "ppm", "CSF")
    assert said[5] == ("r2star", "7", "6", "1/s", "none")
    assert len(said) == 6


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("n.json", '{"1": "caudate", "3": "red nucleus"}'),
        ("n.json", '{"R": [0, 1], "labels": {"1": "caudate", "3": "red nucleus"}}'),
        ("n.csv", "label,name\n1,caudate\n3,red nucleus\n"),
        ("n.csv", "1;caudate\n3;red nucleus\n"),
        ("n.tsv", "# atlas\nname\tcolour\tindex\ncaudate\tred\t1\nred nucleus\tblue\t3\n"),
        ("n.csv", "\ufeffID,Structure\n1,caudate\n3,red nucleus\n"),
    ],
)
def test_names_are_read_from_what_people_have(tmp_path, file, text):
    path = tmp_path / file
    path.write_text(text, encoding="utf-8")
    assert read_names(path) == {1: "caudate", 3: "red nucleus"}


def test_names_are_read_from_tables_of_colours(tmp_path):
    tables = {
        "LUT.txt": "#No. Label Name:  R G B A\n\n0   Unknown  0 0 0 0\n11  Left-Caudate  122 186 220 0\n",
        "slicer.ctbl": "# Color table file\n0 Background 0 0 0 0\n11 Left-Caudate 122 186 220 255\n",
        "snap.label": '0 0 0 0 0 0 0 "Clear Label"\n11 122 186 220 1 1 1 "Left Caudate"\n',
        "plain.txt": "11 Area 44\n",
    }
    said = ["Left-Caudate", "Left-Caudate", "Left Caudate", "Area 44"]
    for (file, text), name in zip(tables.items(), said, strict=True):
        (tmp_path / file).write_text(text)
        assert read_names(tmp_path / file) == {11: name}


@pytest.mark.parametrize(
    ("file", "text"), [("n.json", "[1"), ("n.csv", ""), ("n.csv", "one,two\nx,y\n"), ("n.csv", "1\n")]
)
def test_names_that_cannot_be_read_are_refused(tmp_path, file, text):
    path = tmp_path / file
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="label and a name"):
        read_names(path)
    with pytest.raises(InputError, match=r"absent\.csv"):
        read_names(tmp_path / "absent.csv")

"""The index of a cohort: outliers by a robust score, failures first, small enough for many."""

from dataclasses import replace

import numpy as np
import pytest

from QSMLogic.report.index import Entry, index_page, robust_scores
from QSMLogic.report.png import png
from QSMLogic.report.style import INDEX_STYLE


def test_scores_are_told_by_the_median():
    scores = robust_scores([1.0, 2.0, 3.0, 4.0, 5.0, None, float("nan"), 100.0])
    spread = 1.4826 * 1.5  # of 1, 2, 3, 4, 5, 100: median 3.5, median deviation 1.5
    assert scores[5] is None
    assert scores[6] is None
    assert scores[7] == pytest.approx(96.5 / spread)
    assert scores[0] == pytest.approx(-2.5 / spread)


def test_one_that_differs_from_all_the_same_is_found():
    scores = robust_scores([1.0] * 19 + [3.0])
    assert scores[19] == pytest.approx(2 / (1.2533 * 0.1))
    assert scores[0] == 0


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0, 99.0], [2.0] * 9, [None] * 9, []])
def test_where_nothing_can_be_told_nothing_is_marked(values):
    assert robust_scores(values) == [None] * len(values)


def entry(name, value=1.0, status="done", reason=""):
    return Entry(name, "" if status == "failed" else f"{name}/report.html", status, reason, {"streaks": value}, b"")


def test_failures_come_first_and_outliers_are_marked_by_a_sign():
    some = [entry(f"sub-{i}", 1 + 0.01 * i) for i in range(9)]
    made = index_page([*some, entry("sub-far", 9.0), entry("sub-bad", None, "failed", "There is no phase.")])
    rows = made[made.index("<tbody>") :].split("<tr ")[1:]
    assert "sub-bad" in rows[0]
    assert "There is no phase." in made.split("<main>")[0]
    assert [row for row in rows if " !<" in row] == [row for row in rows if "sub-far" in row]
    assert "outlier: Streaks" in made
    assert "11 acquisitions: 1 failed, 10 done." in made
    assert "1 with a number more than 3" in made
    assert 'href="sub-far/report.html"' in made


def test_reasons_are_told_whatever_the_status():
    made = index_page([entry("sub-1"), entry("sub-2", status="nothing to do", reason="There is magnitude only.")])
    assert "1 nothing to do" in made.split("<main>")[0]
    assert "There is magnitude only." in made.split("<main>")[0]
    assert 'class="failures"' not in made


def test_warnings_are_told_with_those_that_have_them():
    """A map of the wrong sign looks right in a small picture."""
    sign, other = "The phase may have the other sign.", "The mask has holes."
    having = [replace(entry(f"sub-{i}"), warnings=(sign, other)[: 1 + (i == 3)]) for i in range(8)]
    made = index_page([entry("sub-fine"), *having])
    head = made.split("<main>")[0]
    assert "8 with warnings" in head
    assert f"<b>sub-0, sub-1, sub-2, sub-3, sub-4 and 3 more</b>: {sign}" in head
    assert f"<b>sub-3</b>: {other}" in head
    cards = made.split('class="card')[1:]
    assert [card.split('data-name="')[1].split('"')[0] for card in cards if "<i>warning</i>" in card] == [
        f"sub-{i}" for i in range(8)
    ]
    assert "with warnings" not in index_page([entry("sub-fine")])


def test_a_number_has_its_unit_and_what_it_says():
    made = index_page([Entry("sub-1", "1.html", "done", "", {"field_noise": 2.4}, b"")])
    assert ">Field noise, ppb</th>" in made
    assert 'title="Median standard deviation of the total field' in made


def test_a_cohort_without_anybody_is_a_page_too():
    assert "0 acquisitions: none." in index_page([])


def test_eight_hundred_subjects_are_no_burden():
    random = np.random.default_rng(0)
    picture = png(random.integers(0, 256, (112, 92)).astype(np.uint8))
    names = [f"measure_{i}" for i in range(20)]
    many = [
        Entry(f"sub-{i:04d}", f"{i}.html", "done", "", dict(zip(names, random.normal(size=20), strict=True)), picture)
        for i in range(800)
    ]
    assert len(index_page(many)) < 15e6
    assert "content-visibility: auto" in INDEX_STYLE

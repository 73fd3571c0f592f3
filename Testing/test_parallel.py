"""The loop over slabs on all threads: every item once, results in order, errors to the caller."""

import time

import pytest

from QSMLogic.parallel import each, slabs, threads


def test_results_are_in_the_order_of_the_items():
    def slow_first(item):
        time.sleep(0.02 if item == 0 else 0)
        return item * item

    assert each(slow_first, list(range(50))) == [item * item for item in range(50)]
    assert each(slow_first, []) == []


def test_an_error_reaches_the_caller_and_the_rest_is_left():
    begun = []

    def fails(item):
        begun.append(item)
        time.sleep(0.005)
        if item == 1:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        each(fails, list(range(1000)))
    time.sleep(0.05)  # what was under way ends
    assert len(begun) < 20 + 2 * threads()


def test_slabs_cover_the_axis_once():
    parts = slabs((10, 30, 40), 4000)
    assert [(part.start, part.stop) for part in parts] == [(0, 3), (3, 6), (6, 9), (9, 10)]

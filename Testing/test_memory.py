"""How much memory there is, and the refusal of what cannot fit."""

import os
import sys

import pytest

from QSMLogic import memory
from QSMLogic.errors import InputError
from QSMLogic.memory import GIBIBYTE, available_memory, check_memory
from QSMLogic.pipeline import run_stage


def test_a_refusal_says_by_how_much(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2 * GIBIBYTE)
    with pytest.raises(InputError) as caught:
        check_memory(int(3.5 * GIBIBYTE))
    assert str(caught.value).startswith(
        "The run needs about 3.5 GiB of memory and 2.0 GiB are free: 1.5 GiB too little."
    )
    check_memory(2 * GIBIBYTE)


def test_where_the_system_does_not_say_everything_passes(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    check_memory(1 << 60)


def test_the_smaller_of_machine_and_container_counts(monkeypatch):
    monkeypatch.setattr(memory, "_physical", lambda: 8)
    for group, smaller in ((5, 5), (9, 8), (None, 8)):
        monkeypatch.setattr(memory, "_group", lambda group=group: group)
        assert available_memory() == smaller
    monkeypatch.setattr(memory, "_physical", lambda: None)
    assert available_memory() is None


def test_the_limit_of_a_container(monkeypatch, tmp_path):
    limit, use, details = (tmp_path / f"memory.{name}" for name in ("max", "current", "stat"))
    monkeypatch.setattr(memory, "GROUP_LIMIT", limit)
    monkeypatch.setattr(memory, "GROUP_USE", use)
    monkeypatch.setattr(memory, "GROUP_DETAILS", details)
    assert memory._group() is None
    limit.write_text("1000\n")
    use.write_text("300\n")
    details.write_text("anon 200\ninactive_file 80\n")
    assert memory._group() == 780
    limit.write_text("max\n")
    assert memory._group() is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sysconf")
def test_this_machine_has_memory():
    free = available_memory()
    assert free is not None
    assert GIBIBYTE // 16 < free <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_single_method_is_refused_too(monkeypatch, clean_phantom):
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    data = {"local_field": clean_phantom.local_field, "mask": clean_phantom.mask, "grid": clean_phantom.scan.grid}
    with pytest.raises(InputError, match="GiB too little"):
        run_stage("inversion", "tkd", {}, data)

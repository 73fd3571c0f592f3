"""One unit from images to maps: what is made of it, and that whatever goes wrong is an outcome."""

import json
import os
from dataclasses import replace

import pytest
from bids_cohort import files_of, only_unit, plan_of, put_echoes

from QSMLogic.cohort import process
from QSMLogic.cohort.dataset import units
from QSMLogic.cohort.process import INTERPRETER, memory_needed
from QSMLogic.cohort.unit import Status
from QSMLogic.errors import Cancelled
from QSMLogic.io.sources import Sources

VOXELS = 28 * 32 * 26


def test_echoes_that_were_lost_are_warned_of(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head, echoes=(1, 3))
    outcome = process.process(only_unit(root), plan_of(root, keep=("unwrapped",)))
    assert outcome.status is Status.DONE
    assert outcome.warnings[0] == "Of the echoes only 1, 3 are there: were others not copied?"
    provenance = json.loads((root.parent / "out" / "logs" / "sub-a" / "provenance.json").read_text("utf-8"))
    assert outcome.warnings[0] in provenance["warnings"]
    kept = sorted(path.name for path in root.parent.glob("out/sub-a/anat/*unwrapped*.nii.gz"))
    assert kept == [f"sub-a_echo-{n}_part-phase_desc-unwrapped_MEGRE.nii.gz" for n in (1, 3)]


def test_a_field_strength_for_those_of_which_nobody_says_it(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    for name, said in (("sub-a", 3.0), ("sub-b", 1.5)):
        plan = plan_of(root, sources=Sources(known={"field_strength": 1.5}))
        if name == "sub-b":
            (root / "sub-a").rename(root / "sub-b")
            for path in list((root / "sub-b" / "anat").iterdir()):
                path.rename(path.with_name(path.name.replace("sub-a", "sub-b")))
            (root / "MEGRE.json").unlink()
            assert process.process(only_unit(root), plan_of(root)).reason.startswith("The field strength is missing")
        assert process.process(only_unit(root), plan).status is Status.DONE
        chi = plan.out / name / "anat" / f"{name}_Chimap.json"
        assert json.loads(chi.read_text("utf-8"))["MagneticFieldStrength"] == said


def test_memory_grows_with_the_images(tiny_cohort):
    found = {unit.name: unit for unit in units(tiny_cohort)}
    plan = plan_of(tiny_cohort)
    need = memory_needed(found["sub-03"], plan) - INTERPRETER
    assert need > 3 * 2 * VOXELS * 4
    large = replace(found["sub-03"], candidate=replace(found["sub-03"].candidate, shape=(280, 320, 260)))
    assert memory_needed(large, plan) > 15 * 3 * 2 * VOXELS * 4 * 1000 / 15
    assert memory_needed(found["sub-07"], plan) == INTERPRETER


def test_a_fault_of_the_program_is_an_outcome_with_a_traceback(root, tiny_head, monkeypatch):
    put_echoes(root, "sub-a", tiny_head)
    plan = plan_of(root)
    with monkeypatch.context() as patch:
        patch.setattr(process.pipeline, "run", lambda *_, **__: 1 / 0)
        outcome = process.process(only_unit(root), plan)
    place = plan.out / "logs" / "sub-a" / "traceback.txt"
    assert outcome.status is Status.FAILED
    assert outcome.reason == f"Unexpected error (ZeroDivisionError: division by zero): report what {place} says."
    assert "ZeroDivisionError" in place.read_text("utf-8")
    assert sorted(files_of(plan.out)) == ["logs/sub-a/traceback.txt"]
    assert process.process(only_unit(root), plan).status is Status.DONE
    assert not place.exists()


def test_memory_that_is_not_there_is_an_outcome(root, tiny_head, monkeypatch):
    put_echoes(root, "sub-a", tiny_head)

    def greedy(*_, **__):
        raise MemoryError

    monkeypatch.setattr(process.pipeline, "run", greedy)
    assert process.process(only_unit(root), plan_of(root)).reason.startswith("Not enough memory")


def test_images_that_change_meanwhile_make_no_map(root, tiny_head):
    folder = put_echoes(root, "sub-a", tiny_head)
    plan = plan_of(root)

    def meddling(fraction, message=""):
        if fraction > 0.5:
            os.utime(folder / "sub-a_echo-1_part-mag_MEGRE.nii.gz")

    outcome = process.process(only_unit(root), plan, meddling)
    assert outcome.reason == "Its images were changed while they were read: run it again."
    assert files_of(plan.out) == {}


def test_a_cancelled_unit_leaves_nothing(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    plan = plan_of(root)

    def cancelling(fraction, message=""):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        process.process(only_unit(root), plan, cancelling)
    assert files_of(plan.out) == {}


def test_a_full_disk_is_an_outcome(root, tiny_head, monkeypatch):
    put_echoes(root, "sub-a", tiny_head)
    plan = plan_of(root)

    def full(*_, **__):
        raise OSError(28, "No space left on device", "chi.nii.gz")

    monkeypatch.setattr(process, "write_image", full)
    outcome = process.process(only_unit(root), plan)
    assert outcome.status is Status.FAILED
    assert "is full" in outcome.reason
    assert files_of(plan.out) == {}

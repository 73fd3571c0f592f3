"""Units of a data set: which there are, what they are called, and what is wrong with their files."""

import os
import pickle
import shutil

import pytest
from bids_cohort import only_unit, plan_of, put_echoes

from QSMLogic.cohort import names, process
from QSMLogic.cohort.dataset import units
from QSMLogic.cohort.unit import Outcome, Status, Unit
from QSMLogic.io import bids as io_bids
from QSMLogic.io.candidate import Candidate


def test_units_are_named_by_their_entities(tiny_cohort):
    found = {unit.name: unit for unit in units(tiny_cohort)}
    assert list(found)[:3] == ["sub-01_ses-1_run-1", "sub-01_ses-1_run-2", "sub-01_ses-2"]
    assert found["sub-01_ses-1_run-2"].entities == {"sub": "01", "ses": "1", "run": "2"}
    assert found["sub-02_acq-fineT2starw_rec-norm"].candidate.volumes.keys() == {"real", "imaginary"}
    assert found["sub-03"].candidate.echo_times == (0.005, 0.011, 0.017)
    assert found["sub-03"].candidate.field_strength == 3
    assert {name for name, unit in found.items() if unit.nothing} == {"sub-07"}
    assert {name for name, unit in found.items() if unit.candidate.problem} == {"sub-04", "sub-06", "sub-07"}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"participants": ["sub-03", "02"], "acquisitions": ["fine"], "runs": []}, 2),
        ({"participants": ["03"]}, 1),
        ({"sessions": ["ses-1"]}, 2),
        ({"sessions": ["1"], "runs": ["02"]}, 1),
        ({"acquisitions": ["acq-fine"]}, 2),
    ],
)
def test_labels_choose(tiny_cohort, choice, expected):
    assert len(units(tiny_cohort, **choice)) == expected


def test_every_header_is_read_once(tiny_cohort, monkeypatch):
    read = []
    real = io_bids.read_geometry
    monkeypatch.setattr(io_bids, "read_geometry", lambda path: read.append(path) or real(path))
    units(tiny_cohort, participants=["01"])
    assert len(read) == len(set(read)) == 18


def test_a_name_that_contradicts_its_folder(root, tiny_head):
    folder = put_echoes(root, "sub-a_ses-1", tiny_head)
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("sub-a", "sub-b"))
    unit = only_unit(root)
    assert unit.name == "sub-a_ses-1"
    assert "lies in the folder of sub-a_ses-1, which its name contradicts" in unit.candidate.problem


def test_a_stray_among_the_images_of_another_is_told_as_what_it_is(root, tiny_head):
    folder = put_echoes(root, "sub-a", tiny_head)
    stray = folder / "sub-b_echo-1_part-phase_MEGRE.nii.gz"
    shutil.copy(folder / "sub-a_echo-1_part-phase_MEGRE.nii.gz", stray)
    (root / "sub-").mkdir()
    (unit,) = units(root)
    assert unit.name == "sub-a"
    assert unit.candidate.problem.startswith(f"{stray.name} lies in the folder of sub-a, which its name contradicts")


def test_images_that_are_there_twice(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    (root / "sub-a" / "anat").rename(root / "sub-a" / "swi")
    put_echoes(root, "sub-a", tiny_head)
    assert only_unit(root).candidate.problem.startswith("Its images are there twice, in different folders")


def test_sessions_and_images_outside_of_them(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    put_echoes(root, "sub-a_ses-1", tiny_head)
    (root / "sub-a" / "ses-2" / "anat").mkdir(parents=True)
    assert [(unit.name, unit.nothing) for unit in units(root)] == [
        ("sub-a", False),
        ("sub-a_ses-1", False),
        ("sub-a_ses-2", True),
    ]


def test_a_folder_that_cannot_be_read_is_no_empty_one(root, tiny_head, monkeypatch):
    put_echoes(root, "sub-a", tiny_head)
    put_echoes(root, "sub-b", tiny_head)
    real = os.scandir

    def closed(path):
        if str(path) == str(root / "sub-a" / "anat"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    shut, well = units(root)
    assert (shut.name, shut.nothing) == ("sub-a", False)
    assert "sub-a/anat may not be written or read: Permission denied" in shut.candidate.problem
    assert not well.candidate.problem
    assert process.process(shut, plan_of(root)).status is Status.FAILED


def test_a_fault_in_listing_a_subject_does_not_stop_the_others(root, tiny_head, monkeypatch):
    put_echoes(root, "sub-a", tiny_head)
    put_echoes(root, "sub-b", tiny_head)
    real = io_bids.read_geometry
    monkeypatch.setattr(io_bids, "read_geometry", lambda path: {}[path] if "sub-a" in path.name else real(path))
    faulty, well = units(root)
    assert faulty.candidate.problem.startswith("Unexpected error in listing it (KeyError: ")
    assert not well.candidate.problem


def test_names_keep_the_order_of_the_standard():
    entities = {"sub": "1", "task": "rest", "acq": "hi", "ce": "Gd", "run": "2"}
    unit = Unit(names.named(entities), entities, Candidate("sub-1", "BIDS", "MEGRE", {}))
    assert names.anat(unit, "MEGRE", desc="unwrapped", part="phase", echo="1") == (
        "sub-1/anat/sub-1_task-rest_acq-hi_ce-Gd_run-2_echo-1_part-phase_desc-unwrapped_MEGRE.nii.gz"
    )
    assert names.fmap(unit, "fieldmap", desc="total") == (
        "sub-1/fmap/sub-1_acq-hiTaskrestCeGd_run-2_desc-total_fieldmap.nii.gz"
    )
    bare = Unit("sub-1", {"sub": "1", "ses": "a"}, unit.candidate)
    assert names.fmap(bare, "magnitude") == "sub-1/ses-a/fmap/sub-1_ses-a_magnitude.nii.gz"


def test_units_and_outcomes_travel(tiny_cohort):
    found = units(tiny_cohort)
    again = pickle.loads(pickle.dumps(found))
    assert [unit.name for unit in again] == [unit.name for unit in found]
    assert again[0].candidate.volumes == found[0].candidate.volumes
    assert pickle.loads(pickle.dumps(plan_of(tiny_cohort))) is not None
    outcome = Outcome("sub-1", Status.FAILED, "It is bad.", 1.5, ("odd",))
    assert pickle.loads(pickle.dumps(outcome)) == outcome

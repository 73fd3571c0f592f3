"""Units of a data set, their names, one unit from images to maps, and the transaction that its files are."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from bids_cohort import QUICK, begin_data_set, bids, files_of, put_echoes

from QSMLogic.cohort import names, process
from QSMLogic.cohort.dataset import units
from QSMLogic.cohort.process import INTERPRETER, memory_needed
from QSMLogic.cohort.transaction import UnitFiles
from QSMLogic.cohort.unit import Outcome, Plan, Status, Unit
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io import bids as io_bids
from QSMLogic.io.candidate import Candidate
from QSMLogic.io.outputs import UNFINISHED
from QSMLogic.io.sources import Sources
from QSMLogic.settings import Settings

SECONDS = 60
VOXELS = 28 * 32 * 26


@pytest.fixture
def root(tmp_path):
    return begin_data_set(tmp_path / "raw")


def plan_of(root, **more):
    settings = Settings.preset().changed({"masking.method": "threshold", "inversion.method": "tkd"})
    return Plan(root, root.parent / "out", settings, **more)


def only(root):
    (unit,) = units(root)
    return unit


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
    unit = only(root)
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
    assert only(root).candidate.problem.startswith("Its images are there twice, in different folders")


def test_sessions_and_images_outside_of_them(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    put_echoes(root, "sub-a_ses-1", tiny_head)
    (root / "sub-a" / "ses-2" / "anat").mkdir(parents=True)
    assert [(unit.name, unit.nothing) for unit in units(root)] == [
        ("sub-a", False),
        ("sub-a_ses-1", False),
        ("sub-a_ses-2", True),
    ]


def test_echoes_that_were_lost_are_warned_of(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head, echoes=(1, 3))
    outcome = process.process(only(root), plan_of(root, keep=("unwrapped",)))
    assert outcome.status is Status.DONE
    assert outcome.warnings[0] == "Of the echoes only 1, 3 are there: were others not copied?"
    provenance = json.loads((root.parent / "out" / "logs" / "sub-a" / "provenance.json").read_text("utf-8"))
    assert outcome.warnings[0] in provenance["warnings"]
    kept = sorted(path.name for path in root.parent.glob("out/sub-a/anat/*unwrapped*.nii.gz"))
    assert kept == [f"sub-a_echo-{n}_part-phase_desc-unwrapped_MEGRE.nii.gz" for n in (1, 3)]


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


def test_a_field_strength_for_those_of_which_nobody_says_it(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    for name, said in (("sub-a", 3.0), ("sub-b", 1.5)):
        plan = plan_of(root, sources=Sources(known={"field_strength": 1.5}))
        if name == "sub-b":
            (root / "sub-a").rename(root / "sub-b")
            for path in list((root / "sub-b" / "anat").iterdir()):
                path.rename(path.with_name(path.name.replace("sub-a", "sub-b")))
            (root / "MEGRE.json").unlink()
            assert process.process(only(root), plan_of(root)).reason.startswith("The field strength is missing")
        assert process.process(only(root), plan).status is Status.DONE
        chi = plan.out / name / "anat" / f"{name}_Chimap.json"
        assert json.loads(chi.read_text("utf-8"))["MagneticFieldStrength"] == said


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
        outcome = process.process(only(root), plan)
    place = plan.out / "logs" / "sub-a" / "traceback.txt"
    assert outcome.status is Status.FAILED
    assert outcome.reason == f"Unexpected error (ZeroDivisionError: division by zero): report what {place} says."
    assert "ZeroDivisionError" in place.read_text("utf-8")
    assert sorted(files_of(plan.out)) == ["logs/sub-a/traceback.txt"]
    assert process.process(only(root), plan).status is Status.DONE
    assert not place.exists()


def test_memory_that_is_not_there_is_an_outcome(root, tiny_head, monkeypatch):
    put_echoes(root, "sub-a", tiny_head)

    def greedy(*_, **__):
        raise MemoryError

    monkeypatch.setattr(process.pipeline, "run", greedy)
    assert process.process(only(root), plan_of(root)).reason.startswith("Not enough memory")


def test_images_that_change_meanwhile_make_no_map(root, tiny_head):
    folder = put_echoes(root, "sub-a", tiny_head)
    plan = plan_of(root)

    def meddling(fraction, message=""):
        if fraction > 0.5:
            os.utime(folder / "sub-a_echo-1_part-mag_MEGRE.nii.gz")

    outcome = process.process(only(root), plan, meddling)
    assert outcome.reason == "Its images were changed while they were read: run it again."
    assert files_of(plan.out) == {}


def test_a_cancelled_unit_leaves_nothing(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    plan = plan_of(root)

    def cancelling(fraction, message=""):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        process.process(only(root), plan, cancelling)
    assert files_of(plan.out) == {}


def test_a_full_disk_is_an_outcome(root, tiny_head, monkeypatch):
    put_echoes(root, "sub-a", tiny_head)
    plan = plan_of(root)

    def full(*_, **__):
        raise OSError(28, "No space left on device", "chi.nii.gz")

    monkeypatch.setattr(process, "write_image", full)
    outcome = process.process(only(root), plan)
    assert outcome.status is Status.FAILED
    assert "is full" in outcome.reason
    assert files_of(plan.out) == {}


RECORD = "logs/u/record"
OLD = {"sub/anat/a": "old a", "sub/fmap/b": "old b", "sub/anat/gone": "old", RECORD: "old record"}
NEW = {"sub/anat/a": "new a", "sub/fmap/b": "new b", "sub/perf/c": "new c", RECORD: "new record"}


def put(folder, content):
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def write(folder, **options):
    with UnitFiles(folder, "u", record=RECORD, ours=OLD, **options) as out:
        for name, text in NEW.items():
            out.path(name).write_text(text)


def test_all_files_of_a_unit_are_replaced_together(tmp_path):
    put(tmp_path, OLD | {"sub/anat/mine": "mine"})
    write(tmp_path)
    assert content(tmp_path) == NEW | {"sub/anat/mine": "mine"}


@pytest.mark.parametrize("failing", ["sub/anat/a", "sub/perf/c", RECORD])
def test_a_move_that_fails_is_undone_in_every_folder(tmp_path, monkeypatch, failing):
    put(tmp_path, OLD)
    real = os.replace

    def refusing(source, target):
        if str(target) == str(tmp_path / failing) and "replaced" not in str(source):
            raise OSError(5, "Input/output error", str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(InputError, match="Input/output error"):
        write(tmp_path)
    assert content(tmp_path) == OLD
    assert not (tmp_path / "sub" / "perf").exists()


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
import test_cohort
from pathlib import Path
real = os.replace
for moves in range(test_cohort.MOVES + 1):
    if os.fork() == 0:
        left = moves
        def killing(source, target):
            global left
            if left == 0:
                os._exit(9)
            left -= 1
            real(source, target)
        os.replace = killing
        test_cohort.write(Path(sys.argv[1], str(moves)))
        os._exit(0)
    os.wait()
"""
MOVES = len(OLD) + len(NEW)


def test_a_process_killed_at_any_move_is_undone_by_the_next(tmp_path):
    for moves in range(MOVES + 1):
        put(tmp_path / str(moves), OLD)
    script = [sys.executable, "-c", KILLED, tmp_path, os.path.dirname(__file__)]
    subprocess.run(script, check=True, timeout=SECONDS)
    for moves in range(MOVES + 1):
        folder = tmp_path / str(moves)
        expected = NEW if moves == MOVES else OLD
        unfinished = {0: "old record", MOVES: "new record"}.get(moves)
        assert content(folder).get(RECORD) == unfinished  # half moved, it does not count as finished
        again = UnitFiles(folder, "u", record=RECORD, ours=OLD)
        again.__enter__()
        assert {name: text for name, text in content(folder).items() if not name.startswith(".")} == expected
        again.staging.leave()
        assert content(folder) == expected


def test_two_runs_do_not_write_one_unit(tmp_path):
    with UnitFiles(tmp_path, "u", record=RECORD, run="one") as out:
        for run in ("one", "two", ""):
            with pytest.raises(InputError, match="Another run is writing u"):
                UnitFiles(tmp_path, "u", record=RECORD, run=run).__enter__()
        with UnitFiles(tmp_path, "v", record="logs/v/record") as other:
            other.path("logs/v/record").write_text("other")
        out.path(RECORD).write_text("mine")
    assert content(tmp_path) == {RECORD: "mine", "logs/v/record": "other"}


def test_a_lost_worker_of_the_same_run_gives_its_unit_up(tmp_path):
    staging = tmp_path / f"{UNFINISHED}-u"
    staging.mkdir()
    (staging / "owner").write_text("another-machine 12 mark folder run-1")
    with pytest.raises(InputError, match="Another run is writing u"):
        UnitFiles(tmp_path, "u", record=RECORD, run="run-2").__enter__()
    write(tmp_path, run="run-1")
    assert content(tmp_path) == NEW


def test_a_cohort_killed_in_a_unit_leaves_no_half_of_it(root, tiny_head):
    put_echoes(root, "sub-a", tiny_head)
    out = root.parent / "out"
    words = [sys.executable, "-m", "QSMLogic", "bids", root, out, "participant", *QUICK]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        end = time.monotonic() + SECONDS
        while not (out / f"{UNFINISHED}-sub-a" / "owner").exists() and time.monotonic() < end:
            time.sleep(0.002)
        run.send_signal(signal.SIGKILL)
        run.wait(SECONDS)
    assert (out / f"{UNFINISHED}-sub-a").exists()
    assert not (out / "sub-a").exists()
    assert bids(root, out) == 0
    assert not (out / f"{UNFINISHED}-sub-a").exists()
    assert (out / "sub-a" / "anat" / "sub-a_Chimap.nii.gz").exists()

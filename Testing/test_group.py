"""The group level: tables over all units whose numbers are those of the units, and every trap told."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from bids_cohort import begin_data_set, bids, files_of, geometry_of, put_echoes, validated

from QSMLogic.cohort import tables
from QSMLogic.cohort.group import write_group
from QSMLogic.cohort.labels import labels_of, names_of
from QSMLogic.cohort.outcomes import note, read_outcomes
from QSMLogic.cohort.tables import Column
from QSMLogic.cohort.unit import Plan, Unit
from QSMLogic.errors import InputError
from QSMLogic.io.candidate import Candidate
from QSMLogic.io.nifti import read_volume, write_image


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def dataset(tiny_head, tmp_path_factory):
    """Return a data set of three subjects and the segmentations of two of them."""
    root = begin_data_set(tmp_path_factory.mktemp("group") / "raw")
    for name in ("sub-01_ses-1", "sub-01_ses-2", "sub-02_ses-1", "sub-03_ses-1"):
        put_echoes(root, name, tiny_head)
    next(root.glob("sub-03/*/*/*echo-2_part-phase*.nii.gz")).unlink()
    (root / "participants.tsv").write_text(
        "\ufeffparticipant_id\tage\tname\tsex\nsub-01\t61\tA\tF\nsub-02\tn/a\tB\tM\n", "utf-8"
    )
    (root / "participants.json").write_text(json.dumps({"age": {"Description": "Age at the scan", "Units": "year"}}))
    segmentations = root.parent / "segmentations"
    begin_data_set(segmentations)
    (segmentations / "dseg.tsv").write_text("index\tname\n1\tcaudate\n3\tputamen\n")
    labels = tiny_head.labels.astype(np.uint8)
    for name in ("sub-01_ses-1", "sub-01_ses-2", "sub-02_ses-1"):
        folder = segmentations.joinpath(*name.split("_"), "anat")
        folder.mkdir(parents=True)
        write_image(folder / f"{name}_space-orig_dseg.nii.gz", labels, geometry_of(tiny_head))
    return root


@pytest.fixture(scope="module")
def made(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "qsm"
    assert bids(dataset, out, "--labels-from", dataset.parent / "segmentations") == 1
    return out


@pytest.fixture
def out(made, tmp_path):
    """Return a copy of the derivatives, to spoil."""
    return shutil.copytree(made, tmp_path / "qsm")


def test_the_table_of_a_unit_holds_the_means_of_its_map(made, tiny_head):
    place = made / "sub-02" / "ses-1" / "anat"
    chi, _ = read_volume(place / "sub-02_ses-1_Chimap.nii.gz")
    mask, _ = read_volume(place / "sub-02_ses-1_desc-eroded_mask.nii.gz")
    rows = {row["label"]: row for row in rows_of(place / "sub-02_ses-1_regions.tsv")}
    assert rows["1"]["name"] == "caudate"
    assert rows["2"]["name"] == "label 2"
    for label, region in ((1, tiny_head.labels == 1), (3, tiny_head.labels == 3), (0, np.ones(chi.shape[:3], bool))):
        values = chi[region & (mask > 0)].astype(float)
        assert values.size == int(rows[str(label)]["voxels"])
        assert float(rows[str(label)]["mean"]) == pytest.approx(values.mean(), abs=1e-7)
        assert float(rows[str(label)]["sd"]) == pytest.approx(values.std(ddof=1), rel=1e-4)
    said = json.loads((place / "sub-02_ses-1_regions.json").read_text("utf-8"))
    assert said["mean"] == {"Description": "Mean.", "Units": "ppm"}
    assert list(said) == list(rows["0"])


def test_a_segmentation_is_an_input_of_its_unit(made):
    said = json.loads((made / "logs" / "sub-01_ses-1" / "provenance.json").read_text("utf-8"))
    names = [name.rpartition("/")[2] for name in said["unit"]["inputs"]]
    assert {"sub-01_ses-1_space-orig_dseg.nii.gz", "dseg.tsv"} <= set(names)


def test_one_table_has_the_regions_of_all(dataset, made, capsys):
    assert bids(dataset, made, level="group") == 0
    rows = rows_of(made / "group_regions.tsv")
    assert {(row["participant_id"], row["session_id"]) for row in rows} == {
        ("sub-01", "ses-1"), ("sub-01", "ses-2"), ("sub-02", "ses-1"),
    }  # fmt: skip
    for row in rows:
        name = f"{row['participant_id']}_{row['session_id']}"
        table = made.joinpath(*name.split("_"), "anat", f"{name}_regions.tsv")
        own = next(line for line in rows_of(table) if line["label"] == row["label"])
        assert own.items() <= row.items()
        assert row["age"] == {"sub-01": "61", "sub-02": "n/a"}[row["participant_id"]]
        assert row["participants_name"] == {"sub-01": "A", "sub-02": "B"}[row["participant_id"]]
        assert (row["field_strength"], row["echo_times"]) == ("3", "0.005,0.011,0.017")
        assert row["voxel_size"] == "6.8x6.8x7"
    described = json.loads((made / "group_regions.json").read_text("utf-8"))
    assert list(described) == list(rows[0])
    assert described["age"] == {"Description": "Age at the scan", "Units": "year"}
    digest = rows[0]["settings_digest"]
    assert described["settings_digest"]["Levels"] == {digest: "SlicerQSM 0.1.0, logs/sub-01_ses-1/settings.toml"}
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning")]
    assert warnings == [
        "Warning: Not among the regions, as they failed: sub-03_ses-1; group_quality.tsv says why.",
        "Warning: Not in participants.tsv: sub-03.",
    ]


def test_quality_has_a_row_for_every_unit_and_the_failures_say_why(dataset, made):
    write_group(dataset, made)
    rows = {row["participant_id"] + row["session_id"]: row for row in rows_of(made / "group_quality.tsv")}
    assert [rows[name]["status"] for name in ("sub-01ses-1", "sub-01ses-2", "sub-02ses-1", "sub-03ses-1")] == [
        "done", "done", "done", "failed",
    ]  # fmt: skip
    assert "echo 2 is missing" in rows["sub-03ses-1"]["reason"]
    assert rows["sub-03ses-1"]["chi_sd"] == rows["sub-03ses-1"]["settings_digest"] == "n/a"
    quality = json.loads((made / "logs" / "sub-02_ses-1" / "provenance.json").read_text("utf-8"))["quality"]
    assert len(quality) > 5
    for name, said in quality.items():
        shown = rows["sub-02ses-1"][name]
        assert shown == "n/a" if said["value"] is None else float(shown) == pytest.approx(said["value"], rel=1e-6)
    assert rows["sub-01ses-1"]["chi_sd"] == rows["sub-02ses-1"]["chi_sd"]  # the same images


def test_warnings_are_counted_and_named_on_the_page(dataset, out):
    doubtful = next(outcome for outcome in read_outcomes(out) if outcome.name == "sub-02_ses-1")
    note(out, replace(doubtful, warnings=("The sign is doubtful.", "The mask has holes.")))
    assert bids(dataset, out, level="group") == 0
    counts = {row["participant_id"] + row["session_id"]: row["warnings"] for row in rows_of(out / "group_quality.tsv")}
    assert counts == {"sub-01ses-1": "0", "sub-01ses-2": "0", "sub-02ses-1": "2", "sub-03ses-1": "0"}
    assert "<b>sub-02_ses-1</b>: The sign is doubtful." in (out / "index.html").read_text("utf-8")


def test_a_second_run_changes_nothing_in_the_tables(dataset, out):
    write_group(dataset, out)
    before = {path.name: path.read_bytes() for path in out.glob("group_*")}
    assert len(before) == 4
    assert bids(dataset, out, "--labels-from", dataset.parent / "segmentations") == 1
    write_group(dataset, out)
    assert {path.name: path.read_bytes() for path in out.glob("group_*")} == before


def test_the_validator_takes_the_tables(dataset, made):
    write_group(dataset, made)
    assert [issue for issue in validated(made) if issue[0] == "error"] == []


def test_mixed_settings_are_told(dataset, out):
    assert bids(dataset, out, "--participant-label", "02", "--set", "inversion.threshold=0.3") == 0
    warnings = write_group(dataset, out)
    mixed = next(line for line in warnings if line.startswith("The tables mix 2 settings or versions"))
    digests = {row["participant_id"]: row["settings_digest"] for row in rows_of(out / "group_regions.tsv")}
    assert digests["sub-01"] != digests["sub-02"]
    assert f"{digests['sub-02']}: sub-02_ses-1" in mixed
    assert "Measured in other regions than most: sub-02_ses-1; is a segmentation missing?" in warnings


def test_a_table_changed_by_hand_is_not_believed(dataset, out):
    table = next(out.glob("sub-02/*/*/*_regions.tsv"))
    table.write_text(table.read_text().replace("caudate", "putamen"))
    assert any("failed: sub-02_ses-1, sub-03_ses-1;" in line for line in write_group(dataset, out))
    assert all(row["participant_id"] == "sub-01" for row in rows_of(out / "group_regions.tsv"))
    row = next(row for row in rows_of(out / "group_quality.tsv") if row["participant_id"] == "sub-02")
    assert row["status"] == "failed"
    assert "was changed after it was made" in row["reason"]


def test_maps_that_are_gone_are_not_measured(dataset, out):
    next(out.glob("sub-02/*/*/*_Chimap.nii.gz")).unlink()
    write_group(dataset, out)
    row = next(row for row in rows_of(out / "group_quality.tsv") if row["participant_id"] == "sub-02")
    assert row["reason"] == "sub-02/ses-1/anat/sub-02_ses-1_Chimap.nii.gz is missing: compute it anew."


def test_subjects_that_were_never_computed_are_named(dataset, out, tmp_path):
    more = shutil.copytree(dataset, tmp_path / "raw")
    (more / "sub-09").mkdir()
    said = "Never computed, though in the data set: sub-09; run level participant for all."
    assert said in write_group(more, out)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"age\n3\n", "has no column participant_id"),
        (b"participant_id\tage\nsub-01\n", "has 1 values in row 2 and 2 titles"),
        (b"participant_id\nsub-01\nsub-01\n", "more than one row for sub-01"),
        (b"participant_id\tage\tage\nsub-01\t1\t2\n", "two columns of one name"),
        (b"participant_id\tname\nsub-01\tJos\xe9\n", "is not text in UTF-8"),
    ],
)
def test_a_table_of_subjects_that_makes_no_sense_is_refused(text, said, dataset, out, tmp_path):
    root = tmp_path / "raw"
    root.mkdir()
    (root / "participants.tsv").write_bytes(text)
    write_group(dataset, out)
    before = files_of(out)
    with pytest.raises(InputError, match=said):
        write_group(root, out)
    assert files_of(out) == before


def test_without_results_there_is_no_group(dataset, tmp_path, capsys):
    assert bids(dataset, tmp_path / "none", level="group") == 1
    assert "holds no results of qsm bids: run level participant first" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_index_links_every_report(dataset, made):
    assert bids(dataset, made, level="group") == 0
    page = (made / "index.html").read_text("utf-8")
    for name in ("sub-01_ses-1", "sub-01_ses-2", "sub-02_ses-1"):
        assert f'"{name}.html"' in page
    assert '"sub-03_ses-1.html"' not in page
    assert "echo 2 is missing" in page


def plan_of(folder):
    return Plan(folder, folder, None, labels=folder)


def unit_of(**entities):
    return Unit("_".join(f"{k}-{v}" for k, v in entities.items()), entities, Candidate("", "BIDS", "", {}))


def test_a_segmentation_is_found_by_the_entities_it_shares(tmp_path):
    folder = tmp_path / "sub-1" / "anat"
    folder.mkdir(parents=True)
    for name in ("sub-1_run-1_desc-x_dseg.nii.gz", "sub-1_run-2_dseg.nii", "sub-1_odd_run-3_dseg.nii.gz"):
        (folder / name).touch()
    assert labels_of(unit_of(sub="1", run="1"), plan_of(tmp_path)).name == "sub-1_run-1_desc-x_dseg.nii.gz"
    assert labels_of(unit_of(sub="1", run="2"), plan_of(tmp_path)).name == "sub-1_run-2_dseg.nii"
    assert labels_of(unit_of(sub="1", run="4"), plan_of(tmp_path)) is None
    assert labels_of(unit_of(sub="2", run="1"), plan_of(tmp_path)) is None
    (folder / "sub-1_run-1_desc-y_dseg.nii.gz").touch()
    with pytest.raises(InputError, match=r"several segmentations for sub-1_run-1 \(.*desc-x.*desc-y.*\)"):
        labels_of(unit_of(sub="1", run="1"), plan_of(tmp_path))


def test_the_names_nearest_to_a_segmentation_are_taken(tmp_path):
    folder = tmp_path / "sub-1" / "anat"
    folder.mkdir(parents=True)
    image = folder / "sub-1_atlas-A_dseg.nii.gz"
    image.touch()
    assert names_of(image) is None
    (tmp_path / "dataset_description.json").touch()
    (tmp_path / "dseg.tsv").touch()
    (tmp_path / "atlas-B_dseg.tsv").touch()
    assert names_of(image) == tmp_path / "dseg.tsv"
    (tmp_path / "atlas-A_dseg.tsv").touch()
    assert names_of(image) == tmp_path / "atlas-A_dseg.tsv"
    (folder / "sub-1_atlas-A_dseg.tsv").touch()
    assert names_of(image) == folder / "sub-1_atlas-A_dseg.tsv"


def test_what_is_written_is_read_again(tmp_path):
    columns = [Column("a", "First.", "ppm"), Column("b", "Text.", more={"Levels": {"x": "An x."}})]
    rows = [{"a": 1 / 3, "b": 'tab\there "and"\nnew line'}, {"a": None, "b": ""}]
    tables.write(tmp_path / "t.tsv", columns, rows)
    assert tables.read(tmp_path / "t.tsv") == [
        {"a": "0.3333333", "b": "tab here 'and' new line"},
        {"a": "n/a", "b": "n/a"},
    ]
    assert tables.described(tmp_path / "t.tsv") == {
        "a": {"Description": "First.", "Units": "ppm"},
        "b": {"Description": "Text.", "Levels": {"x": "An x."}},
    }

"""What `qsm bids` refuses or warns of: choices, folders, and images that cannot be used."""

import pytest
from bids_cohort import begin_data_set, bids, files_of, outcomes_of, put_echoes

from QSMLogic.cli import main


def test_the_bad_are_listed_at_the_end(tiny_cohort, tmp_path, capsys):
    words = [
        "bids",
        str(tiny_cohort),
        str(tmp_path / "out"),
        "participant",
        "--participant-label",
        "04",
        "sub-06",
        "07",
    ]
    assert main(words) == 1
    output, errors = capsys.readouterr()
    nothing, first, second, sums = output.splitlines()
    assert nothing.startswith("sub-07: nothing: There are no gradient-echo images")
    assert first.startswith("sub-04: failed: There is magnitude but no phase")
    assert second.startswith("sub-06: failed: The phase of echo 3 is missing")
    assert sums == "3 acquisitions: 1 without images to make a map of, 2 failed"
    assert errors.splitlines()[-1].startswith("qsm: 2 of 3 acquisitions failed: ")


@pytest.mark.parametrize("flag", ["--mask-from", "--labels-from"])
def test_a_data_set_without_masks_or_segmentations_is_refused_before_the_work(one_subject, tmp_path, flag, capsys):
    root, out = one_subject
    before = files_of(out)
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        assert bids(root, out, flag, tmp_path / folder) == 1
        assert f"{flag} {tmp_path / folder}: there are no images" in capsys.readouterr().err
    assert files_of(out) == before


def test_a_map_that_needs_an_r2_map_is_refused_before_the_work(one_subject, capsys):
    root, out = one_subject
    before = files_of(out)
    assert bids(root, out, "--maps", "r2star_loglinear", "r2prime") == 1
    assert "R2' needs an R2 map, which qsm bids does not take" in capsys.readouterr().err
    assert files_of(out) == before


def test_an_address_without_a_port_is_refused_at_once(one_subject, capsys):
    root, out = one_subject
    assert bids(root, out, "--scheduler", "head-node") == 1
    assert "--scheduler head-node: an address with its port is needed" in capsys.readouterr().err


def test_maps_are_not_put_among_the_images(one_subject, capsys):
    root, _ = one_subject
    assert bids(root, root / "sub-a" / "qsm") == 1
    assert "lies among the images: name another folder" in capsys.readouterr().err
    assert not (root / "sub-a" / "qsm").exists()


def test_what_the_images_lack_is_told_in_words_of_the_data_set(tiny_head, tmp_path):
    """There is no --echo-times here, and datalad's files are links to what may not be fetched yet."""
    root, out = begin_data_set(tmp_path / "raw"), tmp_path / "out"
    for path in put_echoes(root, "sub-a", tiny_head).glob("*.json"):
        path.unlink()
    links = []
    for label, ending in (("b", ".nii.gz"), ("c", ".json")):
        folder = put_echoes(root, f"sub-{label}", tiny_head)
        links.append(folder / f"sub-{label}_echo-2_part-phase_MEGRE{ending}")
        links[-1].unlink()
        links[-1].symlink_to("../../.git/annex/objects/x")
    assert bids(root, out) == 1
    reasons = [reason for _, reason in outcomes_of(out).values()]
    assert reasons[0].startswith("No side-car says the echo times: write EchoTime")
    for link, reason in zip(links, reasons[1:], strict=True):
        assert reason.startswith(f"{link} is a link to a file that is not here: fetch it")


def test_magnitude_images_that_nobody_meant(tiny_head, tmp_path, capsys):
    root = begin_data_set(tmp_path / "raw")
    folder = put_echoes(root, "sub-a", tiny_head, "T2starw", parts=("mag",), echoes=(1,))
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("_echo-1_part-mag", ""))
    assert bids(root, tmp_path / "out") == 1
    assert "None of 1 sessions has gradient-echo phase, such as sub-a: There is only" in capsys.readouterr().err
    put_echoes(root, "sub-b", tiny_head)
    assert bids(root, tmp_path / "out") == 0
    assert outcomes_of(tmp_path / "out")["sub-a"][0] == "nothing"


def test_a_field_strength_that_side_cars_contradict_is_warned_of(one_subject):
    root, out = one_subject
    assert bids(root, out, "--field-strength", 7, "--force") == 0
    table = (out / "qsm-outcomes.tsv").read_text("utf-8")
    assert "Its side-cars say 3.0 T, which is used instead of --field-strength 7.0." in table
    assert bids(root, out, "--field-strength", 3, "--force") == 0
    assert "side-cars say" not in (out / "qsm-outcomes.tsv").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--participant-label", "sub-33"], "There is no subject sub-33 in"),
        (["--participant-label", "33"], "near ones are sub-01, sub-02, sub-03"),
        (["--session-label", "9"], "No acquisition of these subjects has ses-9; near ones are ses-1"),
        (["--run-label", "7"], "has run-7; near ones are run-1, run-2"),
        (["--acquisition-label", "x"], "has acq-x; near ones are acq-fine."),
        (["--keep", "nonsense"], "invalid choice: 'nonsense'"),
        (["--set", "nonsense"], "STAGE.PARAMETER=VALUE is needed"),
    ],
)
def test_choices_that_choose_nothing_are_refused(tiny_cohort, tmp_path, capsys, words, said):
    assert bids(tiny_cohort, tmp_path / "out", *words) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_folders_that_are_something_else_are_refused(tiny_cohort, finished_cohort, tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("mine")
    foreign = begin_data_set(tmp_path / "fmriprep")
    other = begin_data_set(tmp_path / "other")
    (other / "sub-03").mkdir()
    bare = tmp_path / "bare"
    (bare / "sub-1").mkdir(parents=True)
    for root, out, said in (
        (tiny_cohort, home, "holds other things (thesis.tex): name a new or an empty folder"),
        (tiny_cohort, foreign, "holds another data set"),
        (tiny_cohort, tiny_cohort, "holds the images themselves"),
        (tiny_cohort, tiny_cohort.parent, "holds the images themselves"),
        (tiny_cohort, home / "thesis.tex", "is a file"),
        (other, finished_cohort[0], "None of 1 sessions"),
        (tmp_path / "none", home, "There is no folder"),
        (home, tmp_path / "new", "holds no folders of subjects"),
        (bare, tmp_path / "new", "holds no dataset_description.json"),
    ):
        assert bids(root, out) == 1
        assert said in capsys.readouterr().err, said
    assert [path.name for path in home.iterdir()] == ["thesis.tex"]
    assert not (tmp_path / "new").exists()


def test_maps_of_two_data_sets_do_not_mix(one_subject, tiny_head, tmp_path, capsys):
    _, out = one_subject
    other = begin_data_set(tmp_path / "other")
    put_echoes(other, "sub-a", tiny_head)
    before = files_of(out)
    assert bids(other, out) == 1
    assert "holds maps of the data set ../raw, not of ../other" in capsys.readouterr().err
    assert files_of(out) == before

"""The methods' pages say what the register says."""

from cases import ALL
from make_docs import FOLDER, description, index, name_of

from QSMLogic.methods import METHODS

REMEDY = "run make docs"


def test_every_method_has_its_page():
    for stage, name in ALL:
        page = FOLDER / f"{name_of(stage, name)}.md"
        assert page.exists(), f"{page.name} is missing: {REMEDY}"
        assert page.read_text("utf-8").startswith(description(METHODS[stage][name])), f"{page.name} is old: {REMEDY}"


def test_the_index_lists_all_methods_and_no_page_is_left_over():
    assert (FOLDER / "README.md").read_text("utf-8") == index(), REMEDY
    assert {path.stem for path in FOLDER.glob("*-*.md")} == {name_of(stage, name) for stage, name in ALL}, REMEDY


def test_pictures_are_small():
    for path in FOLDER.glob("*.png"):
        assert path.stat().st_size < 60_000, path.name

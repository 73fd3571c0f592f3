"""What Slicer's ExtensionsIndex checks before it lists an extension, checked here on the entry in docs/."""

import json
import re
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[1]
ENTRY = ROOT / "docs" / "QSM.json"
SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.2.json#"
)
KINDS = {
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "dicom_support_rule": str,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": int,
}
REQUIRED = {"$schema", "category", "scm_url"}
RAW = "https://raw.githubusercontent.com/SlicerQSM/SlicerQSM/main/"
LARGEST_REPOSITORY = 100 * 2**20
ICON_SIZE = (128, 128)


@pytest.fixture(scope="module")
def entry():
    """Return the entry as the index reads it."""
    return json.loads(ENTRY.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cmake():
    """Return the text of the top-level CMakeLists.txt, which the index reads with regular expressions."""
    return (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")


def value(cmake, key):
    """Return what the index finds for a key: the value has to stand in quotation marks on the same line."""
    found = re.findall(rf'set\s*\({key}\s*"([^"]+)"\)', cmake, re.I)
    assert len(found) == 1, key
    return found[0]


def png_size(path):
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n"), path
    return struct.unpack(">II", content[16:24])


def test_the_entry_meets_the_schema(entry):
    assert entry["$schema"] == SCHEMA
    assert entry.keys() >= REQUIRED
    assert entry.keys() <= KINDS.keys()
    for key, content in entry.items():
        assert type(content) is KINDS[key], key
    assert 1 <= entry["tier"] <= 5
    assert entry.get("scm_type", "git") in ("git", "local")


def test_the_entry_has_line_feeds_only():
    content = ENTRY.read_bytes()
    assert b"\r" not in content
    assert b"\t" not in content
    assert content.endswith(b"}\n")


def test_the_names_are_as_the_index_wants_them(entry, cmake):
    assert re.findall(r"project\s*\(\s*([^\s\)\n\r]+)", cmake, re.I)[0] == ENTRY.stem
    assert not ENTRY.stem.lower().startswith("slicer")
    url = urlsplit(entry["scm_url"])
    assert url.scheme in ("https", "git")
    assert Path(url.path).stem.startswith("Slicer")


def test_entry_and_build_say_the_same(entry, cmake):
    assert value(cmake, "EXTENSION_CATEGORY") == entry["category"] == "Quantification"
    assert value(cmake, "EXTENSION_DEPENDS") == "NA"
    assert not entry.get("build_dependencies")
    assert entry["scm_url"].removesuffix(".git") == value(cmake, "EXTENSION_HOMEPAGE")
    assert value(cmake, "EXTENSION_DESCRIPTION").endswith(".")
    assert value(cmake, "EXTENSION_CONTRIBUTORS")


def test_icon_and_screenshots_are_pictures_of_this_repository(cmake):
    icon = value(cmake, "EXTENSION_ICONURL")
    assert png_size(ROOT / icon.removeprefix(RAW)) == ICON_SIZE
    shots = value(cmake, "EXTENSION_SCREENSHOTURLS").split()
    assert shots
    for url in shots:
        assert url.startswith(RAW)
        assert min(png_size(ROOT / url.removeprefix(RAW))) > 200


def test_there_is_a_licence_and_the_home_page_names_it():
    assert "Apache License" in (ROOT / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Apache" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_repository_is_small():
    passed_over = {".git", ".venv", "build", "demo-output"}
    files = [path for path in ROOT.rglob("*") if path.is_file() and not passed_over & set(path.parts)]
    assert sum(path.stat().st_size for path in files) < LARGEST_REPOSITORY

"""Random damage to files: never a traceback, a hang, a huge allocation, or a wrong map without a word.

What counts as that is said in `fuzzing.py`. Every case has its seed, which a failure names.
"""

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fuzzing import (
    bounded,
    check_line,
    classic,
    differs,
    enhanced,
    four_dimensional,
    images,
    read,
    spoil,
    spoil_json,
    zipped,
)

from QSMLogic.errors import InputError
from QSMLogic.io.archive import remove_unpacked, unpacked
from QSMLogic.settings import Settings

NIFTI_HEADER = 352
HEADERS = {".nii": NIFTI_HEADER, ".gz": 100, ".dcm": 3000, ".zip": 5000}
"""Bytes of a file that are damaged more often than the others."""

VOXELS = {"classic": 240, "enhanced": 1920, "philips": 2 * 80 * 80 * 212}
"""Bytes at the end of DICOM files that hold voxels, which have no checksum."""

SYNTHETIC = {
    "plain": lambda folder: images(folder, ".nii"),
    "packed": lambda folder: images(folder, ".nii.gz"),
    "4-D": four_dimensional,
    "classic": classic,
    "enhanced": enhanced,
    "zip": zipped,
}
CASES = {"plain": 1000, "packed": 400, "4-D": 1000, "classic": 160, "enhanced": 400, "zip": 400}
SHARDS = 2

NUMBER = b"0123456789.-+ "
"""Characters of a number in DICOM."""

OUTCOMES = ("refused", "same", "said", "unknowable")
"""What may come of damage: a refusal, the same data, other data and a warning, or what nobody can tell."""


@dataclass(frozen=True)
class Damage:
    """A file, what it held, and what it holds now."""

    path: Path
    whole: bytes
    spoilt: bytes

    def unknowable(self, kind, different):
        """Tell whether these differences alone can come of damage that nothing contradicts."""
        if self.path.name == "params.json" or (kind in ("enhanced", "philips") and self.only_digits()):
            return set(different) <= {"facts", "geometry"}
        start = NIFTI_HEADER if self.path.suffix == ".nii" else len(self.whole) - VOXELS.get(kind, 0)
        return set(different) <= {"phase", "magnitude"} and self.whole[start:] != self.spoilt[start:]

    def only_digits(self):
        """Tell whether digits became other digits, and nothing else changed."""
        changed = {pair for pair in zip(self.whole, self.spoilt, strict=False) if pair[0] != pair[1]}
        return len(self.whole) == len(self.spoilt) and all(byte in NUMBER for pair in changed for byte in pair)


def outcome(kind, folder, truth, damage):
    """Return what came of a damaged file, one of OUTCOMES; else how the map is silently wrong."""
    try:
        with bounded():
            found = read(folder)
    except InputError as error:
        check_line(error)
        return "refused"
    different = differs(truth, found)
    if not different:
        return "same"
    if found.said - truth.said:
        return "said"
    if damage.unknowable(kind, different):
        return "unknowable"
    return f"silently other {different}"


def campaign(kind, folder, seeds):
    """Damage one file of a folder per seed; return how often what came of it."""
    truth = read(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    count = {}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        path = files[int(rng.integers(len(files)))]
        whole = path.read_bytes()
        if path.suffix == ".json":
            spoilt = spoil_json(whole.decode(), rng).encode("utf-8", "surrogateescape")
        else:
            spoilt = spoil(whole, rng, HEADERS[path.suffix] if kind != "philips" else 400_000)
        path.write_bytes(spoilt)
        try:
            came = outcome(kind, folder, truth, Damage(path, whole, spoilt))
        except (Exception, AssertionError) as error:
            raise AssertionError(f"{kind}, seed {seed}, {path.name}: {type(error).__name__}: {error}") from error
        assert came in OUTCOMES, f"{kind}, seed {seed}, {path.name}: {came}"
        count[came] = count.get(came, 0) + 1
        path.write_bytes(whole)
    return count


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("kind", SYNTHETIC)
def test_damaged_files(kind, shard, tmp_path):
    folder = SYNTHETIC[kind](tmp_path / "images")
    share = CASES[kind] // SHARDS
    count = campaign(kind, folder, range(shard * share, (shard + 1) * share))
    assert count["refused"] > share // 4  # the damage is damage
    assert count.get("same", 0) + count.get("said", 0) + count.get("unknowable", 0) > 0  # and not all there is


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("subject", "cases"), [("sub-head", 150), ("sub-patch", 150)])
def test_damaged_real_images(subject, cases, shared_data, tmp_path):
    folder = images(tmp_path / "images", ".nii", data=shared_data / "bids-invivo" / subject / "anat")
    assert campaign("plain", folder, range(cases))["refused"] > cases // 4


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_of_a_scanner(shared_data, tmp_path):
    folder = Path(shutil.copytree(shared_data / "dicom" / "philips-enhanced", tmp_path / "images"))
    assert campaign("philips", folder, range(6))


def test_damaged_settings(tmp_path):
    whole = Settings.preset("default")
    documents = {"a.toml": whole.to_toml(), "a.json": json.dumps(whole.to_dict())}
    refused = 0
    for name, text in documents.items():
        (tmp_path / name).write_text(text)
        assert Settings.read(tmp_path / name) == whole
        for seed in range(150):
            rng = np.random.default_rng(seed)
            spoilt = spoil_json(text, rng).encode("utf-8", "surrogateescape")
            (tmp_path / name).write_bytes(spoilt)
            try:
                with bounded():
                    Settings.read(tmp_path / name)
            except InputError as error:
                check_line(error)
                refused += 1
            except Exception as error:
                raise AssertionError(f"{name}, seed {seed}: {type(error).__name__}: {error}") from error
    assert refused > 100


def test_damaged_archives_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        for name in ("a/b.txt", "Äö.txt", "c.txt"):
            archive.writestr(name, name * 20)
    whole = (tmp_path / "whole.zip").read_bytes()
    path = tmp_path / "a.zip"
    for seed in range(400):
        path.write_bytes(spoil(whole, np.random.default_rng(seed), len(whole)))
        try:
            with bounded():
                folder = unpacked(path)
            for file in (file for file in folder.rglob("*") if file.is_file()):
                assert file.resolve().is_relative_to(folder)
        except InputError as error:
            check_line(error)
        finally:
            remove_unpacked()
        assert list((tmp_path / "temporary").iterdir()) == [], seed
    assert {file.name for file in tmp_path.iterdir()} == {"a.zip", "whole.zip", "temporary"}

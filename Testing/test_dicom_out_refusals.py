"""Maps that do not become DICOM: values that do not fit, another place, other people's images, damaged ones."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from dicom_files import GEOMETRY, SHAPE, change, siemens
from dicom_maps import CHI, read

from QSMLogic.errors import InputError
from QSMLogic.io.dicom.quantity import stored
from QSMLogic.io.dicom.writing import write_series


def test_values_that_do_not_fit_are_refused_and_none_is_cut_off(classic_scan, tmp_path):
    edge = np.full(SHAPE, 32.767, np.float32)
    assert np.all(stored(edge, "chi").values == 32767)
    assert np.all(stored(-edge * 1000, "chi", "ppb").values == -32767)
    with pytest.raises(InputError, match=r"reaches 3\.28e\+04 ppb, and 32767 ppb can be written"):
        write_series(tmp_path / "out", edge + np.float32(0.01), GEOMETRY, classic_scan)
    with pytest.raises(InputError, match="holds 1 voxels that are no finite numbers"):
        write_series(tmp_path / "out", np.where(CHI.max() == CHI, np.nan, CHI), GEOMETRY, classic_scan)
    with pytest.raises(InputError, match="ppm or ppb, not in Hz"):
        stored(CHI, "chi", "Hz")
    assert not (tmp_path / "out").exists()


OTHERS = {
    "6 x 5 x 3 voxels against 6 x 5 x 4": replace(GEOMETRY, shape=(6, 5, 3)),
    "voxels of": replace(GEOMETRY, spacing=(0.7, 0.9, 2.1)),
    "origins 0.2 mm apart": replace(GEOMETRY, origin=(-29.8, 40.0, -50.0)),
    "axes turned": replace(GEOMETRY, direction=(1.0, 0, 0, 0, 1, 0, 0, 0, 1)),
}


@pytest.mark.parametrize("said", OTHERS)
def test_a_map_that_lies_elsewhere_is_refused(said, enhanced_scan, tmp_path):
    other = OTHERS[said]
    with pytest.raises(InputError, match=f"does not lie on the voxels of the DICOM images: {said}"):
        write_series(tmp_path / "out", np.zeros(other.shape), other, enhanced_scan)
    assert not (tmp_path / "out").exists()


def test_damaged_sources_are_refused_in_a_sentence_or_give_images(enhanced_scan, tmp_path):
    (path,) = enhanced_scan
    content = path.read_bytes()
    header = len(content) - 8 * int(np.prod(SHAPE))
    rng = np.random.default_rng(4)
    outcomes = set()
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(132, header, rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            for file in write_series(tmp_path / "out", CHI, GEOMETRY, enhanced_scan, force=True):
                pydicom.dcmread(file)
            outcomes.add("written")
        except InputError as error:
            outcomes.add("refused" if "\n" not in str(error) else str(error))
    assert outcomes == {"written", "refused"}


def test_images_of_two_patients_or_two_acquisitions_are_refused(classic_scan, tmp_path):
    siemens(tmp_path / "more", first=15, SeriesInstanceUID="1.2.9.99", SeriesDescription="again")
    more = sorted((tmp_path / "more").rglob("*.dcm"))
    with pytest.raises(InputError, match="2 acquisitions lie on the voxels of the map"):
        write_series(tmp_path / "out", CHI, GEOMETRY, [*classic_scan, *more])
    for path in [path for path in classic_scan if "phase" in path.parts]:
        change(path, PatientID="B2")
    with pytest.raises(InputError, match="2 acquisitions lie on the voxels of the map"):
        write_series(tmp_path / "out", CHI, GEOMETRY, classic_scan)
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_kept_or_goes_as_a_whole(enhanced_scan, tmp_path):
    out = tmp_path / "out"
    files = write_series(out, CHI, GEOMETRY, enhanced_scan)
    (out / "chi-0009.dcm").write_text("of a longer series")
    (out / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(InputError, match=r"holds chi-0001\.dcm"):
        write_series(out, -CHI, GEOMETRY, enhanced_scan)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    write_series(out, -CHI, GEOMETRY, enhanced_scan, force=True)
    assert {path.name for path in out.iterdir()} == {path.name for path in files} | {"notes.txt"}
    assert np.abs(read(files)[0] + CHI * 1000.0).max() <= 0.5 + 1e-9

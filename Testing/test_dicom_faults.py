"""DICOM files that are damaged, lie, or are something else: a sentence, and nothing made for what cannot be there."""

import os
import shutil
import tracemalloc

import numpy as np
import pydicom
import pytest
from dicom_files import (
    COLUMN,
    GEOMETRY,
    ROW,
    SIEMENS,
    SPACING,
    change,
    noise,
    only,
    refused,
    save,
    siemens,
    write_volume,
)

from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io.acquisitions import find_acquisitions, read_acquisition


def damaged(folder):
    """Write an acquisition; return the file of a phase slice."""
    siemens(folder, echoes=1)
    return sorted((folder / "phase").rglob("*.dcm"))[1]


def test_a_folder_without_phase_is_named_with_what_it_holds(tmp_path):
    with pytest.raises(InputError, match=r"There is no folder .*nowhere"):
        find_acquisitions(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no files: choose a folder"):
        find_acquisitions(tmp_path)
    (tmp_path / "notes.txt").write_text("DICM")
    (tmp_path / "empty").touch()
    others = {"ScanningSequence": "IR", "SeriesDescription": "t1"}
    write_volume(tmp_path, noise(), SIEMENS, "magnitude", **others)
    with pytest.raises(InputError, match=r"holds 4 DICOM and 2 other files.*empty is empty \(zero bytes\)"):
        find_acquisitions(tmp_path)


def test_pipes_are_left_alone_and_broken_links_are_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"holds 1 other files.*link cannot be read"):
        find_acquisitions(tmp_path)


def test_long_identifiers_that_differ_at_their_end_are_different(tmp_path):
    for path in phase_slices(tmp_path):
        place = pydicom.dcmread(path).ImagePositionPatient[2]
        change(path, SOPInstanceUID=f"1.{'2' * 60}.{int(place) % 10}")
    assert only(tmp_path).problem == ""


def test_a_single_file_will_do(shared_data):
    path = shared_data / "dicom" / "philips-enhanced" / "fieldmapping_mag_phase.dcm"
    (candidate,) = find_acquisitions(path)
    assert candidate.files() == (path,)


def test_other_files_beside_the_images_do_not_disturb(tmp_path):
    siemens(tmp_path)
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + bytes(4))
    change(shutil.copy(next((tmp_path / "phase").rglob("*.dcm")), tmp_path / "ct.dcm"), Modality="CT")
    (candidate,) = find_acquisitions(tmp_path)
    assert candidate.problem == ""


def phase_slices(folder):
    files = write_volume(folder, noise(), SIEMENS, "phase")
    write_volume(folder, noise(seed=1), SIEMENS, "magnitude")
    return files


def test_a_missing_slice_is_named(tmp_path):
    phase_slices(tmp_path)[2].unlink()
    assert refused(tmp_path).startswith("1 slices of the phase of echo 1 (4 ms) are missing, after slice 2 first")


def test_a_missing_end_is_another_geometry(tmp_path):
    phase_slices(tmp_path)[3].unlink()
    assert "6 x 5 x 3 voxels against 6 x 5 x 4" in refused(tmp_path)


def test_copies_of_a_file_count_once_but_other_images_of_a_slice_do_not(tmp_path):
    files = phase_slices(tmp_path)
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "again.dcm"
    copy.write_bytes(files[1].read_bytes())
    assert only(tmp_path).problem == ""
    change(copy, SOPInstanceUID="1.2.3.99999")
    assert refused(tmp_path).startswith("1 of 5 slices of the phase of echo 1 (4 ms) are there more than once")


def test_uneven_and_sheared_slices_are_refused(tmp_path):
    files = phase_slices(tmp_path)
    normal = np.cross(ROW, COLUMN)
    place = np.array(GEOMETRY.origin) + 2 * SPACING[2] * normal
    change(files[2], ImagePositionPatient=(place + 0.4 * normal).round(6).tolist())
    assert "1.6 to 2.4 mm apart" in refused(tmp_path)
    change(files[2], ImagePositionPatient=(place + 0.4 * ROW).round(6).tolist())
    assert "sheared" in refused(tmp_path)


def test_magnitude_that_lies_elsewhere_is_refused(tmp_path):
    phase_slices(tmp_path)
    for path in tmp_path.iterdir():
        header = pydicom.dcmread(path)
        if header.ImageType[2] == "M":
            change(path, ImagePositionPatient=(np.array(header.ImagePositionPatient, float) + 5).tolist())
    assert "do not lie on the same voxels: origins 8.66 mm apart" in refused(tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 300, -400, -1])
def test_a_file_cut_short_leaves_a_slice_out(tmp_path, keep):
    path = damaged(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    (candidate,) = find_acquisitions(tmp_path)
    assert "slices of the phase of echo 1 (4 ms) are missing" in candidate.problem
    if keep != 100:  # a hundred bytes are not yet recognised as DICOM
        assert path.name in candidate.warnings[0]


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"Rows": 60000, "Columns": 60000}, "cut short"),
        ({"NumberOfFrames": 2**30}, "claims 1073741824 frames and describes 1"),
        ({"SamplesPerPixel": 3}, "a picture in colours"),
        ({"PixelSpacing": [0, 1]}, "does not say where its slices lie"),
        ({"ImagePositionPatient": None}, "does not say where its slices lie"),
    ],
)
def test_headers_that_lie_are_refused_before_anything_is_made(tmp_path, elements, said):
    change(damaged(tmp_path), **elements)
    tracemalloc.start()
    (candidate,) = find_acquisitions(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()
    assert said in candidate.warnings[0]
    assert "missing" in candidate.problem


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"MagneticFieldStrength": "NaN"}, "field"),
        ({"MagneticFieldStrength": -3}, "field"),
        ({"MagneticFieldStrength": 30000}, "field"),
        ({"EchoTime": "-4"}, "times"),
        ({"EchoTime": "inf"}, "times"),
        ({"EchoTime": ""}, "times"),
        ({"EchoTime": 4e6}, "times"),
    ],
)
def test_numbers_that_make_no_sense_count_as_not_said(tmp_path, elements, expected):
    write_volume(tmp_path, noise(), SIEMENS, "phase")
    for path in tmp_path.iterdir():
        header = pydicom.dcmread(path)
        for name, value in elements.items():
            header[name]._value = value  # as it lies in the file, whatever pydicom thinks of it
        save(header, path)
    (candidate,) = find_acquisitions(tmp_path)
    assert (candidate.echo_times is None) == (expected == "times")
    assert (candidate.field_strength is None) == (expected == "field")


def test_hostile_text_is_shown_as_one_short_line(tmp_path):
    text = "<script>alert('x')</script>\r\n../../etc\x00\x1b[2J" + "A" * 5000
    write_volume(tmp_path, noise(), SIEMENS, "phase", SeriesDescription=text[:64], PatientID=text[20:80])
    (candidate,) = find_acquisitions(tmp_path)
    for shown in (candidate.name, candidate.title):
        assert shown.isprintable()
        assert len(shown) < 250
        assert not {"/", "\\"} & set(shown)


def test_changed_files_are_told_when_they_are_read(tmp_path):
    path = damaged(tmp_path)
    (candidate,) = find_acquisitions(tmp_path)
    change(path, Rows=4, Columns=7, PixelData=bytes(2 * 4 * 7))
    with pytest.raises(InputError, match=f"{path.name} holds other voxels than its header says"):
        read_acquisition(candidate)
    path.unlink()
    with pytest.raises(InputError, match=f"{path.name} is damaged"):
        read_acquisition(candidate)


def test_it_can_be_cancelled(tmp_path):
    siemens(tmp_path)
    seen = []

    def progress(fraction, message):
        seen.append(fraction)
        if len(seen) > 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_acquisitions(tmp_path, progress)
    assert seen == sorted(seen)


def test_random_damage_never_ends_in_a_traceback(tmp_path):
    siemens(tmp_path, echoes=1)
    path = sorted((tmp_path / "phase").rglob("*.dcm"))[1]
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    truth = read_acquisition(find_acquisitions(tmp_path)[0]).scan
    rng = np.random.default_rng(0)
    outcomes = {"same voxels": 0, "refused": 0, "other voxels": 0}
    for _ in range(150):
        spoilt = whole.copy()
        place = rng.integers(0, spoilt.size - 64, rng.integers(1, 4))
        spoilt[place] = rng.integers(0, 256, place.size)
        path.write_bytes(spoilt.tobytes()[: rng.choice([spoilt.size, rng.integers(1, spoilt.size)])])
        try:
            candidates = find_acquisitions(tmp_path)
            scan = read_acquisition(next((c for c in candidates if "phase" in c.volumes), candidates[0])).scan
            outcomes["same voxels" if np.array_equal(scan.phase, truth.phase) else "other voxels"] += 1
        except InputError:
            outcomes["refused"] += 1
    assert min(outcomes["same voxels"], outcomes["refused"]) > 10


def test_folders_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    siemens(tmp_path, echoes=2)
    real, shut = os.scandir, {str(tmp_path / part / "1") for part in ("magnitude", "phase")}

    def closed(path):
        if str(path) in shut:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    first = f"2 folders cannot be read; the first: {tmp_path / 'magnitude' / '1'} (Permission denied)."
    assert only(tmp_path).warnings[-1] == first
    shut.add(str(tmp_path))
    with pytest.raises(InputError, match=r"holds no files: .* Not readable: .* \(Permission denied\)"):
        find_acquisitions(tmp_path)

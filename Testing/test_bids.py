"""Acquisitions among NIfTI files: BIDS names and inheritance, the names of dcm2niix, and files of the demonstration."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import GEOMETRY as HEAD_GEOMETRY
from command_line import refused as refused_command

from QSMLogic.cli import main
from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import choose, find_acquisitions, read_acquisition
from QSMLogic.io.nifti import Geometry, read_image, read_volume, write_image
from QSMLogic.io.parameters import gather, read_sidecar, sidecars

SHAPE = (4, 5, 3)
GEOMETRY = Geometry(SHAPE, (1.0, 1.5, 2.0), (1.0, 2.0, 3.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
TIMES = (0.005, 0.010)


def phase(seed=0):
    return np.random.default_rng(seed).uniform(-np.pi, np.pi, SHAPE).astype(np.float32)


def put(folder, name, image=None, geometry=GEOMETRY, **said):
    """Write an image, and its side-car where there is something to say."""
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / f"{name}.nii.gz", phase() if image is None else image, geometry)
    if said:
        (folder / f"{name}.json").write_text(json.dumps(said))
    return folder / f"{name}.nii.gz"


def put_echoes(folder, name, suffix="MEGRE", parts=("phase", "mag"), **said):
    for echo, time in enumerate(TIMES):
        for n, part in enumerate(parts):
            facts = {"EchoTime": time, "MagneticFieldStrength": 3} | ({"Units": "rad"} if part == "phase" else {})
            image = np.abs(phase(10 * echo + n)) if part == "mag" else phase(10 * echo + n)
            put(folder, f"{name}_echo-{echo + 1}_part-{part}_{suffix}", image, **(facts | said))


@pytest.fixture
def data_set(tmp_path):
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "test", "BIDSVersion": "1.10.0"}))
    return tmp_path


def only(folder):
    (candidate,) = find_acquisitions(folder)
    return candidate


def refused(folder):
    candidate = only(folder)
    with pytest.raises(InputError):
        read_acquisition(candidate)
    return candidate.problem


def test_the_real_subjects(shared_data):
    head, patch = find_acquisitions(shared_data / "bids-invivo")
    assert head.title == "sub-head MEGRE: 2 echoes (2.3, 4.6 ms), 80 x 80 x 53, 3 T"
    assert patch.title == "sub-patch MEGRE: 3 echoes (4, 8, 12 ms), 51 x 51 x 41, 7 T"
    loaded = read_acquisition(patch)
    assert loaded.scan.echo_times == (0.004, 0.008, 0.012)
    assert loaded.scan.phase.shape == (51, 51, 41, 3)
    assert only(shared_data / "bids-invivo" / "sub-head" / "anat").name == "sub-head"
    assert only(shared_data / "phantom-dev" / "inputs").echo_times == (0.005, 0.011, 0.017, 0.023)


def test_every_subject_session_acquisition_and_run_is_listed(data_set):
    for session in ("1", "2"):
        for run in ("1", "2"):
            put_echoes(data_set / "sub-a" / f"ses-{session}" / "anat", f"sub-a_ses-{session}_acq-fine_run-{run}")
    put_echoes(data_set / "sub-b" / "anat", "sub-b", "T2starw")
    put(data_set / "sub-b" / "anat", "sub-b_part-phase_T1w", EchoTime=0.003)
    put(data_set / "sub-b" / "fmap", "sub-b_phase1", EchoTime=0.003)
    put_echoes(data_set / "derivatives" / "qsm" / "sub-a" / "anat", "sub-a")
    put_echoes(data_set / "sourcedata" / "sub-a" / "anat", "sub-a")
    found = find_acquisitions(data_set)
    names = [f"sub-a_ses-{session}_acq-fine_run-{run}" for session in "12" for run in "12"]
    assert [candidate.name for candidate in found] == [*names, "sub-b"]
    assert found[-1].title == "sub-b T2starw: 2 echoes (5, 10 ms), 4 x 5 x 3, 3 T"
    with pytest.raises(InputError, match="5 acquisitions: name one with --acquisition"):
        choose(found)
    assert choose(found, "sub-b") is choose(found, "5") is found[-1]
    with pytest.raises(InputError, match="'6' is none of them"):
        choose(found, "6")


def test_echoes_are_those_of_phase_and_magnitude(data_set):
    put_echoes(data_set / "sub-a" / "anat", "sub-a")
    scan = read_acquisition(only(data_set)).scan
    for echo in range(2):
        assert np.array_equal(scan.phase[..., echo], phase(10 * echo))
        assert np.array_equal(scan.magnitude[..., echo], np.abs(phase(10 * echo + 1)))


def test_ten_echoes_are_in_order(data_set):
    for echo in range(1, 12):
        put(data_set / "sub-a", f"sub-a_echo-{echo}_part-phase_MEGRE", phase(echo), EchoTime=echo / 1000)
    candidate = only(data_set)
    assert candidate.echo_times == tuple(echo / 1000 for echo in range(1, 12))
    assert [path.name.split("_")[1] for path in candidate.volumes["phase"]] == [f"echo-{e}" for e in range(1, 12)]


def test_real_and_imaginary_images(data_set):
    put_echoes(data_set / "sub-a" / "anat", "sub-a", parts=("real", "imag"))
    scan = read_acquisition(only(data_set)).scan
    assert np.allclose(scan.phase[..., 1], np.arctan2(phase(11), phase(10)), atol=1e-6)


def test_magnitude_may_be_called_by_no_part(data_set):
    put(data_set / "sub-a", "sub-a_MEGRE", np.abs(phase()), EchoTime=0.01, MagneticFieldStrength=3)
    assert "magnitude but no phase" in refused(data_set)
    put(data_set / "sub-a", "sub-a_part-phase_MEGRE", EchoTime=0.01, MagneticFieldStrength=3)
    assert set(only(data_set).volumes) == {"phase", "magnitude"}


def test_missing_echoes_and_mixed_geometry_are_named(data_set):
    put_echoes(data_set / "sub-a", "sub-a")
    (data_set / "sub-a" / "sub-a_echo-2_part-phase_MEGRE.nii.gz").unlink()
    assert refused(data_set).startswith("The phase of echo 2 is missing")
    moved = Geometry(SHAPE, GEOMETRY.spacing, (9.0, 2.0, 3.0), GEOMETRY.direction)
    put(data_set / "sub-a", "sub-a_echo-2_part-phase_MEGRE", geometry=moved)
    assert "do not lie on the same voxels: origins 8 mm apart" in refused(data_set)


def test_two_files_of_one_echo_are_named(data_set):
    put_echoes(data_set / "sub-a", "sub-a")
    write_image(data_set / "sub-a" / "sub-a_echo-1_part-phase_MEGRE.nii", phase(), GEOMETRY)
    assert "An echo of the phase is there twice" in refused(data_set)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08", b"nothing like an image"])
def test_damaged_images_are_named(data_set, content):
    put_echoes(data_set / "sub-a", "sub-a")
    (data_set / "sub-a" / "sub-a_echo-2_part-mag_MEGRE.nii.gz").write_bytes(content)
    assert "sub-a_echo-2_part-mag_MEGRE.nii.gz" in refused(data_set)


def test_a_damaged_sidecar_is_named(data_set):
    put_echoes(data_set / "sub-a", "sub-a")
    (data_set / "sub-a" / "sub-a_echo-2_part-phase_MEGRE.json").write_text("{")
    assert "sub-a_echo-2_part-phase_MEGRE.json is not a JSON document" in refused(data_set)


def test_sidecars_are_inherited_the_nearest_first(data_set):
    image = put(data_set / "sub-a" / "ses-1" / "anat", "sub-a_ses-1_echo-1_part-phase_MEGRE", EchoTime=0.005)
    above = {
        data_set / "MEGRE.json": {"MagneticFieldStrength": 3, "Units": "arbitrary", "EchoTime": 1},
        data_set / "part-phase_MEGRE.json": {"Units": "rad"},
        data_set / "part-mag_MEGRE.json": {"Units": "mrad"},
        data_set / "T1w.json": {"MagneticFieldStrength": 1},
        data_set / "sub-a" / "sub-a_MEGRE.json": {"MagneticFieldStrength": 7},
        data_set / "sub-a" / "sub-b_MEGRE.json": {"MagneticFieldStrength": 9},
        data_set.parent / "MEGRE.json": {"MagneticFieldStrength": 11},
    }
    for path, content in above.items():
        path.write_text(json.dumps(content))
    names = ["sub-a_ses-1_echo-1_part-phase_MEGRE.json", "sub-a_MEGRE.json", "part-phase_MEGRE.json", "MEGRE.json"]
    assert [path.name for path in sidecars(image)] == names
    assert read_sidecar(image) == {"MagneticFieldStrength": 7, "Units": "rad", "EchoTime": 0.005}
    known = gather([image])
    assert (known.echo_times, known.field_strength) == ((0.005,), 7.0)


def test_nothing_is_inherited_outside_a_data_set(tmp_path):
    image = put(tmp_path / "sub-a", "sub-a_part-phase_MEGRE")
    (tmp_path / "MEGRE.json").write_text(json.dumps({"EchoTime": 0.01}))
    assert sidecars(image) == []


def test_the_names_of_dcm2niix(tmp_path):
    for echo, time in enumerate(TIMES):
        facts = {"EchoTime": time, "MagneticFieldStrength": 3}
        put(tmp_path, f"7_gre_qsm_e{echo + 1}", np.abs(phase(echo)), **facts)
        put(tmp_path, f"7_gre_qsm_e{echo + 1}_ph", phase(echo), **facts)
    put(tmp_path, "3_t1_mprage")
    candidate = only(tmp_path)
    assert candidate.title == "7_gre_qsm: 2 echoes (5, 10 ms), 4 x 5 x 3, 3 T"
    scan = read_acquisition(candidate).scan
    assert np.array_equal(scan.phase[..., 1], phase(1))
    assert np.array_equal(scan.magnitude[..., 1], np.abs(phase(1)))


def test_4d_images_with_a_parameter_file(tmp_path):
    put(tmp_path / "head", "phase", np.stack([phase(0), phase(1)], 3))
    put(tmp_path / "head", "magnitude", np.abs(np.stack([phase(0), phase(1)], 3)))
    put(tmp_path / "head", "mask", np.ones(SHAPE, np.uint8))
    candidate = only(tmp_path)
    assert candidate.echo_times is None
    with pytest.raises(InputError, match="The echo times are missing"):
        read_acquisition(candidate)
    (tmp_path / "head" / "params.json").write_text(json.dumps({"TE": TIMES, "B0": 3, "B0_dir": [0, 0, 1]}))
    candidate = only(tmp_path)
    assert candidate.title == "head: 2 echoes (5, 10 ms), 4 x 5 x 3, 3 T"
    assert read_acquisition(candidate).scan.phase.shape == (*SHAPE, 2)


def test_unusable_ones_come_last(data_set):
    put_echoes(data_set / "sub-a", "sub-a", parts=("mag",))
    put_echoes(data_set / "sub-b", "sub-b")
    found = find_acquisitions(data_set)
    assert [candidate.name for candidate in found] == ["sub-b", "sub-a"]
    assert choose(found).name == "sub-b"
    with pytest.raises(InputError, match="None of 2 acquisitions can be used: sub-a: There is magnitude"):
        choose([found[1]] * 2)


def test_a_folder_of_other_images_says_what_it_holds(tmp_path):
    put(tmp_path, "t1")
    with pytest.raises(InputError, match="holds 1 NIfTI files, but no gradient-echo phase"):
        find_acquisitions(tmp_path)


def test_the_command_line_takes_a_folder(head, tmp_path, capsys):
    for echo, time in enumerate(head.scan.echo_times):
        for part, image in (("phase", head.scan.phase), ("mag", head.scan.magnitude)):
            facts = {"EchoTime": time, "MagneticFieldStrength": 3} | ({"Units": "rad"} if part == "phase" else {})
            put(tmp_path / "data", f"sub-a_echo-{echo + 1}_part-{part}_MEGRE", image[..., echo], HEAD_GEOMETRY, **facts)
    chosen = ["--preset", "fast", "--inversion", "tkd"]
    assert main(["run", "--folder", str(tmp_path / "data"), *chosen, "--out", str(tmp_path / "by-folder")]) == 0
    files = {part: sorted(map(str, (tmp_path / "data").glob(f"*part-{part}*.nii.gz"))) for part in ("phase", "mag")}
    images = ["--phase", *files["phase"], "--magnitude", *files["mag"]]
    assert main(["run", *images, *chosen, "--out", str(tmp_path / "by-files")]) == 0
    maps = [read_volume(tmp_path / out / "chimap.nii.gz")[0] for out in ("by-folder", "by-files")]
    assert np.array_equal(*maps)
    record = json.loads((tmp_path / "by-folder" / "provenance.json").read_text())
    assert {entry["file"] for entry in record["inputs"]} == {*files["phase"], *files["mag"]}
    capsys.readouterr()
    put_echoes(tmp_path / "data", "sub-b")
    several = ["run", "--folder", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    refused_command(capsys, several, "2 acquisitions: name one with --acquisition (1 = sub-a MEGRE: 3 echoes")
    refused_command(capsys, [*several, *images], "--folder stands in for the images")
    refused_command(capsys, ["run", *images, "--acquisition", "1", *several[3:]], "give --folder too")


def test_dicom_and_nifti_of_one_scan_give_one_map(shared_data, tmp_path):
    maps = {}
    for kind in ("dicom", "bids-invivo/sub-head"):
        out = tmp_path / Path(kind).name
        chosen = ["--preset", "fast", "--masking", "threshold", "--unwrapping", "laplacian", "--inversion", "tkd"]
        assert main(["run", "--folder", str(shared_data / kind), *chosen, "--out", str(out)]) == 0
        maps[kind] = read_image(out / "chimap.nii.gz")
        record = json.loads((out / "provenance.json").read_text())
        assert record["scan"]["phase_scale"] == ("milliradians" if kind == "dicom" else "radians")
    (dicom, geometry), (nifti, _) = maps.values()
    assert geometry.difference(read_acquisition(only(shared_data / "dicom")).geometry) == ""
    flipped = nifti[::-1, ::-1]  # the NIfTI file runs from right to left and from front to back
    assert np.abs(dicom - flipped).mean() < 0.01 * np.abs(flipped).mean()

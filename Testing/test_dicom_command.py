"""`qsm dicom`, and the series that `qsm run --dicom` writes: whose images the map is of, and in which unit."""

import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from command_line import refused
from dicom_files import GEOMETRY, siemens
from dicom_maps import CHI, read
from dicom_standard import check_mr_image

from QSMLogic.cli import main
from QSMLogic.io.dicom.derivation import derivation
from QSMLogic.io.nifti import read_volume, write_image
from QSMLogic.report.provenance import fingerprint
from QSMLogic.settings import Settings


@pytest.fixture
def chimap(tmp_path):
    """Return a map as `qsm run` leaves it, with its settings."""
    (tmp_path / "results").mkdir()
    write_image(tmp_path / "results" / "chimap.nii.gz", CHI, GEOMETRY)
    Settings.preset("fast").write(tmp_path / "results" / "settings.toml")
    return tmp_path / "results" / "chimap.nii.gz"


def test_the_command(classic_scan, chimap, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["dicom", str(chimap), "--like", str(tmp_path / "scan"), "--out", str(out)]) == 0
    assert capsys.readouterr() == (f"{out}: 4 slices of QSM chi\n", "")
    values, headers = read(sorted(out.iterdir()))
    assert np.abs(values - CHI * 1000.0).max() <= 0.5 + 1e-3
    assert derivation(Settings.preset("fast")) == headers[0].DerivationDescription
    assert (
        main(["dicom", str(chimap), "--like", str(classic_scan[7]), "--out", str(out), "--force"]) == 0
    )  # one file of many
    assert len(read(sorted(out.iterdir()))[1][0].SourceImageSequence) == 1  # the echo that lies in its folder


def test_the_command_takes_the_acquisition_that_the_map_lies_on(classic_scan, chimap, tmp_path, capsys):
    siemens(tmp_path / "scan" / "more", first=15, SeriesInstanceUID="1.2.9.99", SeriesDescription="again")
    words = ["dicom", str(chimap), "--like", str(tmp_path / "scan"), "--out", str(tmp_path / "out")]
    refused(capsys, words, "2 acquisitions lie on the voxels of the map: name its own with --acquisition (1 = ")
    assert main([*words, "--acquisition", "again"]) == 0
    assert pydicom.dcmread(next((tmp_path / "out").iterdir())).SeriesNumber == 15001


def test_the_command_refuses_images_of_another_patient_on_the_same_voxels(classic_scan, chimap, tmp_path, capsys):
    record = chimap.with_name("provenance.json")
    record.write_text(json.dumps({"inputs": [fingerprint(path) for path in classic_scan]}))
    siemens(tmp_path / "other", PatientID="B2", StudyInstanceUID="1.2.10")
    out = ["--out", str(tmp_path / "out")]
    refused(capsys, ["dicom", str(chimap), "--like", str(tmp_path / "other"), *out], "may be another patient's")
    assert not (tmp_path / "out").exists()
    assert main(["dicom", str(chimap), "--like", str(tmp_path / "scan"), *out]) == 0
    record.write_text('{"inputs": [{"file": "phase.nii.gz", "sha256": "0"}]}')  # nobody knows
    assert main(["dicom", str(chimap), "--like", str(tmp_path / "other"), *out, "--force"]) == 0


def test_the_command_believes_the_unit_of_a_side_car(classic_scan, tmp_path, capsys):
    field = tmp_path / "sub-1_desc-total_fieldmap.nii.gz"
    write_image(field, CHI, GEOMETRY)
    words = ["dicom", str(field), "--like", str(tmp_path / "scan"), "--out", str(tmp_path / "out")]
    field.with_name("sub-1_desc-total_fieldmap.json").write_text('{"Units": "Hz"}')
    assert main([*words, "--name", "total_field"]) == 0
    header = pydicom.dcmread(next((tmp_path / "out").iterdir()))
    assert header.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "Hz"
    assert np.abs(read(sorted((tmp_path / "out").iterdir()))[0] - CHI).max() <= float(header.RescaleSlope)
    capsys.readouterr()
    refused(capsys, [*words, "--name", "total_field", "--unit", "ppm", "--force"], "side-car says Hz")
    field.with_name("sub-1_desc-total_fieldmap.json").write_text('{"Units": "mT"}')
    refused(capsys, [*words, "--name", "total_field", "--force"], "in mT, which is none of ppm, ppb, Hz")


def test_a_weighted_magnitude_is_in_no_unit(classic_scan, tmp_path):
    image = tmp_path / "swi.nii.gz"
    write_image(image, np.abs(CHI), GEOMETRY)
    image.with_name("swi.json").write_text('{"Units": "arbitrary"}')
    words = ["dicom", str(image), "--like", str(tmp_path / "scan"), "--out", str(tmp_path / "out"), "--name", "swi"]
    assert main(words) == 0
    header = pydicom.dcmread(next((tmp_path / "out").iterdir()))
    assert header.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "1"


def test_what_the_command_refuses(classic_scan, chimap, tmp_path, capsys):
    like = ["--like", str(tmp_path / "scan"), "--out", str(tmp_path / "out")]
    other = tmp_path / "something.nii.gz"
    write_image(other, CHI, GEOMETRY)
    refused(capsys, ["dicom", str(other), *like], "does not say what the map is: name it with --name")
    moved = tmp_path / "results" / "totalfield.nii.gz"
    write_image(moved, CHI, replace(GEOMETRY, origin=(0.0, 0.0, 0.0)))
    refused(capsys, ["dicom", str(moved), *like], "does not lie on the voxels of the DICOM images: origins")
    nifti = ["--like", str(tmp_path / "results"), "--out", str(tmp_path / "out")]
    refused(capsys, ["dicom", str(chimap), *nifti], "results")
    refused(
        capsys, ["run", "--phase", str(other), "--dicom", *like[2:]], "--dicom writes into the study of DICOM images"
    )
    assert main(["dicom", str(other), "--name", "chi", *like]) == 0
    assert "Warning: no settings are beside the map" in capsys.readouterr().err


def test_a_map_from_converted_nifti_lies_on_the_scanners_own_voxels(shared_data, tmp_path, capsys):
    """The NIfTI files of the real scan run the other way along two axes; its magnitude says whether they meet."""
    (magnitude,) = (shared_data / "bids-invivo" / "sub-head").rglob("*echo-1_part-mag*.nii.gz")
    image, geometry = read_volume(magnitude)
    write_image(tmp_path / "weights.nii.gz", image, geometry)
    words = ["dicom", str(tmp_path / "weights.nii.gz"), "--like", str(shared_data / "dicom"), "--out"]
    assert main([*words, str(tmp_path / "out")]) == 0
    values, headers = read(sorted((tmp_path / "out").iterdir()))
    source = pydicom.dcmread(next((shared_data / "dicom").rglob("*.dcm")))
    step = float(headers[0].RescaleSlope)
    for k in (0, 26, 52):
        frames = headers[k].SourceImageSequence[0].ReferencedFrameNumber
        groups = {number: source.PerFrameFunctionalGroupsSequence[number - 1] for number in frames}
        (first,) = [
            number
            for number, group in groups.items()
            if group.MREchoSequence[0].EffectiveEchoTime < 3 and group.MRImageFrameTypeSequence[0].FrameType[3] == "M"
        ]
        position = groups[first].PlanePositionSequence[0].ImagePositionPatient
        assert np.allclose(position, headers[k].ImagePositionPatient, atol=1e-4)
        scale = groups[first].PixelValueTransformationSequence[0]
        scanner = source.pixel_array[first - 1] * float(scale.RescaleSlope) + float(scale.RescaleIntercept)
        ratio = (scanner * values[:, :, k].T).sum() / (scanner**2).sum()  # the converter may have scaled it
        assert np.abs(values[:, :, k].T - ratio * scanner).max() <= 1e-3 * values.max() + step / 2


def test_a_run_writes_its_map_into_the_study(shared_data, tmp_path):
    out = tmp_path / "out"
    cheap = ["--masking", "threshold", "--background", "sharp", "--inversion", "tkd", "--unwrapping", "laplacian"]
    words = ["run", "--folder", str(shared_data / "dicom"), "--preset", "fast", *cheap, "--out", str(out)]
    assert main([*words, "--dicom"]) == 0
    files = sorted((out / "chimap-dicom").iterdir())
    chi, _ = read_volume(out / "chimap.nii.gz")
    values, headers = read(files)
    assert np.abs(values - chi * 1000.0).max() <= 0.5 + 1e-3
    source = pydicom.dcmread(next((shared_data / "dicom").rglob("*.dcm")), stop_before_pixels=True)
    for word in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientName", "PatientID", "PatientBirthDate"):
        assert {h[word].value for h in headers} == {source[word].value}
    check_mr_image(files[0])
    assert headers[0].DerivationDescription == derivation(Settings.read(out / "settings.toml"))
    assert main([*words, "--force"]) == 0  # a run without the flag leaves no series of the run before
    assert not (out / "chimap-dicom").exists()

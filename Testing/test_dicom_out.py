"""Maps as DICOM: the values, the place, the links and the elements that an archive asks for."""

import itertools
import json
import os
import re
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from command_line import refused
from dicom_files import GEOMETRY, PHILIPS, SHAPE, change, noise, siemens, write_enhanced
from dicom_standard import check_mr_image
from SimpleITK import GetArrayFromImage, ImageSeriesReader

from QSMLogic.cli import main
from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions
from QSMLogic.io.dicom.derivation import derivation
from QSMLogic.io.dicom.quantity import QUANTITIES, stored
from QSMLogic.io.dicom.writing import write_series
from QSMLogic.io.nifti import Geometry, read_volume, write_image
from QSMLogic.io.outputs import OutputFolder
from QSMLogic.io.writing import FURTHER
from QSMLogic.report.provenance import fingerprint
from QSMLogic.settings import Settings

CHI = np.random.default_rng(0).normal(0, 0.2, SHAPE).astype(np.float32)


@pytest.fixture
def scan(tmp_path):
    """Return the files of magnitude and phase at three echoes, two series of a file per slice."""
    siemens(tmp_path / "scan")
    return sorted((tmp_path / "scan").rglob("*.dcm"))


@pytest.fixture
def enhanced(tmp_path):
    """Return the one file of magnitude and phase at two echoes."""
    parts = ("magnitude", "phase")
    volumes = {part: np.stack([noise(seed=9 * n + e) for e in range(2)], 3) for n, part in enumerate(parts)}
    return [write_enhanced(tmp_path / "scan", volumes, PHILIPS)]


def read(files):
    """Return what the files hold, (x, y, z) as their own slope and intercept say, and the headers."""
    headers = [pydicom.dcmread(path) for path in files]
    scaled = [h.pixel_array * float(h.RescaleSlope) + float(h.RescaleIntercept) for h in headers]
    return np.stack(scaled, -1).transpose(1, 0, 2), headers


@pytest.mark.parametrize("source", ["scan", "enhanced"])
def test_every_file_is_an_mr_image_as_the_standard_wants_it(source, tmp_path, request):
    sources = request.getfixturevalue(source)
    files = write_series(tmp_path / "out", CHI, GEOMETRY, sources, settings=Settings.preset())
    assert len(files) == SHAPE[2]
    headers = [check_mr_image(path) for path in files]
    assert len({h.SOPInstanceUID for h in headers}) == len(files)
    assert [h.InstanceNumber for h in headers] == list(range(1, len(files) + 1))
    for word in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "SeriesNumber", "SeriesDescription"):
        assert len({h[word].value for h in headers}) == 1
    first = headers[0]
    assert first.StudyInstanceUID == "1.2.9"
    assert first.PatientID == "A1"
    assert first.ImageType == ["DERIVED", "PRIMARY", "OTHER", "QSM"]
    assert first.SeriesDescription == "QSM chi [ppb]"
    assert first.SeriesNumber == 5001
    assert (first.WindowCenter, first.WindowWidth) == (50, 300)
    assert first.Manufacturer == "SlicerQSM"
    assert "inversion: tv (" in first.DerivationDescription
    assert first.ContributingEquipmentSequence[0].Manufacturer in ("SIEMENS", "Philips Medical Systems")
    assert first.MagneticFieldStrength == 3
    assert (first.ScanningSequence, first.RepetitionTime, first.FlipAngle) == ("GR", 30, 12)


def test_values_and_their_unit_come_back_within_half_a_step(scan, tmp_path):
    values, headers = read(write_series(tmp_path / "out", CHI, GEOMETRY, scan))
    assert np.abs(values - CHI * 1000.0).max() <= 0.5 + 1e-9
    mapping = headers[0].RealWorldValueMappingSequence[0]
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "[ppb]"
    assert mapping.MeasurementUnitsCodeSequence[0].CodingSchemeDesignator == "UCUM"
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeMeaning == "Magnetic Susceptibility"
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    assert (headers[0].RescaleSlope, headers[0].RescaleIntercept, headers[0].RescaleType) == (1, 0, "ppb")
    assert mapping.RealWorldValueFirstValueMapped == -32768


def test_other_maps_take_the_finest_step_that_holds_them(scan, tmp_path):
    values, headers = read(write_series(tmp_path / "out", CHI, GEOMETRY, scan, name="local_field"))
    step = float(headers[0].RescaleSlope)
    assert step == 0.1  # up to about 0.9 ppm: 0.01 ppb would reach 0.33 ppm
    assert headers[0].RealWorldValueMappingSequence[0].RealWorldValueSlope == step
    assert np.abs(values - CHI * 1000.0).max() <= step / 2 + 1e-9
    mask = stored(CHI > 0, "mask")
    assert (mask.step, mask.unit.code) == (1, "1")
    assert set(np.unique(mask.values)) == {0, 1}


def test_values_that_do_not_fit_are_refused_and_none_is_cut_off(scan, tmp_path):
    edge = np.full(SHAPE, 32.767, np.float32)
    assert np.all(stored(edge, "chi").values == 32767)
    assert np.all(stored(-edge * 1000, "chi", "ppb").values == -32767)
    with pytest.raises(InputError, match=r"reaches 3\.28e\+04 ppb, and 32767 ppb can be written"):
        write_series(tmp_path / "out", edge + np.float32(0.01), GEOMETRY, scan)
    with pytest.raises(InputError, match="holds 1 voxels that are no finite numbers"):
        write_series(tmp_path / "out", np.where(CHI.max() == CHI, np.nan, CHI), GEOMETRY, scan)
    with pytest.raises(InputError, match="ppm or ppb, not in Hz"):
        stored(CHI, "chi", "Hz")
    assert not (tmp_path / "out").exists()


def test_others_programs_find_the_same_voxels_in_the_same_place(scan, tmp_path):
    write_series(tmp_path / "out", CHI, GEOMETRY, scan)
    reader = ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "out")))
    image = reader.Execute()
    assert image.GetSize() == SHAPE
    assert np.allclose(image.GetSpacing(), GEOMETRY.spacing, atol=1e-4)
    assert np.allclose(image.GetOrigin(), GEOMETRY.origin, atol=1e-4)
    assert np.allclose(image.GetDirection(), GEOMETRY.direction, atol=1e-6)
    assert np.abs(GetArrayFromImage(image).T - CHI * 1000.0).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
@pytest.mark.parametrize("signs", [*itertools.product((1, -1), repeat=3)])
def test_a_map_whose_axes_run_otherwise_gives_the_same_images(order, signs, enhanced, tmp_path):
    axes = np.array(GEOMETRY.direction).reshape(3, 3)
    origin = np.array(GEOMETRY.origin)
    image, flipped = CHI, np.array(signs) < 0
    for axis in np.flatnonzero(flipped):
        image = np.flip(image, axis)
        origin = origin + axes[:, axis] * (SHAPE[axis] - 1) * GEOMETRY.spacing[axis]
    other = Geometry(
        tuple(SHAPE[axis] for axis in order),
        tuple(GEOMETRY.spacing[axis] for axis in order),
        tuple(origin),
        tuple((axes * signs)[:, order].ravel()),
    )
    files = write_series(tmp_path / "out", np.transpose(image, order), other, enhanced)
    values, headers = read(files)
    assert np.abs(values - CHI * 1000.0).max() <= 0.5 + 1e-9
    assert np.allclose(headers[0].ImagePositionPatient, GEOMETRY.origin, atol=1e-9)


OTHERS = {
    "6 x 5 x 3 voxels against 6 x 5 x 4": replace(GEOMETRY, shape=(6, 5, 3)),
    "voxels of": replace(GEOMETRY, spacing=(0.7, 0.9, 2.1)),
    "origins 0.2 mm apart": replace(GEOMETRY, origin=(-29.8, 40.0, -50.0)),
    "axes turned": replace(GEOMETRY, direction=(1.0, 0, 0, 0, 1, 0, 0, 0, 1)),
}


@pytest.mark.parametrize("said", OTHERS)
def test_a_map_that_lies_elsewhere_is_refused(said, enhanced, tmp_path):
    other = OTHERS[said]
    with pytest.raises(InputError, match=f"does not lie on the voxels of the DICOM images: {said}"):
        write_series(tmp_path / "out", np.zeros(other.shape), other, enhanced)
    assert not (tmp_path / "out").exists()


def test_every_slice_names_the_images_it_was_made_of(scan, tmp_path):
    files = write_series(tmp_path / "out", CHI, GEOMETRY, scan)
    sources = [pydicom.dcmread(path) for path in scan]
    for header in map(pydicom.dcmread, files):
        here = [s for s in sources if np.allclose(s.ImagePositionPatient, header.ImagePositionPatient, atol=1e-3)]
        assert len(here) == 6  # magnitude and phase of three echoes
        named = {item.ReferencedSOPInstanceUID for item in header.SourceImageSequence}
        assert named == {s.SOPInstanceUID for s in here}
        assert {item.ReferencedSOPClassUID for item in header.SourceImageSequence} == {pydicom.uid.MRImageStorage}
        assert all("ReferencedFrameNumber" not in item for item in header.SourceImageSequence)
        series = {s.SeriesInstanceUID: [] for s in here}
        for s in here:
            series[s.SeriesInstanceUID].append(s.SOPInstanceUID)
        said = {
            item.SeriesInstanceUID: sorted(i.ReferencedSOPInstanceUID for i in item.ReferencedInstanceSequence)
            for item in header.ReferencedSeriesSequence
        }
        assert said == {uid: sorted(instances) for uid, instances in series.items()}


def test_of_a_multi_frame_image_every_slice_names_its_frames(enhanced, tmp_path):
    files = write_series(tmp_path / "out", CHI, GEOMETRY, enhanced)
    source = pydicom.dcmread(enhanced[0])
    for header in map(pydicom.dcmread, files):
        (item,) = header.SourceImageSequence
        assert item.ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert len(item.ReferencedFrameNumber) == 4
        for number in item.ReferencedFrameNumber:
            frame = source.PerFrameFunctionalGroupsSequence[number - 1]
            position = frame.PlanePositionSequence[0].ImagePositionPatient
            assert np.allclose(position, header.ImagePositionPatient, atol=1e-6)


def test_a_map_in_the_folder_of_its_scan_is_not_offered_as_a_scan(scan, tmp_path):
    before = find_acquisitions(tmp_path / "scan")
    files = write_series(tmp_path / "scan" / "chi", CHI, GEOMETRY, scan)
    (candidate,) = find_acquisitions(tmp_path / "scan")
    assert candidate.title == before[0].title
    assert not set(candidate.files()) & set(files)
    with pytest.raises(InputError, match="no gradient-echo phase"):
        find_acquisitions(tmp_path / "scan" / "chi")


TEXTS = {
    "ISO_IR 192": "Müller^Søren=山田^太郎".encode(),
    "ISO_IR 100": "Müller^Søren".encode("latin-1"),
    "ISO 2022 IR 87": b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=",
    "ISO_IR 999": "Müller^Søren".encode(),
    "ISO_IR 6": b"\xff\xfe broken <script>alert(1)</script> ../../etc",
}


@pytest.mark.parametrize("charset", TEXTS)
def test_texts_of_the_patient_are_copied_byte_for_byte(charset, scan, tmp_path):
    add_private(scan)
    for path in scan:
        header = pydicom.dcmread(path)
        text = TEXTS[charset].ljust(60)[: len(TEXTS[charset]) + len(TEXTS[charset]) % 2]
        header.SpecificCharacterSet = ["", charset] if "2022" in charset else charset
        header.PatientName = "@" * len(text)
        header.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"@" * len(text), text))
    files = write_series(tmp_path / "out", CHI, GEOMETRY, scan)
    for path in files:
        assert path.parent == tmp_path / "out"
        raw = pydicom.dcmread(path).get_item("PatientName")
        assert raw.value == text
        header = pydicom.dcmread(path)
        assert header.SpecificCharacterSet == (["", charset] if "2022" in charset else charset)
        assert not [element for element in header.iterall() if element.tag.is_private]
        assert b"SECRET OF THE VENDOR" not in path.read_bytes()
    assert [path.name for path in files] == [f"chi-{k:04}.dcm" for k in range(1, 5)]


def add_private(scan):
    """Add an element of a vendor to every file."""
    for path in scan:
        header = pydicom.dcmread(path)
        header.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "LO", "SECRET OF THE VENDOR")
        header.save_as(path)


def test_the_same_map_is_the_same_series_and_another_is_another(enhanced, tmp_path):
    def uids(folder, image=CHI, **more):
        headers = [pydicom.dcmread(path) for path in write_series(tmp_path / folder, image, GEOMETRY, enhanced, **more)]
        return [headers[0].SeriesInstanceUID, *(h.SOPInstanceUID for h in headers)]

    first = uids("a")
    assert uids("b") == first
    changed = CHI.copy()
    changed[0, 0, 0] += 0.01
    others = [
        uids("c", changed),
        uids("d", settings=Settings.preset()),
        uids("e", settings=Settings.preset("fast")),
        uids("f", name="total_field"),
    ]
    everything = first + [uid for other in others for uid in other]
    assert len(set(everything)) == len(everything)
    assert all(re.fullmatch(r"2\.25\.[1-9]\d{0,38}", uid) for uid in everything)


def test_damaged_sources_are_refused_in_a_sentence_or_give_images(enhanced, tmp_path):
    (path,) = enhanced
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
            for file in write_series(tmp_path / "out", CHI, GEOMETRY, enhanced, force=True):
                pydicom.dcmread(file)
            outcomes.add("written")
        except InputError as error:
            outcomes.add("refused" if "\n" not in str(error) else str(error))
    assert outcomes == {"written", "refused"}


def test_numbers_of_the_scan_that_are_none_are_left_out(scan, tmp_path):
    for path in scan:
        change(path, ImagingFrequency="123.2", PixelBandwidth="999.5")
        path.write_bytes(path.read_bytes().replace(b"999.5", b"9x9.5"))
    (first, *_) = write_series(tmp_path / "out", CHI, GEOMETRY, scan)
    header = check_mr_image(first)
    assert header.ImagingFrequency == 123.2
    assert "PixelBandwidth" not in header


def test_images_of_two_patients_or_two_acquisitions_are_refused(scan, tmp_path):
    siemens(tmp_path / "more", first=15, SeriesInstanceUID="1.2.9.99", SeriesDescription="again")
    more = sorted((tmp_path / "more").rglob("*.dcm"))
    with pytest.raises(InputError, match="2 acquisitions lie on the voxels of the map"):
        write_series(tmp_path / "out", CHI, GEOMETRY, [*scan, *more])
    for path in [path for path in scan if "phase" in path.parts]:
        change(path, PatientID="B2")
    with pytest.raises(InputError, match="2 acquisitions lie on the voxels of the map"):
        write_series(tmp_path / "out", CHI, GEOMETRY, scan)
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_kept_or_goes_as_a_whole(enhanced, tmp_path):
    out = tmp_path / "out"
    files = write_series(out, CHI, GEOMETRY, enhanced)
    (out / "chi-0009.dcm").write_text("of a longer series")
    (out / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(InputError, match=r"holds chi-0001\.dcm"):
        write_series(out, -CHI, GEOMETRY, enhanced)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    write_series(out, -CHI, GEOMETRY, enhanced, force=True)
    assert {path.name for path in out.iterdir()} == {path.name for path in files} | {"notes.txt"}
    assert np.abs(read(files)[0] + CHI * 1000.0).max() <= 0.5 + 1e-9


def test_a_folder_in_a_folder_of_results_is_put_back_when_a_move_fails(tmp_path, monkeypatch):
    real = os.replace

    def failing(source, target):
        if str(target) == str(tmp_path / "z"):
            raise OSError(28, "No space left on device")
        real(source, target)

    def write():
        with OutputFolder(tmp_path, ["series", "z"], force=True) as out:
            out.path("series").mkdir()
            (out.path("series") / "new").write_text("new")
            out.path("z").write_text("z")
            monkeypatch.setattr(os, "replace", failing)

    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "old").write_text("old")
    with pytest.raises(InputError, match="full"):
        write()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["series", "series/old"]


def test_the_description_holds_the_settings_and_never_too_much():
    settings = Settings.preset()
    text = derivation(settings)
    assert "background: vsharp (max_radius 12, " in text
    many = Settings.from_dict(settings.to_dict() | {"masking": settings.to_dict()["masking"] * 30})
    assert len(derivation(many)) <= 1024
    assert "background: vsharp; inversion: tv; referencing: mean" in derivation(many)
    assert "settings not recorded" in derivation(None)


@pytest.fixture
def chimap(tmp_path):
    """Return a map as `qsm run` leaves it, with its settings."""
    (tmp_path / "results").mkdir()
    write_image(tmp_path / "results" / "chimap.nii.gz", CHI, GEOMETRY)
    Settings.preset("fast").write(tmp_path / "results" / "settings.toml")
    return tmp_path / "results" / "chimap.nii.gz"


def test_the_command(scan, chimap, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["dicom", str(chimap), "--like", str(tmp_path / "scan"), "--out", str(out)]) == 0
    assert capsys.readouterr() == (f"{out}: 4 slices of QSM chi\n", "")
    values, headers = read(sorted(out.iterdir()))
    assert np.abs(values - CHI * 1000.0).max() <= 0.5 + 1e-3
    assert derivation(Settings.preset("fast")) == headers[0].DerivationDescription
    assert main(["dicom", str(chimap), "--like", str(scan[7]), "--out", str(out), "--force"]) == 0  # one file of many
    assert len(read(sorted(out.iterdir()))[1][0].SourceImageSequence) == 1  # the echo that lies in its folder


def test_the_command_takes_the_acquisition_that_the_map_lies_on(scan, chimap, tmp_path, capsys):
    siemens(tmp_path / "scan" / "more", first=15, SeriesInstanceUID="1.2.9.99", SeriesDescription="again")
    words = ["dicom", str(chimap), "--like", str(tmp_path / "scan"), "--out", str(tmp_path / "out")]
    refused(capsys, words, "2 acquisitions lie on the voxels of the map: name its own with --acquisition (1 = ")
    assert main([*words, "--acquisition", "again"]) == 0
    assert pydicom.dcmread(next((tmp_path / "out").iterdir())).SeriesNumber == 15001


def test_the_command_refuses_images_of_another_patient_on_the_same_voxels(scan, chimap, tmp_path, capsys):
    record = chimap.with_name("provenance.json")
    record.write_text(json.dumps({"inputs": [fingerprint(path) for path in scan]}))
    siemens(tmp_path / "other", PatientID="B2", StudyInstanceUID="1.2.10")
    out = ["--out", str(tmp_path / "out")]
    refused(capsys, ["dicom", str(chimap), "--like", str(tmp_path / "other"), *out], "may be another patient's")
    assert not (tmp_path / "out").exists()
    assert main(["dicom", str(chimap), "--like", str(tmp_path / "scan"), *out]) == 0
    record.write_text('{"inputs": [{"file": "phase.nii.gz", "sha256": "0"}]}')  # nobody knows
    assert main(["dicom", str(chimap), "--like", str(tmp_path / "other"), *out, "--force"]) == 0


def test_the_command_believes_the_unit_of_a_side_car(scan, tmp_path, capsys):
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


def test_a_weighted_magnitude_is_in_no_unit(scan, tmp_path):
    image = tmp_path / "swi.nii.gz"
    write_image(image, np.abs(CHI), GEOMETRY)
    image.with_name("swi.json").write_text('{"Units": "arbitrary"}')
    words = ["dicom", str(image), "--like", str(tmp_path / "scan"), "--out", str(tmp_path / "out"), "--name", "swi"]
    assert main(words) == 0
    header = pydicom.dcmread(next((tmp_path / "out").iterdir()))
    assert header.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "1"


def test_what_the_command_refuses(scan, chimap, tmp_path, capsys):
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


def test_every_further_map_can_be_written():
    assert set(FURTHER) <= set(QUANTITIES)
    assert len({quantity.number for quantity in QUANTITIES.values()}) == len(QUANTITIES)

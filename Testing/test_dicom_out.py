"""Maps as DICOM: the values, the place, the links and the elements that an archive asks for."""

import itertools
import re

import numpy as np
import pydicom
import pytest
from dicom_files import GEOMETRY, SHAPE, change
from dicom_maps import CHI, read
from dicom_standard import check_mr_image
from SimpleITK import GetArrayFromImage, ImageSeriesReader

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import find_acquisitions
from QSMLogic.io.dicom.derivation import derivation
from QSMLogic.io.dicom.quantity import QUANTITIES, stored
from QSMLogic.io.dicom.writing import write_series
from QSMLogic.io.nifti import Geometry
from QSMLogic.io.writing import FURTHER
from QSMLogic.settings import Settings


@pytest.mark.parametrize("source", ["classic_scan", "enhanced_scan"])
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


def test_values_and_their_unit_come_back_within_half_a_step(classic_scan, tmp_path):
    values, headers = read(write_series(tmp_path / "out", CHI, GEOMETRY, classic_scan))
    assert np.abs(values - CHI * 1000.0).max() <= 0.5 + 1e-9
    mapping = headers[0].RealWorldValueMappingSequence[0]
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "[ppb]"
    assert mapping.MeasurementUnitsCodeSequence[0].CodingSchemeDesignator == "UCUM"
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeMeaning == "Magnetic Susceptibility"
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    assert (headers[0].RescaleSlope, headers[0].RescaleIntercept, headers[0].RescaleType) == (1, 0, "ppb")
    assert mapping.RealWorldValueFirstValueMapped == -32768


def test_other_maps_take_the_finest_step_that_holds_them(classic_scan, tmp_path):
    values, headers = read(write_series(tmp_path / "out", CHI, GEOMETRY, classic_scan, name="local_field"))
    step = float(headers[0].RescaleSlope)
    assert step == 0.1  # up to about 0.9 ppm: 0.01 ppb would reach 0.33 ppm
    assert headers[0].RealWorldValueMappingSequence[0].RealWorldValueSlope == step
    assert np.abs(values - CHI * 1000.0).max() <= step / 2 + 1e-9
    mask = stored(CHI > 0, "mask")
    assert (mask.step, mask.unit.code) == (1, "1")
    assert set(np.unique(mask.values)) == {0, 1}


def test_others_programs_find_the_same_voxels_in_the_same_place(classic_scan, tmp_path):
    write_series(tmp_path / "out", CHI, GEOMETRY, classic_scan)
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
def test_a_map_whose_axes_run_otherwise_gives_the_same_images(order, signs, enhanced_scan, tmp_path):
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
    files = write_series(tmp_path / "out", np.transpose(image, order), other, enhanced_scan)
    values, headers = read(files)
    assert np.abs(values - CHI * 1000.0).max() <= 0.5 + 1e-9
    assert np.allclose(headers[0].ImagePositionPatient, GEOMETRY.origin, atol=1e-9)


def test_every_slice_names_the_images_it_was_made_of(classic_scan, tmp_path):
    files = write_series(tmp_path / "out", CHI, GEOMETRY, classic_scan)
    sources = [pydicom.dcmread(path) for path in classic_scan]
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


def test_of_a_multi_frame_image_every_slice_names_its_frames(enhanced_scan, tmp_path):
    files = write_series(tmp_path / "out", CHI, GEOMETRY, enhanced_scan)
    source = pydicom.dcmread(enhanced_scan[0])
    for header in map(pydicom.dcmread, files):
        (item,) = header.SourceImageSequence
        assert item.ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert len(item.ReferencedFrameNumber) == 4
        for number in item.ReferencedFrameNumber:
            frame = source.PerFrameFunctionalGroupsSequence[number - 1]
            position = frame.PlanePositionSequence[0].ImagePositionPatient
            assert np.allclose(position, header.ImagePositionPatient, atol=1e-6)


def test_a_map_in_the_folder_of_its_scan_is_not_offered_as_a_scan(classic_scan, tmp_path):
    before = find_acquisitions(tmp_path / "scan")
    files = write_series(tmp_path / "scan" / "chi", CHI, GEOMETRY, classic_scan)
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
def test_texts_of_the_patient_are_copied_byte_for_byte(charset, classic_scan, tmp_path):
    add_private(classic_scan)
    for path in classic_scan:
        header = pydicom.dcmread(path)
        text = TEXTS[charset].ljust(60)[: len(TEXTS[charset]) + len(TEXTS[charset]) % 2]
        header.SpecificCharacterSet = ["", charset] if "2022" in charset else charset
        header.PatientName = "@" * len(text)
        header.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"@" * len(text), text))
    files = write_series(tmp_path / "out", CHI, GEOMETRY, classic_scan)
    for path in files:
        assert path.parent == tmp_path / "out"
        raw = pydicom.dcmread(path).get_item("PatientName")
        assert raw.value == text
        header = pydicom.dcmread(path)
        assert header.SpecificCharacterSet == (["", charset] if "2022" in charset else charset)
        assert not [element for element in header.iterall() if element.tag.is_private]
        assert b"SECRET OF THE VENDOR" not in path.read_bytes()
    assert [path.name for path in files] == [f"chi-{k:04}.dcm" for k in range(1, 5)]


def add_private(files):
    """Add an element of a vendor to every file."""
    for path in files:
        header = pydicom.dcmread(path)
        header.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "LO", "SECRET OF THE VENDOR")
        header.save_as(path)


def test_the_same_map_is_the_same_series_and_another_is_another(enhanced_scan, tmp_path):
    def uids(folder, image=CHI, **more):
        files = write_series(tmp_path / folder, image, GEOMETRY, enhanced_scan, **more)
        headers = [pydicom.dcmread(path) for path in files]
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


def test_numbers_of_the_scan_that_are_none_are_left_out(classic_scan, tmp_path):
    for path in classic_scan:
        change(path, ImagingFrequency="123.2", PixelBandwidth="999.5")
        path.write_bytes(path.read_bytes().replace(b"999.5", b"9x9.5"))
    (first, *_) = write_series(tmp_path / "out", CHI, GEOMETRY, classic_scan)
    header = check_mr_image(first)
    assert header.ImagingFrequency == 123.2
    assert "PixelBandwidth" not in header


def test_the_description_holds_the_settings_and_never_too_much():
    settings = Settings.preset()
    text = derivation(settings)
    assert "background: vsharp (max_radius 12, " in text
    many = Settings.from_dict(settings.to_dict() | {"masking": settings.to_dict()["masking"] * 30})
    assert len(derivation(many)) <= 1024
    assert "background: vsharp; inversion: tv; referencing: mean" in derivation(many)
    assert "settings not recorded" in derivation(None)


def test_every_further_map_can_be_written():
    assert set(FURTHER) <= set(QUANTITIES)
    assert len({quantity.number for quantity in QUANTITIES.values()}) == len(QUANTITIES)

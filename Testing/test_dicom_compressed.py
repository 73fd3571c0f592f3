"""Compressed DICOM files: one slice or many frames, with or without a decoder beside pydicom."""

import io

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_files import SHAPE, SIEMENS, noise, only, put_voxels, save, siemens, slice_header, write_enhanced
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import MPEG2MPML, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from QSMLogic.errors import InputError
from QSMLogic.io.acquisitions import read_acquisition
from QSMLogic.io.dicom import voxels
from QSMLogic.io.dicom.unpacking import unpacked

JPEG_LS = (
    "ffd8fff7000b0a0005000601011100ffda00080101000000008002e001711586c1000c0006046623080030c05f2f174b81196cb4592c15cc45"
    "62a950a6523080ffd9",
    "ffd8fff7000b0b0005000601011100ffda000801010000000000001b813b1586c15f81401431988c2028602f978ba5c3196cb4592c15cc4562"
    "a950a6523080ffd9",
)
"""Two images of 5 rows: 100 x (row + column), and 300 more."""


def packed_as(syntax, image, folder):
    """Return an image (row, column) compressed without loss."""
    if syntax == JPEG2000Lossless:
        packed = io.BytesIO()
        Image.fromarray(image).save(packed, "JPEG2000", irreversible=False, num_resolutions=1)
        return packed.getvalue()
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(folder / "packed.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.Execute(sitk.GetImageFromArray(image[None]))
    written = pydicom.dcmread(folder / "packed.dcm")
    (folder / "packed.dcm").unlink()
    assert written.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    return next(generate_frames(written.PixelData, number_of_frames=1))


def compress(path, syntax):
    """Compress every frame of a file."""
    header = pydicom.dcmread(path)
    if syntax == RLELossless:
        header.compress(RLELossless)
    else:
        images = header.pixel_array.reshape(-1, header.Rows, header.Columns)
        header.PixelData = encapsulate([packed_as(syntax, image, path.parent) for image in images])
        header["PixelData"].is_undefined_length = True
        header.file_meta.TransferSyntaxUID = syntax
    header.save_as(path)


SYNTAXES = pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLosslessSV1], ids=lambda s: s.keyword)
DECODERS = pytest.mark.parametrize("alone", [True, False], ids=["as in Slicer", "with decoders"])


def leave_alone(monkeypatch, syntax, alone):
    """Take away what unpacks beside pydicom, which unpacks RLE by itself."""
    if alone and syntax != RLELossless:
        monkeypatch.setattr(voxels, "_unpacks", lambda _: False)


@SYNTAXES
@DECODERS
def test_compressed_slices(tmp_path, monkeypatch, syntax, alone):
    leave_alone(monkeypatch, syntax, alone)
    stored = siemens(tmp_path, echoes=1)
    for path in tmp_path.rglob("*.dcm"):
        compress(path, syntax)
    loaded = read_acquisition(only(tmp_path))
    assert np.array_equal(loaded.scan.magnitude, stored["magnitude"])
    assert np.allclose(loaded.scan.phase, (stored["phase"] - 2048) * np.pi / 2048, atol=1e-6)


@SYNTAXES
@DECODERS
def test_compressed_frames_keep_the_scale_of_each(tmp_path, monkeypatch, syntax, alone):
    leave_alone(monkeypatch, syntax, alone)
    stored = {
        part: np.stack([noise(seed=10 * n + e) for e in range(2)], 3) for n, part in enumerate(("magnitude", "phase"))
    }
    compress(write_enhanced(tmp_path, stored, SIEMENS), syntax)
    loaded = read_acquisition(only(tmp_path))
    assert np.array_equal(loaded.scan.magnitude, stored["magnitude"])
    assert np.allclose(loaded.scan.phase, (stored["phase"] - 2048) * np.pi / 2048, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2])
def test_jpeg_ls_is_unpacked_as_stored_whatever_the_rescale(tmp_path, frames):
    header = slice_header(SIEMENS, "phase", RescaleSlope=2, RescaleIntercept=-4096)
    put_voxels(header, np.zeros(SHAPE[:2], int))
    header.NumberOfFrames = frames
    header.PixelData = encapsulate([bytes.fromhex(image) for image in JPEG_LS[:frames]])
    header["PixelData"].is_undefined_length = True
    header.file_meta.TransferSyntaxUID = JPEGLSLossless
    save(header, tmp_path / "packed.dcm")
    image = 100 * np.add.outer(np.arange(5), np.arange(6))
    found = unpacked(tmp_path / "packed.dcm", pydicom.dcmread(tmp_path / "packed.dcm"))
    assert np.array_equal(found, np.stack([image, image + 300])[:frames])


@pytest.mark.parametrize("low", [0, -2000])
def test_signed_values_stay_signed(tmp_path, low):
    header = slice_header(SIEMENS, "phase")
    stored = noise(low, 2000)[:, :, 0]
    put_voxels(header, stored)
    save(header, tmp_path / "packed.dcm")
    compress(tmp_path / "packed.dcm", JPEGLosslessSV1)
    found = unpacked(tmp_path / "packed.dcm", pydicom.dcmread(tmp_path / "packed.dcm"))
    assert np.array_equal(found[0], stored.T)


def test_a_compression_that_nothing_knows_is_refused_with_what_to_do(tmp_path):
    siemens(tmp_path, echoes=1)
    for path in tmp_path.rglob("*.dcm"):
        header = pydicom.dcmread(path)
        header.PixelData = encapsulate([b"no picture at all, but some bytes"])
        header["PixelData"].is_undefined_length = True
        header.file_meta.TransferSyntaxUID = MPEG2MPML
        header.save_as(path)
    with pytest.raises(InputError, match="not read, or damaged: export it uncompressed, or convert it with dcm2niix"):
        read_acquisition(only(tmp_path))


@pytest.mark.parametrize(("place", "value"), [(0, 42), (0, 0), (1, 127), (3, 127), (5, 3), (-3, 200)])
def test_a_frame_that_claims_another_size_is_refused_before_it_ends_the_process(tmp_path, place, value):
    """Places from the precision of the segment that says the size; the last one is its length."""
    header = slice_header(SIEMENS, "phase")
    image = noise()[:, :, 0]
    put_voxels(header, image)
    packed = bytearray(packed_as(JPEGLosslessSV1, image.T.astype(np.uint16), tmp_path))
    packed[packed.index(b"\xff\xc3") + 4 + place] = value
    header.PixelData = encapsulate([bytes(packed)])
    header["PixelData"].is_undefined_length = True
    header.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    save(header, tmp_path / "packed.dcm")
    with pytest.raises(InputError, match=r"packed\.dcm is compressed in a way that is not read"):
        unpacked(tmp_path / "packed.dcm", pydicom.dcmread(tmp_path / "packed.dcm"))

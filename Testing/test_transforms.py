"""The count of transforms against transforms that are known."""

import re
from math import log2
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from transforms import COUNTED, counted

import QSMLogic
from QSMLogic.forward_model import field_of
from QSMLogic.grid import Grid
from QSMLogic.operators import convolve, inverse, transform
from QSMLogic.parallel import each
from QSMLogic.slab_transforms import slabs_inverted, slabs_transformed

SHAPE = (16, 20, 24)
UNIT = 2 * 16 * 20 * (24 * log2(24) + 26 * log2(16 * 20))
"""Work of a pair of transforms: 24 real numbers along the last axis, then 13 complex ones along both others."""

NO_TRANSFORMS = {"fftfreq", "rfftfreq", "next_fast_len"}
"""What else scipy.fft offers that methods use."""


def image_of(shape, kind=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(kind)


def test_a_convolution_of_the_full_volume_is_one_unit():
    image, kernel = np.ones(SHAPE, np.float32), np.ones((16, 20, 13), np.float32)
    with counted(SHAPE) as count:
        convolve(image, kernel)
        transform(image)
    assert count.units == pytest.approx(1.5)
    convolve(image, kernel)
    assert count.units == pytest.approx(1.5)


def test_smaller_transforms_count_in_part_and_results_stay():
    image = image_of((8, 20, 24))
    with counted(SHAPE) as count:
        there_and_back = inverse(transform(image), image.shape)
    np.testing.assert_allclose(there_and_back, image, atol=1e-5)
    assert count.units == pytest.approx(2 * 8 * 20 * (24 * log2(24) + 26 * log2(8 * 20)) / UNIT)


def test_the_unit_is_at_the_next_good_sizes():
    with counted((13, 17, 23)) as count:
        transform(np.zeros(SHAPE, np.float32)[:15, :18])
    assert count.units == pytest.approx(0.5)


@pytest.mark.parametrize("shape", [SHAPE, (15, 18, 25)])
def test_a_volume_counts_the_same_axis_by_axis_as_at_once(shape):
    image = image_of(shape)
    with counted(shape) as at_once:
        inverse(transform(image), shape)
    with counted(shape) as by_axis:
        lines = np.stack(each(scipy.fft.rfft, list(image)))
        spectrum = scipy.fft.fft(scipy.fft.fft(lines, axis=1), axis=0)
        lines = scipy.fft.ifft(scipy.fft.ifft(spectrum, axis=0), None, 1)
        back = np.stack(each(lambda plane: scipy.fft.irfft(plane, shape[2]), list(lines)))
    with counted(shape) as by_planes:
        planes = np.stack(each(scipy.fft.rfft2, list(image)))
        lines = scipy.fft.ifft(scipy.fft.fft(planes, axis=0), axis=0)
        each(lambda plane: scipy.fft.irfft2(plane, shape[1:]), list(lines))
    np.testing.assert_allclose(back, image, atol=1e-5)
    assert by_axis.units == pytest.approx(at_once.units)
    assert by_planes.units == pytest.approx(at_once.units)


def test_a_volume_counts_the_same_slab_by_slab_as_at_once():
    image, grid = image_of((80, 60, 50)), Grid((80, 60, 50), (1.0, 1.0, 1.0), b0_direction=(0, 0, 1))
    with counted(grid.shape) as count:
        spectrum = slabs_transformed(grid, lambda slab: image[slab])
        assert count.units == pytest.approx(0.5)
        slabs_inverted(grid, spectrum, lambda slab, made: None)
    assert count.units == pytest.approx(1)


def test_one_axis_counts_its_share_and_a_complex_number_is_two():
    with counted(SHAPE) as count:
        scipy.fft.rfft(image_of(SHAPE))
    assert count.units == pytest.approx(16 * 20 * 24 * log2(24) / UNIT)
    with counted(SHAPE) as count:
        scipy.fft.fft(image_of((16, 20, 13), np.complex64), axis=0)
    assert count.units == pytest.approx(16 * 20 * 26 * log2(16) / UNIT)


def test_an_axis_counts_with_the_zeros_that_it_is_filled_up_with():
    with counted(SHAPE) as count:
        scipy.fft.rfft(image_of((16, 20, 9)), 24)
        scipy.fft.fft(image_of((7, 20, 13), np.complex64), 16, 0)
    assert count.units == pytest.approx(16 * 20 * (24 * log2(24) + 26 * log2(16)) / UNIT)


def test_cosines_of_a_volume_count_as_real_transforms_of_its_axes():
    with counted(SHAPE) as at_once:
        scipy.fft.dctn(image_of(SHAPE))
    with counted(SHAPE) as by_axis:
        image = image_of(SHAPE)
        for axis in range(3):
            image = scipy.fft.idct(image, axis=axis)
    assert at_once.units == pytest.approx(16 * 20 * 24 * log2(16 * 20 * 24) / UNIT)
    assert by_axis.units == pytest.approx(at_once.units)


def test_the_field_of_a_map_is_all_axes_of_the_doubled_grid_but_for_the_zeros():
    grid = Grid((8, 10, 12), (1.0, 1.0, 1.0), b0_direction=(0, 0, 1))
    with counted(SHAPE) as count:
        field_of(image_of(grid.shape), grid)
    assert count.units == pytest.approx(
        2 * (8 * 10 * 24 * log2(24) + 26 * (8 * 20 * log2(20) + 16 * 20 * log2(16))) / UNIT
    )


def test_the_tree_makes_no_transform_that_is_not_counted():
    files = Path(QSMLogic.__file__).parent.rglob("*.py")
    used = {name for file in files for name in re.findall(r"\bfft\.(\w+)", file.read_text("utf-8"))}
    assert "dctn" in used
    assert used - NO_TRANSFORMS <= set(COUNTED)


def test_transforms_are_as_before_after_an_error():
    plain = [getattr(scipy.fft, name) for name in COUNTED]
    with pytest.raises(ValueError, match="stop"), counted(SHAPE):
        raise ValueError("stop")
    assert [getattr(scipy.fft, name) for name in COUNTED] == plain

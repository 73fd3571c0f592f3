"""The count of transforms against transforms that are known."""

import numpy as np
import pytest
import scipy.fft
from transforms import counted

from QSMLogic.operators import convolve, inverse, transform

SHAPE = (16, 20, 24)


def test_a_convolution_of_the_full_volume_is_one_unit():
    image, kernel = np.ones(SHAPE, np.float32), np.ones((16, 20, 13), np.float32)
    with counted(SHAPE) as count:
        convolve(image, kernel)
        transform(image)
    assert count.transforms == 3
    assert count.units == pytest.approx(1.5)
    convolve(image, kernel)
    assert count.transforms == 3


def test_smaller_transforms_count_in_part_and_results_stay():
    image = np.random.default_rng(0).standard_normal((8, 20, 24)).astype(np.float32)
    with counted(SHAPE) as count:
        there_and_back = inverse(transform(image), image.shape)
    np.testing.assert_allclose(there_and_back, image, atol=1e-5)
    voxels = 16 * 20 * 24
    assert count.units == pytest.approx(np.log2(voxels / 2) / np.log2(voxels) / 2)


def test_the_unit_is_at_the_next_good_sizes():
    with counted((13, 17, 23)) as count:
        transform(np.zeros(SHAPE, np.float32)[:15, :18])
    assert count.units == pytest.approx(0.5)


def test_transforms_are_as_before_after_an_error():
    plain = scipy.fft.rfftn, scipy.fft.irfftn
    with pytest.raises(ValueError, match="stop"), counted(SHAPE):
        raise ValueError("stop")
    assert (scipy.fft.rfftn, scipy.fft.irfftn) == plain

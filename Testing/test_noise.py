"""The noise is found whatever the image under it."""

import numpy as np
import pytest

from QSMLogic.noise import noise_level

SHAPE = (41, 37, 30)


def white(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def smooth(shape=SHAPE):
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return (3 * x + x * y - 2 * z * z).astype(np.float32)


@pytest.mark.parametrize("sigma", [1e-4, 0.3])
@pytest.mark.parametrize("image", [np.zeros(SHAPE, np.float32), smooth()], ids=["nothing", "smooth"])
def test_white_noise_is_measured(sigma, image):
    found = noise_level(image * min(1, 100 * sigma) + sigma * white(), np.ones(SHAPE, bool))
    assert found == pytest.approx(sigma, rel=0.03)


def test_of_a_complex_image_it_is_that_of_the_real_part():
    image = smooth() + 0.2 * (white(seed=1) + 1j * white(seed=2))
    assert noise_level(image, np.ones(SHAPE, bool)) == pytest.approx(0.2, rel=0.03)


def test_what_lies_outside_the_mask_does_not_count():
    mask = np.zeros(SHAPE, bool)
    mask[5:30, 5:30, 5:25] = True
    image = 0.1 * white()
    image[~mask] = 1e6
    assert noise_level(image, mask) == pytest.approx(0.1, rel=0.05)


def test_edges_hardly_count():
    image = 0.1 * white()
    image[20:] += 5
    image[:, 11:] -= 7
    assert noise_level(image, np.ones(SHAPE, bool)) == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("shape", [(40, 40, 1), (80, 1, 40)])
def test_a_single_slice(shape):
    assert noise_level(0.1 * white(shape), np.ones(shape, bool)) == pytest.approx(0.1, rel=0.1)


def test_without_a_block_in_the_mask_it_is_zero():
    assert noise_level(white(), np.zeros(SHAPE, bool)) == 0
    checkered = np.indices(SHAPE).sum(axis=0) % 2 == 0
    assert noise_level(white(), checkered) == 0
    assert noise_level(white((1, 1, 1)), np.ones((1, 1, 1), bool)) == 0

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.methods import METHODS
from QSMLogic.roi import reference_statistics

METHOD = {name: record.function for name, record in METHODS["referencing"].items()}


@pytest.fixture
def head():
    rng = np.random.default_rng(2)
    mask = np.zeros((9, 8, 7), bool)
    mask[2:7, 2:6, 1:6] = True
    labels = np.zeros(mask.shape, np.int16)
    labels[3:5, 3:5, 2:4] = 4
    labels[0, 0, 0] = 4
    chi = rng.normal(0.03, 0.05, mask.shape).astype(np.float32)
    return chi, mask, labels


def test_none_only_clears_the_outside(head):
    chi, mask, _ = head
    out = METHOD["none"](chi, mask)[0]
    np.testing.assert_array_equal(out[mask], chi[mask])
    assert not out[~mask].any()


def test_mean_is_zero_in_the_mask_and_differences_stay(head):
    chi, mask, _ = head
    out, _ = METHOD["mean"](chi, mask)
    assert abs(out[mask].mean(dtype=float)) < 1e-8
    np.testing.assert_allclose(np.diff(out[mask]), np.diff(chi[mask]), atol=1e-7)
    assert out.dtype == np.float32
    assert not out[~mask].any()


def test_region_uses_only_its_voxels_within_the_mask(head):
    chi, mask, labels = head
    chi[0, 0, 0] = 1000
    out, _ = METHOD["region"](chi, mask, labels, label=4)
    inside = (labels == 4) & mask
    np.testing.assert_allclose(out[mask], chi[mask] - chi[inside].mean(dtype=float), atol=1e-6)


def test_what_is_not_finite_neither_spreads_nor_stays(head):
    chi, mask, labels = head
    clean, _ = METHOD["mean"](chi, mask)
    chi = chi.copy()
    chi[3, 3, 3], chi[4, 4, 4] = np.nan, np.inf
    for name, extra in (("none", {}), ("mean", {}), ("region", {"labels": labels, "label": 4})):
        out, _ = METHOD[name](chi, mask, **extra)
        assert np.isfinite(out).all()
        assert out[3, 3, 3] == out[4, 4, 4] == 0
    assert np.abs(METHOD["mean"](chi, mask)[0][2, 2, 1] - clean[2, 2, 1]) < 0.01


def test_refusals(head):
    chi, mask, labels = head
    with pytest.raises(InputError, match="region 9"):
        METHOD["region"](chi, mask, labels, label=9)
    with pytest.raises(InputError, match="shape"):
        METHOD["region"](chi, mask, labels[1:], label=4)
    with pytest.raises(InputError, match="mean of the mask"):
        METHOD["mean"](chi, np.zeros_like(mask))


def test_statistics_of_the_reference():
    chi = np.array([1.0, 2, 3, np.nan, 50]).reshape(5, 1, 1)
    region = np.array([1, 1, 1, 1, 0], bool).reshape(5, 1, 1)
    reference = reference_statistics(chi, region, "CSF")
    assert (reference.mean, reference.sd, reference.voxels) == (2.0, 1.0, 3)

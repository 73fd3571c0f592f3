"""R2' as the difference of R2* and R2: one that is measured, or one that is assumed."""

import numpy as np
import pytest

from QSMLogic.errors import InputError
from QSMLogic.maps.r2prime import r2prime
from QSMLogic.phantom import head_phantom
from QSMLogic.relaxivity import r2prime_from


def test_the_r2_assumed_grows_with_the_field_strength():
    one = np.full(1, 50.0, np.float32)
    for field_strength, r2 in ((1.5, 11.1), (3.0, 13.2), (7.0, 18.8)):
        assert r2prime_from(one, field_strength, 1.0, 9.0, 1.4)[0] == pytest.approx(50 - r2)
    assert r2prime_from(one, 3.0, 0.5, 10.5, 0.0)[0] == pytest.approx(19.75)
    assert r2prime_from(one / 10, 3.0, 1.0, 9.0, 1.4)[0] == 0


def test_r2prime_is_the_difference_where_both_are_known():
    r2star = np.array([30, 10, 20, 0, 15, np.nan], np.float32).reshape(1, 2, 3)
    r2 = np.array([12, 14, 0, 12, np.inf, 12], np.float32).reshape(1, 2, 3)
    mask = np.ones((1, 2, 3), bool)
    assert r2prime(r2star, r2, mask).ravel().tolist() == [18, 0, 0, 0, 0, 0]
    mask[0, 0, 0] = False
    r2star[0, 0, 1] = 14
    assert not r2prime(r2star, r2, mask).any()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda r2: 1000 / r2, "cannot have"),
        (lambda r2: 1 / r2, "cannot have"),
        (lambda r2: r2 / 1000, "cannot have"),
        (lambda r2: -r2, "no value above 0"),
        (np.zeros_like, "no value above 0"),
    ],
    ids=["T2 in ms", "T2 in s", "R2 in 1/ms", "negative", "nothing"],
)
@pytest.mark.parametrize("field_strength", [1.5, 3.0])
def test_an_r2_map_that_cannot_be_one_in_1_per_s_is_refused(field_strength, wrong, said):
    head = head_phantom((24, 28, 20), (8.0, 7.5, 10.0), field_strength=field_strength)
    with np.errstate(divide="ignore"), pytest.raises(InputError, match=said):
        r2prime(head.r2star, wrong(head.r2).astype(np.float32), head.mask)
    known = head.mask & (head.r2 > 0)
    assert np.allclose(r2prime(head.r2star, head.r2, head.mask), np.where(known, head.r2prime, 0), atol=1e-3)

"""What it means that work is cancelled."""

import pytest

from QSMLogic.errors import Cancelled

MOMENT = 0.3
"""The share of the work that is done when it is cancelled."""


def ends_when_cancelled(work):
    """Check that work(progress) tells a progress that rises, and ends with the word that is answered by `Cancelled`."""
    heard = []

    def stop(fraction, message):
        heard.append(fraction)
        if fraction > MOMENT:
            raise Cancelled

    with pytest.raises(Cancelled):
        work(stop)
    assert heard == sorted(heard)
    assert sum(fraction > MOMENT for fraction in heard) == 1

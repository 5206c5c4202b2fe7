"""Power of the MME by the bits that toggle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.cost import mme_intensity
from device.spec import load_spec

SPECS = st.sampled_from(["gaudi", "gaudi2", "gaudi3"]).map(load_spec)
RATES = st.floats(0.0, 1.0)


@given(RATES, RATES, SPECS)
def test_more_toggling_never_draws_less(low, high, spec) -> None:
    low, high = sorted((low, high))
    assert 0.0 < mme_intensity(low, spec.mme) <= mme_intensity(high, spec.mme) <= 1.0


def test_the_ends_are_the_constants_of_the_spec() -> None:
    mme = load_spec("gaudi2").mme
    assert mme_intensity(0.0, mme) == pytest.approx(1.0 - mme.toggle_share)
    assert mme_intensity(mme.toggle_reference, mme) == mme_intensity(0.5, mme) == 1.0

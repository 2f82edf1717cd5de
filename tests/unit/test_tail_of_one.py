"""One threshold and several give the same binomial tails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.ssx.lattices.false_alarms import log10_tail


@given(st.integers(1, 600), st.floats(0, 1), st.floats(1e-12, 0.9))
def test_one_threshold_is_as_several(n: int, share: float, p: float) -> None:
    k = round(share * n)
    one = log10_tail(n, np.array([k]), p)
    several = log10_tail(n, np.array([k, 0]), p)
    assert one.shape == (1,)
    assert one[0] == pytest.approx(several[0], rel=1e-9, abs=1e-9)
    assert one[0] <= 0
